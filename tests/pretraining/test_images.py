import numpy as np
import pytest
import tensorflow as tf

from tfmed import pretraining
from tfmed.data import pipelines
from tfmed.pretraining import autoencoder
from tfmed.pretraining.images import viewed

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1)).astype("uint8")


class Noisy:
    """A method whose views are random."""

    @staticmethod
    def views(settings, images, seed):
        return images + tf.random.stateless_normal(tf.shape(images), seed), images


@pytest.fixture(autouse=True)
def _noisy(monkeypatch):
    monkeypatch.setattr(pretraining, "method", lambda name: Noisy)


def epoch(batches):
    return np.concatenate([inputs for inputs, _ in batches])


def views(seed):
    batches = pipelines.image_batches(IMAGES, batch_size=16)
    return viewed(batches, autoencoder.Settings(), seed)


def test_random_views_differ_between_batches_and_epochs_and_follow_the_seed():
    batches = views(3)
    first, second = epoch(batches), epoch(batches)
    assert not np.array_equal(first, second)
    assert not np.allclose((first - IMAGES / 255)[:16], (first - IMAGES / 255)[16:32])
    assert np.array_equal(epoch(views(3)), first)
    assert not np.array_equal(epoch(views(4)), first)


def test_views_of_validation_images_are_the_same_in_every_epoch():
    batches = views(None)
    assert np.array_equal(epoch(batches), epoch(batches))


def test_the_number_of_batches_stays_known():
    assert int(views(0).cardinality()) == 3
