"""Rows of results are found by what they are of, in the order of the report."""

from example_results import BASELINES, STRATEGIES, example_results
from several_methods import several_methods

from tfmed.design import (
    FINETUNE,
    FROZEN,
    RANDOM_FROZEN,
    SCRATCH,
    STANDARD,
    Cell,
    Strategy,
)
from tfmed.report import selection


def test_a_comparison_kept_the_other_way_round_is_turned() -> None:
    results = example_results(latent=False)
    tuned, scratch = (
        Cell("chest_nih", strategy, STANDARD, 300) for strategy in (FINETUNE, SCRATCH)
    )
    kept = selection.find_comparison(results, tuned, scratch)
    turned = selection.find_comparison(results, scratch, tuned)
    assert kept is not None
    assert turned is not None
    assert turned["difference"] == -kept["difference"]
    assert (turned["low"], turned["high"]) == (-kept["high"], -kept["low"])


def test_a_lower_brier_score_is_the_better_one() -> None:
    comparison = {"metric": "brier", "difference": -0.02, "clear": True}
    assert selection.verdict(comparison) == 1


def test_strategies_come_before_baselines_and_those_without_pretraining_first() -> None:
    results = example_results(latent=False)
    results["summary"].reverse()
    assert [str(m) for m in selection.methods(results)] == [*STRATEGIES, *BASELINES]
    others = [Strategy("simclr", "finetune"), FINETUNE, Strategy("simclr", "frozen"), FROZEN]
    found = sorted([*others, RANDOM_FROZEN, SCRATCH], key=selection.method_order)
    assert found == [SCRATCH, RANDOM_FROZEN, FROZEN, FINETUNE, others[2], others[0]]


def test_few_labels_are_those_nearest_to_300() -> None:
    results = example_results(latent=False)
    assert selection.shown_budgets(results, "pneumoniamnist") == [300, "full"]
    results["summary"] = [row for row in results["summary"] if row["label_budget"] != 300]
    assert selection.shown_budgets(results, "pneumoniamnist") == [100, "full"]


def test_runs_of_a_row_come_by_seed_and_pretraining() -> None:
    results = several_methods(example_results(latent=False, evidence=False))
    row = next(row for row in results["summary"] if row["strategy"] == "simclr:finetune")
    found = [(run["seed"], run["pretraining"]) for run in selection.runs_of(results, row)]
    assert found == [(seed, number) for seed in range(3) for number in range(3)]


def test_figures_show_at_most_four_strategies_beside_each_other() -> None:
    results = several_methods(example_results(latent=False), ("simclr", "vicreg"))
    grid = selection.drawn_grid(results, "pneumoniamnist")
    assert [len(line) for line in grid] == [4, 4, 4, 4]
    shown = [row for line in grid for row in line if row]
    assert shown == selection.curve_rows(results, "pneumoniamnist")


def test_the_standard_classifier_stands_among_the_dropouts_that_were_tried() -> None:
    rows = selection.dropout_rows(example_results(latent=False))
    assert [p for p, _ in rows] == [0.0, 0.2, 0.5, 0.7]
    assert [p for p, row in rows if row["variant"] == "standard"] == [0.2]


def test_early_stopping_is_paired_with_the_long_training_of_the_same_cell() -> None:
    pairs = selection.stopping_rows(example_results(latent=False))
    assert {stopped["task"] for stopped, _ in pairs} == {"chest_nih", "pneumoniamnist"}
    for stopped, long in pairs:
        assert (stopped["variant"], long["variant"]) == ("standard", "overtrained")
        assert stopped["task"] == long["task"]


def test_a_study_of_baselines_alone_has_no_grid_of_strategies() -> None:
    results = example_results(latent=False)
    results["summary"] = [row for row in results["summary"] if row["strategy"] in BASELINES]
    assert selection.curve_grid(results, "pneumoniamnist") == []
    assert selection.trained_tasks(results) == ["pneumoniamnist", "chest_nih"]
