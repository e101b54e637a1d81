"""The decision follows from the rest of results.json, by the rule that it states."""

import copy
import json
import math
import statistics
from pathlib import Path
from typing import Any

import pytest
from example_results import TARGET, example_results
from several_methods import several_methods

from tfmed.results.deciding.decision import decide, with_decision
from tfmed.results.schema import StudyResults

EXAMPLE = Path(__file__).parents[3] / "docs" / "example" / "results.json"
CHEAPEST_FIRST = (
    ("pixels_logistic", "pca_logistic"),
    ("random_knn", "random_logistic"),
    ("random_frozen",),
    ("scratch",),
    ("frozen_knn", "frozen_logistic"),
    ("frozen", "simclr:frozen"),
    ("finetune", "simclr:finetune"),
)


def by_hand(results: dict, budget: object, metric: str) -> str:
    """The rule, read plainly: within a standard error of the best mean, the cheapest."""
    values: dict[str, dict[int, list[float]]] = {}
    for run in results["runs"]:
        place = run["task"], run["label_budget"], run["variant"]
        if place == (TARGET, budget, "standard") and run["strategy"] != "majority":
            of_seed = values.setdefault(run["strategy"], {}).setdefault(run["seed"], [])
            of_seed.append(run["val_metrics"][metric])
    seeds = {name: [statistics.fmean(v) for v in found.values()] for name, found in values.items()}
    means = {name: statistics.fmean(found) for name, found in seeds.items()}
    best = max(means.values())
    # Of several best ones the cheapest gives the standard error.
    order = [name for names in CHEAPEST_FIRST for name in sorted(names) if name in means]
    first = next(name for name in order if math.isclose(means[name], best, abs_tol=1e-12))
    error = statistics.stdev(seeds[first]) / len(seeds[first]) ** 0.5
    for names in CHEAPEST_FIRST:
        near = [name for name in sorted(names) if means.get(name, 0) >= best - error - 1e-9]
        if near:
            return max(near, key=lambda name: means[name])
    raise AssertionError("the best is within its own standard error")


def check(results: dict, metric: str) -> dict[object, dict[str, Any]]:
    found = decide(results)
    assert found is not None
    for choice in found["budgets"]:
        assert choice["strategy"] == by_hand(results, choice["label_budget"], metric)
        assert choice["validated_by"] == metric
    return {choice["label_budget"]: choice for choice in found["budgets"]}


@pytest.fixture
def results() -> dict:
    return example_results(latent=False)


def test_the_rule_read_plainly_gives_the_same_decision_on_a_whole_study() -> None:
    results = json.loads(EXAMPLE.read_text())
    chosen = check(results, "auc")
    assert list(chosen) == [30, 100, 300, "full"]
    (row,) = [
        row
        for row in results["summary"]
        if (row["task"], row["label_budget"], row["strategy"], row["variant"])
        == (TARGET, 300, chosen[300]["strategy"], "standard")
    ]
    assert chosen[300]["expected"]["auc"] == row["auc"]
    assert chosen[300]["recommended"]
    name = chosen[300]["model"]["name"]
    assert chosen[300]["command"].endswith(f"--model {name} IMAGE.png")
    assert chosen[30]["model"] is None
    StudyResults.model_validate(with_decision(results))


def test_pretrainings_of_a_seed_count_as_one_seed(results: dict) -> None:
    check(several_methods(results), "auc")


def test_what_validation_labels_do_not_keep_is_stood_in_for(results: dict) -> None:
    for dataset in results["datasets"]:
        dataset["task"] = "ordinal"
    for row in results["summary"]:
        row["quadratic_kappa"] = row["balanced_accuracy"]
    results["study"]["primary_metric"] = "quadratic_kappa"
    check(results, "auc")
    for run in results["runs"]:
        run["val_metrics"]["auc"] = None
    chosen = check(results, "accuracy")
    decision = decide(results)
    assert decision is not None
    assert decision["metric"] == "quadratic_kappa"
    assert "quadratic_kappa" in chosen[300]["expected"]


def test_the_test_split_changes_no_choice(results: dict) -> None:
    changed = copy.deepcopy(results)
    for row in changed["summary"]:
        row["accuracy"] |= {"mean": 0.99 if row["strategy"] == "scratch" else 0.8}
    for run in changed["runs"]:
        run["metrics"] = dict.fromkeys(run["metrics"], 0.5)
    before, after = decide(results), decide(changed)
    assert before is not None
    assert after is not None
    assert [c["strategy"] for c in before["budgets"]] == [c["strategy"] for c in after["budgets"]]
    assert after["budgets"][0]["above_on_test"][0]["strategy"] == "scratch"


def test_seconds_change_no_choice(results: dict) -> None:
    before = decide(results)
    for run in results["runs"]:
        run["seconds"] = 1000 - run["seconds"]
    after = decide(results)
    assert before is not None
    assert after is not None
    assert [c["strategy"] for c in before["budgets"]] == [c["strategy"] for c in after["budgets"]]


