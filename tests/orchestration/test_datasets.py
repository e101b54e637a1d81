import numpy as np
import pytest

from tfmed.config.study import Study
from tfmed.data import sources
from tfmed.orchestration import datasets
from tfmed.orchestration.listening import Silent

ROLES = ("source", "target")


class Notes(Silent):
    """Remembers what it heard."""

    def __init__(self):
        self.heard = []

    def note(self, text):
        self.heard.append(text)


@pytest.fixture
def few_images(monkeypatch):
    counts = {role: dict.fromkeys(("train", "val", "test"), 20) for role in ROLES}
    monkeypatch.setattr(datasets, "QUICK_PHANTOM", counts)


def phantoms(**changes):
    return Study(name="quick", quick=True, source="phantom", target="phantom", **changes)


def test_the_default_study_of_other_data_is_titled_by_them_and_fits_them(few_images, tmp_path):
    notes = Notes()
    found = datasets.find(phantoms(), tmp_path, notes, phantom_if_missing=False, fit_to_data=True)
    assert found.study.title == (
        f"Does pretraining on {found.source.title} without labels help to classify "
        f"{found.target.title}?"
    )
    assert found.study.name == "quick"
    assert found.study.target_task.label_budgets == ("full",)
    assert any("no runs with 300 labels" in note for note in notes.heard)


def test_a_study_of_its_own_keeps_title_and_label_budgets(few_images, tmp_path):
    study = phantoms()
    found = datasets.find(study, tmp_path, Silent(), phantom_if_missing=False, fit_to_data=False)
    assert found.study == study


def test_phantom_images_stand_in_for_data_that_can_not_be_had_and_it_is_said_loudly(
    few_images, tmp_path, monkeypatch
):
    monkeypatch.setattr(sources, "available", lambda name, _: name == "pneumoniamnist")
    notes = Notes()
    study = Study(quick=True)
    found = datasets.find(study, tmp_path, notes, phantom_if_missing=True, fit_to_data=True)
    assert found.source.synthetic
    assert found.target.synthetic
    assert notes.heard[0].startswith(f"*** SYNTHETIC DATA *** chestmnist not in {tmp_path}")
    assert found.study.title == study.title


def test_without_the_package_medmnist_the_default_study_runs_on_phantom_images_and_says_why(
    few_images, tmp_path, monkeypatch
):
    monkeypatch.setattr("tfmed.data.importers.medmnist.is_installed", lambda: False)
    notes = Notes()
    found = datasets.find(
        Study(quick=True), tmp_path, notes, phantom_if_missing=True, fit_to_data=True
    )
    assert found.source.synthetic
    assert "pip install --no-deps medmnist" in notes.heard[0]


def test_a_run_says_loudly_that_splits_share_patients(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {}
    for split in ("train", "val", "test"):
        arrays[f"{split}_images"] = rng.integers(0, 256, (20, 28, 28), np.uint8)
        arrays[f"{split}_labels"] = np.arange(20, dtype=np.uint8)[:, None] % 2
        arrays[f"{split}_patients"] = np.arange(20) + 15 * (split == "test")
    np.savez(tmp_path / "own.npz", **arrays)
    study = Study(source=str(tmp_path / "own.npz"), target=str(tmp_path / "own.npz"))
    notes = Notes()
    datasets.find(study, tmp_path, notes, phantom_if_missing=False, fit_to_data=True)
    (line,) = {note for note in notes.heard if "images of test" in note and "in train" in note}
    assert line.startswith("*** WARNING *** own: 5 of 20 images of test are of patients")
