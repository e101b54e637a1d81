"""Tests of computing every metric again from predictions files."""

import json
import re

import numpy as np
import pytest
from simulation import simulated

from tfmed.errors import InputError
from tfmed.evaluation.metrics import compare, corrected, evaluate, summarise
from tfmed.results.predictions import (
    write_labels,
    write_patients,
    write_predictions,
    write_thresholds,
)
from tfmed.results.recheck import recheck


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


def test_rechecking_confirms_results_that_agree(study_folder, capsys):
    assert recheck(study_folder) == 0
    assert "from 6 runs: all agree" in capsys.readouterr().out


def test_rechecking_counts_patients_where_the_results_do(study_folder, capsys):
    path, patients = study_folder / "results.json", np.arange(200) // 4
    results = json.loads(path.read_text())
    test = {"n": 200, "patients": 50}
    results["datasets"] = [{"name": "set", "splits": {"test": test}}]
    path.write_text(json.dumps(results))
    with pytest.raises(InputError, match=r"set_test_patients\.csv: can't be read"):
        recheck(study_folder)
    write_patients(study_folder / "predictions", "set", patients)
    assert recheck(study_folder) == 1  # these intervals are of images
    assert "summary set 300 frozen standard auc" in capsys.readouterr().out
    labels, scores = simulated(np.random.default_rng(6), n_seeds=6)
    for entry, rows in zip(results["summary"], (scores[:3], scores[3:]), strict=True):
        entry |= summarise(labels, rows, [0.4] * 3, patients=patients)
    found = compare(labels, scores[:3], scores[3:], "auc", patients=patients)
    results["comparisons"] = corrected([results["comparisons"][0] | found])
    path.write_text(json.dumps(results))
    assert recheck(study_folder) == 0
    results["datasets"][0]["splits"]["test"]["patients"] = None
    path.write_text(json.dumps(results))
    assert recheck(study_folder) == 1


def test_rechecking_finds_a_p_value_that_was_not_corrected(study_folder, capsys):
    path = study_folder / "results.json"
    results = json.loads(path.read_text())
    results["comparisons"][0]["p_adjusted"] /= 2
    path.write_text(json.dumps(results))
    assert recheck(study_folder) == 1
    assert "p_adjusted" in capsys.readouterr().out


@pytest.mark.parametrize("part", ["runs", "summary", "comparisons"])
def test_rechecking_finds_a_changed_number(study_folder, capsys, part):
    path = study_folder / "results.json"
    results = json.loads(path.read_text())
    entry = results[part][0]
    if part == "comparisons":
        entry["low"] += 0.001
    else:
        (entry["metrics"] if part == "runs" else entry["auc"]).update(mean=0.1, accuracy=0.1)
    path.write_text(json.dumps(results))
    assert recheck(study_folder) == 1
    assert "1 differ" in capsys.readouterr().out


def test_rechecking_takes_one_file_or_a_folder_without_results(study_folder, capsys):
    (study_folder / "results.json").unlink()
    assert recheck(study_folder) == 0
    assert "frozen-0" in capsys.readouterr().out
    file = next((study_folder / "predictions").glob("*@scratch-1.csv"))
    assert recheck(file) == 0
    assert "scratch-1" in capsys.readouterr().out


def test_the_predictions_folder_alone_gives_every_metric(study_folder, capsys):
    expected = json.loads((study_folder / "results.json").read_text())["runs"][0]["metrics"]
    assert recheck(study_folder / "predictions") == 0
    (row,) = (line for line in capsys.readouterr().out.splitlines() if "set frozen-0" in line)
    assert [float(cell) for cell in row.split()[:-2]] == [
        pytest.approx(value, abs=5e-5) for value in expected.values()
    ]


@pytest.mark.parametrize("content", ["", "frozen-0,2\n", "frozen-0\n", "frozen-0,nan\n"])
def test_a_damaged_file_of_thresholds_is_named(study_folder, capsys, content):
    path = study_folder / "predictions" / "set_test_thresholds.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=re.escape(f"{path}: has no threshold for ")):
        recheck(path.parent)


def test_a_file_that_was_cut_short_is_named(study_folder, capsys):
    file = next((study_folder / "predictions").glob("*@scratch-1.csv"))
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(InputError, match=re.escape(f"{file}: has ")):
        recheck(study_folder)


@pytest.mark.parametrize("content", ["{", "[]", '{"runs": [{}]}', None])
def test_rechecking_names_what_it_cannot_use(tmp_path, capsys, content):
    if content is not None:
        (tmp_path / "results.json").write_text(content)
    with pytest.raises(InputError) as caught:
        recheck(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}")
    assert str(caught.value).isprintable()
