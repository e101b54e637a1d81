"""A quick study of 14 findings, each asked for by itself: its numbers are scikit-learn's."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Command, folder_with, report_of
from sklearn.metrics import average_precision_score, roc_auc_score

from tfmed.results.predictions import read_labels, read_predictions
from tfmed.results.recheck import recheck
from tfmed.results.schema import StudyResults

STUDY = """
name = "findings"
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
label_budgets = []
[target_task]
task = "multilabel"
label_budgets = [100]
strategies = ["scratch", "frozen", "finetune"]
overtrained = false
[experiments]
dropouts = []
"""

MIXED = """
name = "mixed"
ledger = ""
source = "phantom"
target = "phantom"
encoder = {name = "plain", latent_channels = 8, base_filters = 4}
pretraining = {method = "autoencoder", repeats = 1, max_images = 300, fit.epochs = 2}
[classifiers]
head.epochs = 3
finetune.epochs = 2
search = {learning_rates = [1e-3], augment = [false]}
[source_task]
task = "multilabel"
label_budgets = [100]
strategies = ["scratch"]
overtrained = false
baselines = false
[target_task]
label_budgets = [100]
strategies = ["frozen", "finetune"]
overtrained = false
baselines = false
[experiments]
losses = ["class_weighted"]
dropouts = []
[latent]
max_images = 200
"""


@pytest.fixture(scope="module")
def findings() -> Path:
    """The stand-in of ChestMNIST: real images with their 14 findings."""
    return folder_with("chest_nih.npz") / "chest_nih.npz"


@pytest.fixture(scope="module")
def done(findings: Path, new_command: Callable[[], Command]) -> tuple[Path, dict[str, Any]]:
    """The report's folder and its results."""
    return report_of(new_command(), STUDY.format(path=findings), "--quick", "--seeds", 1)


def test_auc_and_average_precision_of_every_run_are_those_of_scikit_learn(done):
    folder, results = done
    labels = read_labels(folder / "predictions" / "chest_nih_test_labels.csv")
    assert labels.sum(axis=0).tolist() == results["datasets"][0]["splits"]["test"]["counts"]
    assert results["runs"]
    measures = (("auc", roc_auc_score), ("average_precision", average_precision_score))
    for run in results["runs"]:
        scores, metrics = read_predictions(folder / run["predictions"]), run["metrics"]
        for name, measure in measures:
            each = [measure(labels[:, f], scores[:, f]) for f in range(14)]
            assert metrics[name] == pytest.approx(np.mean(each), abs=1e-12)
            for finding, value in enumerate(each):
                assert metrics[f"{name}_of_class_{finding}"] == pytest.approx(value, abs=1e-12)


def test_the_study_is_one_of_findings_in_full(done):
    folder, results = done
    StudyResults.model_validate_json(json.dumps(results))
    (data,) = results["datasets"]
    assert (data["task"], data["binarise"]) == ("multilabel", None)
    assert data["class_names"][0] == "atelectasis"
    assert len(data["class_names"]) == 14
    assert results["latent"]["groups"]["chest_nih"] == [
        *("no finding", "one finding", "several findings")
    ]
    assert all(len(run["threshold"]) == 14 for run in results["runs"])
    assert {model["stage"] for model in results["models"]} <= {"stable", "candidate"}
    page = (folder / "report.html").read_text(encoding="utf-8")
    for words in ("mean AUC", "14 findings, any number of them an image", "hernia"):
        assert words in page
    assert (folder / "report.pdf").stat().st_size > 10_000


def test_every_number_follows_from_the_predictions(done, capsys):
    folder, _ = done
    assert recheck(folder) == 0
    assert "all agree" in capsys.readouterr().out


def test_a_source_of_findings_and_a_target_of_two_classes_go_together(new_command):
    folder, results = report_of(new_command(), MIXED, "--quick", "--seeds", 1)
    assert [data["task"] for data in results["datasets"]] == ["multilabel", "binary"]
    (forgotten,) = results["latent"]["forgetting"]
    assert 0 < forgotten["probe_auc_after"]["mean"] < 1
    assert recheck(folder) == 0
