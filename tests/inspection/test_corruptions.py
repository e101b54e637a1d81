import numpy as np
import pytest

from tfmed.inspection.corruptions import CORRUPTIONS


def images_of(channels, side=28):
    """Smooth grey pictures with an edge."""
    rng = np.random.default_rng(0)
    images = np.tile(np.linspace(60, 180, side), (5, side, 1))[..., None].repeat(channels, axis=3)
    images[:, 8:16, 8:16] += rng.uniform(20, 40, (5, 1, 1, channels))
    return images.astype("uint8")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_a_stronger_corruption_changes_images_more_and_always_alike(kind, channels):
    images, corruption = images_of(channels), CORRUPTIONS[kind]
    before, changes = images.copy(), []
    for strength in corruption.strengths:
        changed = corruption.apply(images, strength)
        assert changed.shape == images.shape
        assert changed.dtype == np.uint8
        assert np.array_equal(changed, corruption.apply(images, strength))
        changes.append(np.abs(changed.astype(float) - images).mean())
    assert 0 < changes[0] < changes[1] < changes[2]
    assert np.array_equal(images, before)


def test_an_image_is_changed_whatever_images_are_beside_it():
    images = images_of(1)
    for kind in ("blur", "brightness", "contrast", "jpeg", "rotation"):
        corruption = CORRUPTIONS[kind]
        alone = corruption.apply(images[3:4], corruption.strengths[1])
        assert np.array_equal(alone[0], corruption.apply(images, corruption.strengths[1])[3])
