"""Label budgets: which labelled images a classifier may see, training and validation together."""

from collections.abc import Sequence

import numpy as np

from tfmed.design import LabelBudget
from tfmed.errors import InputError
from tfmed.tasks import task_of

VALIDATION_SHARE = 0.2


def check_budget(counts: Sequence[int], budget: int, task: str) -> None:
    """Refuse a numeric label budget that is too small for the classes.

    Args:
        counts: images of each class in the training split.
        budget: as for `draw_budget`.
        task: what the labels are for.

    Raises:
        InputError: it is too small to split, or leaves a class without an example.
    """
    _check_smallest(budget, task)
    n_val = round(budget * VALIDATION_SHARE)
    task_of(task).check_budget(counts, budget - n_val, n_val)


def _check_smallest(budget: int, task: str) -> None:
    least = task_of(task).SMALLEST_BUDGET
    if budget < least:
        raise InputError(
            f"label budget {budget} is too small to hold training and validation examples of all "
            f"classes; use at least {least}"
        )


def draw_budget(
    train_labels: np.ndarray, budget: LabelBudget, seed: int, task: str
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the training split that make up a numeric label budget, stratified by the task.

    Args:
        train_labels: labels of the training split, one row an image.
        budget: number of labelled examples, training (80 %) and validation (20 %) together.
        seed: fixes the subset.
        task: what the labels are for.

    Returns:
        Two disjoint, sorted int64 arrays of row numbers: for training, for validation.

    Raises:
        InputError: the budget is too small to split, or larger than the training split.
    """
    if budget == "full":
        raise ValueError("'full' means the official splits; there is nothing to draw")
    _check_smallest(budget, task)
    if budget > len(train_labels):
        raise InputError(
            f"label budget {budget} is more than the {len(train_labels)} images of the training "
            "split; use a smaller one, or 'full' for the official splits"
        )
    n_val = round(budget * VALIDATION_SHARE)
    rng = np.random.default_rng([seed, 0xB0D6E7])
    train, val = task_of(task).draw(train_labels, budget - n_val, n_val, rng)
    return np.sort(train), np.sort(val)
