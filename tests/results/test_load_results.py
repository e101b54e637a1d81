import json

import pytest

from tfmed.results.loading import TOP_KEYS, Results, load_results

ESTIMATE = {"mean": 0.8, "low": 0.7, "high": 0.9, "sd": 0.05}
DATA = {
    **dict.fromkeys(TOP_KEYS),
    "schema_version": 2,
    "runs": [
        {"id": "a", "strategy": "frozen", "seed": 0, "metrics": {"auc": 0.8}, "roc": [0.0, 1.0]},
        {"id": "b", "strategy": "frozen", "seed": 1, "metrics": {"auc": None}, "roc": [0.0, 1.0]},
    ],
    "summary": [{"strategy": "frozen", "n_seeds": 2, "auc": ESTIMATE, "roc": {"low": [0.0]}}],
    "comparisons": [
        {
            "metric": "auc",
            "a": {"strategy": "frozen", "variant": "standard"},
            "b": {"strategy": "scratch", "variant": "standard"},
            "difference": 0.1,
        }
    ],
}


@pytest.fixture
def found(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps(DATA), encoding="utf-8")
    return load_results(tmp_path)


def test_a_folder_and_its_file_hold_the_same_results(found):
    assert load_results(str(found.folder / "results.json")) == found
    assert found.data == DATA
    assert found.folder.name in repr(found)


def test_runs_have_a_column_for_each_metric_and_none_for_curves(found):
    assert list(found.runs.columns) == ["id", "strategy", "seed", "auc"]
    assert found.runs.auc.isna().tolist() == [False, True]


def test_the_summary_has_means_and_their_intervals(found):
    (row,) = found.summary.to_dict("records")
    expected = {"auc": 0.8, "auc_low": 0.7, "auc_high": 0.9, "auc_sd": 0.05}
    assert row == {"strategy": "frozen", "n_seeds": 2, **expected}


def test_comparisons_name_both_sides(found):
    (row,) = found.comparisons.to_dict("records")
    assert (row["a_strategy"], row["b_strategy"], row["difference"]) == ("frozen", "scratch", 0.1)


def test_results_without_comparisons_are_an_empty_table(found):
    assert Results(found.folder, {**DATA, "comparisons": []}).comparisons.empty
