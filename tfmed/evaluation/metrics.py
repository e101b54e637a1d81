"""Every metric of a run, and of a strategy over its seeds.

Labels and scores are those of a task (`tfmed.tasks`). For `binary`, labels are integers of shape
(n,), 0 or 1, and scores are floats in [0, 1] of shape (n,), or (n_seeds, n) for several runs on the
same test cases. A metric that these labels do not define is `None`. Intervals are at 95 % and cover
the variance of seeds and of test cases (of patients, where they are known): see
`tfmed.evaluation.intervals`.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tfmed.evaluation.case_values import METRICS, METRICS_AT_HALF, case_values, undefined
from tfmed.evaluation.curves import (
    RECALL_GRID,
    ROC_GRID,
    curve_bands,
    reliability,
    reliability_band,
    roc_and_pr,
)
from tfmed.evaluation.intervals import compare, corrected, mean_interval, seeds_interval
from tfmed.tasks import task_of
from tfmed.tasks.scoring import CHOSEN

__all__ = [
    "METRICS",
    "METRICS_AT_HALF",
    "RECALL_GRID",
    "ROC_GRID",
    "accuracy_and_auc",
    "compare",
    "corrected",
    "evaluate",
    "mean_interval",
    "seeds_interval",
    "summarise",
]


def evaluate(
    labels: ArrayLike,
    scores: ArrayLike,
    threshold: float | list[float] | None,
    task: str = "binary",
) -> dict[str, Any]:
    """Every metric of one run, as `runs` of results.json holds it.

    Args:
        labels: (n,) of the task; for `binary` of 0 and 1.
        scores: (n,) in [0, 1].
        threshold: chosen on validation labels; used by the metrics named `*_at_threshold`. None
            where nothing is chosen, which leaves them out; of several findings one for each.
        task: what the labels are for.

    Returns:
        `metrics` (name to float or None), `undefined` (name to reason), `confusion` with nothing
        chosen and `confusion_at_threshold` (rows truth, columns answer: `[[tn, fp], [fn, tp]]`;
        None where nothing is chosen), `roc_tpr` and `pr_precision` (see
        `tfmed.evaluation.curves.roc_and_pr`; None without both classes), and `reliability`; these
        three are None of a task that has no curves.

    Raises:
        InputError: shapes, labels or scores are not as said above.
    """
    asked = task_of(task)
    truth, found = asked.check_cases(labels, scores)
    n_classes = asked.n_classes_of(found)
    names = asked.metrics_of(n_classes)
    if threshold is None:
        names = tuple(name for name in names if not name.endswith(CHOSEN))
    missing = {name: why for name in names if (why := undefined(name, truth, n_classes, task))}
    metrics = {
        name: None
        if name in missing
        else float(case_values(name, truth, found, np.array([threshold]), task).estimates[0])
        for name in names
    }
    curves = None
    if "auc" not in missing:
        metrics["auc"] = asked.accuracy_and_auc(truth, found[0])["auc"]  # to the last digit
        curves = roc_and_pr(truth, found[0]) if asked.HAS_CURVES else None
    answered = asked.confusion(truth, asked.answers(found[0]), n_classes)
    chosen = None
    if threshold is not None:
        chosen = asked.confusion(truth, asked.answers(found[0], threshold), n_classes)
    return {
        "metrics": metrics,
        "undefined": missing,
        "confusion": answered,
        "confusion_at_threshold": chosen,
        "roc_tpr": curves[0].tolist() if curves else None,
        "pr_precision": curves[1].tolist() if curves else None,
        "reliability": reliability(truth, found[0]) if asked.HAS_CURVES else None,
    }


def accuracy_and_auc(
    labels: ArrayLike, scores: ArrayLike, task: str = "binary"
) -> dict[str, float | None]:
    """`accuracy` and `auc` of one run, the same as `evaluate`'s and in a tenth of its time.

    Raises:
        InputError: shapes, labels or scores are not as said above.
    """
    return task_of(task).accuracy_and_auc(labels, scores)


def summarise(
    labels: ArrayLike,
    scores: ArrayLike,
    thresholds: ArrayLike,
    task: str = "binary",
    patients: ArrayLike | None = None,
    pretrainings: int = 1,
) -> dict[str, Any]:
    """Every metric of one strategy over its seeds, as `summary` of results.json holds it.

    Args:
        labels: (n,) of the task; for `binary` of 0 and 1.
        scores: (n_seeds, n) in [0, 1], one row per seed, all of the same test cases.
        thresholds: (n_seeds,), each chosen on its run's validation labels.
        task: what the labels are for.
        patients: (n,) integers or texts, equal where cases are of one patient; None: not known.
        pretrainings: that each seed was run with, rows as for `mean_interval`.

    Returns:
        Per metric `mean_interval`'s dict or None; `confusion` with nothing chosen, mean over seeds;
        `roc` and `pr` with their bands (see `tfmed.evaluation.curves.curve_bands`; None without
        both classes); and `reliability` with its band.

    Raises:
        InputError: shapes, labels or scores are not as said above.
    """
    asked = task_of(task)
    truth, found = asked.check_cases(labels, scores)
    summary: dict[str, Any] = {
        name: mean_interval(truth, found, name, thresholds, task, patients, pretrainings)
        for name in asked.metrics_of(asked.n_classes_of(found))
    }
    n_classes = asked.n_classes_of(found)
    confusions = [asked.confusion(truth, asked.answers(row), n_classes) for row in found]
    summary["confusion"] = np.mean(confusions, axis=0).tolist()
    drawn = asked.HAS_CURVES and summary["auc"] is not None
    nothing = {"roc": None, "pr": None}
    summary |= curve_bands(truth, found, patients, pretrainings) if drawn else nothing
    summary["reliability"] = None
    if asked.HAS_CURVES:
        summary["reliability"] = reliability_band(truth, found, patients, pretrainings)
    return summary
