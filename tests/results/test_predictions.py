"""Tests of predictions files and of computing every metric again from them."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulation import cases, quick, simulated

from tfmed.errors import InputError
from tfmed.evaluation.metrics import compare, corrected, evaluate, summarise
from tfmed.results.predictions import (
    main,
    read_labels,
    read_predictions,
    write_labels,
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
    with pytest.raises(InputError, match="other than 0 and 1"):
        read_labels(path)


@pytest.fixture
def study_folder(tmp_path):
    """A report folder of two strategies, 3 seeds each."""
    labels, scores = simulated(np.random.default_rng(6), n_seeds=6)
    write_labels(tmp_path / "predictions", "set", labels)
    names = [f"{strategy}-{seed}" for strategy in ("frozen", "scratch") for seed in range(3)]
    write_thresholds(tmp_path / "predictions", "set", dict.fromkeys(names, 0.4))
    key = {"task": "set", "label_budget": 300, "variant": "standard"}
    sides = {"frozen": scores[:3], "scratch": scores[3:]}
    runs = []
    for strategy, rows in sides.items():
        for seed, row in enumerate(rows):
            name = f"{strategy}-{seed}"
            path = write_predictions(tmp_path / "predictions", "set", labels, row, name)
            run = {**key, "id": name, "strategy": strategy, "seed": seed, "threshold": 0.4}
            run["predictions"] = path.relative_to(tmp_path).as_posix()
            runs.append(run | evaluate(labels, row, 0.4))
    summary = [
        {**key, "strategy": name, "n_seeds": 3, **summarise(labels, rows, [0.4] * 3)}
        for name, rows in sides.items()
    ]
    a, b = ({"strategy": name, "variant": "standard"} for name in sides)
    difference = compare(labels, scores[:3], scores[3:], "auc")
    cell = {"task": "set", "label_budget": 300, "metric": "auc", "kind": "question"}
    comparisons = [{**cell, "a": a, "b": b}]
    comparisons = corrected([comparisons[0] | difference])
    results = {"runs": runs, "summary": summary, "comparisons": comparisons}
    (tmp_path / "results.json").write_text(json.dumps(results))
    return tmp_path


def test_the_command_confirms_results_that_agree(study_folder, capsys):
    assert main([str(study_folder)]) == 0
    assert "from 6 runs: all agree" in capsys.readouterr().out


def test_the_command_finds_a_p_value_that_was_not_corrected(study_folder, capsys):
    path = study_folder / "results.json"
    results = json.loads(path.read_text())
    results["comparisons"][0]["p_adjusted"] /= 2
    path.write_text(json.dumps(results))
    assert main([str(study_folder)]) == 1
    assert "p_adjusted" in capsys.readouterr().out


@pytest.mark.parametrize("part", ["runs", "summary", "comparisons"])
def test_the_command_finds_a_changed_number(study_folder, capsys, part):
    path = study_folder / "results.json"
    results = json.loads(path.read_text())
    entry = results[part][0]
    if part == "comparisons":
        entry["low"] += 0.001
    else:
        (entry["metrics"] if part == "runs" else entry["auc"]).update(mean=0.1, accuracy=0.1)
    path.write_text(json.dumps(results))
    assert main([str(study_folder)]) == 1
    assert "1 differ" in capsys.readouterr().out


def test_the_command_takes_one_file_or_a_folder_without_results(study_folder, capsys):
    (study_folder / "results.json").unlink()
    assert main([str(study_folder)]) == 0
    assert "frozen-0" in capsys.readouterr().out
    file = next((study_folder / "predictions").glob("*@scratch-1.csv"))
    assert main([str(file)]) == 0
    assert "scratch-1" in capsys.readouterr().out


def test_the_predictions_folder_alone_gives_every_metric(study_folder, capsys):
    expected = json.loads((study_folder / "results.json").read_text())["runs"][0]["metrics"]
    assert main([str(study_folder / "predictions")]) == 0
    (row,) = (line for line in capsys.readouterr().out.splitlines() if "set frozen-0" in line)
    assert [float(cell) for cell in row.split()[:-2]] == [
        pytest.approx(value, abs=5e-5) for value in expected.values()
    ]


@pytest.mark.parametrize("content", ["", "frozen-0,2\n", "frozen-0\n", "frozen-0,nan\n"])
def test_a_damaged_file_of_thresholds_is_named(study_folder, capsys, content):
    path = study_folder / "predictions" / "set_test_thresholds.csv"
    path.write_text(content)
    assert main([str(path.parent)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {path}: has no threshold for ")


def test_a_file_that_was_cut_short_is_named(study_folder, capsys):
    file = next((study_folder / "predictions").glob("*@scratch-1.csv"))
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    assert main([str(study_folder)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {file}: has ")


@pytest.mark.parametrize("content", ["{", "[]", '{"runs": [{}]}', None])
def test_the_command_names_what_it_cannot_use(tmp_path, capsys, content):
    if content is not None:
        (tmp_path / "results.json").write_text(content)
    assert main([str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {tmp_path}")
    assert error.count("\n") == 1
