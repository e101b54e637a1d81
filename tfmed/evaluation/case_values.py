"""Metrics of binary classifiers as means of per-case values, from which intervals follow.

A metric of `n` cases is written as a sum of means over independent groups of cases (all of them, or
those of each class). Where it is not a mean itself, its first-order influence values are used, with
the metric's variance to order 1 / n: structural components for AUC (DeLong et al. 1988), the
influence function for average precision.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tfmed.errors import InputError

METRICS_AT_HALF = (
    "accuracy",
    "auc",
    "average_precision",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "brier",
    "ece",
)
_AT_THRESHOLD = ("accuracy", "balanced_accuracy", "sensitivity", "specificity")
METRICS = (*METRICS_AT_HALF, *(f"{name}_at_threshold" for name in _AT_THRESHOLD))
_LABELS_NEEDED = {
    "auc": (0, 1),
    "average_precision": (0, 1),
    "balanced_accuracy": (0, 1),
    "sensitivity": (1,),
    "specificity": (0,),
}


@dataclass(frozen=True)
class CaseValues:
    """A metric as a sum of means over groups of cases, for every seed.

    Attributes:
        estimates: (n_seeds,).
        groups: per independent group of cases (all of them, or those of one class) an array
            (n_seeds, cases of the group) whose row means sum to the estimate.
        n_cases: cases of the smallest class that the metric needs; of all, if it needs none.
        span: width of the range of the metric.
    """

    estimates: np.ndarray
    groups: tuple[np.ndarray, ...]
    n_cases: int
    span: float = 1.0

    def minus(self, other: "CaseValues") -> "CaseValues":
        """The paired difference of two strategies' values of one metric on the same cases."""
        return CaseValues(
            self.estimates - other.estimates,
            tuple(x - y for x, y in zip(self.groups, other.groups, strict=True)),
            self.n_cases,
            span=self.span + other.span,
        )

    def covariance(self) -> np.ndarray:
        """Covariance (n_seeds, n_seeds) of the estimates due to the draw of cases."""
        # One case shows no spread: the largest variance there can be (Popoviciu) stands in.
        lone = self.span**2 / 4 if self.n_cases == 1 else 0.0
        total = np.full((len(self.estimates), len(self.estimates)), lone)
        for group in self.groups:
            if group.shape[1] > 1:
                total += np.cov(group) / group.shape[1]
        return total


def case_values(
    metric: str, labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray
) -> CaseValues:
    """Per-case values of a metric that these labels define.

    Args:
        metric: one of `METRICS`.
        labels: (n,) of 0 and 1.
        scores: (n_seeds, n) in [0, 1].
        thresholds: (n_seeds,), used by metrics named `*_at_threshold`.
    """
    positive, negative = labels == 1, labels == 0
    name = metric.removesuffix("_at_threshold")
    cut = thresholds[:, None] if metric.endswith("_at_threshold") else 0.5
    groups: tuple[np.ndarray, ...]
    if name == "auc":
        groups = _auc_values(labels, scores)
    elif name == "average_precision":
        groups = (np.array([_average_precision_values(labels, row) for row in scores]),)
    elif name == "brier":
        groups = ((scores - labels) ** 2,)
    elif name == "ece":
        groups = (np.array([calibration_gaps(labels, row) for row in scores]),)
    else:
        right = ((scores > cut) == positive).astype(float)
        groups = {
            "accuracy": (right,),
            "sensitivity": (right[:, positive],),
            "specificity": (right[:, negative],),
            "balanced_accuracy": (right[:, positive] / 2, right[:, negative] / 2),
        }[name]
    needed = [int((labels == label).sum()) for label in _LABELS_NEEDED.get(name, ())]
    return CaseValues(
        sum(group.mean(axis=1) for group in groups), groups, min(needed, default=len(labels))
    )


def _auc_values(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Structural components of AUC: each case's share of the other class ranked rightly."""
    of_positives, of_negatives = [], []
    for row in scores:
        positives, negatives = row[labels == 1], row[labels == 0]
        of_positives.append(_share_below(positives, negatives))
        of_negatives.append(1 - _share_below(negatives, positives))
    # Centred, because each of the two groups alone has the AUC as its mean.
    centred = np.array(of_negatives)
    return np.array(of_positives), centred - centred.mean(axis=1, keepdims=True)


def _share_below(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Share of `others` below each value, ties counted half."""
    others = np.sort(others)
    below = np.searchsorted(others, values, side="left")
    not_above = np.searchsorted(others, values, side="right")
    return (below + not_above) / (2 * len(others))


def _average_precision_values(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Average precision plus each case's influence on it; (n,), in O(n log n).

    Average precision is the mean over positives of the precision among the cases scored at least
    as high. A case moves it by its own term and by its share in the precision of all positives
    scored no higher than itself; both come from one cumulative sum over the sorted cases.
    """
    n, n_positive = len(labels), int(labels.sum())
    order = np.argsort(-scores, kind="stable")
    sorted_labels, sorted_scores = labels[order], scores[order]
    ends = np.flatnonzero(np.append(np.diff(sorted_scores) != 0, True))
    group = np.searchsorted(ends, np.arange(n))
    taken, hits = ends + 1, np.cumsum(sorted_labels)[ends]
    precision, positives = hits / taken, np.diff(hits, prepend=0)
    average = positives @ precision / n_positive
    gain = np.cumsum((positives / taken)[::-1])[::-1]
    loss = np.cumsum((positives * precision / taken)[::-1])[::-1]
    own = sorted_labels * (precision - average + gain)[group]
    values = np.empty(n)
    values[order] = average + n / n_positive * (own - loss[group])
    return values


def bin_of(scores: np.ndarray, n_bins: int) -> np.ndarray:
    """Bin of each score, of `n_bins` of equal width, `(0, 1/n_bins]` and so on, 0 in the first."""
    return np.clip(np.ceil(scores * n_bins).astype(int) - 1, 0, n_bins - 1)


def calibration_gaps(labels: np.ndarray, scores: np.ndarray, n_bins: int = 15) -> np.ndarray:
    """Per case the signed gap of score and label, its sign chosen so that a bin's sum is >= 0."""
    bins, gaps = bin_of(scores, n_bins), scores - labels
    return gaps * np.sign(np.bincount(bins, weights=gaps, minlength=n_bins))[bins]


def undefined(metric: str, labels: np.ndarray) -> str | None:
    """Why these labels do not define a metric, or None if they do.

    Raises:
        InputError: there is no such metric.
    """
    if metric not in METRICS:
        raise InputError(f"metric {metric!r} is unknown: use one of {', '.join(METRICS)}")
    for label in _LABELS_NEEDED.get(metric.removesuffix("_at_threshold"), ()):
        if not (labels == label).any():
            return f"needs cases of label {label}, and every label is {1 - label}"
    return None


def seed_thresholds(thresholds: ArrayLike | None, metric: str, scores: np.ndarray) -> np.ndarray:
    """Thresholds (n_seeds,), not needed by every metric.

    Raises:
        InputError: the metric needs a threshold for each seed and they are not given.
    """
    if not metric.endswith("_at_threshold"):
        return np.full(len(scores), 0.5)
    values = np.asarray([] if thresholds is None else thresholds, dtype=float)
    if values.shape != (len(scores),):
        raise InputError(
            f"{metric}: {values.size} thresholds for {len(scores)} seeds: give each one"
        )
    return values
