"""The part `subgroups`, and what follows from it."""

import numpy as np
import pytest
from example_results import TARGET, example_results
from grouped_results import grouped_results
from pydantic import ValidationError

from tfmed.design import FROZEN, Cell
from tfmed.errors import InputError
from tfmed.evaluation.subgroups.measuring import Cases, CellRuns
from tfmed.evaluation.subgroups.naming import grouped
from tfmed.results.deciding.decision import chosen_cells, decide
from tfmed.results.predictions import prediction_files, read_subgroups, write_subgroups
from tfmed.results.schema import StudyResults
from tfmed.results.schema.subgroups import SubgroupsEntry
from tfmed.results.subgroups import subgroups_part


@pytest.fixture(scope="module")
def results():
    return grouped_results(worse=1.3)


def test_the_schema_takes_it_and_results_without_it(results):
    StudyResults.model_validate(results)
    StudyResults.model_validate(example_results())
    broken = {**results, "subgroups": {**results["subgroups"], "more": 1}}
    with pytest.raises(ValidationError, match="subgroups"):
        StudyResults.model_validate(broken)


def test_without_columns_there_is_no_such_part():
    cases = Cases("binary", np.array([0, 1]))
    assert subgroups_part(example_results(), cases, [], lambda cell: None) is None


def test_every_strategy_as_it_is_and_every_pick_is_measured_in_every_group(results):
    part = results["subgroups"]
    n_groups = sum(len(column["groups"]) for column in part["columns"])
    rows = [
        row
        for row in results["summary"]
        if (row["task"], row["variant"]) == (TARGET, "standard")
        and row["initialisation"] is not None
    ]
    wanted = {(row["strategy"], row["label_budget"]) for row in rows}
    picks = {(str(cell.method), cell.label_budget) for cell in chosen_cells(results)}
    found = {(entry["strategy"], entry["label_budget"]) for entry in part["measured"]}
    assert found == wanted | picks
    assert len(part["measured"]) == n_groups * len(found)


def test_what_is_picked_is_what_the_decision_says(results):
    said = [(e["strategy"], e["label_budget"]) for e in decide(results)["budgets"]]
    assert [(str(c.method), c.label_budget) for c in chosen_cells(results)] == said


def test_all_gaps_of_all_picks_are_one_family(results):
    part = results["subgroups"]
    pairs = sum(len(c["groups"]) * (len(c["groups"]) - 1) // 2 for c in part["columns"])
    assert len(part["gaps"]) == pairs * len(results["decision"]["budgets"])
    assert {gap["family"] for gap in part["gaps"]} == {len(part["gaps"])}
    ordered = sorted(part["gaps"], key=lambda gap: gap["p_value"])
    m = len(ordered)
    assert ordered[0]["p_adjusted"] == pytest.approx(m * ordered[0]["p_value"])
    assert all(gap["p_adjusted"] >= gap["p_value"] for gap in ordered)
    assert all(gap["clear"] == (gap["p_adjusted"] < 0.05) for gap in ordered)


@pytest.mark.parametrize(
    ("task", "more"),
    [("ordinal", {"quadratic_kappa"}), ("multiclass", set()), ("multilabel", set())],
)
def test_of_other_tasks_their_own_metrics_are_measured(task, more):
    rng, n = np.random.default_rng(0), 80
    labels = rng.integers(0, 2, (n, 3)) if task == "multilabel" else rng.integers(0, 3, n)
    scores = rng.dirichlet(np.ones(3), (2, n))
    cell = Cell("set", FROZEN, label_budget=300).entry()
    results = {
        "study": {"target": "set", "primary_metric": "auc", "seeds": [0, 1]},
        "datasets": [{"name": "set", "task": task, "class_names": ["a", "b", "c"]}],
        "summary": [cell],
        "runs": [{**cell, "seed": seed, "val_metrics": {"auc": 0.8}} for seed in range(2)],
    }
    sex = grouped("sex", np.array(["F", "M"])[np.arange(n) % 2])
    part = subgroups_part(results, Cases(task, labels), [sex], lambda cell: CellRuns(scores))
    SubgroupsEntry.model_validate(part)
    assert {"auc", "accuracy", *more} <= {*part["measured"][0]["metrics"]}
    (gap,) = part["gaps"]
    assert gap["metric"] == "auc"
    assert gap["findings"] == (3 if task == "multilabel" else None)


def test_small_groups_and_columns_of_many_values_are_named(results):
    part = results["subgroups"]
    age = next(column for column in part["columns"] if column["name"] == "age")
    (young,) = age["left_out"]
    assert young["name"] == "under 18"
    assert young["why"] == f"{young['n']} images, fewer than 20"
    assert part["not_used"] == [{"name": "device", "why": "has 40 values, more than 12"}]
    view = next(column for column in part["columns"] if column["name"] == "view")
    assert view["not_given"] > 0


def test_a_clear_gap_is_a_caveat_of_the_decision_and_another_is_not(results):
    for found, clear in ((results, True), (grouped_results(), False)):
        caveats = [c for choice in found["decision"]["budgets"] for c in choice["caveats"]]
        assert any("is clearly worse for age 65 and over than for" in c for c in caveats) == clear
    gaps = results["subgroups"]["gaps"]
    of_clear = {(g["strategy"], g["label_budget"]) for g in gaps if g["clear"]}
    for choice in results["decision"]["budgets"]:
        said = any("clearly worse" in caveat for caveat in choice["caveats"])
        assert said == ((choice["strategy"], choice["label_budget"]) in of_clear)


def test_with_one_seed_no_gap_is_clear():
    gaps = grouped_results(worse=1.3, n_seeds=1)["subgroups"]["gaps"]
    assert min(gap["p_adjusted"] for gap in gaps) < 0.05
    assert not any(gap["clear"] for gap in gaps)


def test_groups_beside_predictions_read_back_as_they_were(tmp_path):
    columns = {"sex": ["F", "", 'M, "x"'], "a,ge": ["18–39", "", "65 and over"]}
    path = write_subgroups(tmp_path, "set", columns)
    assert path.read_text("utf-8").splitlines()[:2] == ['index,sex,"a,ge"', "0,F,18–39"]
    found = read_subgroups(tmp_path, "set", 3)
    assert {name: values.tolist() for name, values in found.items()} == columns
    with pytest.raises(InputError, match="no predictions file"):
        prediction_files(tmp_path)
    with pytest.raises(InputError, match="has no row for each of 4 test images"):
        read_subgroups(tmp_path, "set", 4)
    assert write_subgroups(tmp_path, "set", {}) is None
    with pytest.raises(InputError, match="can't be read"):
        read_subgroups(tmp_path, "set", 3)


@pytest.mark.parametrize("rows", [[], ["1,F", "0,M"], ["0,F", "1"], ["0,F"], ["0,F", "1,M,3"]])
def test_a_damaged_file_of_groups_is_refused(tmp_path, rows):
    text = "\n".join(["index,sex", *rows] if rows else [])
    (tmp_path / "set_test_subgroups.csv").write_text(text)
    with pytest.raises(InputError, match="run the study again"):
        read_subgroups(tmp_path, "set", 2)
