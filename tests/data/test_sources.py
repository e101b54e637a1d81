"""From names and paths to verified data sets."""

import dataclasses
import errno
import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from tfmed.data import sources
from tfmed.data.download import file_md5
from tfmed.data.loading import load, load_split
from tfmed.data.sources import available, default_data_root, loading_notice, resolve
from tfmed.errors import InputError

ROOT = Path(__file__).parents[2]
REAL = Path(os.environ.get("TFMED_REAL_DATA", ROOT.parent / "shared" / "data"))

needs_real_data = pytest.mark.skipif(
    not (REAL / "pneumoniamnist.npz").is_file() or not (REAL / "chest_nih.npz").is_file(),
    reason=f"no pneumoniamnist.npz and chest_nih.npz in {REAL} (set TFMED_REAL_DATA)",
)


def arrays(columns=1, n=4, seed=0, channels=()):
    rng = np.random.default_rng(seed)
    out = {}
    for split in ("train", "val", "test"):
        out[f"{split}_images"] = rng.integers(0, 256, (n, 28, 28, *channels), np.uint8)
        out[f"{split}_labels"] = np.zeros((n, columns), np.uint8)
        out[f"{split}_labels"][1:, -1] = 1
    return out


@pytest.fixture
def where(tmp_path):
    return {"data_root": tmp_path / "data", "cache_dir": tmp_path / "cache", "role": "source"}


@pytest.fixture
def phantom(monkeypatch):
    """A stand-in generator that counts how often it draws."""
    drawn = []

    def draw_phantom(domain, *, counts=None):
        drawn.append(domain)
        return arrays(14 if domain == "chest" else 1, n=(counts or {}).get("train", 4))

    module = types.ModuleType("tfmed.data.phantom")
    module.draw_phantom = draw_phantom
    monkeypatch.setitem(sys.modules, "tfmed.data.phantom", module)
    return drawn


def as_official(monkeypatch, path, flag="chestmnist"):
    """Let a small file pass for the official one."""
    entry = sources._catalogue()[flag] | {
        "MD5": file_md5(path),
        "n_samples": {"train": 4, "val": 4, "test": 4},
    }
    official = sources._Official(flag, 28, entry)
    monkeypatch.setattr(sources, "_official_files", lambda: (official,))
    return official


def test_a_path_gives_binary_splits_of_four_dimensions(tmp_path, where):
    path = tmp_path / "own.npz"
    np.savez(path, **arrays(14))
    info = resolve(str(path), **where)
    assert (info.name, info.title, info.n_labels) == ("own", "own", 14)
    assert info.class_names == ("no listed finding", "any finding")
    assert info.counts == dict.fromkeys(("train", "val", "test"), (1, 3))
    assert (info.md5, info.path, info.synthetic) == (file_md5(path), path, False)
    splits = load(info)
    np.testing.assert_array_equal(splits["val"].images[..., 0], arrays(14)["val_images"])
    assert splits["val"].labels.tolist() == [0, 1, 1, 1]
    assert splits["val"].labels.dtype == np.uint8


def test_colour_images_and_one_column_of_labels_pass(tmp_path, where):
    np.savez(tmp_path / "own.npz", **arrays(channels=(3,)))
    info = resolve(str(tmp_path / "own.npz"), **where)
    assert info.image_shape == (28, 28, 3)
    assert info.class_names == ("label 0", "label 1")
    assert load_split(info, "test").images.shape == (4, 28, 28, 3)


