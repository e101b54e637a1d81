"""Metrics of the cases of one group, by the intervals of all cases."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfmed.evaluation.intervals import mean_interval
from tfmed.evaluation.patients import n_inside
from tfmed.tasks import task_of

FEWEST = 20
"""Patients (images, where patients are not known) of a group below which nothing is said of it."""


@dataclass(frozen=True)
class Cases:
    """The test cases of a task.

    Attributes:
        task: what their labels are for.
        labels: of the task, one row a case.
        patients: (n,) integers or texts, equal where cases are of one patient; None: not known.
    """

    task: str
    labels: np.ndarray
    patients: np.ndarray | None = None

    def patients_of(self, rows: np.ndarray) -> np.ndarray | None:
        """Those of some cases."""
        return None if self.patients is None else self.patients[rows]

    def counted(self, rows: np.ndarray) -> int:
        """Patients of some cases; cases, where patients are not known."""
        inside = np.zeros(len(self.labels), bool)
        inside[rows] = True
        return n_inside(inside, self.patients)


@dataclass(frozen=True)
class CellRuns:
    """What the runs of a cell say of the test cases.

    Attributes:
        scores: (n_runs, n, ...), the pretrainings of the first seed first.
        pretrainings: that each seed was run with.
    """

    scores: np.ndarray
    pretrainings: int = 1


def why_left_out(cases: Cases, rows: np.ndarray) -> str | None:
    """Why a group is too small, or of too few classes, to be measured; None where it is not."""
    n, labels = cases.counted(rows), cases.labels[rows]
    if n < FEWEST:
        of = "images" if cases.patients is None else "patients"
        return f"{n} {of}, fewer than {FEWEST}"
    if labels.ndim == 2:
        found = labels.sum(axis=0)
        several = bool(((found > 0) & (found < len(labels))).any())
        return None if several else "no finding that some of its images have and others have not"
    return None if labels.min() < labels.max() else "images of one class only"


def group_metrics(
    cases: Cases, rows: np.ndarray, runs: CellRuns, metrics: Sequence[str]
) -> dict[str, dict[str, float | None] | None]:
    """`intervals.mean_interval` of each metric on the cases of a group alone.

    Args:
        cases: all test cases.
        rows: those of the group.
        runs: of a cell, on all test cases.
        metrics: names of such as depend on no choice.
    """
    return {
        name: mean_interval(
            cases.labels[rows],
            runs.scores[:, rows],
            name,
            task=cases.task,
            patients=cases.patients_of(rows),
            pretrainings=runs.pretrainings,
        )
        for name in metrics
    }


def class_counts(cases: Cases, rows: np.ndarray, n_classes: int) -> list[int]:
    """Cases of each class in a group."""
    inside = task_of(cases.task).members(cases.labels[rows], n_classes)
    return [int(n) for n in inside.sum(axis=0)]
