"""Files in MedMNIST's format, given by their path."""

import json

import numpy as np
import pytest
from example_arrays import good_arrays
from example_folders import folder_of

from tfmed.data.importers import medmnist
from tfmed.data.integrity import file_md5
from tfmed.data.loading import load, load_split
from tfmed.data.pictures.recipe import settings_of, shown_steps, steps_from
from tfmed.data.pictures.steps import last_steps, steps_of
from tfmed.data.sources import resolve
from tfmed.errors import InputError


def test_a_path_gives_binary_splits_of_four_dimensions(tmp_path, where):
    path = tmp_path / "own.npz"
    np.savez(path, **good_arrays(14))
    info = resolve(str(path), **where)
    assert (info.name, info.title, info.n_labels) == ("own", "own", 14)
    assert info.class_names == ("no listed finding", "any finding")
    assert info.counts == dict.fromkeys(("train", "val", "test"), (1, 3))
    assert (info.md5, info.path, info.synthetic) == (file_md5(path), path, False)
    splits = load(info)
    np.testing.assert_array_equal(splits["val"].images[..., 0], good_arrays(14)["val_images"])
    assert splits["val"].labels.tolist() == [0, 1, 1, 1]
    assert splits["val"].labels.dtype == np.uint8


def test_colour_images_and_one_column_of_labels_pass(tmp_path, where):
    np.savez(tmp_path / "own.npz", **good_arrays(channels=(3,)))
    info = resolve(str(tmp_path / "own.npz"), **where)
    assert info.image_shape == (28, 28, 3)
    assert info.class_names == ("label 0", "label 1")
    assert load_split(info, "test").images.shape == (4, 28, 28, 3)


def test_a_relative_path_is_kept_absolute_for_workers_elsewhere(tmp_path, where, monkeypatch):
    np.savez(tmp_path / "own.npz", **good_arrays())
    monkeypatch.chdir(tmp_path)
    assert resolve("own.npz", **where).path == tmp_path / "own.npz"


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("my chest_1.2", "my-chest_1.2"),
        ("..hidden", "hidden"),
        ("a\nb<script>", "a-b-script"),
        ("x" * 200, "x" * 64),
        ("胸部", "dataset-"),
    ],
)
def test_a_hostile_stem_makes_a_safe_name(tmp_path, where, stem, name):
    path = tmp_path / f"{stem}.npz"
    np.savez(path, **good_arrays())
    info = resolve(str(path), **where)
    assert info.name.startswith(name)
    assert set(info.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.")
    assert "\n" not in info.title


def test_a_file_that_only_bears_an_official_name_says_so(tmp_path, where):
    np.savez(tmp_path / "chestmnist.npz", **good_arrays(14))
    info = resolve(str(tmp_path / "chestmnist.npz"), **where)
    assert info.title == "chestmnist (not the official file)"


def as_official(monkeypatch, path, flag="chestmnist"):
    """Let a small file pass for the official one."""
    entry = medmnist.catalogue()[flag] | {
        "MD5": file_md5(path),
        "n_samples": {"train": 4, "val": 4, "test": 4},
    }
    official = medmnist.OfficialFile(flag, 28, entry)
    monkeypatch.setattr(medmnist, "official_files", lambda: (official,))
    return official


def test_an_official_file_is_recognised_at_any_path_by_its_md5(tmp_path, where, monkeypatch):
    path = tmp_path / "renamed.npz"
    np.savez(path, **good_arrays(14))
    as_official(monkeypatch, path)
    info = resolve(str(path), **where)
    assert (info.name, info.title, info.license) == ("chestmnist", "ChestMNIST", "CC BY 4.0")
    assert "NIH-ChestXray14" in info.description


def test_an_imported_file_still_says_its_classes_and_steps_when_it_is_moved(tmp_path, where):
    first = resolve(str(folder_of(tmp_path / "own")), **where)
    moved = first.path.rename(tmp_path / "moved.npz")
    info = resolve(str(moved), **where)
    assert (info.name, info.class_names) == ("moved", ("healthy", "ill"))
    assert (info.notes, info.description) == (first.notes, first.description)
    assert info.step_settings == first.step_settings
    assert (steps_from(info.step_settings).size, shown_steps(info.step_settings)) == (
        28,
        info.steps,
    )


STEPS = settings_of((*steps_of(64), *last_steps(None, 1)))
ABOUT = {"steps": [], "notes": [], "class_names": ["a", "b"], "task": "binary"}


@pytest.mark.parametrize(
    "about",
    [
        "{",
        "[]",
        json.dumps(ABOUT | {"task": "gone"}),
        json.dumps(ABOUT | {"class_names": ["a"]}),
        json.dumps(ABOUT | {"class_names": ["a", "b", "c"]}),
        json.dumps(ABOUT | {"step_settings": [{"step": "spin"}]}),
        json.dumps(ABOUT | {"step_settings": STEPS}),  # that `steps` does not say
        json.dumps(ABOUT | {"step_settings": STEPS, "steps": shown_steps(STEPS)}),  # of 64 pixels
    ],
)
def test_a_file_that_says_something_untrue_of_itself_is_refused(tmp_path, where, about):
    path = tmp_path / "own.npz"
    np.savez(path, **good_arrays(), about=np.array(about))
    with pytest.raises(InputError, match="about is not what tfmed writes"):
        resolve(str(path), **where)