def test_a_relative_path_is_kept_absolute_for_workers_elsewhere(tmp_path, where, monkeypatch):
    np.savez(tmp_path / "own.npz", **arrays())
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
    np.savez(path, **arrays())
    info = resolve(str(path), **where)
    assert info.name.startswith(name)
    assert set(info.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.")
    assert "\n" not in info.title


def test_a_file_that_only_bears_an_official_name_says_so(tmp_path, where):
    np.savez(tmp_path / "chestmnist.npz", **arrays(14))
    info = resolve(str(tmp_path / "chestmnist.npz"), **where)
    assert info.title == "chestmnist (not the official file)"


def test_an_official_file_is_recognised_at_any_path_by_its_md5(tmp_path, where, monkeypatch):
    path = tmp_path / "renamed.npz"
    np.savez(path, **arrays(14))
    as_official(monkeypatch, path)
    info = resolve(str(path), **where)
    assert (info.name, info.title, info.license) == ("chestmnist", "ChestMNIST", "CC BY 4.0")
    assert "NIH-ChestXray14" in info.description


def test_a_named_file_with_the_wrong_md5_is_refused_with_both(where):
    where["data_root"].mkdir()
    path = where["data_root"] / "pneumoniamnist.npz"
    np.savez(path, **arrays())
    with pytest.raises(InputError) as caught:
        resolve("pneumoniamnist", **where)
    line = str(caught.value)
    assert file_md5(path) in line
    assert "28209eda62fecd6e6a2d98b1501bb15f" in line
    assert "delete it and it will be downloaded again" in line


def test_a_named_set_that_is_absent_is_downloaded_from_the_mirror(tmp_path, where, monkeypatch):
    path = tmp_path / "served.npz"
    np.savez(path, **arrays(14))
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


def test_sizes_have_their_own_name_title_and_address(monkeypatch):
    monkeypatch.delenv("TFMED_MEDMNIST_URL", raising=False)
    official = sources._find_official("breastmnist_128")
    assert (official.name, official.title) == ("breastmnist_128", "BreastMNIST (128 × 128)")
    assert "breastmnist_128.npz" in official.url


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ("chestmnits", "did you mean chestmnist"),
        ("", "no data set named ''"),
        ("chestmnist_32", "did you mean chestmnist"),
        ("a\nb", "no data set named"),
        ("octmnist", "octmnist is not for tfmed (multi-class)"),
        ("retinamnist", "retinamnist is not for tfmed (ordinal-regression)"),
        ("nodulemnist3d_64", "nodulemnist3d_64 is not for tfmed (3-D)"),
    ],
)
def test_a_name_that_cannot_be_taken_lists_those_that_can(where, spec, fault):
    for call in (lambda: resolve(spec, **where), lambda: available(spec, where["data_root"])):
        with pytest.raises(InputError) as caught:
            call()
        assert fault in str(caught.value)
        assert "chestmnist, pneumoniamnist, breastmnist" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_phantoms_are_drawn_once_per_domain_and_size(where, phantom):
    source = resolve("phantom", **where)
    target = resolve("phantom", **where | {"role": "target"}, phantom_counts={"train": 6})
    assert (source.name, source.n_labels, source.synthetic) == ("phantom-chest", 14, True)
    assert (target.name, target.n_labels, target.counts["train"]) == (
        "phantom-pneumonia",
        1,
        (1, 5),
    )
    assert resolve("phantom", **where) == source
    assert phantom == ["chest", "pneumonia"]
    assert sorted(p.suffix for p in source.path.parent.iterdir()) == [".npz", ".npz"]


@pytest.mark.parametrize("damage", ["cut", "bit"])
def test_a_damaged_phantom_is_drawn_again_to_the_same_bytes(where, phantom, damage):
    first = resolve("phantom", **where)
    content = bytearray(first.path.read_bytes())
    content[len(content) // 3] ^= 1  # in the middle of the pixels
    first.path.write_bytes(content if damage == "bit" else content[:-50])
    assert dataclasses.asdict(resolve("phantom", **where)) == dataclasses.asdict(first)


def test_what_a_killed_drawing_left_goes_with_the_next_one(where, phantom):
    folder = where["cache_dir"] / "phantom"
    folder.mkdir(parents=True)
    (folder / ".phantom-chest-0.npz.drawing").write_bytes(b"half")
    path = resolve("phantom", **where).path
    assert list(folder.iterdir()) == [path]


def test_a_disk_that_fills_up_while_drawing_is_named_and_left_clean(where, phantom, monkeypatch):
    def no_room(file, **_):
        file.write(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez", no_room)
    with pytest.raises(InputError, match=r"No space left on device.*TFMED_CACHE"):
        resolve("phantom", **where)
    assert list((where["cache_dir"] / "phantom").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_named(tmp_path, where, phantom):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        resolve("phantom", **where | {"cache_dir": tmp_path / "file"})


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


def test_the_catalogue_is_that_of_medmnist(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    from medmnist.info import INFO

    assert sources._catalogue() == INFO


def test_names_are_looked_up_without_importing_medmnist_or_making_its_folder(tmp_path):
    code = (
        "import sys; from tfmed.data import sources; sources._find_official('chestmnist');"
        "print({'medmnist', 'pandas', 'torch', 'tensorflow'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "set()\n"
    assert list(tmp_path.iterdir()) == []


@needs_real_data
def test_the_real_files_are_known(where):
    target = resolve("pneumoniamnist", **where | {"data_root": REAL, "role": "target"})
    assert target.counts == {"train": (1214, 3494), "val": (135, 389), "test": (234, 390)}
    assert (target.title, target.class_names) == ("PneumoniaMNIST", ("normal", "pneumonia"))
    source = resolve(str(REAL / "chest_nih.npz"), **where)
    assert (source.name, source.title) == ("chest_nih", "NIH ChestX-ray14 subset")
    assert sum(map(sum, source.counts.values())) == 15_923
    assert load_split(source, "test").labels.mean() == pytest.approx(1524 / 3441)


def test_the_path_taken_follows_from_the_size_and_is_said(tmp_path, where):
    np.savez(tmp_path / "own.npz", **arrays())
    info = resolve(str(tmp_path / "own.npz"), **where)
    large = dataclasses.replace(info, title="Chest", image_shape=(224, 224, 1))
    large = dataclasses.replace(large, counts={"train": (40_000, 38_468), "val": (1, 1)})
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
