"""Metrics of binary classifiers, intervals over seeds and test cases, and predictions files.

Labels are integers of shape (n,), 0 or 1. Scores are floats of shape (n,), or (n_seeds, n) for
several runs on the same test cases, in [0, 1]; a case is answered 1 if its score exceeds the
threshold, as in `medmnist.evaluator.getACC`. A metric that these labels do not define is `None`.

Intervals are at 95 % and carry two sources of luck: the seed (weights, label subset, shuffling)
and the draw of the test cases. Seeds and cases are crossed random effects, as readers and cases are
in Obuchowski & Rockette (1995) and Hillis (2007): with `s²` the variance of a metric over `S` seeds
and `c` the mean covariance of two seeds' values due to their common cases,

    variance of the mean = s² / S + max(c, 0)

`s²` already holds the seed-by-case residual, so that nothing is counted twice. `c` comes from
per-case values in closed form (structural components for AUC: DeLong et al. 1988) and needs no
resampling. No interval is narrower than the test cases alone make it, for few seeds may agree by
chance. `benchmarks/interval_coverage.py` measures how often such intervals hold the truth.

`python -m tfmed.evaluation reports/<study>` computes every metric again from the predictions files
and says whether `results.json` agrees.
"""

import math
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from tfmed.errors import InputError

METRICS_AT_HALF = (
    "accuracy",
    "auc",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "brier",
    "ece",
)
_AT_THRESHOLD = ("accuracy", "balanced_accuracy", "sensitivity", "specificity")
METRICS = (*METRICS_AT_HALF, *(f"{name}_at_threshold" for name in _AT_THRESHOLD))
ROC_GRID = np.linspace(0, 1, 101)
_LABELS_NEEDED = {
    "auc": (0, 1),
    "balanced_accuracy": (0, 1),
    "sensitivity": (1,),
    "specificity": (0,),
}


def evaluate(labels: ArrayLike, scores: ArrayLike, threshold: float) -> dict[str, Any]:
    """Every metric of one run, as `runs` of results.json holds it.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,) in [0, 1].
        threshold: chosen on validation labels; used by the metrics named `*_at_threshold`.

    Returns:
        `metrics` (name to float or None), `undefined` (name to reason), `confusion` at .5 and
        `confusion_at_threshold` (`[[tn, fp], [fn, tp]]`), and `roc_tpr`: the true positive rate at
        the false positive rates of `ROC_GRID`, None without both classes.

    Raises:
        InputError: shapes, labels or scores are not as said above.
    """
    truth, answers = checked_cases(labels, scores)
    undefined = {name: why for name in METRICS if (why := _undefined(name, truth))}
    metrics = {
        name: None
        if name in undefined
        else float(_case_values(name, truth, answers, np.array([threshold])).estimates[0])
        for name in METRICS
    }
    return {
        "metrics": metrics,
        "undefined": undefined,
        "confusion": _confusion(truth, answers[0] > 0.5),
        "confusion_at_threshold": _confusion(truth, answers[0] > threshold),
        "roc_tpr": None if "auc" in undefined else _roc_tpr(truth, answers[0]).tolist(),
    }


def choose_threshold(labels: ArrayLike, scores: ArrayLike) -> float:
    """Threshold with the highest balanced accuracy on these (validation) labels.

    The same as maximising Youden's index J = sensitivity + specificity - 1 (Youden 1950).
    Candidates are the midpoints between neighbouring scores, and between the outermost scores and
    0 or 1; of equally good ones the nearest to .5 is taken. Labels of one class, and scores that
    are all the same, hold no information on a threshold: .5.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,) in [0, 1].

    Raises:
        InputError: shapes, labels or scores are not as said above.
    """
    truth, answers = checked_cases(labels, scores)
    values = np.unique(answers[0])
    if len(values) == 1 or truth.min() == truth.max():
        return 0.5
    edges = np.unique(np.concatenate([[0.0], values, [1.0]]))
    # Between adjacent floats the midpoint may round up to the upper one and change its answer.
    middles = np.minimum((edges[:-1] + edges[1:]) / 2, np.nextafter(edges[1:], 0))
    candidates = np.append(middles, 1.0)
    positives, negatives = np.sort(answers[0][truth == 1]), np.sort(answers[0][truth == 0])
    true_positives = len(positives) - np.searchsorted(positives, candidates, side="right")
    true_negatives = np.searchsorted(negatives, candidates, side="right")
    # In whole numbers, so that ties are exact.
    youden = true_positives * len(negatives) + true_negatives * len(positives)
    best = candidates[youden == youden.max()]
    return float(best[np.argmin(np.abs(best - 0.5))])


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
    return float(_calibration_gaps(truth, answers[0], n_bins).mean())


