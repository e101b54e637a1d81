"""Tests of the threshold that validation cases choose."""

import numpy as np
import pytest
from hypothesis import assume, given
from simulation import cases, quick

from tfmed.tasks import task_of
from tfmed.tasks.binary import choose


def balanced_accuracy(labels, scores, threshold):
    answers = scores > threshold
    return (answers[labels == 1].mean() + (~answers[labels == 0]).mean()) / 2


@quick
@given(cases)
def test_no_threshold_beats_the_chosen_one(case):
    labels, scores = case
    assume(0 < labels.sum() < len(labels))
    chosen = balanced_accuracy(labels, scores, choose(labels, scores))
    others = np.concatenate([scores, np.nextafter(scores, 0), [0.5, 1.0]])
    assert chosen >= max(balanced_accuracy(labels, scores, other) for other in others) - 1e-12


@pytest.mark.parametrize(
    ("labels", "scores", "expected"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.7], 0.4),
        ([0, 1, 0, 1], [0.1, 0.3, 0.5, 0.7], 0.6),
        ([1, 1, 1], [0.1, 0.2, 0.3], 0.5),
        ([0, 1], [0.3, 0.3], 0.5),
    ],
    ids=["midpoint", "tie towards .5", "one class", "all scores alike"],
)
def test_threshold_is_the_expected_one(labels, scores, expected):
    assert choose(labels, scores) == pytest.approx(expected)


def test_the_threshold_separates_adjacent_floats():
    upper = np.nextafter(0.5, 1)
    for low, high in ((0.5, upper), (upper, np.nextafter(upper, 1)), (0.0, 5e-324)):
        assert low <= choose([0, 1], [low, high]) < high


def test_rounded_scores_stay_on_their_side_of_a_half():
    scores = np.array([0.5, 0.500001, 0.50004, 0.499999, 0.12345678, 1.0, 0.0])
    rounded = task_of("binary").rounded(scores)
    assert rounded == [0.5, 0.5001, 0.5001, 0.5, 0.1235, 1.0, 0.0]
    assert ((np.array(rounded) > 0.5) == (scores > 0.5)).all()


def test_the_surest_mistakes_come_first():
    labels, scores = np.array([0, 1, 0, 1, 0]), np.array([0.6, 0.1, 0.9, 0.5, 0.2])
    found = task_of("binary").mistakes(labels, scores)
    assert {kind: rows.tolist() for kind, rows in found.items()} == {
        "false_positives": [2, 0],
        "false_negatives": [1, 3],
    }
