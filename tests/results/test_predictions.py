"""Tests of predictions files."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulation import cases, quick

from tfmed.errors import InputError
from tfmed.results.predictions import (
    labels_and_scores,
    read_labels,
    read_patients,
    read_predictions,
    read_threshold,
    write_labels,
    write_patients,
    write_predictions,
    write_thresholds,
)


@settings(quick, max_examples=25)
@given(cases)
def test_predictions_read_back_identical(tmp_path, case):
    labels, scores = case
    path = write_predictions(tmp_path, "set", labels, scores, run="a")
    assert read_predictions(path).tobytes() == scores.tobytes()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_predictions_carry_medmnists_standard_name(tmp_path):
    labels, scores = [0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]
    path = write_predictions(tmp_path / "new", "pneumoniamnist", labels, scores, run=3)
    assert path.name == "pneumoniamnist_test_[AUC]0.750_[ACC]0.500@3.csv"
    assert path.read_text().splitlines()[1] == "1,0.6"
    alone = write_predictions(tmp_path, "x", [1, 1], [0.1, 0.6], run=3)
    assert alone.name == "x_test_[AUC]nan_[ACC]0.500@3.csv"


def test_predictions_of_a_run_replace_only_its_own_earlier_ones(tmp_path):
    write_predictions(tmp_path, "set", [0, 1], [0.9, 0.1], run="a")
    other = write_predictions(tmp_path, "set", [0, 1], [0.9, 0.1], run="b")
    new = write_predictions(tmp_path, "set", [0, 1], [0.1, 0.9], run="a")
    assert set(tmp_path.iterdir()) == {other, new}


def test_a_predictions_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="can't be written"):
        write_predictions(tmp_path / "file", "set", [0, 1], [0.1, 0.9], run="a")
    with pytest.raises(InputError, match="leave out"):
        write_predictions(tmp_path, "set", [0, 1], [0.1, 0.9], run="../a")


@settings(quick, max_examples=100)
@given(st.binary(max_size=40) | st.text("0123456789.,-e\nanif _", max_size=30).map(str.encode))
def test_any_file_is_read_as_scores_or_refused_in_one_line(tmp_path, content):
    path = tmp_path / "scores.csv"
    path.write_bytes(content)
    message = ""
    try:
        scores = read_predictions(path)
    except InputError as error:
        message, scores = str(error), np.zeros(0)
    assert (len(scores) > 0) != (str(path) in message)
    assert "\n" not in message
    assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0,0.5\n2,0.5\n", "not 0 to n - 1"),
        ("", "not 0 to n - 1"),
        ("0,nan\n", r"outside \[0, 1\]"),
        ("0,0.5,1\n", "index,value"),
    ],
)
def test_damaged_predictions_are_refused(tmp_path, text, words):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        read_predictions(tmp_path / "p.csv")


def test_labels_read_back_and_other_values_are_refused(tmp_path):
    path = write_labels(tmp_path, "set", np.array([1, 0, 1], np.uint8))
    assert path.name == "set_test_labels.csv"
    assert read_labels(path).tolist() == [1, 0, 1]
    path.write_text("0,0.5\n")
    with pytest.raises(InputError, match="other than 0, 1, 2"):
        read_labels(path)


def test_patients_read_back_and_those_of_another_run_go(tmp_path):
    path = write_patients(tmp_path, "set", np.array([0, 1, 0]))
    assert path.name == "set_test_patients.csv"
    assert read_patients(tmp_path, "set", 3).tolist() == [0, 1, 0]
    with pytest.raises(InputError, match="3 patients for 4 test images"):
        read_patients(tmp_path, "set", 4)
    assert write_patients(tmp_path, "set", None) is None
    with pytest.raises(InputError, match=r"set_test_patients.csv: can't be read"):
        read_patients(tmp_path, "set", 3)


@pytest.mark.parametrize("k", [2, 3])
def test_several_findings_read_back_identical(tmp_path, k):
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, (20, k)), rng.random((20, k))
    labels[0], labels[1] = 0, 1
    write_labels(tmp_path, "set", labels, "multilabel")
    write_thresholds(tmp_path, "set", {"run": [0.25] * k, "one": 0.5})
    file = write_predictions(tmp_path, "set", labels, scores, "run", task="multilabel")
    found = labels_and_scores(file)
    assert all(np.array_equal(a, b) for a, b in zip(found, (labels, scores), strict=True))
    assert read_threshold(file) == [0.25] * k
