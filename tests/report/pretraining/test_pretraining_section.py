"""What pretraining came to: settings, health, probes, views and seconds of every method."""

import pytest
from example_results import example_results
from several_methods import several_methods

from tfmed.design import method_of
from tfmed.report.document import document
from tfmed.report.figures.drawing import described
from tfmed.report.pretraining.health import collapsed_words, flagged_name, is_collapsed
from tfmed.report.pretraining.section import pretraining_blocks
from tfmed.report.wording import MISSING


@pytest.fixture
def results() -> dict:
    return several_methods(example_results(latent=False))


def table(results: dict, name: str) -> list[list]:
    (found,) = [block for block in pretraining_blocks(results) if block.get("id") == name]
    return found["rows"]


def test_settings_say_what_auto_came_to(results: dict) -> None:
    rows = {row[0]: row[1:] for row in table(results, "methods-table")}
    epochs = str(results["pretraining"][0]["epochs"])
    assert rows["fit.epochs"] == [f"{epochs} (auto)"] * 2
    assert rows["fit.batch_size"] == ["128"] * 2
    results["pretraining"][-3]["settings"]["temperature"] = 0.2
    rows = {row[0]: row[1:] for row in table(results, "methods-table")}
    assert rows["temperature"] == [MISSING, "0.2"]
    assert "seed" not in rows


def test_seconds_are_those_of_each_pretraining_in_sum_and_of_a_fit(results: dict) -> None:
    rows = {row[0]: row[1:] for row in table(results, "costs-table")}
    assert rows["SimCLR"][:2] == ["120 (mean of 3)", "360"]
    assert rows["Random weights"][:2] == [MISSING, MISSING]
    seconds = [
        run["seconds"]
        for run in results["runs"]
        if (run["task"], run["strategy"], run["variant"], run["label_budget"])
        == ("pneumoniamnist", "simclr:finetune", "standard", 300)
    ]
    assert rows["SimCLR"][3] == f"{sum(seconds) / len(seconds):.1f}"


def test_seconds_of_a_fit_are_those_of_runs_that_searched(results: dict) -> None:
    of = ("pneumoniamnist", "simclr:finetune", "standard", 300)
    runs = [
        run
        for run in results["runs"]
        if (run["task"], run["strategy"], run["variant"], run["label_budget"]) == of
    ]
    for run in runs:
        tries = [{}] if run["pretraining"] == 0 else []
        run |= {"recipe": {"tries": tries}, "seconds": 30.0 if tries else 5.0}
    assert {run["seconds"] for run in runs} == {5.0, 30.0}
    rows = {row[0]: row[1:] for row in table(results, "costs-table")}
    assert rows["SimCLR"][3] == "30.0"


@pytest.mark.parametrize(
    ("health", "collapsed"),
    [
        ({"spread": 0.5, "effective_rank": 30.0}, False),
        ({"spread": 0.04, "effective_rank": 30.0}, True),
        ({"spread": 0.5, "effective_rank": 1.9}, True),
        (None, False),
    ],
)
def test_an_encoder_without_spread_or_rank_is_called_collapsed(
    health: dict | None, collapsed: bool
) -> None:
    assert is_collapsed({"health": health}) == collapsed


def test_a_collapse_is_flagged_in_every_table_of_the_method(results: dict) -> None:
    results["pretraining"][-1]["health"]["spread"] = 0.01
    words = "collapsed in 1 of 3 pretrainings"
    assert collapsed_words(results, "simclr") == words
    assert flagged_name(results, method_of("simclr:frozen")) == f"SimCLR, frozen\n{words}"
    assert flagged_name(results, method_of("frozen_knn")) == "k-NN, frozen autoencoder"
    content = document(results, described(results))
    tables = {b["id"]: b for s in content["sections"] for b in s["blocks"] if b["kind"] == "table"}
    for name in ("auc-pneumoniamnist", "accuracy-chest-nih", "metrics"):
        flagged = [row[0] for row in tables[name]["rows"] if words in row[0]]
        assert flagged
        assert all(row.startswith("SimCLR") for row in flagged)
    assert [row[0] for row in tables["health-table"]["rows"]].count("SimCLR\ncollapsed") == 1
    assert "the pretraining failed" in str(pretraining_blocks(results))


def test_results_of_earlier_versions_have_the_parts_that_they_hold() -> None:
    blocks = pretraining_blocks(example_results(latent=False))
    names = {block.get("id") for block in blocks if block["kind"] == "table"}
    assert names == {"costs-table", "errors-table"}
    drawn = described(example_results(latent=False))
    assert "pretraining" in drawn
    assert not {"probe", "views"} & {*drawn}
