"""The losses of methods that compare views, beside plain NumPy forms of what was published."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfmed import pretraining
from tfmed.encoders import compact
from tfmed.pretraining import simclr, vicreg
from tfmed.training import fitting
from tfmed.training.settings import FitSettings

pytestmark = pytest.mark.slow

SMALL = compact.Settings(channels=8, base_filters=4)


def nt_xent(projected, temperature):
    """Chen et al. (2020), equation 1, pair by pair."""
    n = len(projected) // 2
    unit = projected / np.linalg.norm(projected, axis=1, keepdims=True)
    losses = []
    for i in range(2 * n):
        j = (i + n) % (2 * n)
        others = [np.exp(unit[i] @ unit[k] / temperature) for k in range(2 * n) if k != i]
        losses.append(-np.log(np.exp(unit[i] @ unit[j] / temperature) / sum(others)))
    return np.array(losses)


def vicreg_loss(settings, projected):
    """Bardes et al. (2022), algorithm 1, coordinate by coordinate."""
    a, b = np.split(projected, 2)
    width = a.shape[1]
    narrow, correlated = 0.0, 0.0
    for each in (a, b):
        for i in range(width):
            narrow += max(0, 1 - np.sqrt(each[:, i].var(ddof=1) + 1e-4)) / width
            for j in range(width):
                if i != j:
                    correlated += np.cov(each[:, i], each[:, j])[0, 1] ** 2 / width
    apart = np.mean((a - b) ** 2)
    return settings.invariance * apart + settings.variance * narrow + correlated


@given(
    n=st.integers(1, 6),
    width=st.integers(1, 5),
    temperature=st.floats(0.1, 2),
    seed=st.integers(0, 99),
)
def test_nt_xent_is_the_published_one(n, width, temperature, seed):
    projected = np.random.default_rng(seed).normal(size=(2 * n, width))
    found = simclr.contrasted(tf.constant(projected), temperature)
    np.testing.assert_allclose(found, nt_xent(projected, temperature), rtol=1e-5, atol=1e-9)


@given(
    n=st.integers(2, 8), width=st.integers(1, 5), scale=st.floats(0.1, 3), seed=st.integers(0, 99)
)
def test_vicreg_is_the_published_one(n, width, scale, seed):
    projected = scale * np.random.default_rng(seed).normal(size=(2 * n, width))
    settings = vicreg.Settings()
    found = vicreg.regularised(settings, tf.constant(projected))
    np.testing.assert_allclose(found, vicreg_loss(settings, projected), rtol=1e-5)


def test_a_batch_of_one_image_has_a_finite_loss():
    projected = tf.constant(np.random.default_rng(0).normal(size=(2, 4)), tf.float32)
    for method in (simclr, vicreg):
        loss = method.loss(method.Settings())
        assert np.isfinite(loss(tf.zeros((2, 1)), projected)).all()


@pytest.mark.parametrize("name", ["simclr", "vicreg"])
def test_the_loss_falls_and_the_encoder_is_what_is_trained(name):
    method = pretraining.method(name)
    settings = method.Settings()
    fitting.seed_everything(0)
    images = np.random.default_rng(0).random((48, 28, 28, 1), "float32")
    encoder = compact.build(SMALL, (28, 28, 1))
    before = [weight.copy() for weight in encoder.get_weights()]
    model = method.build(settings, encoder)
    batch = method.views(settings, tf.constant(images), tf.constant([1, 2], tf.int64))
    same = (
        tf.data.Dataset.from_tensors(batch)
        .repeat(8)
        .apply(tf.data.experimental.assert_cardinality(8))
    )
    config = FitSettings(epochs=3, batch_size=48, learning_rate=3e-3, patience=0)
    fit = fitting.fit_unlabelled(model, method.loss(settings), same, same, config)
    assert fit.history["loss"][-1] < fit.history["loss"][0]
    assert all((a != b).any() for a, b in zip(before, encoder.get_weights(), strict=True))
