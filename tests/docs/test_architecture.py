"""The page on the architecture says what is there."""

import re
import tomllib

import pytest
from pages import ROOT, blocks

from tfmed import encoders, pretraining

PAGE = ROOT / "docs" / "architecture.md"
TEXT = PAGE.read_text(encoding="utf-8")
METHOD, ENCODER = (code for code in blocks(PAGE, "python") if code.startswith('"""'))


def test_its_layers_are_those_that_are_checked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = (
        each for each in project["tool"]["importlinter"]["contracts"] if each["type"] == "layers"
    )
    table = TEXT.partition("| layer |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == contract["layers"]


def test_every_module_that_it_names_exists():
    named = set(re.findall(r"`((?:\w+/)+(?:\w+\.py)?)`", TEXT))
    toys = {"tfmed/pretraining/mean_image.py", "tfmed/encoders/patches.py"}
    assert len(named) > 20
    places = (ROOT, ROOT / "tfmed")
    assert [name for name in named - toys if not any((at / name).exists() for at in places)] == []


@pytest.fixture
def toys(tmp_path, monkeypatch):
    """The two modules of the page, registered as it says."""
    (tmp_path / "toy_method.py").write_text(METHOD, encoding="utf-8")
    (tmp_path / "toy_encoder.py").write_text(ENCODER, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(pretraining.REGISTRY, "mean_image", "toy_method")
    monkeypatch.setitem(encoders.REGISTRY, "patches", "toy_encoder")


@pytest.mark.slow
def test_the_toys_that_it_shows_can_be_fitted(toys):
    import numpy as np
    import tensorflow as tf

    settings = pretraining.settings_of({"method": "mean_image"})
    method = pretraining.method("mean_image")
    encoder = encoders.build({"name": "patches"}, (28, 28, 1))
    assert encoder.output_shape == (None, 4, 4, 32)
    model = method.build(settings, encoder)
    model.compile("adam", method.loss(settings))
    images = tf.constant(np.random.default_rng(0).random((8, 28, 28, 1), np.float32))
    before = [weight.copy() for weight in encoder.get_weights()]
    model.fit(*method.views(settings, images, tf.constant([0, 1], tf.int64)), verbose=0)
    assert not all(map(np.array_equal, before, encoder.get_weights()))
