"""Two classes: label 1 against label 0; of several columns, any label against none.

Labels are uint8 of shape (n,), 0 or 1.
"""

import numpy as np

from tfmed.errors import InputError

_ONE_COLUMN = ("label 0", "label 1")
_ANY_COLUMN = ("no listed finding", "any finding")
_MAKE_BINARY = "make the labels 0 and 1"


def check_columns(columns: np.ndarray, what: str) -> None:
    """As `tfmed.tasks.Task.check_columns`."""
    _check_values(columns, what)
    present = np.unique(labels_of(columns))
    if len(present) == 2:
        return
    if columns.ndim == 2 and columns.shape[1] > 1 and (columns.sum(axis=1) == 1).all():
        raise InputError(
            f"{what} looks one-hot (each row has a single 1), so no image is without a "
            "finding: write one column of 0 and 1"
        )
    raise InputError(
        f"{what} has only images of class {present[0]} (1 is any label set): "
        "put images of both classes in every split"
    )


def labels_of(columns: np.ndarray) -> np.ndarray:
    """Any finding (1) against none (0), uint8 of shape (n,).

    Args:
        columns: 0/1 of any dtype, shape (n,) or (n, columns).
    """
    rows = columns.reshape(len(columns), -1)
    return (rows != 0).any(axis=1).astype(np.uint8)


def class_names(n_columns: int) -> tuple[str, ...]:
    """As `tfmed.tasks.Task.class_names`."""
    return _ONE_COLUMN if n_columns == 1 else _ANY_COLUMN


def counts(labels: np.ndarray) -> tuple[int, ...]:
    """As `tfmed.tasks.Task.counts`."""
    positive = int(labels.sum())
    return len(labels) - positive, positive


def _check_values(columns: np.ndarray, what: str) -> None:
    if columns.dtype.kind not in "biuf":
        raise InputError(f"{what} has dtype {columns.dtype}, which is not numeric: {_MAKE_BINARY}")
    if columns.dtype.kind == "f" and (n_nan := int(np.isnan(columns).sum())):
        raise InputError(
            f"{what} holds NaN in {n_nan} of {columns.size} places: "
            "label these images or leave them out"
        )
    wrong = (columns != 0) & (columns != 1)
    if wrong.any():
        place = np.unravel_index(int(wrong.argmax()), columns.shape)
        where = f"row {place[0]}" + (f", column {place[1]}" if columns.ndim == 2 else "")
        raise InputError(f"{what} holds {columns[place]} ({where}) and not 0 or 1: {_MAKE_BINARY}")
