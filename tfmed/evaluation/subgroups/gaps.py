"""How far a metric differs between two groups of test cases, over the same runs.

Runs are shared and cases are not. So the difference is taken run by run, and its variance over
seeds and pretrainings is that of these differences, as where two strategies are compared. The draw
of cases adds the variances of both groups, since other cases are in each; where a patient has
images in both (two views), what leaving out the patient changes in both counts together
(`tfmed.evaluation.patients`). It is the model of Obuchowski & Rockette (1995) with cases nested in
groups, which Hillis (2014, "A marginal-mean ANOVA approach for analyzing multireader multicase
radiological imaging data") derives for designs in which not everything is crossed. Degrees of
freedom of the cases are Welch's (1947).

A group whose answers are all right shows no variance. As Agresti & Caffo (2000) do for differences
of proportions, no group is taken to be surer than one more right and one more wrong answer would
leave it at a perfect score.
"""

import functools
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tfmed.evaluation.case_values import CaseValues, case_values, seed_thresholds, undefined
from tfmed.evaluation.patients import covariance
from tfmed.evaluation.spread import spread_of
from tfmed.evaluation.subgroups.measuring import Cases, CellRuns
from tfmed.tasks import task_of
from tfmed.tasks.scoring import Group


def gap(
    cases: Cases, a: np.ndarray, b: np.ndarray, runs: CellRuns, metric: str
) -> dict[str, Any] | None:
    """A metric of one group minus that of another, mean over runs.

    Of several findings, only those count that both groups have cases with and without, so that the
    two means are over the same findings.

    Args:
        cases: all test cases.
        a: rows of the first group.
        b: rows of the other; none is in both.
        runs: of a cell, on all test cases.
        metric: one of the task's that depends on no choice.

    Returns:
        `difference`, `low`, `high` (95 %), `standard_error`, two-sided `p_value`, `n_seeds`,
        `n_pretrainings`, and `findings`, the number of those compared (None where there are not
        several); None where the labels of a group do not define the metric.
    """
    labels, scores, findings = cases.labels, runs.scores, None
    if labels.ndim == 2:
        kept = _with_and_without(labels[a]) & _with_and_without(labels[b])
        labels, scores, findings = labels[:, kept], scores[..., kept], int(kept.sum())
        if not findings:
            return None
    n_classes = task_of(cases.task).n_classes_of(scores)
    if any(undefined(metric, labels[rows], n_classes, cases.task) for rows in (a, b)):
        return None
    sides = [_side(replace(cases, labels=labels), rows, scores, metric) for rows in (a, b)]
    estimates = sides[0].values.estimates - sides[1].values.estimates
    spread = spread_of(estimates, _covariance(*sides), _n_cases(*sides), runs.pretrainings)
    difference, width = float(estimates.mean()), sides[0].values.span
    return {
        "difference": difference,
        "low": max(difference - spread.half_width, -width),
        "high": min(difference + spread.half_width, width),
        "standard_error": math.sqrt(spread.variance),
        "p_value": spread.p_value(difference),
        "n_seeds": len(estimates) // runs.pretrainings,
        "n_pretrainings": runs.pretrainings,
        "findings": findings,
    }


def _with_and_without(labels: np.ndarray) -> np.ndarray:
    """Findings that some cases have and others have not, bool (L,)."""
    found = labels.sum(axis=0)
    return (found > 0) & (found < len(labels))


@dataclass(frozen=True)
class _Side:
    """One of the two groups.

    Attributes:
        values: of the metric.
        whose: per group of cases that the metric is made of, the patient of each case (or the
            case itself).
    """

    values: CaseValues
    whose: tuple[np.ndarray, ...]

    @functools.cached_property
    def seen(self) -> float:
        """Variance of the mean over these very runs that the cases show."""
        return float(self.values.covariance().mean())

    @property
    def variance(self) -> float:
        """That variance, and never too little."""
        return self.seen + self.unseen

    @functools.cached_property
    def unseen(self) -> float:
        """Variance that the cases must have and do not show."""
        if self.values.n_cases == 1:
            return self.values.span**2 / 4  # the largest that there can be (Popoviciu)
        n = len(np.unique(np.concatenate(self.whose)))
        least = (n + 1) / (n + 2) ** 3 * self.values.span**2
        return max(least - self.seen, 0.0)


def _side(cases: Cases, rows: np.ndarray, scores: np.ndarray, metric: str) -> _Side:
    labels, found = cases.labels[rows], scores[:, rows]
    thresholds = seed_thresholds(None, metric, found)
    values = case_values(metric, labels, found, thresholds, cases.task, cases.patients_of(rows))
    whose = rows if cases.patients is None else cases.patients[rows]
    parts = task_of(cases.task).case_groups(metric, labels, found, thresholds)
    inside = (part.cases if isinstance(part, Group) else np.full(len(rows), True) for part in parts)
    return _Side(values, tuple(whose[each] for each in inside))


def _covariance(a: _Side, b: _Side) -> np.ndarray:
    """Covariance of the difference of two runs due to the draw of cases; square."""
    groups = (*a.values.groups, *(-values for values in b.values.groups))
    whose = (*a.whose, *b.whose)
    numbers = np.unique(np.concatenate(whose), return_inverse=True)[1]
    of_groups = np.split(numbers, np.cumsum([len(each) for each in whose])[:-1])
    drawn = covariance(groups, tuple(of_groups), len(a.values.estimates))
    return drawn + a.unseen + b.unseen


def _n_cases(a: _Side, b: _Side) -> int:
    """Cases that both sides' variances rest on together: Welch's degrees of freedom and one."""
    if 1 in (a.values.n_cases, b.values.n_cases):
        return 1
    lost = sum(side.variance**2 / (side.values.n_cases - 1) for side in (a, b))
    return int((a.variance + b.variance) ** 2 / lost) + 1
