"""Metrics as means of per-case values, from which intervals follow.

A task says what a metric's per-case values are (`tfmed.tasks.Task.case_groups`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tfmed.errors import InputError
from tfmed.tasks import task_of
from tfmed.tasks.binary import FIXED_METRICS as METRICS_AT_HALF
from tfmed.tasks.binary import METRICS
from tfmed.tasks.scoring import CHOSEN

__all__ = [
    "METRICS",
    "METRICS_AT_HALF",
    "CaseValues",
    "case_values",
    "seed_thresholds",
    "undefined",
]


@dataclass(frozen=True)
class CaseValues:
    """A metric as a sum of means over groups of cases, for every seed.

    Attributes:
        estimates: (n_seeds,).
        groups: per independent group of cases (all of them, or those of one class) an array
            (n_seeds, cases of the group) whose row means sum to the estimate.
        n_cases: cases of the smallest class that the metric needs; of all, if it needs none.
        span: width of the range of the metric, or of its difference.
        low: smallest value that the metric can have.
    """

    estimates: np.ndarray
    groups: tuple[np.ndarray, ...]
    n_cases: int
    span: float = 1.0
    low: float = 0.0

    def minus(self, other: "CaseValues") -> "CaseValues":
        """The paired difference of two strategies' values of one metric on the same cases."""
        return CaseValues(
            self.estimates - other.estimates,
            tuple(x - y for x, y in zip(self.groups, other.groups, strict=True)),
            self.n_cases,
            span=self.span + other.span,
            low=self.low - other.low - other.span,
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
    metric: str,
    labels: np.ndarray,
    scores: np.ndarray,
    thresholds: np.ndarray,
    task: str = "binary",
) -> CaseValues:
    """Per-case values of a metric that these labels define.

    Args:
        metric: one of the task's metrics.
        labels: of the task's `check_cases`; for `binary` (n,) of 0 and 1.
        scores: of the task's `check_cases`; for `binary` (n_seeds, n) in [0, 1].
        thresholds: (n_seeds,), used by metrics that depend on a choice.
        task: what the labels are for.
    """
    asked = task_of(task)
    groups = asked.case_groups(metric, labels, scores, thresholds)
    estimates = sum(group.mean(axis=1) for group in groups)
    low, high = asked.metric_range(metric, asked.n_classes_of(scores))
    n_cases = asked.n_cases(metric, labels)
    return CaseValues(np.asarray(estimates), groups, n_cases, span=high - low, low=low)


def undefined(metric: str, labels: np.ndarray, n_classes: int, task: str) -> str | None:
    """Why these labels do not define a metric of so many classes, or None if they do.

    Raises:
        InputError: the task has no such metric.
    """
    asked = task_of(task)
    known = asked.metrics_of(n_classes)
    if metric not in known:
        raise InputError(f"metric {metric!r} is unknown: use one of {', '.join(known)}")
    return asked.undefined(metric, labels, n_classes)


def seed_thresholds(thresholds: ArrayLike | None, metric: str, scores: np.ndarray) -> np.ndarray:
    """Thresholds (n_seeds,) or (n_seeds, findings), not needed by every metric.

    Raises:
        InputError: the metric needs a threshold for each seed and they are not given.
    """
    if not metric.endswith(CHOSEN):
        return np.full(len(scores), 0.5)
    values = np.asarray([] if thresholds is None else thresholds, dtype=float)
    if values.shape[:1] != (len(scores),):
        raise InputError(
            f"{metric}: {values.size} thresholds for {len(scores)} seeds: give each one"
        )
    return values
