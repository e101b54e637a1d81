"""Label budgets: which labelled images a classifier may see, training and validation together."""

import numpy as np

from tfmed.design import LabelBudget
from tfmed.errors import InputError

VALIDATION_SHARE = 0.2
SMALLEST_BUDGET = 10
"""Below it 80/20 leaves no validation example of each class."""


def draw_budget(
    train_labels: np.ndarray, budget: LabelBudget, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the training split that make up a numeric label budget.

    Stratified: each part has the training split's class balance, rounded, and at least one example
    of each class.

    Args:
        train_labels: 0/1 labels of the training split, shape (n,).
        budget: number of labelled examples, training (80 %) and validation (20 %) together.
        seed: fixes the subset.

    Returns:
        Two disjoint, sorted int64 arrays of row numbers: for training, for validation.

    Raises:
        InputError: the budget is too small to split, or larger than the training split.
    """
    if budget == "full":
        raise ValueError("'full' means the official splits; there is nothing to draw")
    _check(train_labels, budget)
    rng = np.random.default_rng([seed, 0xB0D6E7])
    orders = [rng.permutation(np.flatnonzero(train_labels == value)) for value in (0, 1)]
    n_val = round(budget * VALIDATION_SHARE)
    n_train = budget - n_val
    share = len(orders[1]) / len(train_labels)
    val_positives = min(max(round(n_val * share), 1), n_val - 1)
    positives = min(max(round(budget * share) - val_positives, 1), n_train - 1)
    # Rounding must not ask for more of a class than there is.
    positives = min(positives, len(orders[1]) - val_positives)
    positives = max(positives, n_train - (len(orders[0]) - (n_val - val_positives)))
    train, val = [], []
    for order, take, take_val in (
        (orders[0], n_train - positives, n_val - val_positives),
        (orders[1], positives, val_positives),
    ):
        val.append(order[:take_val])
        train.append(order[take_val : take_val + take])
    return np.sort(np.concatenate(train)), np.sort(np.concatenate(val))


def _check(train_labels: np.ndarray, budget: int) -> None:
    if budget < SMALLEST_BUDGET:
        raise InputError(
            f"label budget {budget} is too small to hold training and validation examples of both "
            f"classes; use at least {SMALLEST_BUDGET}"
        )
    if budget > len(train_labels):
        raise InputError(
            f"label budget {budget} is more than the {len(train_labels)} images of the training "
            "split; use a smaller one, or 'full' for the official splits"
        )
    rarest = min(np.count_nonzero(train_labels), np.count_nonzero(train_labels == 0))
    if rarest < 2:
        raise InputError(
            f"the training split has {rarest} example(s) of one class; a label budget needs one to "
            "train on and one to validate on, so give more"
        )
