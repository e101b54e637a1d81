"""From names and paths to verified data sets."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from example_arrays import good_arrays

from tfmed.data import sources
from tfmed.data.importers import medmnist
from tfmed.data.integrity import file_md5
from tfmed.data.loading import load_split
from tfmed.data.sources import available, default_data_root, loading_notice, resolve
from tfmed.errors import InputError


def as_official(monkeypatch, path, flag="chestmnist"):
    """Let a small file pass for the official one."""
    entry = medmnist.catalogue()[flag] | {
        "MD5": file_md5(path),
        "n_samples": {"train": 4, "val": 4, "test": 4},
    }
    official = medmnist.OfficialFile(flag, 28, entry)
    monkeypatch.setattr(medmnist, "official_files", lambda: (official,))
    return official


def test_a_named_file_with_the_wrong_md5_is_refused_with_both(where):
    where["data_root"].mkdir()
    path = where["data_root"] / "pneumoniamnist.npz"
    np.savez(path, **good_arrays())
    with pytest.raises(InputError) as caught:
        resolve("pneumoniamnist", **where)
    line = str(caught.value)
    assert file_md5(path) in line
    assert "28209eda62fecd6e6a2d98b1501bb15f" in line
    assert "delete it and it will be downloaded again" in line


def test_a_named_set_that_is_absent_is_downloaded_from_the_mirror(tmp_path, where, monkeypatch):
    path = tmp_path / "served.npz"
    np.savez(path, **good_arrays(14))
    as_official(monkeypatch, path)
    asked = []

    def deliver(url, destination, md5, **_options):
        asked.append((url, md5))
        destination.parent.mkdir()
        return path.rename(destination)

    monkeypatch.setattr(sources, "download", deliver)
    monkeypatch.setenv("TFMED_MEDMNIST_URL", "http://mirror.example/medmnist/")
    info = resolve("ChestMNIST", **where)
    assert info.path == where["data_root"] / "chestmnist.npz"
    assert asked == [("http://mirror.example/medmnist/chestmnist.npz", info.md5)]
    resolve("chestmnist", **where)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ("chestmnits", "did you mean chestmnist"),
        ("", "no data set named ''"),
        ("chestmnist_32", "did you mean chestmnist"),
        ("a\nb", "no data set named"),
        ("organmnist3d", "organmnist3d is not for tfmed (3-D)"),
        ("nodulemnist3d_64", "nodulemnist3d_64 is not for tfmed (3-D)"),
    ],
)
def test_a_name_that_cannot_be_taken_lists_those_that_can(where, spec, fault):
    for call in (lambda: resolve(spec, **where), lambda: available(spec, where["data_root"])):
        with pytest.raises(InputError) as caught:
            call()
        assert fault in str(caught.value)
        assert "pathmnist, chestmnist, dermamnist, octmnist, pneumoniamnist, retinamnist" in str(
            caught.value
        )
        assert "\n" not in str(caught.value)


def test_available_looks_at_files_before_the_network(where, monkeypatch):
    asked = []
    monkeypatch.setattr(sources, "is_reachable", lambda url: bool(asked.append(url)))
    assert available("phantom", where["data_root"])
    assert not available("none.npz", where["data_root"])
    assert not available("chestmnist", where["data_root"])
    where["data_root"].mkdir()
    (where["data_root"] / "chestmnist.npz").touch()
    assert available("chestmnist", where["data_root"])
    assert len(asked) == 1


def test_the_data_root_follows_the_environment(monkeypatch):
    monkeypatch.setenv("MEDMNIST_ROOT", "/some/where")
    assert default_data_root() == Path("/some/where")
    monkeypatch.delenv("MEDMNIST_ROOT")
    monkeypatch.setenv("HOME", "/home/someone")
    assert default_data_root() == Path("/home/someone/.medmnist")


def test_the_real_files_are_known(where, real_data):
    target = resolve("pneumoniamnist", **where | {"data_root": real_data, "role": "target"})
    assert target.counts == {"train": (1214, 3494), "val": (135, 389), "test": (234, 390)}
    assert (target.title, target.class_names) == ("PneumoniaMNIST", ("normal", "pneumonia"))
    source = resolve(str(real_data / "chest_nih.npz"), **where)
    assert (source.name, source.title) == ("chest_nih", "NIH ChestX-ray14 subset")
    assert sum(map(sum, source.counts.values())) == 15_923
    assert load_split(source, "test").labels.mean() == pytest.approx(1524 / 3441)


def test_the_path_taken_follows_from_the_size_and_is_said(tmp_path, where):
    np.savez(tmp_path / "own.npz", **good_arrays())
    info = resolve(str(tmp_path / "own.npz"), **where)
    large = dataclasses.replace(info, title="Chest", image_shape=(224, 224, 1))
    counts = {"train": (40_000, 38_468), "val": (1, 1)}
    large = dataclasses.replace(large, counts=counts, sizes={"train": 78_468, "val": 2})
    assert large.image_bytes == 78_470 * 224 * 224
    assert info.fits_in_memory
    assert not large.fits_in_memory
    assert "held in memory" in loading_notice(info)
    assert loading_notice(large) == (
        "Chest: 3,937 MB of images, streamed from records on disk (more than 537 MB)"
    )


@pytest.mark.parametrize(
    ("spec", "message"),
    [("pneumoniamnst", "did you mean"), ("gone.npz", "gone.npz"), ("organmnist3d", "3-D")],
)
def test_a_wrong_name_is_refused_before_anything_is_downloaded(spec, message):
    with pytest.raises(InputError, match=message):
        sources.check_spec(spec)
    sources.check_spec("phantom")
    sources.check_spec("chestmnist_64")


def test_another_size_of_a_name_is_another_name():
    assert sources.sized("chestmnist", 64) == "chestmnist_64"
    assert sources.sized("ChestMNIST_64", 64) == "chestmnist_64"
    assert sources.sized("chestmnist", 28) == "chestmnist"
    assert sources.sized("phantom", 224) == "phantom_224"


@pytest.mark.parametrize(
    ("spec", "fault"),
    [("own.npz", "own.npz has its own size"), ("breastmnist_128", "names another size")],
)
def test_what_has_a_size_of_its_own_takes_no_other(spec, fault):
    with pytest.raises(InputError, match=fault):
        sources.sized(spec, 64)


def test_a_phantom_is_drawn_at_the_size_that_its_name_asks_for(where):
    counts = dict.fromkeys(("train", "val", "test"), 16)
    info = resolve("phantom_64", **where, phantom_counts=counts)
    assert info.image_shape == (64, 64, 1)
    assert info.name == "phantom-chest_64"
    assert "64 × 64" in info.title
    assert sources.phantom_like("pneumoniamnist_64") == "phantom_64"
