"""Two classes: labels, counts, and what is refused."""

import os
import subprocess
import sys
from pathlib import Path

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


def test_both_classes_weigh_the_same_in_sum():
    labels = np.array([0, 1, 1, 1], np.uint8)
    weights = BINARY.class_weights(labels)
    assert weights[0] == pytest.approx(3 * weights[1])
    assert sum(weights[label] for label in labels) == pytest.approx(len(labels))


def test_the_graph_answers_as_the_scores_do():
    import tensorflow as tf

    outputs = np.array([[0.2], [0.6], [0.5], [0.9]], np.float32)
    scores = BINARY.scores_of(outputs)
    for threshold in (0.5, BINARY.choose([0, 1, 0, 1], scores), float(scores[1])):
        probabilities, answered = (
            tensor.numpy() for tensor in BINARY.served(tf.constant(outputs), threshold)
        )
        assert answered.tolist() == BINARY.answers(scores, threshold).tolist()
        assert answered.tolist() == BINARY.class_of(probabilities, threshold).tolist()
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        assert probabilities[:, 1].tolist() == outputs[:, 0].tolist()


@pytest.mark.parametrize("name", ["plain", "class_weighted", "focal"])
def test_a_loss_is_smaller_for_the_better_answer(name):
    targets = BINARY.targets(np.array([1, 0], np.uint8))
    loss = BINARY.loss(name)
    good, bad = (
        float(loss(targets, np.array(p, np.float32))) for p in ([[0.9], [0.2]], [[0.2], [0.9]])
    )
    assert good < bad


def test_a_task_is_loaded_without_tensorflow():
    code = (
        "import sys; from tfmed.tasks import task_of; task_of('binary').choose([0, 1], [.1, .9]);"
        "print({'tensorflow', 'keras', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "set()\n"
