"""Classifiers: fits one strategy to one label budget and scores the test split."""

from typing import TYPE_CHECKING, Any

from tfmed.data import DatasetInfo
from tfmed.design import STANDARD, LabelBudget, Strategy, Variant, budget_words
from tfmed.execution.job import Job, Result
from tfmed.steps import (
    START_SECONDS,
    Data,
    Parents,
    Say,
    Spec,
    embed_seconds,
    fit_seconds,
    make_job,
    n_labels,
)

if TYPE_CHECKING:
    import keras

    from tfmed.config.study import Study
    from tfmed.training.examples import LabelledSplits
    from tfmed.training.fitting import Fit
    from tfmed.training.settings import FitSettings

EPOCH_SECONDS = 0.02
"""Rough cost of an epoch whatever the number of images."""
EPOCHS_SHARE = {"finetune": 0.5, "frozen": 0.25}
"""Rough share of the epochs after which EarlyStopping stops."""
HEAD_SPEED = 6
"""How many times as fast a head is fitted to embeddings as an encoder to images."""


def classify_job(
    study: "Study",
    task: DatasetInfo,
    strategy: Strategy,
    variant: Variant,
    budget: LabelBudget,
    seed: int,
    pretraining: Job | None,
) -> Job:
    """Fits one classifier and scores the test split.

    Args:
        study: says how.
        task: what is classified.
        strategy: what the encoder starts from, and what is trained.
        variant: of that strategy.
        budget: labels to see.
        seed: of the label subset, weights, shuffling and dropout.
        pretraining: gives the encoder where the strategy is a pretrained one.
    """
    parents = _parents(study, task, strategy, budget, seed, pretraining)
    fit = _fit_settings(study, strategy, variant, budget)
    settings = study.classifiers
    spec: dict[str, Any] = {
        "initialisation": strategy.initialisation,
        "trained": strategy.trained,
        "label_budget": budget,
        "seed": seed,
        "encoder": study.encoder.model_dump(),
        "dropout": settings.dropout if variant.dropout is None else variant.dropout,
        "penalty": settings.penalty,
        "loss": variant.loss,
        "epoch_steps": settings.epoch_steps,
        "fit": fit.model_dump(),
    }
    name = str(strategy) if variant == STANDARD else f"{strategy} ({variant})"
    epochs = fit.epochs * (EPOCHS_SHARE[strategy.trained] if fit.patience else 1)
    seconds = n_labels(task, budget) * epochs * fit_seconds(task)
    if strategy.frozen:
        seconds /= HEAD_SPEED
    return make_job(
        "classify",
        spec,
        {"task": task},
        parents,
        f"{name}, {budget_words(budget)} of {task.title}, seed {seed}",
        START_SECONDS + epochs * EPOCH_SECONDS + seconds + embed_seconds(task),
    )


def _parents(
    study: "Study",
    task: DatasetInfo,
    strategy: Strategy,
    budget: LabelBudget,
    seed: int,
    pretraining: Job | None,
) -> dict[str, Job]:
    """Fine-tuning starts from the trained head of the frozen run of its seed and budget."""
    if pretraining is None or not strategy.pretrained:
        return {}
    if strategy.frozen:
        return {"pretraining": pretraining}
    frozen = Strategy(strategy.initialisation, "frozen")
    return {"frozen": classify_job(study, task, frozen, STANDARD, budget, seed, pretraining)}


def _fit_settings(
    study: "Study", strategy: Strategy, variant: Variant, budget: LabelBudget
) -> "FitSettings":
    settings = study.classifiers
    started = settings.finetune if strategy.pretrained else settings.scratch
    fit = settings.head if strategy.frozen else started
    if budget != "full":
        fit = fit.model_copy(update={"batch_size": min(fit.batch_size, settings.small_batch_size)})
    if variant.overtrained:
        fit = fit.model_copy(update={"epochs": settings.overtrained_epochs, "patience": 0})
    return fit


def work(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """Fits one classifier and scores the test split, which is read once, after all is chosen.

    Parents: `pretraining` for a frozen pretrained encoder, `frozen` for a fine-tuned one. Arrays:
    weights of the classifier, `test_scores` and `val_scores` (float64, of the task).
    """
    import numpy as np

    from tfmed import encoders
    from tfmed.data.loading import stream_split
    from tfmed.steps.pretrain import encoder_weights
    from tfmed.tasks import task_of
    from tfmed.training import examples, fitting, heads, transfer

    task, seed = data["task"], spec["seed"]
    asked = task_of(task.task)
    frozen = spec["trained"] == "frozen"
    splits = examples.labelled(task, spec["label_budget"], seed)
    fitting.seed_everything(seed)
    encoder = encoders.build(spec["encoder"], task.image_shape)
    head = heads.build_head(
        encoder.output_shape[1:],
        asked.output(len(task.class_names)),
        dropout=spec["dropout"],
        l2=spec["penalty"] / len(splits.train) if frozen else 0.0,
    )
    if "pretraining" in parents:
        transfer.set_weights(encoder, encoder_weights(parents["pretraining"]))
    classifier = heads.build_classifier(encoder, head, trainable=not frozen)
    if "frozen" in parents:
        transfer.set_weights(classifier, transfer.unpacked("classifier", parents["frozen"].arrays))
    fitted = _fit(classifier, splits, spec, say)
    train_scores = fitting.scores(classifier, splits.train.images, task.task)
    val_scores = fitting.scores(classifier, splits.val.images, task.task)
    record = {
        "fit": fitted.record(),
        "n_train": len(splits.train),
        "n_val": len(splits.val),
        "train_accuracy": float(np.mean(asked.answers(train_scores) == splits.train.labels)),
        "val_labels": splits.val.labels.tolist(),
        "threshold": asked.choose(splits.val.labels, val_scores),
        "parameters": {
            "trainable": sum(int(np.prod(v.shape)) for v in classifier.trainable_weights),
            "total": classifier.count_params(),
        },
    }
    test_scores = fitting.scores(classifier, stream_split(task, "test"), task.task)
    arrays = {"val_scores": val_scores, "test_scores": test_scores}
    return Result(record, arrays | transfer.packed("classifier", classifier))


def _fit(classifier: "keras.Model", splits: "LabelledSplits", spec: Spec, say: Say) -> "Fit":
    """Fits all of a classifier, or the head of a frozen encoder on embeddings computed once."""
    from tfmed.training import fitting
    from tfmed.training.settings import FitSettings

    fit, seed, steps = FitSettings(**spec["fit"]), spec["seed"], spec["epoch_steps"]
    if spec["trained"] == "frozen":
        encoder, head = classifier.get_layer("encoder"), classifier.get_layer("head")
        embedded = fitting.embedded(encoder, splits)
        return fitting.fit_head(head, embedded, fit, seed, steps, say)
    return fitting.fit_classifier(classifier, splits, fit, seed, steps, say, spec["loss"])


def restore_classifier(spec: Spec, task: DatasetInfo, result: Result) -> "keras.Model":
    """The classifier that a run left behind, for prediction.

    Args:
        spec: of a job; `encoder` is used.
        task: gives the shape of the images.
        result: of a classifier's job.
    """
    from tfmed import encoders
    from tfmed.tasks import task_of
    from tfmed.training import heads, transfer

    encoder = encoders.build(spec["encoder"], task.image_shape)
    output = task_of(task.task).output(len(task.class_names))
    head = heads.build_head(encoder.output_shape[1:], output)
    classifier = heads.build_classifier(encoder, head, trainable=False)
    transfer.set_weights(classifier, transfer.unpacked("classifier", result.arrays))
    return classifier
