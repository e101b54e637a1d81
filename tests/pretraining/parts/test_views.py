import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfmed.data import pipelines
from tfmed.pretraining.parts.views import (
    AUGMENTATION,
    ViewSettings,
    augmentation,
    random_views,
    two_views,
)

SEED = tf.constant([3, 4], tf.int64)
STILL = ViewSettings(
    smallest_crop=1.0,
    rotation=0.0,
    flips="none",
    contrast=0.0,
    brightness=0.0,
    gamma=0.0,
    colour=0.0,
    blur=0.0,
    noise=0.0,
)


def images(n=6, side=28, channels=1):
    return np.random.default_rng(0).random((n, side, side, channels), "float32")


def only(**changes):
    return STILL.model_copy(update=changes)


@given(
    side=st.integers(8, 40),
    channels=st.sampled_from([1, 3]),
    seed=st.integers(0, 2**40),
    strength=st.floats(0, 0.2),
)
def test_views_have_the_shape_type_and_range_of_their_images(side, channels, seed, strength):
    settings = ViewSettings(blur=strength, noise=strength)
    given = images(3, side, channels)
    views = random_views(settings, tf.constant(given), tf.constant([seed, 1], tf.int64))
    assert views.shape == given.shape
    assert views.dtype == tf.float32
    assert np.isfinite(views).all()
    assert np.min(views) >= 0
    assert np.max(views) <= 1


@given(side=st.integers(8, 40), channels=st.sampled_from([1, 3]), seed=st.integers(0, 2**40))
def test_augmented_images_keep_shape_type_and_range(side, channels, seed):
    given = images(3, side, channels)
    change = augmentation(AUGMENTATION)
    changed = change(tf.constant(given), tf.constant([seed, 1], tf.int64))
    assert changed.shape == given.shape
    assert changed.dtype == tf.float32
    assert np.isfinite(changed).all()
    assert np.min(changed) >= 0
    assert np.max(changed) <= 1
    assert not np.array_equal(changed, given)


def test_augmented_batches_are_the_same_again_for_the_same_seed():
    pixels = (255 * images(50)).astype("uint8")

    change = augmentation(AUGMENTATION)

    def epochs(seed, change=change):
        batches = pipelines.image_batches(pixels, batch_size=16, shuffle_seed=seed, change=change)
        return [np.concatenate(list(batches)) for _ in range(2)]

    first = epochs(3)
    assert np.array_equal(first, epochs(3))
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first, epochs(4))
    assert first[0].dtype == np.float32
    assert first[0].shape == pixels.shape
    assert not np.array_equal(first, epochs(3, None))


def test_augmentation_by_default_never_mirrors_an_image():
    assert AUGMENTATION.flips == "none"
    slope = np.broadcast_to(
        np.linspace(0, 1, 28, dtype="float32")[None, None, :, None], (60, 28, 28, 1)
    )
    views = augmentation(AUGMENTATION)(tf.constant(slope), SEED).numpy()
    assert (views[:, 14, 24, 0] > views[:, 14, 4, 0]).all()


def test_without_any_change_a_view_is_its_image():
    given = images()
    np.testing.assert_allclose(random_views(STILL, tf.constant(given), SEED), given, atol=1e-5)


def test_the_same_seed_gives_the_same_views_and_another_one_others():
    given = tf.constant(images())
    first = random_views(ViewSettings(), given, SEED)
    assert np.array_equal(random_views(ViewSettings(), given, SEED), first)
    assert not np.array_equal(random_views(ViewSettings(), given, SEED + 1), first)


def test_two_views_of_an_image_lie_apart_by_the_size_of_the_batch():
    given = tf.constant(images())
    views, targets = two_views(only(flips="horizontal"), given, SEED)
    assert targets.shape == (12, 1)
    pair = views.numpy()
    for view in (pair[:6], pair[6:]):
        for found, image in zip(view, given.numpy(), strict=True):
            assert np.allclose(found, image, atol=1e-5) or np.allclose(
                found, image[:, ::-1], atol=1e-5
            )
    assert not np.array_equal(pair[:6], pair[6:])


@pytest.mark.parametrize(
    "change",
    [
        {"smallest_crop": 0.3},
        {"rotation": 20.0},
        {"flips": "both"},
        {"contrast": 0.5},
        {"brightness": 0.3},
        {"gamma": 0.5},
        {"blur": 0.05},
        {"noise": 0.1},
        {"colour": 0.2},
    ],
)
def test_each_setting_changes_images_and_each_of_them_by_itself(change):
    given = images(8, channels=3)
    given[:] = given[:1]  # eight times the same image
    views = random_views(only(**change), tf.constant(given), SEED).numpy()
    assert len({view.tobytes() for view in views}) > 2
    assert np.abs(views - given).max() > 0.01


def test_flips_keep_every_grey_level():
    given = images(20)
    views = random_views(only(flips="both"), tf.constant(given), SEED).numpy()
    turned = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
    found = [
        {way for way in turned if np.allclose(view, image[:: way[0], :: way[1]], atol=1e-5)}
        for view, image in zip(views, given, strict=True)
    ]
    assert all(len(ways) == 1 for ways in found)
    assert set().union(*found) == set(turned)


def test_crops_show_a_part_of_the_image_enlarged():
    slope = np.broadcast_to(
        np.linspace(0, 1, 28, dtype="float32")[None, None, :, None], (40, 28, 28, 1)
    )
    views = random_views(only(smallest_crop=0.4), tf.constant(slope), SEED).numpy()
    ranges = np.ptp(views[:, 14, :, 0], axis=1)
    assert ranges.min() > np.sqrt(0.4 * 3 / 4) - 0.05  # of the narrowest crop
    assert ranges.max() <= 1.0 + 1e-5
    assert ranges.std() > 0.03


def test_a_blur_keeps_the_mean_and_takes_detail():
    given = images(12)
    views = random_views(only(blur=0.06), tf.constant(given), SEED).numpy()
    np.testing.assert_allclose(views.mean(axis=(1, 2, 3)), given.mean(axis=(1, 2, 3)), atol=0.01)
    assert (views.std(axis=(1, 2, 3)) <= given.std(axis=(1, 2, 3)) + 1e-5).all()
    assert views.std(axis=(1, 2, 3)).min() < 0.5 * given.std()
