"""What more labels bring is read from the summary's intervals, on the scale of the metric."""

import json
from pathlib import Path

import pytest
from example_results import TARGET, example_results

from tfmed.evaluation.learning import Measured, fit
from tfmed.results.deciding.learning_curves import learning_curves, with_learning_curves
from tfmed.results.schema import StudyResults

EXAMPLE = Path(__file__).parents[3] / "docs" / "example" / "results.json"


@pytest.fixture
def results() -> dict:
    return example_results(latent=False)


def curve_of(results: dict, strategy: str, reach: float | None = None) -> dict:
    found = learning_curves(results, reach)
    assert found is not None
    return next(curve for curve in found["curves"] if curve["strategy"] == strategy)


def test_the_largest_budget_is_predicted_from_the_others() -> None:
    results = json.loads(EXAMPLE.read_text())
    points = {
        row["label_budget"]: Measured(
            5232 if row["label_budget"] == "full" else row["label_budget"],
            *(row["auc"][key] for key in ("mean", "low", "high")),
        )
        for row in results["summary"]
        if (row["task"], row["strategy"], row["variant"]) == (TARGET, "scratch", "standard")
    }
    full = points.pop("full")
    by_hand = fit(list(points.values())).measured_at(5232, full.error)
    curve = curve_of(results, "scratch", 0.95)
    assert curve["labels"] == [30, 100, 300, 5232]
    test = curve["fit"]["held_out"]
    assert test["labels"] == 5232
    assert test["measured"] == pytest.approx(full.mean)
    assert test["predicted"]["low"] == pytest.approx(by_hand.low)
    assert test["within"] == (by_hand.low <= full.mean <= by_hand.high)
    StudyResults.model_validate(with_learning_curves(results, 0.95))


def test_two_label_budgets_have_no_curve() -> None:
    few = example_results(evidence=False, latent=False)
    curve = curve_of(few, "scratch")
    assert len(curve["labels"]) == 2
    assert curve["fit"] is None


def test_three_label_budgets_have_a_curve_that_nothing_tests(results: dict) -> None:
    results["summary"] = [r for r in results["summary"] if r["label_budget"] not in (30, 100)]
    fitted = curve_of(results, "scratch")["fit"]
    assert fitted["held_out"] is None
    assert fitted["reach"] is None
    assert fitted["chance"] is None


def test_a_curve_of_errors_falls() -> None:
    results = example_results(latent=False)
    for dataset in results["datasets"]:
        dataset["task"] = "ordinal"
    for row in results["summary"]:
        found = row["accuracy"]
        row["mean_absolute_error"] = {
            "mean": 1 - found["mean"],
            "low": 1 - found["high"],
            "high": 1 - found["low"],
            "sd": None,
        }
    plain = curve_of(
        results | {"study": results["study"] | {"primary_metric": "accuracy"}}, "frozen"
    )
    errors = curve_of(
        results | {"study": results["study"] | {"primary_metric": "mean_absolute_error"}}, "frozen"
    )
    for up, down in zip(plain["fit"]["points"], errors["fit"]["points"], strict=True):
        for key, other in (("value", "value"), ("low", "high"), ("high", "low")):
            assert down[key] == pytest.approx(1 - up[other], abs=1e-9)


def test_a_value_of_no_skill_at_all_is_a_value_to_reach(results: dict) -> None:
    fitted = curve_of(results, "finetune", reach=0.0)["fit"]
    assert fitted["reach"]["value"] == fitted["reach"]["low"] == 1.0
    assert fitted["chance"] == pytest.approx(1)


def test_kept_curves_stay_unless_another_value_is_to_be_reached(results: dict) -> None:
    first = with_learning_curves(results, 0.9)
    assert with_learning_curves(first) is first
    assert with_learning_curves(first, 0.9) is first
    assert with_learning_curves(first, 0.8)["learning_curves"]["reach"] == 0.8


def test_labels_above_a_million_are_null(results: dict) -> None:
    fitted = curve_of(results, "frozen", 0.9999)["fit"]
    assert fitted["reach"]["high"] is None
    assert 0 <= fitted["chance"] < 0.5


def test_results_without_a_strategy_of_the_target_have_no_curves(results: dict) -> None:
    assert learning_curves(results | {"summary": []}) is None
