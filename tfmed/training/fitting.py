"""Fitting with EarlyStopping: without labels, classifiers, heads on embeddings computed once.

Every function is deterministic under its seed on one machine with one set of versions
(`seed_everything`). Images are uint8 (n, height, width, channels); labels are
those of the task that `LabelledSplits` names.
"""

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmed.data import pipelines
from tfmed.design import Loss
from tfmed.tasks import task_of
from tfmed.training import heads, transfer
from tfmed.training.examples import LabelledImages, LabelledSplits
from tfmed.training.settings import FitSettings
from tfmed.training.standardising import statistics

PREDICT_BATCH = 256
STEPS_PER_EXECUTION = 32
DATA_LOSS = "data_loss"
"""Metric that is the loss without any weight penalty; what EarlyStopping watches."""


@dataclass(frozen=True)
class Fit:
    """What a fit left behind.

    Attributes:
        history: per epoch; `loss`, `val_loss`, and for classifiers `accuracy`, `val_accuracy`.
        epochs: epochs fitted.
        best_epoch: the epoch, counted from 1, whose weights the model holds now.
        stopped_early: patience ran out before the epochs did.
    """

    history: dict[str, list[float]]
    epochs: int
    best_epoch: int
    stopped_early: bool

    def record(self) -> dict[str, Any]:
        """As plain JSON values."""
        return dataclasses.asdict(self)


def seed_everything(seed: int) -> None:
    """Fixes initial weights, shuffling and dropout; asks TensorFlow for deterministic kernels."""
    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def fit(
    model: keras.Model,
    batches: tf.data.Dataset,
    validation: tf.data.Dataset,
    config: FitSettings,
    say: Callable[[float], None] = lambda _: None,
    class_weight: Mapping[int, float] | None = None,
    watched: str = DATA_LOSS,
) -> Fit:
    """Fits a compiled model with EarlyStopping on the validation loss, penalties left out.

    The best weights are restored whether patience or the epochs ran out. With `patience=0`
    nothing stops early and the last weights stay.

    Args:
        model: compiled with the metric `watched`.
        batches: training batches, shuffled already.
        validation: validation batches.
        config: epochs and patience; the rest is the caller's.
        say: takes the share of the epochs that are done.
        class_weight: label to weight of its examples in the training loss; metrics ignore it.
        watched: the loss without penalties, which Keras adds to `loss` and `val_loss`; `loss`
            itself for a model that has none.

    Raises:
        FloatingPointError: the loss or a weight is no longer finite.
    """
    # An optimiser that makes its variables while the step is traced has it traced twice.
    model.optimizer.build(model.trainable_variables)
    stopper = keras.callbacks.EarlyStopping(
        monitor=f"val_{watched}",
        mode="min",
        patience=config.patience,
        restore_best_weights=True,
    )
    progress = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: say((epoch + 1) / config.epochs)
    )
    always = [keras.callbacks.TerminateOnNaN(), progress]
    history = model.fit(
        batches,
        validation_data=validation,
        epochs=config.epochs,
        callbacks=[stopper, *always] if config.patience else always,
        class_weight=dict(class_weight) if class_weight else None,
        shuffle=False,
        verbose=0,
    ).history
    curves = {name: [float(v) for v in values] for name, values in history.items()}
    curves["loss"], curves["val_loss"] = curves.pop(watched), curves.pop(f"val_{watched}")
    measured = curves["val_loss"]
    # Weights too: a ReLU may turn their NaN into a 0 that leaves the loss finite.
    _require_finite([curves["loss"], measured, *model.get_weights()], len(measured), config)
    best = len(measured) - 1 if not config.patience else int(np.argmin(measured))
    return Fit(
        history=curves,
        epochs=len(measured),
        best_epoch=best + 1,
        stopped_early=bool(config.patience) and stopper.stopped_epoch > 0,
    )


def _require_finite(values: Sequence[Any], epoch: int, config: FitSettings) -> None:
    if not all(np.isfinite(each).all() for each in values):
        raise FloatingPointError(
            f"loss or weights were not finite in epoch {epoch}; "
            f"a learning rate of {config.learning_rate} is too high"
        )


def fit_unlabelled(
    model: keras.Model,
    loss: Any,
    train: tf.data.Dataset,
    val: tf.data.Dataset,
    config: FitSettings,
    say: Callable[[float], None] = lambda _: None,
    after: Callable[[int], None] = lambda _: None,
) -> Fit:
    """Fits the model of a pretraining method, without any label.

    Args:
        model: from inputs to what the loss compares with the targets; compiled here.
        loss: what `keras.Model.compile` takes.
        train: batches of (inputs, targets), of known cardinality.
        val: the same, for EarlyStopping.
        config: how long and how fast.
        say: takes the share of the epochs that are done.
        after: takes the number of epochs that are done, after each, and 0 before the first.
    """

    def heard(share: float) -> None:
        say(share)
        after(round(share * config.epochs))

    after(0)
    model.compile(
        keras.optimizers.Adam(config.learning_rate),
        loss=loss,
        steps_per_execution=_steps(int(train.cardinality())),
        jit_compile=False,
    )
    return fit(model, train, val, config, heard, watched="loss")


