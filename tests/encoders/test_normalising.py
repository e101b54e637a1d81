import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmed import encoders
from tfmed.encoders.normalising import FusedBatchNormalization, measure_statistics


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


def normalised(inputs):
    """A convolution and two normalisations, the second in a model of its own."""
    x = FusedBatchNormalization(momentum=0.9, name="first")(
        keras.layers.Conv2D(4, 3, name="convolution")(inputs)
    )
    inner = keras.Input(x.shape[1:])
    nested = keras.Model(inner, keras.layers.BatchNormalization(name="second")(inner + 1.0))
    return keras.Model(inputs, nested(x))


def test_measured_statistics_are_those_of_the_images_at_every_depth():
    model = normalised(keras.Input((8, 8, 3)))
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), dtype="uint8")
    kernels = [weight.numpy() for weight in model.trainable_weights]
    measure_statistics(model, images)
    scaled = images.astype("float32") / 255
    maps = model.get_layer("convolution")(scaled).numpy()
    first = model.get_layer("first")
    np.testing.assert_allclose(first.moving_mean, maps.mean((0, 1, 2)), atol=1e-6)
    np.testing.assert_allclose(first.moving_variance, maps.var((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(
        model(scaled, training=False), model(scaled, training=True), atol=1e-4
    )
    for weight, before in zip(model.trainable_weights, kernels, strict=True):
        assert weight.numpy().tobytes() == before.tobytes()
    assert first.momentum == 0.9


@pytest.mark.parametrize("name", ["compact", "residual"])
def test_a_random_encoder_sees_alike_in_training_and_validation_once_it_is_measured(name):
    encoder = encoders.build({"name": name}, (28, 28, 1))
    images = np.random.default_rng(0).integers(0, 256, (64, 28, 28, 1), dtype="uint8")
    scaled = images.astype("float32") / 255
    apart = np.abs(encoder(scaled, training=False) - encoder(scaled, training=True)).max()
    encoder = encoders.build({"name": name}, (28, 28, 1))
    measure_statistics(encoder, images)
    np.testing.assert_allclose(
        encoder(scaled, training=False), encoder(scaled, training=True), atol=1e-3
    )
    assert apart > 0.1


def test_an_encoder_without_normalisation_is_left_as_it_is():
    encoder = encoders.build({"name": "plain"}, (28, 28, 1))
    before = encoder.get_weights()
    measure_statistics(encoder, np.zeros((2, 28, 28, 1), "uint8"))
    for kept, was in zip(encoder.get_weights(), before, strict=True):
        assert kept.tobytes() == was.tobytes()
