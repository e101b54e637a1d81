"""Metrics of binary classifiers: every one of a run, and of a strategy over its seeds.

Labels are integers of shape (n,), 0 or 1. Scores are floats of shape (n,), or (n_seeds, n) for
several runs on the same test cases, in [0, 1]; a case is answered 1 if its score exceeds the
threshold, as in `medmnist.evaluator.getACC`. A metric that these labels do not define is `None`.
Intervals are at 95 % and cover the variance of seeds and of test cases: see
`tfmed.evaluation.intervals`.

`python -m tfmed.evaluation.metrics reports/<study>` computes every metric again from the
predictions files and says whether `results.json` agrees.
"""

import sys
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tfmed.evaluation.case_values import (
    METRICS,
    METRICS_AT_HALF,
    calibration_gaps,
    case_values,
    undefined,
)
from tfmed.evaluation.cases import checked_cases
from tfmed.evaluation.curves import (
    RECALL_GRID,
    ROC_GRID,
    curve_bands,
    reliability,
    reliability_band,
    roc_and_pr,
)
from tfmed.evaluation.intervals import compare, corrected, mean_interval, seeds_interval

__all__ = [
    "METRICS",
    "METRICS_AT_HALF",
    "RECALL_GRID",
    "ROC_GRID",
    "accuracy_and_auc",
    "brier_score",
    "compare",
    "corrected",
    "evaluate",
    "expected_calibration_error",
    "mean_interval",
    "seeds_interval",
    "summarise",
]


def evaluate(labels: ArrayLike, scores: ArrayLike, threshold: float) -> dict[str, Any]:
    """Every metric of one run, as `runs` of results.json holds it.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,) in [0, 1].
        threshold: chosen on validation labels; used by the metrics named `*_at_threshold`.

    Returns:
        `metrics` (name to float or None), `undefined` (name to reason), `confusion` at .5 and
        `confusion_at_threshold` (`[[tn, fp], [fn, tp]]`), `roc_tpr` and `pr_precision` (see
        `tfmed.evaluation.curves.roc_and_pr`; None without both classes), and `reliability`.

    Raises:
        InputError: shapes, labels or scores are not as said above.
    """
    from sklearn.metrics import roc_auc_score  # takes seconds to import

    truth, answers = checked_cases(labels, scores)
    missing = {name: why for name in METRICS if (why := undefined(name, truth))}
    metrics = {
        name: None
        if name in missing
        else float(case_values(name, truth, answers, np.array([threshold])).estimates[0])
        for name in METRICS
    }
    curves = None
    if "auc" not in missing:
        metrics["auc"] = float(roc_auc_score(truth, answers[0]))  # MedMNIST's to the last digit
        curves = roc_and_pr(truth, answers[0])
    return {
        "metrics": metrics,
        "undefined": missing,
        "confusion": _confusion(truth, answers[0] > 0.5),
        "confusion_at_threshold": _confusion(truth, answers[0] > threshold),
        "roc_tpr": curves[0].tolist() if curves else None,
        "pr_precision": curves[1].tolist() if curves else None,
        "reliability": reliability(truth, answers[0]),
    }


def accuracy_and_auc(labels: ArrayLike, scores: ArrayLike) -> dict[str, float | None]:
    """`accuracy` at .5 and `auc` of one run, the same as `evaluate`'s and in a tenth of its time.

    Raises:
        InputError: shapes, labels or scores are not as said above.
    """
    from sklearn.metrics import roc_auc_score  # takes seconds to import

    truth, answers = checked_cases(labels, scores)
    both = 0 < truth.sum() < len(truth)
    return {
        "accuracy": float(np.mean((answers[0] > 0.5) == truth)),
        "auc": float(roc_auc_score(truth, answers[0])) if both else None,
    }


def brier_score(labels: ArrayLike, scores: ArrayLike) -> float:
    """Mean squared distance of score and label (Brier 1950); 0 is perfect.

    Raises:
        InputError: labels or scores are not (n,) of 0 and 1 and (n,) in [0, 1].
    """
    truth, answers = checked_cases(labels, scores)
    return float(np.mean((answers[0] - truth) ** 2))


def expected_calibration_error(labels: ArrayLike, scores: ArrayLike, n_bins: int = 15) -> float:
    """Expected calibration error of the score of class 1 (Naeini et al. 2015); 0 is perfect.

    The scores are cut into `n_bins` bins of equal width, `(0, 1/n_bins]` and so on (0 belongs to
    the first); the distance of mean score and share of class 1 is averaged over bins, weighted by
    their number of cases. It is biased upwards when bins hold few cases.

    Raises:
        InputError: labels or scores are not (n,) of 0 and 1 and (n,) in [0, 1].
    """
    truth, answers = checked_cases(labels, scores)
    return float(calibration_gaps(truth, answers[0], n_bins).mean())


def summarise(labels: ArrayLike, scores: ArrayLike, thresholds: ArrayLike) -> dict[str, Any]:
    """Every metric of one strategy over its seeds, as `summary` of results.json holds it.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n_seeds, n) in [0, 1], one row per seed, all of the same test cases.
        thresholds: (n_seeds,), each chosen on its run's validation labels.

    Returns:
        Per metric `mean_interval`'s dict or None; `confusion` at .5, mean over seeds; `roc` and
        `pr` with their bands (see `tfmed.evaluation.curves.curve_bands`; None without both
        classes); and `reliability` with its band.

    Raises:
        InputError: shapes, labels or scores are not as said above.
    """
    truth, answers = checked_cases(labels, scores)
    summary: dict[str, Any] = {
        name: mean_interval(truth, answers, name, thresholds) for name in METRICS
    }
    confusions = [_confusion(truth, row > 0.5) for row in answers]
    summary["confusion"] = np.mean(confusions, axis=0).tolist()
    both = summary["auc"] is not None
    summary |= curve_bands(truth, answers) if both else {"roc": None, "pr": None}
    summary["reliability"] = reliability_band(truth, answers)
    return summary


def _confusion(labels: np.ndarray, answers: np.ndarray) -> list[list[int]]:
    """Counts; rows truth 0, 1; columns answer 0, 1."""
    return np.bincount(2 * labels + answers, minlength=4).reshape(2, 2).tolist()


if __name__ == "__main__":
    from tfmed.errors import printing
    from tfmed.results.predictions import main

    sys.exit(printing(main))
