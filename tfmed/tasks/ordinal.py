"""Grades: several classes in an order, of which an image has exactly one.

Everything is as for `tfmed.tasks.multiclass`, whose AUC, accuracy and answer take no notice of the
order (`medmnist.evaluator` has them so for its grades). Two metrics do: how far answers lie from
the true grade, and how far they agree with it beyond chance.
"""

import numpy as np

from tfmed.tasks import multiclass, scoring
from tfmed.tasks.multiclass import (
    HAS_CURVES,
    SERVED_ACCURACY,
    SMALLEST_BUDGET,
    accuracy_and_auc,
    answers,
    check_budget,
    check_cases,
    check_columns,
    check_splits,
    choose,
    class_of,
    class_weights,
    confusion,
    draw,
    fit_metrics,
    group_names,
    groups_of,
    labels_of,
    loss,
    majority_scores,
    members,
    mistakes,
    n_classes_of,
    output,
    rounded,
    scores_of,
    served,
    targets,
)

__all__ = [
    "HAS_CURVES",
    "SERVED_ACCURACY",
    "SMALLEST_BUDGET",
    "accuracy_and_auc",
    "answers",
    "check_budget",
    "check_cases",
    "check_columns",
    "check_splits",
    "choose",
    "class_of",
    "class_weights",
    "confusion",
    "draw",
    "fit_metrics",
    "group_names",
    "groups_of",
    "labels_of",
    "loss",
    "majority_scores",
    "members",
    "mistakes",
    "n_classes_of",
    "output",
    "rounded",
    "scores_of",
    "served",
    "targets",
]

COMPARED_METRICS = (*multiclass.COMPARED_METRICS, "quadratic_kappa", "mean_absolute_error")
KAPPA, ERROR = "quadratic_kappa", "mean_absolute_error"


def metrics_of(n_classes: int) -> tuple[str, ...]:
    """As `tfmed.tasks.Task.metrics_of`: those of several classes, and the two of grades."""
    overall, rest = multiclass.OVERALL_METRICS, multiclass.metrics_of(n_classes)
    return (*overall, KAPPA, ERROR, *rest[len(overall) :])


def metric_range(metric: str, n_classes: int) -> tuple[float, float]:
    """As `tfmed.tasks.Task.metric_range`."""
    if metric == KAPPA:
        return -1.0, 1.0
    if metric == ERROR:
        return 0.0, float(n_classes - 1)
    return multiclass.metric_range(metric, n_classes)


def class_names(columns: np.ndarray, named: tuple[str, ...] = ()) -> tuple[str, ...]:
    """As `tfmed.tasks.Task.class_names`: `grade 0`, `grade 1` and so on, to the largest label."""
    return tuple(f"grade {number}" for number in range(int(columns.max()) + 1))


def undefined(metric: str, labels: np.ndarray, n_classes: int) -> str | None:
    """As `tfmed.tasks.Task.undefined`."""
    if metric == KAPPA and labels.min() == labels.max():
        return f"needs cases of two grades or more, and every label is {labels.min()}"
    if metric in (KAPPA, ERROR):
        return None
    return multiclass.undefined(metric, labels, n_classes)


def n_cases(metric: str, labels: np.ndarray) -> int:
    """As `tfmed.tasks.Task.n_cases`."""
    return len(labels) if metric in (KAPPA, ERROR) else multiclass.n_cases(metric, labels)


def case_groups(
    metric: str, labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray
) -> tuple[np.ndarray | scoring.Group, ...]:
    """As `tfmed.tasks.Task.case_groups`."""
    if metric == ERROR:
        return (np.abs(answers(scores) - labels).astype(float),)
    if metric == KAPPA:
        return (_kappa_values(labels, answers(scores), n_classes_of(scores)),)
    return multiclass.case_groups(metric, labels, scores, thresholds)


def _kappa_values(labels: np.ndarray, answered: np.ndarray, n_classes: int) -> np.ndarray:
    """Kappa with quadratic weights (Cohen 1968) plus each case's influence on it, (n_seeds, n).

    Kappa is 1 - A / B: A the mean squared distance of answer and truth, B that of an answer and the
    truth of another case. A case moves B as a truth and as an answer.
    """
    grades = np.arange(n_classes)
    distances = (grades[:, None] - grades) ** 2.0
    truth = np.bincount(labels, minlength=n_classes) / len(labels)
    values = []
    for row in answered:
        given = np.bincount(row, minlength=n_classes) / len(row)
        squared = distances[labels, row]
        actual, chance = squared.mean(), truth @ distances @ given
        as_both = (distances @ given)[labels] + (truth @ distances)[row] - 2 * chance
        change = actual / chance**2 * as_both - (squared - actual) / chance
        values.append(1 - actual / chance + change)
    return np.array(values)