def fit_classifier(
    classifier: keras.Model,
    splits: LabelledSplits,
    config: FitSettings,
    seed: int,
    epoch_steps: int = 1,
    say: Callable[[float], None] = lambda _: None,
    loss: Loss = "plain",
    change: pipelines.Change | None = None,
) -> Fit:
    """Fits a classifier, or a head on embeddings.

    EarlyStopping watches the plain validation cross-entropy whatever the loss, so that the epoch is
    chosen alike and losses differ only in what they teach; `history` holds it too.

    Args:
        classifier: images or embeddings in, the task's outputs out.
        splits: examples to fit to, and to decide when to stop.
        config: how long and how fast.
        seed: of shuffling and augmentation.
        epoch_steps: fewest steps of an epoch; fewer batches are passed several times.
        say: takes the share of the epochs that are done.
        loss: as `tfmed.tasks.Task.loss`; with `class_weighted` each class weighs the same in sum.
        change: the augmentation, where the settings ask for it.
    """
    task = task_of(splits.task)
    weights = task.class_weights(splits.train.labels) if loss == "class_weighted" else None
    of_classes, of_outputs = (None, weights) if isinstance(weights, np.ndarray) else (weights, None)
    batches = -(-len(splits.train) // config.batch_size)
    passes = -(-epoch_steps // batches)
    twin = _traced_twin(classifier, _steps(batches * passes), loss, splits.task)
    twin.optimizer.learning_rate.assign(config.learning_rate)
    with contextlib.ExitStack() as reading:
        fitted = fit(
            twin,
            _batches(
                splits.train,
                splits.task,
                reading,
                batch_size=config.batch_size,
                shuffle_seed=seed,
                change=change if config.augment else None,
                passes=passes,
                weights=of_outputs,
            ),
            _batches(splits.val, splits.task, reading, batch_size=PREDICT_BATCH, shuffle_seed=None),
            config,
            say,
            of_classes,
        )
    transfer.transfer_weights(twin, classifier)
    return fitted


def _batches(
    examples: LabelledImages, task: str, reading: contextlib.ExitStack, **how: Any
) -> tf.data.Dataset:
    """Batches of (image, target): from memory, or from records on disk while `reading` is open.

    Args:
        examples: images or embeddings with their labels.
        task: what the labels are for.
        reading: closed when the batches are not needed any more.
        how: as for `tfmed.data.pipelines.classifier_batches`.
    """
    targets = task_of(task).targets(examples.labels)
    if isinstance(examples.images, np.ndarray):
        return pipelines.classifier_batches(examples.images, targets, **how)
    from tfmed.data.records import open_records
    from tfmed.data.streaming import stream_images

    records = reading.enter_context(open_records(examples.images.info))
    streamed = stream_images(
        records,
        examples.images.split,
        batch_size=how.pop("batch_size"),
        shuffle_seed=how["shuffle_seed"],
        with_rows=True,
    )
    return pipelines.streamed_classifier_batches(streamed, targets, **how)


_traced: dict[str, keras.Model] = {}


def _traced_twin(
    classifier: keras.Model, steps_per_execution: int, loss: Loss, task: str
) -> keras.Model:
    """A compiled copy of a classifier, in its state and with a new optimiser's.

    Copies are kept and used again for models of the same form: tracing costs more than fitting to
    a few hundred images, and a study fits hundreds of models that differ in their numbers alone.
    """
    key = json.dumps([classifier.get_config(), steps_per_execution, loss, task])
    if key not in _traced:
        _traced[key] = keras.Model.from_config(classifier.get_config())
        _traced[key].compile(
            keras.optimizers.Adam(),
            loss=task_of(task).loss(loss),
            metrics=task_of(task).fit_metrics(DATA_LOSS),
            steps_per_execution=steps_per_execution,
            jit_compile=False,
        )
    twin = _traced[key]
    for ours, theirs in zip(twin.variables, classifier.variables, strict=True):
        ours.assign(theirs)  # the state of random generators included
    for variable in twin.optimizer.variables:
        variable.assign(keras.ops.zeros_like(variable))
    return twin


def forget_traced() -> None:
    """Drops the copies that `fit_classifier` keeps."""
    _traced.clear()


def fit_head(
    head: keras.Model,
    embeddings: LabelledSplits,
    config: FitSettings,
    seed: int,
    epoch_steps: int = 1,
    say: Callable[[float], None] = lambda _: None,
) -> Fit:
    """Fits a frozen encoder's head on its embeddings, standardised by those it trains on."""
    known = embeddings.train.images
    assert isinstance(known, np.ndarray), "embeddings are in memory"
    heads.set_standardisation(head, *statistics(known.reshape(len(known), -1)))
    return fit_classifier(head, embeddings, config, seed, epoch_steps, say)


def embedded(encoder: keras.Model, splits: LabelledSplits) -> LabelledSplits:
    """The embeddings of both splits' images, with their labels."""
    train, val = (
        LabelledImages(embed(encoder, each.images), each.labels)
        for each in (splits.train, splits.val)
    )
    return LabelledSplits(train, val, splits.task)


def embed(encoder: keras.Model, images: np.ndarray | Iterable[np.ndarray]) -> np.ndarray:
    """Embeddings of uint8 images, float32 of shape (n, side, side, channels)."""
    return predict(encoder, images)


def predict(model: keras.Model, images: np.ndarray | Iterable[np.ndarray]) -> np.ndarray:
    """The model's output for uint8 images (scaled to [0, 1]) or embeddings, batch by batch.

    Called eagerly: for some thousand images, tracing a graph as `model.predict` does costs more
    than it saves.

    Args:
        model: the model.
        images: an array (n, ...), or chunks of one in their order, for what does not fit in memory.
    """
    chunks = [images] if isinstance(images, np.ndarray) else images
    return np.concatenate(
        [
            model(batch, training=False).numpy()
            for chunk in chunks
            for batch in pipelines.image_batches(chunk, batch_size=PREDICT_BATCH)
        ]
    )


def scores(
    classifier: keras.Model, images: np.ndarray | Iterable[np.ndarray], task: str
) -> np.ndarray:
    """Scores of a task for uint8 images, float64; images as for `predict`."""
    return task_of(task).scores_of(predict(classifier, images))


def _steps(batches: int) -> int:
    return max(1, min(STEPS_PER_EXECUTION, batches))
