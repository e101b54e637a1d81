"""Which cases are shown: by a rule that knows nothing of how their maps look."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Case:
    """A test image to be explained.

    Attributes:
        row: in the test split.
        truth: number of its class.
        explained: number of the class whose score is explained: the one answered; of several
            findings the finding itself.
        right: whether the answer is right.
    """

    row: int
    truth: int
    explained: int
    right: bool


def groups_of(members: np.ndarray, answered: np.ndarray) -> Iterator[list[Case]]:
    """The cases of each class that were answered rightly, and those answered wrongly.

    Args:
        members: bool (n, n_classes), the true classes of each image.
        answered: int (n,), the class answered; of several findings 0 or 1 for each, (n, n_classes).
    """
    for number in range(members.shape[1]):
        rows = np.flatnonzero(members[:, number])
        several = answered.ndim == 2
        given = np.full(len(rows), number) if several else answered[rows]
        right = answered[rows, number] == 1 if several else given == number
        for wanted in (True, False):
            yield [
                Case(int(row), number, int(explained), wanted)
                for row, explained, is_right in zip(rows, given, right, strict=True)
                if is_right == wanted
            ]


def typical(cases: list[Case], scores: np.ndarray, most: int) -> list[Case]:
    """The cases whose score is nearest to the median score of their group, nearest first.

    Args:
        cases: of one group.
        scores: (n, n_classes), of all test images.
        most: cases to choose.
    """
    if not cases:
        return []
    values = np.array([scores[case.row, case.explained] for case in cases])
    order = np.argsort(np.abs(values - np.median(values)), kind="stable")
    return [cases[place] for place in order[:most]]
