"""Phantoms are drawn once and kept whole."""

import dataclasses
import errno
import os

import numpy as np
import pytest
from example_arrays import good_arrays

from tfmed.data.phantom import drawing
from tfmed.data.sources import resolve
from tfmed.errors import InputError


@pytest.fixture
def phantom(monkeypatch):
    """A stand-in generator that counts how often it draws."""
    drawn = []

    def draw_phantom(domain, *, counts=None, size=28):
        drawn.append(domain)
        return good_arrays(14 if domain == "chest" else 1, n=(counts or {}).get("train", 4))

    monkeypatch.setattr(drawing, "draw_phantom", draw_phantom)
    return drawn


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
    (folder / ".phantom-chest-0.npz.part").write_bytes(b"half")
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
