"""Two classes: labels, counts, and what is refused."""

import numpy as np
import pytest

from tfmed.errors import InputError
from tfmed.tasks import task_of

BINARY = task_of("binary")


def test_any_finding_of_any_column_counts():
    columns = np.zeros((3, 14))
    columns[1, 13] = 1
    assert BINARY.labels_of(columns).tolist() == [0, 1, 0]
    assert BINARY.labels_of(np.array([True, False])).tolist() == [1, 0]
    assert BINARY.labels_of(columns).dtype == np.uint8


def test_members_are_in_the_order_of_the_classes():
    labels = np.array([0, 1, 1], np.uint8)
    assert BINARY.members(labels, 2).sum(axis=0).tolist() == [1, 2]


def test_an_unknown_task_lists_those_there_are():
    with pytest.raises(InputError, match="task 'triage' is unknown: use one of binary"):
        task_of("triage")
