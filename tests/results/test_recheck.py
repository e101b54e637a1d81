"""Tests of computing every metric again from predictions files."""

import json
import re

import numpy as np
import pytest
from simulation import simulated

from tfmed.design import Cell, Repeat
from tfmed.errors import InputError
from tfmed.evaluation.metrics import compare, corrected, evaluate, summarise
from tfmed.evaluation.subgroups.measuring import Cases, CellRuns
from tfmed.evaluation.subgroups.naming import grouped
from tfmed.results.predictions import (
    write_labels,
    write_patients,
    write_predictions,
    write_subgroups,
    write_thresholds,
)
from tfmed.results.recheck import recheck
from tfmed.results.subgroups import subgroups_part

KEY = {"task": "set", "label_budget": 300, "variant": "standard"}


def write_study(folder, labels, sides):
    """A report folder of strategies: each name to its scores by seed and pretraining.

    Its numbers come from scores put into order here, whatever the order of the runs.
    """
    write_labels(folder / "predictions", "set", labels)
    named = {
        f"{name}-{repeat}": (name, repeat, row)
        for name, rows in sides.items()
        for repeat, row in rows.items()
    }
    write_thresholds(folder / "predictions", "set", dict.fromkeys(named, 0.4))
    runs = []
    for label, (name, repeat, row) in named.items():
        path = write_predictions(folder / "predictions", "set", labels, row, label)
        run = {**KEY, "id": label, "strategy": name, "seed": repeat.seed, "threshold": 0.4}
        run |= {"pretraining": repeat.pretraining if name == "frozen" else None}
        run["predictions"] = path.relative_to(folder).as_posix()
        runs.append(run | evaluate(labels, row, 0.4))
    counts = {name: len({each.pretraining for each in rows}) for name, rows in sides.items()}
    stacked = {
        name: np.array([rows[each] for each in sorted(rows)]) for name, rows in sides.items()
    }
    summary = [
        {
            **KEY,
            "strategy": name,
            "n_seeds": len(rows) // counts[name],
            "n_pretrainings": counts[name],
            **summarise(labels, rows, [0.4] * len(rows), pretrainings=counts[name]),
        }
        for name, rows in stacked.items()
    ]
    a, b = ({"strategy": name, "variant": "standard"} for name in sides)
    scratch = np.repeat(stacked["scratch"], counts["frozen"], axis=0)
    found = compare(labels, stacked["frozen"], scratch, "auc", pretrainings=counts["frozen"])
    cell = {"task": "set", "label_budget": 300, "metric": "auc", "kind": "question"}
    results = {"runs": runs, "summary": summary}
    results["comparisons"] = corrected([{**cell, "a": a, "b": b, **found}])
    (folder / "results.json").write_text(json.dumps(results))
    return folder


@pytest.fixture
def study_folder(tmp_path):
    """A report folder of two strategies, 3 seeds each."""
    labels, scores = simulated(np.random.default_rng(6), n_seeds=6)
    sides = {"frozen": scores[:3], "scratch": scores[3:]}
    by_seed = {name: {Repeat(i): row for i, row in enumerate(rows)} for name, rows in sides.items()}
    return write_study(tmp_path, labels, by_seed)


@pytest.fixture
def crossed_folder(tmp_path):
    """The same of 2 seeds, `frozen` with 3 pretrainings each; its runs in mixed order."""
    labels, scores = simulated(np.random.default_rng(7), n_seeds=8)
    order = [(1, 2), (0, 0), (1, 0), (0, 2), (0, 1), (1, 1)]
    frozen = {Repeat(*each): row for each, row in zip(order, scores[:6], strict=True)}
    scratch = {Repeat(seed): row for seed, row in enumerate(scores[6:])}
    return write_study(tmp_path, labels, {"frozen": frozen, "scratch": scratch})


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


def test_rechecking_computes_groups_and_their_gaps_again(study_folder, capsys):
    path = study_folder / "results.json"
    results = json.loads(path.read_text())
    results["study"] = {"target": "set", "primary_metric": "auc"}
    test = {"n": 200, "patients": 100}
    results["datasets"] = [{"name": "set", "splits": {"test": test}, "class_names": ["no", "yes"]}]
    for run in results["runs"]:
        run["val_metrics"] = {"auc": 0.9 if run["strategy"] == "frozen" else 0.8}
    labels, scores = simulated(np.random.default_rng(6), n_seeds=6)
    patients = np.arange(200) // 2
    for entry, rows in zip(results["summary"], (scores[:3], scores[3:]), strict=True):
        entry |= Cell.of_entry(entry).entry()
        entry |= summarise(labels, rows, [0.4] * 3, patients=patients)
    results["comparisons"] = []
    write_patients(study_folder / "predictions", "set", patients)
    ages = grouped("age", np.arange(200) % 89)
    write_subgroups(study_folder / "predictions", "set", {"age": ages.names()})
    of = {"frozen": scores[:3], "scratch": scores[3:]}
    cases = Cases("binary", labels, patients)
    part = subgroups_part(results, cases, [ages], lambda c: CellRuns(of[str(c.method)]))
    assert {gap["strategy"] for gap in part["gaps"]} == {"frozen"}
    results["subgroups"] = json.loads(json.dumps(part))
    path.write_text(json.dumps(results))
    assert recheck(study_folder) == 0
    assert "all agree" in capsys.readouterr().out
    results["subgroups"]["gaps"][1]["p_adjusted"] /= 2
    results["subgroups"]["measured"][0]["metrics"]["auc"]["low"] += 1e-4
    path.write_text(json.dumps(results))
    assert recheck(study_folder) == 1
    said = capsys.readouterr().out
    assert "differs: subgroups gaps" in said
    assert "differs: subgroups measured" in said


