"""A reduced study on real X-rays: the numbers are those of a classifier that has learned."""

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Command


@pytest.fixture
def out(real_study: Command) -> Path:
    return real_study.folder / "reports" / "reduced"


@pytest.fixture
def results(out: Path) -> dict[str, Any]:
    return json.loads((out / "results.json").read_text(encoding="utf-8"))


def metric(results: dict[str, Any], strategy: str, task: str, name: str) -> float:
    found = [
        row for row in results["summary"] if (row["strategy"], row["task"]) == (strategy, task)
    ]
    assert len(found) == 1
    return found[0][name]["mean"]


def test_classifiers_of_real_images_are_as_good_as_is_known(results: dict[str, Any]) -> None:
    for strategy in ("frozen", "finetune"):
        # Always answering "pneumonia" gets .625.
        assert 0.78 < metric(results, strategy, "pneumoniamnist", "accuracy") < 0.92
        assert 0.89 < metric(results, strategy, "pneumoniamnist", "auc") < 0.98
    assert 0.5 < metric(results, "frozen", "chest_nih", "accuracy") < 0.65


def test_the_autoencoder_reconstructs_better_than_the_mean_image(results: dict[str, Any]) -> None:
    test = results["pretraining"][0]["test"]
    assert test["mse"] < 0.3 * test["mse_mean_image"]


def test_the_data_sets_are_those_given(results: dict[str, Any]) -> None:
    datasets = {dataset["role"]: dataset for dataset in results["datasets"]}
    assert datasets["source"]["title"] == "NIH ChestX-ray14 subset"
    assert datasets["source"]["splits"]["test"]["n"] == 3441
    assert datasets["target"]["title"] == "PneumoniaMNIST"
    assert datasets["target"]["splits"]["test"]["counts"] == [234, 390]


def test_real_images_are_not_marked_synthetic(
    real_study: Command, out: Path, results: dict[str, Any]
) -> None:
    assert results["synthetic"] is False
    assert "SYNTHETIC" not in real_study.said
    assert "SYNTHETIC" not in (out / "report.html").read_text(encoding="utf-8")
