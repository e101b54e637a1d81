import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmed.data import pipelines
from tfmed.encoders import plain
from tfmed.pretraining import autoencoder
from tfmed.pretraining.images import viewed
from tfmed.pretraining.parts import decoder
from tfmed.training import fitting
from tfmed.training.settings import FitSettings

SMALL = plain.Settings(latent_channels=8, base_filters=4)
SETTINGS = autoencoder.Settings()


@pytest.fixture(autouse=True)
def _seed():
    fitting.seed_everything(1)


def build(shape=(28, 28, 1)):
    return autoencoder.build(SETTINGS, plain.build(SMALL, shape))


def batches(images, seed=0):
    return viewed(pipelines.image_batches(images, batch_size=16, shuffle_seed=seed), SETTINGS, seed)


@pytest.mark.parametrize("side", [28, 64, 128, 224])
@pytest.mark.parametrize("channels", [1, 3])
def test_an_autoencoder_gives_back_the_images_shape(side, channels):
    assert build((side, side, channels)).output_shape == (None, side, side, channels)


@pytest.mark.parametrize(("side", "map_side"), [(28, 3), (28, 5), (28, 28), (30, 4), (64, 1)])
def test_the_decoder_mirrors_an_encoder_whatever_the_side_of_its_map(side, map_side):
    inputs = keras.Input((side, side, 3))
    resized = keras.layers.Resizing(map_side, map_side)(inputs)
    encoder = keras.Model(inputs, keras.layers.Conv2D(12, 1)(resized))
    assert decoder.build_decoder(encoder).output_shape == (None, side, side, 3)


def test_the_decoder_has_the_encoders_channels_at_each_side():
    built = decoder.build_decoder(plain.build(plain.Settings(), (28, 28, 1)))
    shapes = [layer.output.shape[1:] for layer in built.layers if layer.name.startswith("up_")]
    assert shapes == [(8, 8, 32), (14, 14, 16), (28, 28, 1)]


@pytest.mark.parametrize(("side", "channels_in", "channels_out"), [(14, 16, 1), (7, 8, 3)])
def test_the_last_layer_is_a_transposed_convolution_with_its_gradients(
    side, channels_in, channels_out
):
    maps = tf.random.normal((5, side, side, channels_in))
    kernel = tf.random.normal((3, 3, channels_out, channels_in))
    shape = (5, 2 * side, 2 * side, channels_out)
    upstream = tf.random.normal(shape)

    def with_gradients(function):
        with tf.GradientTape() as tape:
            tape.watch((maps, kernel))
            pixels = function(maps, kernel)
        return pixels, *tape.gradient(pixels, (maps, kernel), upstream)

    ours = with_gradients(decoder.upsample)
    theirs = with_gradients(lambda x, k: tf.nn.conv2d_transpose(x, k, shape, 2, "SAME"))
    for found, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_a_saved_autoencoder_gives_the_same_images_when_loaded(tmp_path):
    model = build()
    model.save(tmp_path / "autoencoder.keras")
    loaded = keras.saving.load_model(tmp_path / "autoencoder.keras")
    images = np.random.default_rng(0).random((3, 28, 28, 1), "float32")
    np.testing.assert_array_equal(loaded(images), model(images))


def test_views_ask_for_the_image_itself():
    images = np.random.default_rng(0).integers(0, 256, (40, 28, 28, 1)).astype("uint8")
    for given, wanted in batches(images):
        assert np.array_equal(given, wanted)


def test_it_learns_without_labels_and_reports_its_share_of_epochs():
    images = np.random.default_rng(0).integers(0, 256, (64, 28, 28, 1)).astype("uint8")
    model, shares = build(), []
    config = FitSettings(epochs=4, batch_size=16, learning_rate=1e-2, patience=5)
    val = batches(images[:32], None)
    loss = autoencoder.loss(SETTINGS)
    fit = fitting.fit_unlabelled(model, loss, batches(images), val, config, shares.append)
    assert fit.history["loss"][-1] < fit.history["loss"][0]
    assert shares == [0.25, 0.5, 0.75, 1.0]
    difference = fitting.predict(model, images[:32]) - images[:32] / 255
    assert np.mean(difference**2) == pytest.approx(min(fit.history["val_loss"]), rel=1e-4)
