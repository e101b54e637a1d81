"""A small study of images whose patients are known: its intervals count patients."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Command, small

from tfmed.evaluation.intervals import mean_interval
from tfmed.results.predictions import read_labels, read_patients, read_predictions
from tfmed.results.recheck import recheck
from tfmed.results.schema import StudyResults

A_PATIENT = 4


def written(path: Path) -> None:
    """Images with a bright centre in class 1; four of a patient are nearly the same image."""
    rng, arrays = np.random.default_rng(0), {}
    for first, (split, n) in enumerate((("train", 50), ("val", 10), ("test", 20))):
        labels = np.arange(n) % 2
        images = rng.integers(0, 120, (n, 28, 28))
        images[:, 10:18, 10:18] += (labels * rng.integers(0, 120, n))[:, None, None]
        noise = rng.integers(0, 10, (n * A_PATIENT, 28, 28))
        arrays[f"{split}_images"] = (images.repeat(A_PATIENT, axis=0) + noise).astype(np.uint8)
        arrays[f"{split}_labels"] = labels.repeat(A_PATIENT)[:, None]
        names = [f"Dr. Who {100 * first + number}" for number in range(n)]
        arrays[f"{split}_patients"] = np.repeat(names, A_PATIENT)
    np.savez(path, **arrays)


@pytest.fixture(scope="module")
def done(new_command: Callable[[], Command]) -> tuple[Path, dict[str, Any], str]:
    """The report's folder, its results, and what the command said."""
    command = new_command()
    path = command.folder / "own.npz"
    written(path)
    arguments = small(command)
    study = command.folder / "small.toml"
    text = study.read_text("utf-8").replace("repeats = 1", "repeats = 2")
    text = text.replace("augment = [false]", "augment = [false, true]")
    study.write_text(text, encoding="utf-8")
    found = command.run(*arguments, "--source", path, "--target", path)
    assert found.code == 0, found.err
    folder = next((command.folder / "reports").glob("*/results.json")).parent
    return folder, json.loads((folder / "results.json").read_text("utf-8")), found.out + found.err


def test_files_results_and_models_say_how_many_patients_are_counted(done):
    folder, results, said = done
    StudyResults.model_validate_json(json.dumps(results))
    assert results["datasets"][0]["splits"]["test"]["patients"] == 20
    assert all(m["card"]["metrics"]["n_patients"] == 20 for m in results["models"])
    sentence = "On own, intervals count 20 patients (80 images)."
    assert sentence in said
    page = (folder / "report.html").read_text("utf-8")
    assert sentence in page
    assert "20 patients in its test split" in page
    patients = read_patients(folder / "predictions", "own", 80)
    assert patients.tolist() == np.arange(20).repeat(A_PATIENT).tolist()


def test_names_of_patients_are_in_no_file_of_the_report(done):
    folder, _, _ = done
    for path in folder.rglob("*"):
        assert path.is_dir() or b"Dr. Who" not in path.read_bytes(), path


def test_intervals_are_those_of_patients_and_checked_from_files(done, capsys):
    folder, results, _ = done
    assert recheck(folder) == 0
    assert "all agree" in capsys.readouterr().out
    row = next(row for row in results["summary"] if row["strategy"] == "scratch")
    runs = [run for run in results["runs"] if run["strategy"] == "scratch"]
    scores = np.array([read_predictions(folder / run["predictions"]) for run in runs])
    labels = read_labels(folder / "predictions" / "own_test_labels.csv")
    patients = np.arange(20).repeat(A_PATIENT)
    assert row["auc"] == pytest.approx(mean_interval(labels, scores, "auc", patients=patients))
    assert row["auc"] != pytest.approx(mean_interval(labels, scores, "auc"))
