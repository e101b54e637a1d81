"""Baselines: fits a simple classifier to one label budget and scores the test split."""

from typing import TYPE_CHECKING

from tfmed.data import DatasetInfo
from tfmed.design import Baseline, LabelBudget, budget_words
from tfmed.execution.job import Job, Result
from tfmed.steps import (
    READ_SECONDS,
    Data,
    Parents,
    Say,
    Spec,
    embed_seconds,
    make_job,
    n_labels,
    relative_size,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from tfmed.config.study import Study
    from tfmed.training.examples import LabelledSplits

FIT_SECONDS = {
    "majority": 0.0,
    "pixels_logistic": 0.4,
    "pca_logistic": 0.2,
    "knn": 0.2,
    "logistic": 0.4,
}
"""Rough cost of fitting a baseline of a method to 1,000 examples."""


def baseline_job(
    study: "Study",
    task: DatasetInfo,
    baseline: Baseline,
    budget: LabelBudget,
    seed: int,
    pretraining: Job | None,
) -> Job:
    """Fits a baseline and scores the test split.

    With all labels and no random encoder there is nothing for a seed to change: the job is the
    same for all seeds of one pretraining.
    """
    fixed = budget == "full" and baseline.features != "random"
    seconds = FIT_SECONDS[baseline.method] * n_labels(task, budget) / 1000 * relative_size(task)
    return make_job(
        "baseline",
        {
            "method": baseline.method,
            "features": baseline.features,
            "label_budget": budget,
            "seed": 0 if fixed else seed,
            "encoder": study.encoder.model_dump() if baseline.embedded else None,
        },
        {"task": task},
        {"pretraining": pretraining} if pretraining and baseline.features == "frozen" else {},
        f"{baseline}, {budget_words(budget)} of {task.title}" + ("" if fixed else f", seed {seed}"),
        READ_SECONDS + seconds + (embed_seconds(task) if baseline.embedded else 0.0),
    )


def work(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """Fits a simple classifier to a whole label budget and scores the test split.

    Parents: `pretraining` where it sees that encoder's embeddings. The record and the arrays are
    those of a classifier, but the validation scores are out-of-fold scores of the whole budget,
    which has no validation part. The untrained encoder is that of `random_frozen` with the same
    seed.
    """
    import numpy as np

    from tfmed.tasks import task_of
    from tfmed.training import baselines, examples

    task, seed = data["task"], spec["seed"]
    splits = examples.labelled(task, spec["label_budget"], seed)
    labels = np.concatenate([splits.train.labels, splits.val.labels])
    known, test = _features(spec, task, parents, splits)
    found = baselines.fit_predict(spec["method"], known, labels, test, seed, len(task.class_names))
    record = {
        "fit": {"history": {}, "epochs": 0, "best_epoch": 0, "stopped_early": False},
        "n_train": len(labels),
        "n_val": 0,
        "train_accuracy": None,
        "val_labels": found.val_labels.tolist(),
        "threshold": task_of(task.task).choose(found.val_labels, found.val_scores),
        "parameters": None,
        "chosen": found.chosen,
    }
    return Result(record, {"val_scores": found.val_scores, "test_scores": found.test_scores})


def _features(
    spec: Spec, task: DatasetInfo, parents: Parents, splits: "LabelledSplits"
) -> tuple["np.ndarray", "np.ndarray"]:
    """What a baseline sees of the images of its budget, and of the test images."""
    import numpy as np

    from tfmed.data.loading import stream_split

    if spec["features"] is None:  # a large set is not read for nothing
        known, test = len(splits.train) + len(splits.val), task.n_images("test")
        nothing = np.zeros((known + test, 1), np.uint8)
        return nothing[:known], nothing[known:]
    images = _joined(splits)
    if spec["features"] == "pixels":
        assert isinstance(images, np.ndarray), "pixels are asked for where they fit in memory"
        return images, np.concatenate(list(stream_split(task, "test")))
    from tfmed import encoders
    from tfmed.steps.pretrain import encoder_weights
    from tfmed.training import fitting, transfer

    fitting.seed_everything(spec["seed"])
    encoder = encoders.build(spec["encoder"], task.image_shape)
    if "pretraining" in parents:
        transfer.set_weights(encoder, encoder_weights(parents["pretraining"]))
    return fitting.embed(encoder, images), fitting.embed(encoder, stream_split(task, "test"))


def _joined(splits: "LabelledSplits") -> "np.ndarray | Iterator[np.ndarray]":
    """Images of the whole budget: an array, or chunks of what does not fit in memory."""
    import itertools

    import numpy as np

    train, val = splits.train.images, splits.val.images
    if isinstance(train, np.ndarray) and isinstance(val, np.ndarray):
        return np.concatenate([train, val])
    return itertools.chain(train, val)