@pytest.mark.parametrize("metric", ["accuracy", "auc"])
def test_where_nothing_beats_the_majority_class_nothing_is_recommended(
    results: dict, metric: str
) -> None:
    results["study"]["primary_metric"] = metric
    for row in results["summary"]:
        if row["strategy"] != "majority":
            row[metric] |= {"mean": 0.55, "low": 0.45, "high": 0.7}
    found = decide(results)
    assert found is not None
    for choice in found["budgets"]:
        assert not choice["recommended"]
        assert any("majority class" in reason for reason in choice["against"])


def first(results: dict) -> dict[str, Any]:
    found = decide(results)
    assert found is not None
    choice: dict[str, Any] = next(c for c in found["budgets"] if c["label_budget"] == 300)
    return choice


def target_of(results: dict) -> dict[str, Any]:
    return next(dataset for dataset in results["datasets"] if dataset["name"] == TARGET)


def test_synthetic_images_are_recommended_for_nothing() -> None:
    assert "synthetic" in first(example_results(synthetic=True, latent=False))["against"][0]


def test_leaks_into_the_test_split_hold_a_recommendation_back(results: dict) -> None:
    dataset = target_of(results)
    n = dataset["splits"]["test"]["n"]
    shared = {"earlier": "train", "split": "test", "images": n // 100}
    dataset["shared_patients"] = [shared]
    assert first(results)["recommended"]
    assert any("of patients with images in train" in line for line in first(results)["caveats"])
    shared["images"] = n // 100 + 1
    assert "of patients with images in train" in first(results)["against"][0]
    dataset["shared_patients"] = []
    pair = {"earlier": "val", "split": "test", "equal": n, "near": 0, "named": []}
    dataset["repeated"] = {"within": {}, "blank": {}, "across": [pair]}
    assert "equal or nearly equal to images of val" in first(results)["against"][0]


def test_too_few_test_patients_hold_a_recommendation_back(results: dict) -> None:
    target_of(results)["splits"]["test"]["patients"] = 39
    assert first(results)["against"] == ["it was measured on 39 test patients, fewer than 40"]
    target_of(results)["splits"]["test"]["patients"] = 40
    assert first(results)["recommended"]


def test_a_model_that_did_not_pass_its_gate_is_not_recommended() -> None:
    results = example_results(strategies=("finetune",), evidence=False, latent=False)
    found = decide(results)
    assert found is not None
    choice = found["budgets"][-1]
    assert choice["model"]["stage"] == "candidate"
    assert not choice["recommended"]
    assert any("did not pass the gate (majority: " in reason for reason in choice["against"])


def test_with_one_seed_the_best_is_used_and_chance_is_spoken_of() -> None:
    choice = first(example_results(n_seeds=1, latent=False))
    assert choice["tolerance"] == 0
    assert choice["strategy"] == choice["best"]
    assert any("With one seed" in line for line in choice["caveats"])


def test_a_study_without_classifiers_decides_nothing(results: dict) -> None:
    assert decide(results | {"summary": [], "runs": []}) is None


def test_the_cost_is_of_one_pretraining_and_of_all_that_is_fitted_on_labels(results: dict) -> None:
    results = several_methods(
        example_results(strategies=("frozen", "finetune"), evidence=False, latent=False)
    )
    for run in results["runs"]:
        run["seconds"] = 5.0 if run["trained"] == "frozen" else 7.0
        if (run.get("recipe") or {}).get("tries"):
            run["seconds"] = 20.0
        run["val_metrics"]["auc"] = 0.9 if run["strategy"] == "simclr:finetune" else 0.5
    for entry in results["pretraining"]:
        entry["seconds"] = 100.0 if entry["method"] == "simclr" else 1.0
    choice = first(results)
    assert choice["strategy"] == "simclr:finetune"
    assert choice["seconds"] == {"pretraining": 100.0, "fit": 25.0}


def test_of_an_error_the_lowest_mean_is_the_best(results: dict) -> None:
    for dataset in results["datasets"]:
        dataset["task"] = "ordinal"
    for row in results["summary"]:
        row["mean_absolute_error"] = {"mean": 0.2, "low": 0.1, "high": 0.3, "sd": 0.1}
    results["study"]["primary_metric"] = "mean_absolute_error"
    for run in results["runs"]:
        low = run["strategy"] == "finetune"
        run["val_metrics"]["mean_absolute_error"] = 0.1 if low else 0.4 + run["seed"] / 100
    choice = first(results)
    assert choice["validated_by"] == "mean_absolute_error"
    assert choice["strategy"] == choice["best"] == "finetune"
    for row in results["summary"]:
        row["mean_absolute_error"] = {"mean": 0.2, "low": 0.1, "high": 0.3, "sd": 0.1}
        if row["strategy"] == "majority":
            row["mean_absolute_error"] = {"mean": 0.3, "low": 0.3, "high": 0.3, "sd": 0.0}
    assert any("majority class" in reason for reason in first(results)["against"])