def test_rechecking_finds_a_p_value_that_was_not_corrected(study_folder, capsys):
    path = study_folder / "results.json"
    results = json.loads(path.read_text())
    results["comparisons"][0]["p_adjusted"] /= 2
    path.write_text(json.dumps(results))
    assert recheck(study_folder) == 1
    assert "p_adjusted" in capsys.readouterr().out


def test_rechecking_confirms_results_of_several_pretrainings(crossed_folder, capsys):
    assert recheck(crossed_folder) == 0
    assert "from 8 runs: all agree" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("part", "path", "said"),
    [
        ("runs", ("metrics", "auc"), "frozen-seed1-pretraining2 metrics"),
        ("summary", ("auc", "high"), "summary set 300 frozen standard auc"),
        ("summary", ("n_seeds",), "summary set 300 frozen standard n_seeds"),
        ("summary", ("n_pretrainings",), "summary set 300 frozen standard n_pretrainings"),
        ("summary", ("roc", "low", 50), "summary set 300 frozen standard roc"),
        ("comparisons", ("low",), "comparison set 300 frozen - scratch auc low"),
        ("comparisons", ("seed_df",), "comparison set 300 frozen - scratch auc seed_df"),
        ("comparisons", ("n_pretrainings",), "frozen - scratch auc n_pretrainings"),
    ],
)
def test_rechecking_finds_one_changed_number_among_several_pretrainings(
    crossed_folder, capsys, part, path, said
):
    file = crossed_folder / "results.json"
    results = json.loads(file.read_text())
    entry = results[part][0]
    for name in path[:-1]:
        entry = entry[name]
    entry[path[-1]] += 1 if isinstance(entry[path[-1]], int) else 1e-4
    file.write_text(json.dumps(results))
    assert recheck(crossed_folder) == 1
    printed = capsys.readouterr().out
    assert said in printed
    assert ": 1 differ" in printed


def test_intervals_that_take_pretrainings_for_seeds_are_found(crossed_folder, capsys):
    file = crossed_folder / "results.json"
    results = json.loads(file.read_text())
    for run in results["runs"]:
        if run["pretraining"] is not None:
            run |= {"seed": 10 * run["seed"] + run["pretraining"], "pretraining": 0}
    results["comparisons"] = []
    file.write_text(json.dumps(results))
    assert recheck(crossed_folder) == 1
    assert "summary set 300 frozen standard n_seeds: 2, again 6" in capsys.readouterr().out


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
    assert "frozen-seed0" in capsys.readouterr().out
    file = next((study_folder / "predictions").glob("*@scratch-seed1.csv"))
    assert recheck(file) == 0
    assert "scratch-seed1" in capsys.readouterr().out


def test_the_predictions_folder_alone_gives_every_metric(study_folder, capsys):
    expected = json.loads((study_folder / "results.json").read_text())["runs"][0]["metrics"]
    assert recheck(study_folder / "predictions") == 0
    (row,) = (line for line in capsys.readouterr().out.splitlines() if "set frozen-seed0" in line)
    assert [float(cell) for cell in row.split()[:-2]] == [
        pytest.approx(value, abs=5e-5) for value in expected.values()
    ]


@pytest.mark.parametrize(
    "content", ["", "frozen-seed0,2\n", "frozen-seed0\n", "frozen-seed0,nan\n"]
)
def test_a_damaged_file_of_thresholds_is_named(study_folder, capsys, content):
    path = study_folder / "predictions" / "set_test_thresholds.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=re.escape(f"{path}: has no threshold for ")):
        recheck(path.parent)


def test_a_file_that_was_cut_short_is_named(study_folder, capsys):
    file = next((study_folder / "predictions").glob("*@scratch-seed1.csv"))
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


def test_numbers_agree_up_to_the_digits_that_files_keep():
    from tfmed.results import recheck as module

    assert module._agree(367.6667, 367 + 2 / 3)
    assert not module._agree(367.6667, 367.668)
    assert module._agree(0.1234567, 0.12345674)
    assert not module._agree(0.123456, 0.123458)
