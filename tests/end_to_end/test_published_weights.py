"""A study that starts from weights of a file and from the source's labels, and one that can't."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Command

from tfmed.results.schema import StudyResults

STUDY = """
name = "weights"
title = "Do published weights help?"
ledger = ""
source = "phantom"
target = "phantom"
seeds = 1
latent = {max_images = 60, perplexity = 10}
[encoder]
name = "applications"
architecture = "MobileNet"
side = 32
[[pretraining]]
method = "imagenet"
weights = "made.weights.h5"
[[pretraining]]
method = "supervised"
max_images = 200
fit.epochs = 2
[classifiers]
head.epochs = 3
finetune.epochs = 1
search = {learning_rates = [1e-3], augment = [false]}
[source_task]
label_budgets = []
[target_task]
label_budgets = [40]
strategies = ["imagenet:frozen", "imagenet:finetune", "supervised:frozen"]
overtrained = false
baselines = false
[experiments]
losses = []
dropouts = []
"""
MAKE = """
import sys, keras
keras.utils.set_random_seed(5)
network = getattr(keras.applications, sys.argv[1])
network(weights=None, include_top=False, input_shape=(32, 32, 3)).save_weights(sys.argv[2])
"""


def make_weights(architecture: str, path: Path) -> None:
    subprocess.run([sys.executable, "-c", MAKE, architecture, str(path)], check=True)


@pytest.fixture(scope="module")
def done(new_command: Callable[[], Command]) -> tuple[Command, dict[str, Any]]:
    command = new_command()
    make_weights("MobileNet", command.folder / "made.weights.h5")
    (command.folder / "study.toml").write_text(STUDY, encoding="utf-8")
    found = command.run("--quick", "--study", "study.toml", "--workers", "1")
    assert found.code == 0, found.err
    text = (command.folder / "reports" / "weights-quick" / "results.json").read_text()
    return command, json.loads(text)


def test_results_and_both_reports_are_made(done: tuple[Command, dict[str, Any]]) -> None:
    command, results = done
    StudyResults.model_validate(results)
    imagenet, supervised = results["pretraining"]
    assert (imagenet["learned_from"], imagenet["epochs"], imagenet["images"]) == ("nothing", 0, [])
    assert (supervised["learned_from"], supervised["images"]) == ("labels", ["phantom-chest"])
    folder = command.folder / "reports" / "weights-quick"
    assert "ImageNet weights, frozen" in (folder / "report.html").read_text(encoding="utf-8")
    assert (folder / "report.pdf").stat().st_size > 10_000


def test_models_with_such_encoders_are_sound(done: tuple[Command, dict[str, Any]]) -> None:
    command, results = done
    names = {model["name"] for model in results["models"]}
    assert names == {
        f"phantom-pneumonia_{strategy}_40"
        for strategy in ("imagenet-frozen", "imagenet-finetune", "supervised-frozen")
    }
    checked = command.tfmed("models", "check", "saved_models")
    assert checked.code == 0, checked.out + checked.err


def test_a_file_of_another_architecture_is_one_line(done: tuple[Command, dict[str, Any]]) -> None:
    command, _ = done
    make_weights("MobileNetV3Small", command.folder / "other.weights.h5")
    study = STUDY.replace("made.weights.h5", "other.weights.h5")
    (command.folder / "other.toml").write_text(study, encoding="utf-8")
    found = command.run("--quick", "--study", "other.toml", "--workers", "1")
    assert found.code == 2
    assert "other.weights.h5: does not hold the weights of MobileNet" in found.err
    assert "Traceback" not in found.err