def summarise(labels: ArrayLike, scores: ArrayLike, thresholds: ArrayLike) -> dict[str, Any]:
    """Every metric of one strategy over its seeds, as `summary` of results.json holds it.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n_seeds, n) in [0, 1], one row per seed, all of the same test cases.
        thresholds: (n_seeds,), each chosen on its run's validation labels.

    Returns:
        Per metric `mean_interval`'s dict or None; `confusion` at .5, mean over seeds; `roc` with
        `fpr`, mean `tpr`, and the `low`est and `high`est seed, or None without both classes.

    Raises:
        InputError: shapes, labels or scores are not as said above.
    """
    truth, answers = checked_cases(labels, scores)
    summary: dict[str, Any] = {
        name: mean_interval(truth, answers, name, thresholds) for name in METRICS
    }
    confusions = [_confusion(truth, row > 0.5) for row in answers]
    summary["confusion"] = np.mean(confusions, axis=0).tolist()
    summary["roc"] = None
    if summary["auc"] is not None:
        curves = np.array([_roc_tpr(truth, row) for row in answers])
        summary["roc"] = {
            "fpr": ROC_GRID.tolist(),
            "tpr": curves.mean(axis=0).tolist(),
            "low": curves.min(axis=0).tolist(),
            "high": curves.max(axis=0).tolist(),
        }
    return summary


def mean_interval(
    labels: ArrayLike, scores: ArrayLike, metric: str, thresholds: ArrayLike | None = None
) -> dict[str, float | None] | None:
    """A metric's mean over seeds with its 95 % interval.

    The interval has Wilson's form (1927) with the number of cases that would give the variance
    found, so that it stays within [0, 1] and keeps a width when every answer is right. One seed
    tells nothing of the luck of seeds: its interval covers test cases only and `sd` is None.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n_seeds, n) in [0, 1].
        metric: one of `METRICS`.
        thresholds: (n_seeds,); needed by metrics named `*_at_threshold` only.

    Returns:
        `mean`, `low`, `high`, `sd` (over seeds); None where the labels do not define the metric.

    Raises:
        InputError: shapes, labels, scores or the metric's name are not as said above.
    """
    truth, answers = checked_cases(labels, scores)
    if _undefined(metric, truth):
        return None
    values = _case_values(metric, truth, answers, _seed_thresholds(thresholds, metric, answers))
    mean = float(values.estimates.mean())
    variance, quantile = _variance_and_quantile(values)
    low, high = _wilson(mean, variance, quantile, n_cases=values.n_cases)
    sd = float(values.estimates.std(ddof=1)) if len(answers) > 1 else None
    return {"mean": mean, "low": low, "high": high, "sd": sd}


def compare(
    labels: ArrayLike,
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    metric: str = "accuracy",
    thresholds_a: ArrayLike | None = None,
    thresholds_b: ArrayLike | None = None,
) -> dict[str, float | int] | None:
    """Mean of a metric's difference, a minus b, paired by seed and by test case.

    Strategies that give the same answers have an interval of no width.

    Args:
        labels: (n,) of 0 and 1.
        scores_a: (n_seeds, n) in [0, 1].
        scores_b: (n_seeds, n); row i has the seed of row i of `scores_a`.
        metric: one of `METRICS`.
        thresholds_a: (n_seeds,); needed by metrics named `*_at_threshold` only.
        thresholds_b: the same for b.

    Returns:
        `difference`, `low`, `high` (95 %, within [-1, 1]), `n_seeds`; None where the labels do not
        define the metric.

    Raises:
        InputError: shapes, labels, scores or the metric's name are not as said above.
    """
    truth, a = checked_cases(labels, scores_a)
    _, b = checked_cases(labels, scores_b)
    if a.shape != b.shape:
        raise InputError(f"{len(a)} seeds against {len(b)}: compare strategies at the same seeds")
    if _undefined(metric, truth):
        return None
    values_a = _case_values(metric, truth, a, _seed_thresholds(thresholds_a, metric, a))
    values_b = _case_values(metric, truth, b, _seed_thresholds(thresholds_b, metric, b))
    values = _CaseValues(
        values_a.estimates - values_b.estimates,
        tuple(x - y for x, y in zip(values_a.groups, values_b.groups, strict=True)),
        span=2.0,
    )
    difference = float(values.estimates.mean())
    variance, quantile = _variance_and_quantile(values)
    half_width = quantile * math.sqrt(variance)
    return {
        "difference": difference,
        "low": max(difference - half_width, -1.0),
        "high": min(difference + half_width, 1.0),
        "n_seeds": len(a),
    }


