"""Metrics as means of per-case values, from which intervals follow.

A task says what a metric's per-case values are (`tfmed.tasks.Task.case_groups`). Where patients
are known, those of one patient are taken together here, for every metric alike, and all that
follows (intervals, differences, p-values, detectable differences) counts patients.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from tfmed.errors import InputError
from tfmed.evaluation import patients as of_patients
from tfmed.tasks import task_of
from tfmed.tasks.binary import FIXED_METRICS as METRICS_AT_HALF
from tfmed.tasks.binary import METRICS
from tfmed.tasks.scoring import CHOSEN, Group

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
        groups: per group of cases (all of them, or those of one class) an array
            (n_seeds, cases of the group) whose row means sum to the estimate.
        n_cases: that the metric rests on (`tfmed.tasks.Task.n_cases`); patients, where these are
            counted.
        span: width of the range of the metric, or of its difference.
        low: smallest value that the metric can have.
        patients: per group the number of each case's patient (or of the case, where groups share
            cases); None where the groups are independent.
    """

    estimates: np.ndarray
    groups: tuple[np.ndarray, ...]
    n_cases: int
    span: float = 1.0
    low: float = 0.0
    patients: tuple[np.ndarray, ...] | None = None

    def minus(self, other: "CaseValues") -> "CaseValues":
        """The paired difference of two strategies' values of one metric on the same cases."""
        return CaseValues(
            self.estimates - other.estimates,
            tuple(x - y for x, y in zip(self.groups, other.groups, strict=True)),
            self.n_cases,
            span=self.span + other.span,
            low=self.low - other.low - other.span,
            patients=self.patients,
        )

    def covariance(self) -> np.ndarray:
        """Covariance (n_seeds, n_seeds) of the estimates due to the draw of cases.

        Of patients with all their cases, where these are counted.
        """
        # One case shows no spread: the largest variance there can be (Popoviciu) stands in.
        lone = self.span**2 / 4 if self.n_cases == 1 else 0.0
        total = np.full((len(self.estimates), len(self.estimates)), lone)
        if self.patients is not None:
            return total + of_patients.covariance(self.groups, self.patients, len(total))
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
    patients: ArrayLike | None = None,
) -> CaseValues:
    """Per-case values of a metric that these labels define.

    Args:
        metric: one of the task's metrics.
        labels: of the task's `check_cases`; for `binary` (n,) of 0 and 1.
        scores: of the task's `check_cases`; for `binary` (n_seeds, n) in [0, 1].
        thresholds: (n_seeds,), used by metrics that depend on a choice.
        task: what the labels are for.
        patients: (n,) integers or texts, equal where cases are of one patient; None: not known.

    Raises:
        InputError: there is not one patient for each case.
    """
    asked = task_of(task)
    parts = asked.case_groups(metric, labels, scores, thresholds)
    groups = tuple(part.values if isinstance(part, Group) else part for part in parts)
    estimates = sum(group.mean(axis=1) for group in groups)
    low, high = asked.metric_range(metric, asked.n_classes_of(scores))
    counted = partial(asked.n_cases, metric)
    numbers = of_patients.numbered(patients, len(labels))
    if numbers is None:
        n_cases = counted(labels)
        numbers = np.arange(len(labels)) if _share_cases(parts) else None
    else:
        n_cases = of_patients.n_counted(counted, labels, numbers)
    of_groups = None
    if numbers is not None:
        of_groups = tuple(numbers[p.cases] if isinstance(p, Group) else numbers for p in parts)
    return CaseValues(
        np.asarray(estimates), groups, n_cases, span=high - low, low=low, patients=of_groups
    )


def _share_cases(parts: tuple[np.ndarray | Group, ...]) -> bool:
    """Whether a case is in several groups, so that these are not independent."""
    inside = [part.cases for part in parts if isinstance(part, Group)]
    return len(parts) > 1 and (len(inside) < len(parts) or np.sum(inside, axis=0).max() > 1)


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
