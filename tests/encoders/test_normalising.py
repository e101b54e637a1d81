import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmed import encoders
from tfmed.encoders.normalising import FusedBatchNormalization


def trained(layer, maps):
    """Output, gradients and moving statistics of one step of training."""
    layer.build(maps.shape)
    layer.gamma.assign(tf.linspace(0.5, 2.0, maps.shape[-1]))
    layer.beta.assign(tf.linspace(-1.0, 1.0, maps.shape[-1]))
    given = tf.constant(maps)
    with tf.GradientTape() as tape:
        tape.watch(given)
        answer = layer(given, training=True)
        loss = tf.reduce_sum(tf.sin(3 * answer))
    return [answer, *tape.gradient(loss, [given, *layer.trainable_variables]), *layer.weights]


@pytest.mark.parametrize("shape", [(64, 7, 7, 8), (2, 1, 1, 3), (1, 2, 3, 5)])
def test_a_fused_normalisation_trains_as_that_of_keras(shape):
    maps = np.random.default_rng(0).normal(3, 2, shape).astype("float32")
    found = trained(FusedBatchNormalization(momentum=0.9), maps)
    expected = trained(keras.layers.BatchNormalization(momentum=0.9), maps)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("frozen", [True, False])
def test_it_keeps_its_statistics_when_it_is_frozen_or_predicts(frozen):
    layer = FusedBatchNormalization()
    maps = np.random.default_rng(0).normal(3, 2, (4, 2, 2, 3)).astype("float32")
    layer.build(maps.shape)
    layer.trainable = not frozen
    before = layer.get_weights()
    layer(maps, training=frozen)
    for kept, was in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(kept, was)


@pytest.mark.parametrize("name", ["compact", "residual"])
def test_encoders_normalise_by_it(name):
    built = encoders.build({"name": name}, (28, 28, 1))
    normed = [x for x in built.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert normed
    assert all(isinstance(layer, FusedBatchNormalization) for layer in normed)