@dataclass(frozen=True)
class _CaseValues:
    """A metric as a sum of means over groups of cases, for every seed.

    Attributes:
        estimates: (n_seeds,).
        groups: per independent group of cases (all of them, or those of one class) an array
            (n_seeds, cases of the group) whose row means sum to the estimate.
        span: width of the range of one case's value.
    """

    estimates: np.ndarray
    groups: tuple[np.ndarray, ...]
    span: float = 1.0

    @property
    def n_cases(self) -> int:
        """Cases of the smallest group."""
        return min(group.shape[1] for group in self.groups)

    def covariance(self) -> np.ndarray:
        """Covariance (n_seeds, n_seeds) of the estimates due to the draw of cases."""
        total = np.zeros((len(self.estimates), len(self.estimates)))
        for group in self.groups:
            n = group.shape[1]
            # One case shows no spread: the largest variance there can be (Popoviciu) stands in.
            total += np.cov(group) / n if n > 1 else self.span**2 / 4
        return total


def _case_values(
    metric: str, labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray
) -> _CaseValues:
    """Per-case values of a metric that `labels` define; `thresholds` has shape (n_seeds,)."""
    positive, negative = labels == 1, labels == 0
    name = metric.removesuffix("_at_threshold")
    cut = thresholds[:, None] if metric.endswith("_at_threshold") else 0.5
    if name == "auc":
        return _auc_values(labels, scores)
    if name == "brier":
        groups: tuple[np.ndarray, ...] = ((scores - labels) ** 2,)
    elif name == "ece":
        groups = (np.array([_calibration_gaps(labels, row) for row in scores]),)
    else:
        right = ((scores > cut) == positive).astype(float)
        groups = {
            "accuracy": (right,),
            "sensitivity": (right[:, positive],),
            "specificity": (right[:, negative],),
            "balanced_accuracy": (right[:, positive] / 2, right[:, negative] / 2),
        }[name]
    return _CaseValues(sum(group.mean(axis=1) for group in groups), groups)


def _auc_values(labels: np.ndarray, scores: np.ndarray) -> _CaseValues:
    """Structural components of AUC: each case's share of the other class ranked rightly."""
    from sklearn.metrics import roc_auc_score  # takes seconds to import

    aucs = np.array([roc_auc_score(labels, row) for row in scores])
    of_positives, of_negatives = [], []
    for row in scores:
        positives, negatives = row[labels == 1], row[labels == 0]
        of_positives.append(_share_below(positives, negatives))
        of_negatives.append(1 - _share_below(negatives, positives))
    # Centred, because each of the two groups alone has the AUC as its mean.
    return _CaseValues(aucs, (np.array(of_positives), np.array(of_negatives) - aucs[:, None]))


