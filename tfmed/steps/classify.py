"""Classifiers: fits one strategy to one label budget and scores the test split."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tfmed.data import DatasetInfo
from tfmed.design import (
    STANDARD,
    LabelBudget,
    Repeat,
    Strategy,
    Variant,
    budget_words,
    repeat_words,
)
from tfmed.execution.job import Job, Result
from tfmed.pretraining.parts.views import ViewSettings, augmentation
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
    import numpy as np

    from tfmed.config.classifiers import SearchSettings
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
MEASURED_IMAGES = 256
"""Training images, at most, that a network of random weights is normalised by at its start."""


def classify_job(
    study: "Study",
    task: DatasetInfo,
    strategy: Strategy,
    variant: Variant,
    budget: LabelBudget,
    repeat: Repeat,
    pretrainings: Sequence[Job] = (),
) -> Job:
    """Fits one classifier and scores the test split.

    Args:
        study: says how.
        task: what is classified.
        strategy: what the encoder starts from, and what is trained.
        variant: of that strategy.
        budget: labels to see.
        repeat: the seed of the label subset, weights, shuffling and dropout, and the number of the
            pretraining to start from.
        pretrainings: of the strategy's method, where it is a pretrained one.
    """
    settings = study.classifiers
    searched = not strategy.frozen and bool(settings.search.learning_rates)
    like = functools.partial(classify_job, study, task, pretrainings=pretrainings)
    parents: dict[str, Job] = {}
    if strategy.frozen and strategy.pretrained:
        parents["pretraining"] = pretrainings[repeat.pretraining]
    elif strategy.pretrained:
        head = Strategy(strategy.initialisation, "frozen")
        parents["frozen"] = like(head, STANDARD, budget, repeat)
    if searched and (other := _searched_in(variant, budget, repeat)) is not None:
        parents["searched"] = like(strategy, STANDARD, budget, other)
    fit = _fit_settings(study, strategy, variant, budget)
    recipes = _recipes(settings.search) if searched and "searched" not in parents else []
    head_fit = _head_fit(study, strategy, budget) if searched and not strategy.pretrained else None
    spec: dict[str, Any] = {
        "initialisation": strategy.initialisation,
        "trained": strategy.trained,
        "label_budget": budget,
        "seed": repeat.seed,
        "encoder": study.encoder.model_dump(),
        "dropout": settings.dropout if variant.dropout is None else variant.dropout,
        "penalty": settings.penalty,
        "loss": variant.loss,
        "epoch_steps": settings.epoch_steps,
        "fit": fit.model_dump(),
        "head_fit": head_fit,
        "recipes": recipes,
        "augmentation": settings.augmentation.model_dump() if searched or fit.augment else None,
    }
    name = str(strategy) if variant == STANDARD else f"{strategy} ({variant})"
    return make_job(
        "classify",
        spec,
        {"task": task},
        parents,
        f"{name}, {budget_words(budget)} of {task.title}, {repeat_words(repeat)}",
        max(len(recipes), 1) * _seconds(task, strategy, budget, fit) + embed_seconds(task),
    )


def _seconds(
    task: DatasetInfo, strategy: Strategy, budget: LabelBudget, fit: "FitSettings"
) -> float:
    """Rough cost of one fit."""
    epochs = fit.epochs * (EPOCHS_SHARE[strategy.trained] if fit.patience else 1)
    seconds = n_labels(task, budget) * epochs * fit_seconds(task)
    return START_SECONDS + epochs * EPOCH_SECONDS + seconds / (HEAD_SPEED if strategy.frozen else 1)


def _searched_in(variant: Variant, budget: LabelBudget, repeat: Repeat) -> Repeat | None:
    """The run whose recipe is taken; None for one that searches itself.

    Variants differ from the standard classifier in one thing. With all labels every seed sees the
    same images, and the first one's search serves all. Labels of a seed are the same for each
    pretraining, and the first one's search serves them.
    """
    seed = 0 if budget == "full" else repeat.seed
    if variant != STANDARD:
        return repeat
    return None if repeat == Repeat(seed) else Repeat(seed)


def _recipes(search: "SearchSettings") -> list[dict[str, Any]]:
    return [
        {"learning_rate": rate, "augment": augment}
        for augment in search.augment
        for rate in search.learning_rates
    ]


def _fit_settings(
    study: "Study", strategy: Strategy, variant: Variant, budget: LabelBudget
) -> "FitSettings":
    settings = study.classifiers
    alike = strategy.pretrained or settings.search.learning_rates
    fit = settings.head if strategy.frozen else settings.finetune if alike else settings.scratch
    if budget != "full":
        fit = fit.model_copy(update={"batch_size": min(fit.batch_size, settings.small_batch_size)})
    if variant.overtrained:
        fit = fit.model_copy(update={"epochs": settings.overtrained_epochs, "patience": 0})
    return fit


def _head_fit(study: "Study", strategy: Strategy, budget: LabelBudget) -> dict[str, Any]:
    """How the head of the same encoder is fitted where it is frozen, as plain values."""
    return _fit_settings(study, replace(strategy, trained="frozen"), STANDARD, budget).model_dump()


def work(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """Fits one classifier and scores the test split, which is read once, after all is chosen.

    Parents: `pretraining` for a frozen pretrained encoder; `frozen`, whose weights encoder and head
    start from where a pretrained encoder is trained further; `searched`, whose recipe is taken.
    Arrays: weights of the classifier, `test_scores` and `val_scores` (float64, of the task).
    """
    import numpy as np

    from tfmed.data.loading import stream_split
    from tfmed.tasks import task_of
    from tfmed.training import examples, fitting, transfer

    task, seed = data["task"], spec["seed"]
    asked = task_of(task.task)
    splits = examples.labelled(task, spec["label_budget"], seed)
    fitting.seed_everything(seed)
    classifier = _classifier(task, splits, spec, parents)
    fitted, recipe = _fit(classifier, splits, spec, parents, say)
    train_scores = fitting.scores(classifier, splits.train.images, task.task)
    val_scores = fitting.scores(classifier, splits.val.images, task.task)
    record = {
        "fit": fitted.record(),
        "recipe": recipe,
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


def _classifier(
    task: DatasetInfo, splits: "LabelledSplits", spec: Spec, parents: Parents
) -> "keras.Model":
    """Encoder and head as they are before they are fitted together, or the head alone."""
    from tfmed import encoders
    from tfmed.steps.pretrain import encoder_weights
    from tfmed.tasks import task_of
    from tfmed.training import heads, transfer

    frozen = spec["trained"] == "frozen"
    encoder = encoders.build(spec["encoder"], task.image_shape)
    new_head = functools.partial(
        heads.build_head,
        encoder.output_shape[1:],
        task_of(task.task).output(len(task.class_names)),
        dropout=spec["dropout"],
    )
    penalty = spec["penalty"] / len(splits.train)
    head = new_head(l2=penalty if frozen else 0.0)
    if "pretraining" in parents:
        transfer.set_weights(encoder, encoder_weights(parents["pretraining"]))
    if spec["head_fit"]:
        begun = _begun_from_random(encoder, new_head(l2=penalty), splits, spec)
        transfer.transfer_weights(begun, head)
    classifier = heads.build_classifier(encoder, head, trainable=not frozen)
    if "frozen" in parents:
        transfer.set_weights(classifier, transfer.unpacked("classifier", parents["frozen"].arrays))
    return classifier


def _begun_from_random(
    encoder: "keras.Model", head: "keras.Model", splits: "LabelledSplits", spec: Spec
) -> "keras.Model":
    """Makes random weights as ready to be trained as pretrained ones are, on training images.

    The encoder gets statistics to normalise by, and a head is fitted to its embeddings.

    Returns:
        The head.
    """
    import numpy as np

    from tfmed.encoders.normalising import measure_statistics
    from tfmed.training import examples, fitting
    from tfmed.training.settings import FitSettings

    images = splits.train.images
    rows = examples.drawn_rows(len(images), MEASURED_IMAGES)
    chunks = [images] if isinstance(images, np.ndarray) else images
    measure_statistics(encoder, np.concatenate(list(examples.chosen_rows(chunks, rows))))
    fit = FitSettings(**spec["head_fit"])
    embedded = fitting.embedded(encoder, splits)
    fitting.fit_head(head, embedded, fit, spec["seed"], spec["epoch_steps"])
    return head


def _fit(
    classifier: "keras.Model", splits: "LabelledSplits", spec: Spec, parents: Parents, say: Say
) -> "tuple[Fit, dict[str, Any] | None]":
    """Fits all of a classifier, or the head of a frozen encoder on embeddings computed once.

    Returns:
        How it went, and the recipe where one was searched for, with what was tried.
    """
    from tfmed.training import fitting
    from tfmed.training.settings import FitSettings

    fit, seed, steps = FitSettings(**spec["fit"]), spec["seed"], spec["epoch_steps"]
    if spec["trained"] == "frozen":
        encoder, head = classifier.get_layer("encoder"), classifier.get_layer("head")
        embedded = fitting.embedded(encoder, splits)
        return fitting.fit_head(head, embedded, fit, seed, steps, say), None
    recipes = list(spec["recipes"])
    if "searched" in parents:
        recipes = [_without_tries(parents["searched"].record["recipe"])]
    change = None
    if spec["augmentation"]:
        change = augmentation(ViewSettings(**spec["augmentation"]))

    def fit_by(recipe: dict[str, Any], say: Say) -> "Fit":
        tried = fit.model_copy(update=recipe)
        return fitting.fit_classifier(
            classifier, splits, tried, seed, steps, say, spec["loss"], change
        )

    if not recipes:
        return fit_by({}, say), None
    if len(recipes) == 1:
        return fit_by(recipes[0], say), {**recipes[0], "tries": []}
    return _searched(classifier, recipes, fit_by, say)


def _searched(
    classifier: "keras.Model",
    recipes: Sequence[dict[str, Any]],
    fit_by: "Callable[[dict[str, Any], Say], Fit]",
    say: Say,
) -> "tuple[Fit, dict[str, Any]]":
    """Fits by each recipe from the same start, and keeps the fit of the lowest validation loss.

    A recipe whose numbers become infinite has lost; only where all do, the last error is raised.
    """
    from tfmed.training import transfer

    start = transfer.weights(classifier)
    best: tuple[float, Fit, dict[str, Any], list[np.ndarray]] | None = None
    tries, failure = [], None
    for i, recipe in enumerate(recipes):
        transfer.set_weights(classifier, start)
        try:
            fitted = fit_by(recipe, functools.partial(_say_part, say, i, len(recipes)))
        except FloatingPointError as error:
            failure = error
            tries.append({**recipe, "val_loss": None, "epochs": 0})
            continue
        loss = fitted.history["val_loss"][fitted.best_epoch - 1]
        tries.append({**recipe, "val_loss": loss, "epochs": fitted.epochs})
        if best is None or loss < best[0]:
            best = loss, fitted, recipe, transfer.weights(classifier)
    if best is None:
        assert failure is not None
        raise failure
    _, fitted, recipe, weights = best
    transfer.set_weights(classifier, weights)
    return fitted, {**recipe, "tries": tries}


def _say_part(say: Say, done: int, parts: int, share: float) -> None:
    say((done + share) / parts)


def _without_tries(recipe: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in recipe.items() if name != "tries"}


def restore_classifier(spec: Spec, task: DatasetInfo, result: Result) -> "keras.Model":
    """The classifier that a run left behind, for prediction.

    Args:
        spec: of a job; `encoder` is used.
        task: gives the shape of the images.
        result: of a classifier's job.
    """
    from tfmed.training import transfer

    classifier = new_classifier(spec, task)
    transfer.set_weights(classifier, transfer.unpacked("classifier", result.arrays))
    return classifier


def new_classifier(spec: Spec, task: DatasetInfo) -> "keras.Model":
    """A classifier with random weights, for prediction; arguments as for `restore_classifier`."""
    from tfmed import encoders
    from tfmed.tasks import task_of
    from tfmed.training import heads

    encoder = encoders.build(spec["encoder"], task.image_shape)
    output = task_of(task.task).output(len(task.class_names))
    head = heads.build_head(encoder.output_shape[1:], output)
    return heads.build_classifier(encoder, head, trainable=False)
