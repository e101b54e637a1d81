import dataclasses

import numpy as np
import pytest

from tfmed.data.loading import load_split
from tfmed.data.phantom import drawing, kept, places
from tfmed.data.phantom.kept import resolve_phantom

COUNTS = {"train": 40, "val": 20, "test": 80}


@pytest.fixture(scope="module")
def phantom(tmp_path_factory):
    return resolve_phantom("target", tmp_path_factory.mktemp("phantom"), COUNTS)


def test_images_of_the_diseased_class_have_a_box_and_no_others(phantom):
    boxes, labels = places.opacity_boxes(phantom), load_split(phantom, "test").labels
    assert [box is not None for box in boxes] == (labels == 1).tolist()
    for box in filter(None, boxes):
        top, left, bottom, right = box
        assert 0 <= top < bottom <= 28
        assert 0 <= left < right <= 28


def test_what_is_added_is_what_the_images_show():
    """Nothing is added where there is no finding, and something wherever there is one."""
    labels, added = drawing.draw_opacities("pneumonia", "test", 80)
    assert (added[labels[:, 0] == 0] == 0).all()
    assert (added[labels[:, 0] == 1].max(axis=(1, 2)) > 0).all()


def test_a_box_holds_every_pixel_of_at_least_half_the_strongest_opacity():
    added = np.zeros((9, 9))
    added[2, 3], added[4, 6], added[8, 8] = 0.8, 0.4, 0.39
    assert places._box(added) == (2, 3, 5, 7)
    assert places._box(np.minimum(-added, 0)) is None


def test_boxes_of_larger_phantoms_are_at_the_same_places(phantom, tmp_path):
    large = resolve_phantom("target", tmp_path, COUNTS, size=64)
    pairs = zip(places.opacity_boxes(phantom), places.opacity_boxes(large), strict=True)
    shifts = [np.array(a) / 28 - np.array(b) / 64 for a, b in pairs if a and b]
    assert np.abs(shifts).mean() < 0.06


def test_what_is_no_phantom_or_another_one_has_no_boxes(phantom):
    assert kept.domain_of(phantom) == "pneumonia"
    for change in ({"name": "own"}, {"synthetic": False}):
        assert places.opacity_boxes(dataclasses.replace(phantom, **change)) is None
    swapped = dataclasses.replace(phantom, name="phantom-chest")
    assert places.opacity_boxes(swapped) is None
