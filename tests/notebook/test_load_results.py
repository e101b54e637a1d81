import json

import pytest
from example_results import example_results

from tfmed.notebook.results import Results, load_results


@pytest.fixture(scope="module")
def found(tmp_path_factory):

    folder = tmp_path_factory.mktemp("report")
    (folder / "results.json").write_text(json.dumps(example_results()), encoding="utf-8")
    return load_results(folder)


def test_a_folder_and_its_file_hold_the_same_results(found):
    assert load_results(str(found.folder / "results.json")) == found
    assert found.data == example_results()
    assert found.folder.name in repr(found)


def test_runs_have_a_column_for_each_metric_and_none_for_curves(found):
    runs = found.runs
    assert len(runs) == len(found.data["runs"])
    assert {"id", "strategy", "seed", "auc", "sensitivity_at_threshold"} <= set(runs.columns)
    assert not {"metrics", "roc_tpr", "history"} & set(runs.columns)
    assert runs.auc[0] == found.data["runs"][0]["metrics"]["auc"]


def test_a_metric_that_is_not_defined_is_missing_in_the_table(found):
    (run, *_) = found.data["runs"]
    bare = Results(found.folder, {"runs": [run | {"metrics": {"auc": None}}]})
    assert bare.runs.auc.isna().tolist() == [True]


def test_the_summary_has_means_and_their_intervals(found):
    row, before = found.summary.to_dict("records")[0], found.data["summary"][0]
    assert row["auc"] == before["auc"]["mean"]
    assert row["auc_low"] == before["auc"]["low"]
    assert row["auc_sd"] == before["auc"]["sd"]
    assert "roc" not in row


def test_comparisons_name_both_sides(found):
    row, before = found.comparisons.to_dict("records")[0], found.data["comparisons"][0]
    assert (row["a_strategy"], row["b_variant"]) == (
        before["a"]["strategy"],
        before["b"]["variant"],
    )
    assert row["difference"] == before["difference"]


def test_results_without_comparisons_are_an_empty_table(found):
    assert Results(found.folder, {**found.data, "comparisons": []}).comparisons.empty
