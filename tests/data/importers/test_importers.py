"""The registry of importers."""

import sys
import types

import numpy as np
from example_arrays import good_arrays

from tfmed.data import importers
from tfmed.data.importers import npz
from tfmed.data.loading import load_split
from tfmed.data.sources import available, check_spec, resolve


def test_an_importer_is_one_module_and_one_line_of_the_registry(tmp_path, where, monkeypatch):
    """A raw file of pixels, which its importer turns into an `.npz` in the cache."""
    toy = types.ModuleType("toy_importer")
    toy.WANTED = "a raw file"
    toy.takes = lambda spec: spec.endswith(".raw")
    toy.check = lambda path: None

    def read(path, cache_dir, settings):
        cache_dir.mkdir()
        arrays = good_arrays()
        arrays["train_images"][:] = np.frombuffer(path.read_bytes(), np.uint8).reshape(28, 28)
        np.savez(cache_dir / "toy.npz", **arrays)
        return npz.describe(cache_dir / "toy.npz", npz.Words("toy", "Toy"))

    toy.read = read
    monkeypatch.setitem(sys.modules, "toy_importer", toy)
    monkeypatch.setitem(importers.REGISTRY, "toy", "toy_importer")
    path = tmp_path / "pixels.raw"
    path.write_bytes(bytes(range(256)) * 3 + bytes(16))
    assert importers.importer_of("pixels.raw") is toy
    monkeypatch.chdir(tmp_path)
    check_spec("pixels.raw")
    assert available("pixels.raw", where["data_root"])
    info = resolve("pixels.raw", **where)
    assert load_split(info, "train").images[2, 9, 3, 0] == (9 * 28 + 3) % 256
