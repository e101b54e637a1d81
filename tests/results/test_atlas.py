"""Tests of the picture that holds a task's test images."""

import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from tfmed.errors import InputError
from tfmed.results import atlas


def smooth(n, side=28, channels=1):
    """Images that differ from each other in the mean and grow brighter downwards."""
    ramp = np.linspace(0, 60, side)[:, None, None]
    levels = np.linspace(10, 180, n)[:, None, None, None]
    return np.broadcast_to(ramp + levels, (n, side, side, channels)).astype(np.uint8)


def tile_of(data, columns, tile, place):
    picture = np.asarray(Image.open(io.BytesIO(data)).convert("L")).astype(float)
    y, x = divmod(place, columns)
    return picture[y * tile[1] : (y + 1) * tile[1], x * tile[0] : (x + 1) * tile[0]]


@pytest.mark.parametrize("channels", [1, 3])
def test_each_tile_is_the_image_of_its_row(channels):
    images, rows = smooth(40, channels=channels), np.array([0, 3, 4, 11, 29, 38, 39])
    data, columns, tile = atlas.encode_atlas([images[:10], images[10:30], images[30:]], rows)
    assert (columns, tile) == (3, (28, 28))
    for place, row in enumerate(rows):
        found = tile_of(data, columns, tile, place)
        assert np.abs(found - images[row, ..., 0]).mean() < 4


def test_large_images_are_reduced_and_keep_their_shape():
    images = np.repeat(smooth(4, side=112), 2, axis=2)
    _, _, tile = atlas.encode_atlas([images], np.arange(4))
    assert tile == (56, 28)


def test_tiles_of_many_images_are_small_and_fit_one_picture():
    assert atlas._tile_size(224, 224, 22_433) == (28, 28)
    width, _ = atlas._tile_size(28, 28, 1_000_000)
    assert width * 1000 <= atlas.MOST_PIXELS


def test_noise_is_coded_more_coarsely_until_it_is_small(monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (100, 28, 28, 1), dtype=np.uint8)
    fine, _, _ = atlas.encode_atlas([noise], np.arange(100))
    monkeypatch.setattr(atlas, "MOST_BYTES", len(fine) - 1)
    coarse, _, _ = atlas.encode_atlas([noise], np.arange(100))
    assert len(coarse) <= len(fine) - 1


def test_atlas_is_found_again_only_as_it_was(tmp_path):
    entry = atlas.write_atlas(tmp_path / "images", "chest", [smooth(5)], np.arange(5))
    path = tmp_path / "images" / "chest.webp"
    data = path.read_bytes()
    assert entry["path"] == "images/chest.webp"
    assert entry["sha256"] == hashlib.sha256(data).hexdigest()
    assert [file.name for file in path.parent.iterdir()] == ["chest.webp"]
    assert atlas.read_atlas(tmp_path, entry) == data
    path.write_bytes(data + b" ")
    assert atlas.read_atlas(tmp_path, entry) is None
    path.unlink()
    assert atlas.read_atlas(tmp_path, entry) is None
    assert atlas.read_atlas(tmp_path, None) is None


def test_atlas_outside_the_report_is_not_read(tmp_path):
    entry = atlas.write_atlas(tmp_path / "images", "chest", [smooth(5)], np.arange(5))
    (tmp_path / "out").mkdir()
    assert atlas.read_atlas(tmp_path / "out", {**entry, "path": "../images/chest.webp"}) is None


def test_split_with_fewer_images_than_rows_is_an_input_error():
    with pytest.raises(InputError, match="has 5 images"):
        atlas.encode_atlas([smooth(5)], np.array([1, 7]))


def test_folder_that_can_not_be_written_is_named(tmp_path):
    (tmp_path / "images").write_text("a file")
    with pytest.raises(InputError, match=r"chest\.webp: can't be written"):
        atlas.write_atlas(tmp_path / "images", "chest", [smooth(5)], np.arange(5))
