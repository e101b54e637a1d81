"""A reduced study on real X-rays: the numbers are those of a classifier that has learned."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Command, Done

STUDY = """\
name = "reduced"
source = {source}
target = "pneumoniamnist"
seeds = 1
pretraining = {{max_images = 4000, fit.epochs = 4}}
latent.max_images = 300

[classifiers]
head.epochs = 60
finetune.epochs = 4

[source_task]
label_budgets = [300]
strategies = ["frozen"]
overtrained = false
baselines = false

[target_task]
label_budgets = ["full"]
strategies = ["frozen", "finetune"]
overtrained = false
baselines = false

[experiments]
losses = []
dropouts = []
"""


@pytest.fixture(scope="module")
def done(real_data: Path, new_command: Callable[[], Command]) -> tuple[Done, dict[str, Any], float]:
    """The command, its results and its seconds."""
    command = new_command()
    source = json.dumps(str(real_data / "chest_nih.npz"))
    (command.folder / "own.toml").write_text(STUDY.format(source=source), encoding="utf-8")
    started = time.monotonic()
    done = command.run("--study", "own.toml", "--data-root", real_data)
    seconds = time.monotonic() - started
    assert done.code == 0, done.err
    out = command.folder / "reports" / "reduced"
    return done, json.loads((out / "results.json").read_text(encoding="utf-8")), seconds


def metric(results: dict[str, Any], strategy: str, task: str, name: str) -> float:
    found = [
        row for row in results["summary"] if (row["strategy"], row["task"]) == (strategy, task)
    ]
    assert len(found) == 1
    return found[0][name]["mean"]


def test_classifiers_of_real_images_are_as_good_as_is_known(done: tuple) -> None:
    results = done[1]
    for strategy in ("frozen", "finetune"):
        # Always answering "pneumonia" gets .625.
        assert 0.78 < metric(results, strategy, "pneumoniamnist", "accuracy") < 0.92
        assert 0.89 < metric(results, strategy, "pneumoniamnist", "auc") < 0.98
    assert 0.5 < metric(results, "frozen", "chest_nih", "accuracy") < 0.65


def test_the_autoencoder_reconstructs_better_than_the_mean_image(done: tuple) -> None:
    test = done[1]["pretraining"][0]["test"]
    assert test["mse"] < 0.3 * test["mse_mean_image"]


def test_the_data_sets_are_those_given(done: tuple) -> None:
    datasets = {dataset["role"]: dataset for dataset in done[1]["datasets"]}
    assert datasets["source"]["title"] == "NIH ChestX-ray14 subset"
    assert datasets["source"]["splits"]["test"]["n"] == 3441
    assert datasets["target"]["title"] == "PneumoniaMNIST"
    assert datasets["target"]["splits"]["test"]["counts"] == [234, 390]


def test_real_images_are_not_marked_synthetic(done: tuple) -> None:
    command, results, _ = done
    assert results["synthetic"] is False
    assert "SYNTHETIC" not in command.err
    html = command.folder / "reports" / "reduced" / "report.html"
    assert "SYNTHETIC" not in html.read_text(encoding="utf-8")
