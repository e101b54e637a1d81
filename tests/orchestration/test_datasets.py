import numpy as np
import pytest

from tfmed.config.study import Study
from tfmed.data import sources
from tfmed.errors import InputError
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


def test_several_findings_are_merged_by_default_and_asked_for_one_by_one_if_chosen(
    monkeypatch, tmp_path
):
    counts = {role: {"train": 400, "val": 100, "test": 100} for role in ROLES}
    monkeypatch.setattr(datasets, "QUICK_PHANTOM", counts)
    study = phantoms()
    chosen = study.replaced(source_task=study.source_task.replaced(task="multilabel"))
    found = [
        datasets.find(each, tmp_path, Silent(), phantom_if_missing=False, fit_to_data=False)
        for each in (study, chosen)
    ]
    assert [each.source.task for each in found] == ["binary", "multilabel"]
    assert found[0].source.class_names == ("no listed finding", "any finding")
    assert len(found[1].source.class_names) == 14
    assert found[1].target.task == "binary"


def test_a_task_said_for_one_role_of_one_data_set_is_the_other_s_too(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {}
    for split in ("train", "val", "test"):
        arrays[f"{split}_images"] = rng.integers(0, 255, (40, 28, 28), np.uint8)
        arrays[f"{split}_labels"] = rng.integers(0, 2, (40, 3))
    np.savez(tmp_path / "own.npz", **arrays)
    own = str(tmp_path / "own.npz")
    study = Study(source=own, target=own)
    study = study.replaced(target_task=study.target_task.replaced(task="multilabel"))
    options = {"phantom_if_missing": False, "fit_to_data": False}
    found = datasets.find(study, tmp_path, Silent(), **options)
    assert found.source is found.target
    assert found.source.class_names == ("finding 0", "finding 1", "finding 2")
    assert found.study.source_task.task == "multilabel"
    study = study.replaced(source_task=study.source_task.replaced(task="binary"))
    with pytest.raises(InputError, match="its task is binary and multilabel"):
        datasets.find(study, tmp_path, Silent(), **options)
