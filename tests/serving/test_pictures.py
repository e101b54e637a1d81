"""What an import, the client and the graph make of a file is equal to the last byte."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_table import ROWS, TWELVE, Row, of, saved
from PIL import Image

from tfmed.data import importers
from tfmed.data.importers.settings import ImportSettings
from tfmed.data.pictures.files import UnusableError
from tfmed.data.pictures.recipe import Recipe, prepared, steps_from
from tfmed.data.pictures.steps import Resize
from tfmed.serving.pictures.resampling import Span, resize, resize_deep
from tfmed.serving.signatures import decode_image

pytestmark = pytest.mark.slow

SIZE = 28
SETS = [
    pytest.param(*chosen, marks=() if chosen in (("pad", 1), ("crop", 3)) else pytest.mark.slow)
    for chosen in itertools.product(("pad", "crop", "stretch"), (1, 3))
]


class Imported:
    """All files of the table that an import takes, imported with the same settings."""

    def __init__(self, folder, aspect, channels):
        rng = np.random.default_rng(0)
        for split, name in itertools.product(("train", "val", "test"), "ab"):
            into = folder / "data" / split / name
            into.mkdir(parents=True)
            noise = rng.integers(0, 256, (20, 20), dtype=np.uint8)
            (into / f"{split}.png").write_bytes(saved(of(noise), "PNG")())
        deepest = folder / "data" / "train" / "a" / "deep.png"
        deepest.write_bytes(saved(of(TWELVE), "PNG")())  # so depth is 12 bits
        self.files = {}
        for row in ROWS:
            taken = folder / "data" / "test" / "a" if not row.refused else folder
            self.files[row.name] = taken / row.name
            self.files[row.name].write_bytes(row.make())
        chosen = ImportSettings(size=SIZE, aspect=aspect, grey=channels == 1)
        root = folder / "data"
        info = importers.importer_of(str(root)).read(root, folder / "cache", chosen)
        assert info.image_shape == (SIZE, SIZE, channels)
        assert f"square({aspect})" in info.steps
        self.recipe = steps_from(info.step_settings)
        with np.load(info.path) as arrays:
            names = [str(name).rpartition("/")[2] for name in arrays["test_names"]]
            images = arrays["test_images"].reshape(-1, SIZE, SIZE, channels)
            self.pictures = dict(zip(names, images, strict=True))
        shape, recipe = info.image_shape, self.recipe
        self.graph = tf.function(
            lambda content: decode_image(content, tf.constant(0), shape, recipe),
            input_signature=[tf.TensorSpec((), tf.string)],
        )


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    made: dict[tuple[str, int], Imported] = {}

    def get(aspect, channels):
        if (aspect, channels) not in made:
            folder = tmp_path_factory.mktemp("pictures")
            made[aspect, channels] = Imported(folder, aspect, channels)
        return made[aspect, channels]

    return get


@pytest.mark.parametrize(("aspect", "channels"), SETS, ids=str)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_import_client_and_graph_make_one_picture_of_a_file(sets, row: Row, aspect, channels):
    found = sets(aspect, channels)
    path = found.files[row.name]
    if row.refused:
        with pytest.raises(UnusableError, match=row.refused):
            prepared(path, found.recipe)
    else:
        picture = found.pictures[row.name]
        assert picture.min() < picture.max()
        np.testing.assert_array_equal(prepared(path, found.recipe), picture)
    if row.graph:
        with pytest.raises(tf.errors.InvalidArgumentError, match=row.graph):
            found.graph(tf.constant(row.make()))
    else:
        np.testing.assert_array_equal(found.graph(tf.constant(row.make())), picture)


def test_more_than_8_bits_are_refused_where_no_image_had_them(sets, tmp_path):
    found = sets("pad", 1)
    plain = Recipe(found.recipe.first, found.recipe.last[1:])
    assert plain.depth is None
    deep = tmp_path / "deep.png"
    deep.write_bytes(saved(of(TWELVE), "PNG")())
    with pytest.raises(UnusableError, match="more than 8 bits"):
        prepared(deep, plain)
    graph = tf.function(lambda c: decode_image(c, tf.constant(0), (SIZE, SIZE, 1), plain))
    with pytest.raises(tf.errors.InvalidArgumentError, match="more than 8 bits"):
        graph(tf.constant(deep.read_bytes()))


def whole(pixels, size):
    zero = tf.constant(0)
    return [Span(zero, side, side, size) for side in tf.unstack(tf.shape(pixels)[:2])]


def resized(pixels, size, how):
    key = size, how
    if key not in resized.made:
        dtype = tf.uint8 if how is resize else tf.uint16
        resized.made[key] = tf.function(
            lambda p: how(p, *whole(p, size)),
            input_signature=[tf.TensorSpec((None, None, 1), dtype)],
        )
    return resized.made[key](pixels).numpy()[..., 0]


resized.made = {}
SIDES = st.integers(1, 300)
TARGETS = st.sampled_from([16, 17, 28, 31, 64, 100, 128, 224, 300])


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(SIDES, SIDES, TARGETS, st.integers(0, 2**32 - 1))
def test_the_graph_resizes_as_pillow_does_to_the_last_byte(height, width, size, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 1), dtype=np.uint8)
    expected = np.asarray(Resize(size)(Image.fromarray(pixels[..., 0])))
    np.testing.assert_array_equal(resized(pixels, size, resize), expected)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(SIDES, SIDES, TARGETS, st.integers(0, 2**32 - 1), st.sampled_from([256, 4096, 65536]))
def test_the_graph_resizes_deep_images_as_pillow_does_to_the_last_bit(
    height, width, size, seed, levels
):
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, levels, (height, width, 1)).astype(np.uint16)
    expected = np.asarray(Resize(size)(Image.fromarray(pixels[..., 0].astype(np.float32))))
    np.testing.assert_array_equal(resized(pixels, size, resize_deep), expected)
