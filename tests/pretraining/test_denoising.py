import numpy as np
import tensorflow as tf

from tfmed.pretraining import denoising

IMAGES = np.random.default_rng(0).random((60, 28, 28, 1), "float32")
SEED = tf.constant([1, 2], tf.int64)


def test_noise_of_the_set_deviation_is_to_be_removed_from_the_image():
    settings = denoising.Settings(noise=0.3)
    given, wanted = denoising.views(settings, tf.constant(IMAGES), SEED)
    assert np.array_equal(wanted, IMAGES)
    assert np.std(given - IMAGES) == np.float32(0.3) or abs(np.std(given - IMAGES) - 0.3) < 0.005
    assert denoising.loss(settings) == "mse"
