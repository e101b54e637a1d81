import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfmed.pretraining import masked

SEED = tf.constant([1, 2], tf.int64)


@given(
    n=st.integers(1, 5),
    side=st.integers(2, 9),
    channels=st.sampled_from([1, 3]),
    seed=st.integers(0, 99),
)
def test_the_error_is_that_of_the_pixels_taken_out(n, side, channels, seed):
    rng = np.random.default_rng(seed)
    images, answers = rng.random((2, n, side, side, channels))
    mask = rng.random((n, side, side, 1)) < 0.5
    mask[:, 0, 0] = True
    expected = [
        np.mean((a - i)[np.broadcast_to(m, i.shape)] ** 2)
        for a, i, m in zip(answers, images, mask, strict=True)
    ]
    targets = np.concatenate([images, mask], axis=-1)
    found = masked.masked_error(tf.constant(targets), tf.constant(answers))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(("side", "patches"), [(28, 7), (64, 7), (28, 40), (30, 4)])
def test_the_share_of_patches_is_taken_out_of_every_image(side, patches):
    settings = masked.Settings(patches=patches, masked=0.6)
    images = np.random.default_rng(0).random((5, side, side, 3), "float32")
    given, wanted = masked.views(settings, tf.constant(images), SEED)
    mask = wanted[..., -1:].numpy()
    assert np.array_equal(wanted[..., :-1], images)
    assert np.array_equal(given, np.where(mask == 1, np.float32(0.5), images))
    assert np.allclose(mask.mean(axis=(1, 2, 3)), 0.6, atol=0.05)
    assert len({row.tobytes() for row in mask}) == 5
