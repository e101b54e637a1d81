"""Robustness: how a classifier's metrics fall when test images are made worse."""

import math
from typing import TYPE_CHECKING

from tfmed.data import DatasetInfo
from tfmed.execution.job import Job, Result
from tfmed.steps import (
    EMBEDDED_PER_SECOND,
    READ_SECONDS,
    Data,
    Parents,
    Say,
    Spec,
    make_job,
    relative_size,
)

if TYPE_CHECKING:
    import numpy as np

    from tfmed.config.study import Study

ALWAYS = ("accuracy", "auc")
"""Metrics that are measured beside the study's primary one."""
TEST_IMAGES, QUICK_TEST_IMAGES = 1000, 100
"""At most, in a study and in a quick one."""
FEWEST_IMAGES, MOST_PIXELS = 50, 1 << 25
"""Large images are fewer, so that they can be held in memory, but never fewer than these."""


def corrupt_job(study: "Study", task: DatasetInfo, name: str, run: Job) -> Job:
    """Measures one classifier on test images that are made worse.

    Args:
        study: says whether it is quick, and the primary metric.
        task: what is classified.
        name: of the strategy and label budget, for people.
        run: of the classifier.
    """
    held = max(FEWEST_IMAGES, MOST_PIXELS // math.prod(task.image_shape))
    most = min(held, QUICK_TEST_IMAGES if study.quick else TEST_IMAGES)
    images = min(task.n_images("test"), most)
    return make_job(
        "corrupt",
        {
            "encoder": study.encoder.model_dump(),
            "test_images": most,
            "metrics": list(dict.fromkeys((*ALWAYS, study.primary_metric))),
        },
        {"task": task},
        {"run": run},
        f"robustness of {name}",
        READ_SECONDS + 19 * images * relative_size(task) / EMBEDDED_PER_SECOND,
    )


def work(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """Metrics of one classifier on test images as they are, and made worse in every way.

    Nothing is chosen here: the classifier is that of its run, and answers by its task's own rule
    (threshold .5). The parent is the `run`. The record has `n`, `clean` (metric to number, None
    where it is not defined) and `corruptions`, each with `kind`, `unit`, `strength` (from 1),
    `value` and `metrics`.
    """
    import numpy as np

    from tfmed.data.loading import load_rows
    from tfmed.inspection.corruptions import CORRUPTIONS
    from tfmed.steps.classify import restore_classifier
    from tfmed.training import examples, fitting

    task = data["task"]
    classifier = restore_classifier(spec, task, parents["run"])
    rows = examples.drawn_rows(task.n_images("test"), spec["test_images"])
    test = load_rows(task, "test", rows)

    def measured(versions: "list[np.ndarray]") -> "list[dict[str, float | None]]":
        scores = fitting.scores(classifier, np.concatenate(versions), task.task)
        return [
            _metrics(test.labels, each, task.task, spec["metrics"])
            for each in np.split(scores, len(versions))
        ]

    [clean], found = measured([test.images]), []
    for number, (kind, corruption) in enumerate(CORRUPTIONS.items()):
        worse = [corruption.apply(test.images, value) for value in corruption.strengths]
        metrics = measured(worse)
        found += [
            {"kind": kind, "unit": corruption.unit, "strength": i, "value": value, "metrics": each}
            for i, (value, each) in enumerate(zip(corruption.strengths, metrics, strict=True), 1)
        ]
        say((number + 1) / len(CORRUPTIONS))
    return Result({"n": len(rows), "clean": clean, "corruptions": found})


def _metrics(
    labels: "np.ndarray", scores: "np.ndarray", task: str, names: list[str]
) -> dict[str, float | None]:
    """Those of the names that the task has, with nothing chosen."""
    from tfmed.evaluation import metrics

    found = metrics.accuracy_and_auc(labels, scores, task)
    if not set(names) <= set(found):
        found = metrics.evaluate(labels, scores, None, task)["metrics"]
    return {name: found[name] for name in names if name in found}
