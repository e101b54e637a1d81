"""A quick study of MedMNIST's grades: its predictions files are read by MedMNIST's evaluator."""

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Command, folder_with, report_of

from tfmed.results.predictions import read_labels, read_predictions
from tfmed.results.recheck import recheck
from tfmed.results.schema import StudyResults

with contextlib.redirect_stdout(io.StringIO()):
    from medmnist.evaluator import getACC, getAUC

STUDY = """
name = "grades"
ledger = ""
source = "{path}"
target = "{path}"
encoder = {{name = "plain", latent_channels = 8, base_filters = 4}}
pretraining = {{method = "autoencoder", repeats = 1, max_images = 300, fit.epochs = 2}}
latent = {{max_images = 200}}
[classifiers]
head.epochs = 3
finetune.epochs = 2
search = {{learning_rates = [1e-3], augment = [false]}}
[source_task]
label_budgets = [100]
strategies = ["frozen"]
overtrained = false
baselines = true
[target_task]
label_budgets = [100, "full"]
strategies = ["scratch", "frozen"]
overtrained = false
baselines = false
[experiments]
losses = []
dropouts = []
"""


@pytest.fixture(scope="module")
def grades() -> Path:
    """The official file of RetinaMNIST."""
    return folder_with("retinamnist.npz") / "retinamnist.npz"


@pytest.fixture(scope="module")
def done(grades: Path, new_command: Callable[[], Command]) -> tuple[Path, dict[str, Any]]:
    """The report's folder and its results."""
    return report_of(new_command(), STUDY.format(path=grades), "--quick", "--seeds", 1)


def test_accuracy_and_auc_of_every_run_are_those_of_medmnist(done):
    folder, results = done
    labels = read_labels(folder / "predictions" / "retinamnist_test_labels.csv")
    assert np.bincount(labels).tolist() == results["datasets"][0]["splits"]["test"]["counts"]
    assert results["runs"]
    for run in results["runs"]:
        scores = read_predictions(folder / run["predictions"])
        assert run["metrics"]["accuracy"] == getACC(labels[:, None], scores, "ordinal-regression")
        assert run["metrics"]["auc"] == getAUC(labels[:, None], scores, "ordinal-regression")


def test_the_study_is_one_of_grades_in_full(done):
    folder, results = done
    StudyResults.model_validate_json(json.dumps(results))
    assert results["datasets"][0]["task"] == "ordinal"
    assert len(results["datasets"][0]["class_names"]) == 5
    assert all("quadratic_kappa" in run["metrics"] for run in results["runs"])
    assert {model["stage"] for model in results["models"]} <= {"stable", "candidate"}
    assert all(model["card"]["threshold"] is None for model in results["models"])
    for name in ("report.html", "report.pdf"):
        assert (folder / name).stat().st_size > 10_000


def test_every_number_follows_from_the_predictions(done, capsys):
    folder, _ = done
    assert recheck(folder) == 0
    assert "all agree" in capsys.readouterr().out