def _share_below(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Share of `others` below each value, ties counted half."""
    others = np.sort(others)
    below = np.searchsorted(others, values, side="left")
    not_above = np.searchsorted(others, values, side="right")
    return (below + not_above) / (2 * len(others))


def _calibration_gaps(labels: np.ndarray, scores: np.ndarray, n_bins: int = 15) -> np.ndarray:
    """Per case the signed gap of score and label, its sign chosen so that a bin's sum is >= 0."""
    bins = np.clip(np.ceil(scores * n_bins).astype(int) - 1, 0, n_bins - 1)
    gaps = scores - labels
    return gaps * np.sign(np.bincount(bins, weights=gaps, minlength=n_bins))[bins]


def _variance_and_quantile(values: _CaseValues) -> tuple[float, float]:
    """Variance of the mean over seeds, and the multiple of its root that makes a 95 % interval.

    With two variances of unlike degrees of freedom no exact quantile exists. Satterthwaite's
    (1946) is too small with few seeds (coverage down to 92 % with 3), that of Cochran & Cox (1950)
    too large (up to 97.2 %); the mean of the two keeps 93.8 to 96.4 % with 3 seeds or more.

    Few seeds may agree by chance. The test cases alone still leave the mean over these very seeds
    uncertain, so no interval is narrower than that of the cases alone.
    """
    covariance = values.covariance()
    n_seeds, case_freedom = len(covariance), max(values.n_cases - 1, 1)
    case_quantile = stdtrit(case_freedom, 0.975)
    if n_seeds == 1:
        return float(covariance[0, 0]), float(case_quantile)
    between_seeds = (covariance.sum() - np.trace(covariance)) / (n_seeds * (n_seeds - 1))
    case_variance = max(float(between_seeds), 0.0)
    seed_variance = float(values.estimates.var(ddof=1)) / n_seeds
    variance = seed_variance + case_variance
    cases_alone = float(covariance.sum()) / n_seeds**2, float(case_quantile)
    if variance == 0:
        return cases_alone
    share = seed_variance / variance
    freedom = 1 / (share**2 / (n_seeds - 1) + (1 - share) ** 2 / case_freedom)
    cochran_cox = share * stdtrit(n_seeds - 1, 0.975) + (1 - share) * case_quantile
    both = variance, float((stdtrit(freedom, 0.975) + cochran_cox) / 2)
    return max(both, cases_alone, key=lambda found: found[0] * found[1] ** 2)


def _wilson(mean: float, variance: float, quantile: float, n_cases: int) -> tuple[float, float]:
    """Wilson's interval for as many cases as give this variance; `n_cases` if there is none."""
    spread = mean * (1 - mean)
    if variance == 0 and spread > 0:
        return mean, mean
    # quantile² over the effective number of cases
    weight = quantile**2 * (variance / spread if spread > 0 else 1 / n_cases)
    centre = (mean + weight / 2) / (1 + weight)
    half_width = math.sqrt(weight * spread + weight**2 / 4) / (1 + weight)
    return max(min(centre - half_width, mean), 0.0), min(max(centre + half_width, mean), 1.0)


def _roc_tpr(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """True positive rate (101,) at `ROC_GRID`; at a vertical step its upper end."""
    from sklearn.metrics import roc_curve  # takes seconds to import

    fpr, tpr, _ = roc_curve(labels, scores)
    last = np.searchsorted(fpr, ROC_GRID, side="right") - 1
    following = np.minimum(last + 1, len(fpr) - 1)
    run = fpr[following] - fpr[last]
    share = np.divide(ROC_GRID - fpr[last], run, out=np.zeros_like(run), where=run > 0)
    return tpr[last] + share * (tpr[following] - tpr[last])


def _confusion(labels: np.ndarray, answers: np.ndarray) -> list[list[int]]:
    """Counts; rows truth 0, 1; columns answer 0, 1."""
    return np.bincount(2 * labels + answers, minlength=4).reshape(2, 2).tolist()


def _undefined(metric: str, labels: np.ndarray) -> str | None:
    """Why these labels do not define a metric, or None if they do."""
    if metric not in METRICS:
        raise InputError(f"metric {metric!r} is unknown: use one of {', '.join(METRICS)}")
    for label in _LABELS_NEEDED.get(metric.removesuffix("_at_threshold"), ()):
        if not (labels == label).any():
            return f"needs cases of label {label}, and every label is {1 - label}"
    return None


def _seed_thresholds(thresholds: ArrayLike | None, metric: str, scores: np.ndarray) -> np.ndarray:
    """Thresholds (n_seeds,), not needed by every metric."""
    if not metric.endswith("_at_threshold"):
        return np.full(len(scores), 0.5)
    values = np.asarray([] if thresholds is None else thresholds, dtype=float)
    if values.shape != (len(scores),):
        raise InputError(
            f"{metric}: {values.size} thresholds for {len(scores)} seeds: give each one"
        )
    return values


def checked_cases(labels: ArrayLike, scores: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) int64 and scores (n_seeds, n) float64, or an InputError."""
    truth, answers = np.asarray(labels), np.atleast_2d(np.asarray(scores, dtype=np.float64))
    if truth.ndim != 1 or answers.ndim != 2 or truth.size == 0 or answers.shape[1] != truth.size:
        raise InputError(
            f"labels of shape {truth.shape} and scores of shape {np.shape(scores)} do not match:"
            " give at least one case, labels (n,) and scores (n,) or (n_seeds, n)"
        )
    if not np.isin(truth, (0, 1)).all():
        raise InputError("labels hold values other than 0 and 1: make them binary first")
    if not ((answers >= 0) & (answers <= 1)).all():  # false for NaN too
        raise InputError("scores are NaN or outside [0, 1]: training diverged, or these are logits")
    return truth.astype(np.int64), answers


if __name__ == "__main__":
    from tfmed.predictions import main

    sys.exit(main())
