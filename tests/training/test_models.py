import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmed.data.pipelines import autoencoder_batches
from tfmed.training import fitting, models
from tfmed.training.fitting import LabelledImages, LabelledSplits
from tfmed.training.models import EncoderConfig
from tfmed.training.settings import FitSettings

SMALL = EncoderConfig((28, 28, 1), latent_channels=8, base_filters=4)
NORMED = EncoderConfig((28, 28, 1), latent_channels=8, base_filters=4, batch_norm=True)
THREE_EPOCHS = FitSettings(epochs=3, batch_size=16, learning_rate=1e-2, patience=5)


def weight_bytes(model):
    return [weight.tobytes() for weight in models.weights(model)]


def autoencoder_of(encoder, config):
    return models.build_autoencoder(encoder, models.build_decoder(config))


def examples(n=48, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    images = rng.integers(0, 120, (n, 28, 28, 1)) + 100 * labels[:, None, None, None]
    train = LabelledImages(images[: n - 16].astype("uint8"), labels[: n - 16].astype("uint8"))
    val = LabelledImages(images[n - 16 :].astype("uint8"), labels[n - 16 :].astype("uint8"))
    return LabelledSplits(train, val)


@pytest.fixture(autouse=True)
def _seed():
    fitting.seed_everything(1)


@pytest.mark.parametrize("side", [28, 64, 128, 224])
@pytest.mark.parametrize("channels", [1, 3])
def test_autoencoder_gives_back_the_images_shape_through_a_4_by_4_map(side, channels):
    config = EncoderConfig((side, side, channels), latent_channels=8, base_filters=4)
    encoder = models.build_encoder(config)
    autoencoder = autoencoder_of(encoder, config)
    assert encoder.output_shape == (None, 4, 4, 8)
    assert autoencoder.output_shape == (None, side, side, channels)


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

    ours = with_gradients(models.upsample)
    theirs = with_gradients(lambda x, k: tf.nn.conv2d_transpose(x, k, shape, 2, "SAME"))
    for found, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_a_saved_autoencoder_gives_the_same_images_when_loaded(tmp_path):
    autoencoder = autoencoder_of(models.build_encoder(SMALL), SMALL)
    autoencoder.save(tmp_path / "autoencoder.keras")
    loaded = keras.saving.load_model(tmp_path / "autoencoder.keras")
    images = np.random.default_rng(0).random((3, 28, 28, 1), "float32")
    np.testing.assert_array_equal(loaded(images), autoencoder(images))


def test_default_encoder_doubles_its_channels_to_the_latent_width():
    assert EncoderConfig((28, 28, 1)).widths == [16, 32, 64]
    assert EncoderConfig((224, 224, 1)).widths == [16, 16, 16, 16, 32, 64]


@pytest.mark.parametrize("config", [SMALL, NORMED], ids=["plain", "batch_norm"])
def test_frozen_encoder_is_byte_for_byte_the_same_after_training(config):
    encoder = models.build_encoder(config)
    before = weight_bytes(encoder)
    classifier = models.build_classifier(
        encoder, models.build_head(config.embedding_shape), trainable=False
    )
    fitting.fit_classifier(classifier, examples(), THREE_EPOCHS, seed=0)
    assert weight_bytes(encoder) == before
    assert len(classifier.trainable_weights) == 2


def test_frozen_batchnorm_answers_with_its_moving_statistics_even_in_training():
    encoder = models.build_encoder(NORMED)
    images = np.random.default_rng(0).random((8, 28, 28, 1), dtype="float32")
    models.set_trainable(encoder, False)
    frozen = encoder(images, training=True).numpy()
    assert np.array_equal(frozen, encoder(images, training=False).numpy())
    models.set_trainable(encoder, True)
    assert not np.allclose(frozen, encoder(images, training=True).numpy())


@pytest.mark.parametrize("config", [SMALL, NORMED], ids=["plain", "batch_norm"])
def test_finetuning_changes_the_copy_and_never_the_autoencoder(config):
    encoder = models.build_encoder(config)
    autoencoder = autoencoder_of(encoder, config)
    before = weight_bytes(autoencoder)
    copy = models.copy_encoder(encoder)
    classifier = models.build_classifier(
        copy, models.build_head(config.embedding_shape), trainable=True
    )
    fitting.fit_classifier(classifier, examples(), THREE_EPOCHS, seed=0)
    assert weight_bytes(autoencoder) == before
    kernels = zip(copy.trainable_weights, encoder.trainable_weights, strict=True)
    assert all(not np.array_equal(new, old) for new, old in kernels)


def test_sharing_a_trainable_encoder_trains_the_autoencoder_too():
    encoder = models.build_encoder(SMALL)
    autoencoder = autoencoder_of(encoder, SMALL)
    images = np.zeros((2, 28, 28, 1), "float32") + 0.5
    before = autoencoder(images).numpy()
    classifier = models.build_classifier(
        encoder, models.build_head(SMALL.embedding_shape), trainable=True
    )
    fitting.fit_classifier(classifier, examples(), THREE_EPOCHS, seed=0)
    assert not np.array_equal(autoencoder(images).numpy(), before)


def test_transferred_weights_are_equal_layer_by_layer():
    encoder = models.build_encoder(NORMED)
    batches = autoencoder_batches(examples().train.images, batch_size=16, shuffle_seed=0)
    fitting.fit_autoencoder(autoencoder_of(encoder, NORMED), batches, batches, THREE_EPOCHS)
    copy = models.copy_encoder(encoder)
    assert [layer.name for layer in copy.layers] == [layer.name for layer in encoder.layers]
    for ours, theirs in zip(copy.layers, encoder.layers, strict=True):
        for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            assert a.tobytes() == b.tobytes()
    originals = {id(v) for v in encoder.variables}
    assert not any(id(variable) in originals for variable in copy.variables)


def test_copy_of_a_frozen_encoder_is_trainable_and_leaves_the_original_frozen():
    encoder = models.build_encoder(NORMED)
    models.set_trainable(encoder, False)
    copy = models.copy_encoder(encoder)
    assert copy.trainable_weights
    assert not encoder.trainable_weights


def test_transfer_between_different_architectures_is_refused():
    with pytest.raises(ValueError, match="weight"):
        models.transfer_weights(models.build_encoder(SMALL), models.build_encoder(NORMED))


def test_freezing_inside_a_compiled_model_takes_effect_at_once():
    encoder = models.build_encoder(SMALL)
    classifier = models.build_classifier(
        encoder, models.build_head(SMALL.embedding_shape), trainable=True
    )
    splits = examples()
    classifier.compile("adam", loss="binary_crossentropy")
    models.set_trainable(encoder, False, within=classifier)
    before = weight_bytes(encoder)
    images = splits.train.images.astype("float32") / 255
    classifier.fit(images, splits.train.labels[:, None].astype("float32"), verbose=0)
    assert weight_bytes(encoder) == before


def test_standardisation_gives_training_embeddings_zero_mean_and_unit_variance():
    head = models.build_head((4, 4, 8))
    embeddings = np.random.default_rng(0).normal(3, 2, (64, 4, 4, 8)).astype("float32")
    models.set_standardisation(head, *models.embedding_statistics(embeddings))
    inner = keras.Model(head.input, head.get_layer("standardise").output)
    standardised = inner(embeddings).numpy()
    assert np.allclose(standardised.mean(axis=0), 0, atol=1e-5)
    assert np.allclose(standardised.std(axis=0), 1, atol=1e-4)


def test_a_feature_silent_in_training_does_not_blow_up_a_test_image():
    embeddings = np.random.default_rng(0).random((64, 10)).astype("float32")
    embeddings[:, 3] = 0
    mean, variance = models.embedding_statistics(embeddings)
    assert abs((1.0 - mean[3]) / np.sqrt(variance[3])) < 50
    assert np.all(models.embedding_statistics(np.zeros((5, 10)))[1] == 1)


def test_standardisation_survives_the_journey_of_the_weights():
    head = models.build_head((4, 4, 8))
    rng = np.random.default_rng(0)
    models.set_standardisation(head, rng.random(128), rng.random(128) + 1)
    other = models.build_head((4, 4, 8))
    models.set_weights(other, models.weights(head))
    embeddings = rng.random((4, 4, 4, 8)).astype("float32")
    assert np.array_equal(head(embeddings).numpy(), other(embeddings).numpy())
