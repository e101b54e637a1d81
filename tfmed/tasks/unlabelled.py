"""No task: of images without labels nothing is asked. A source may be such, a target never.

It has what reading a data set asks of a task, and nothing that a classifier does. Since MedMNIST's
format has a column of labels, zeros stand there; they mean nothing.
"""

from collections.abc import Mapping

import numpy as np


def check_columns(columns: np.ndarray, what: str) -> None:
    """Whatever stands there is not read."""


def check_splits(columns: Mapping[str, np.ndarray], names: tuple[str, ...], what: str) -> None:
    """There is no class that a split could lack."""


def labels_of(columns: np.ndarray) -> np.ndarray:
    """Zeros, uint8 of shape (n,)."""
    return np.zeros(len(columns), np.uint8)


def class_names(columns: np.ndarray, *known: object) -> tuple[str, ...]:
    """None."""
    return ()


def members(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Of no class: bool of shape (n, 0)."""
    return np.zeros((len(labels), 0), bool)


def groups_of(labels: np.ndarray) -> np.ndarray:
    """All images are one group: zeros, (n,)."""
    return np.zeros(len(labels), np.uint8)


def group_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """One, which says that nothing is known."""
    return ("unlabelled",)
