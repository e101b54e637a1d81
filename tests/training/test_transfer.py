import numpy as np
import pytest

from tfmed.data import pipelines
from tfmed.encoders import plain
from tfmed.pretraining import autoencoder
from tfmed.pretraining.images import viewed
from tfmed.tasks import task_of
from tfmed.training import fitting, heads, transfer
from tfmed.training.examples import LabelledImages, LabelledSplits
from tfmed.training.settings import FitSettings

SMALL = plain.Settings(latent_channels=8, base_filters=4)
NORMED = plain.Settings(latent_channels=8, base_filters=4, batch_norm=True)
BOTH = pytest.mark.parametrize("settings", [SMALL, NORMED], ids=["plain", "batch_norm"])
THREE_EPOCHS = FitSettings(epochs=3, batch_size=16, learning_rate=1e-2, patience=5)


def build(settings):
    return plain.build(settings, (28, 28, 1))


def pretrained(encoder):
    return autoencoder.build(autoencoder.Settings(), encoder)


def classifier_of(encoder, *, trainable):
    head = heads.build_head(encoder.output_shape[1:], task_of("binary").output(2))
    return heads.build_classifier(encoder, head, trainable=trainable)


def weight_bytes(model):
    return [weight.tobytes() for weight in transfer.weights(model)]


def examples(n=48, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    images = rng.integers(0, 120, (n, 28, 28, 1)) + 100 * labels[:, None, None, None]
    train = LabelledImages(images[: n - 16].astype("uint8"), labels[: n - 16].astype("uint8"))
    val = LabelledImages(images[n - 16 :].astype("uint8"), labels[n - 16 :].astype("uint8"))
    return LabelledSplits(train, val, "binary")


@pytest.fixture(autouse=True)
def _seed():
    fitting.seed_everything(1)


@BOTH
def test_frozen_encoder_is_byte_for_byte_the_same_after_training(settings):
    encoder = build(settings)
    before = weight_bytes(encoder)
    classifier = classifier_of(encoder, trainable=False)
    fitting.fit_classifier(classifier, examples(), THREE_EPOCHS, seed=0)
    assert weight_bytes(encoder) == before
    assert len(classifier.trainable_weights) == 2


def test_frozen_batchnorm_answers_with_its_moving_statistics_even_in_training():
    encoder = build(NORMED)
    images = np.random.default_rng(0).random((8, 28, 28, 1), dtype="float32")
    transfer.set_trainable(encoder, False)
    frozen = encoder(images, training=True).numpy()
    assert np.array_equal(frozen, encoder(images, training=False).numpy())
    transfer.set_trainable(encoder, True)
    assert not np.allclose(frozen, encoder(images, training=True).numpy())


@BOTH
def test_finetuning_changes_its_own_encoder_and_never_the_pretrained_model(settings):
    encoder = build(settings)
    model = pretrained(encoder)
    before = weight_bytes(model)
    own = build(settings)
    transfer.transfer_weights(encoder, own)
    fitting.fit_classifier(classifier_of(own, trainable=True), examples(), THREE_EPOCHS, seed=0)
    assert weight_bytes(model) == before
    kernels = zip(own.trainable_weights, encoder.trainable_weights, strict=True)
    assert all(not np.array_equal(new, old) for new, old in kernels)


def test_sharing_a_trainable_encoder_trains_the_pretrained_model_too():
    encoder = build(SMALL)
    model = pretrained(encoder)
    images = np.zeros((2, 28, 28, 1), "float32") + 0.5
    before = model(images).numpy()
    fitting.fit_classifier(classifier_of(encoder, trainable=True), examples(), THREE_EPOCHS, seed=0)
    assert not np.array_equal(model(images).numpy(), before)


def test_transferred_weights_are_equal_layer_by_layer():
    encoder = build(NORMED)
    images = pipelines.image_batches(examples().train.images, batch_size=16, shuffle_seed=0)
    batches = viewed(images, autoencoder.Settings(), 0)
    fitting.fit_unlabelled(pretrained(encoder), "mse", batches, batches, THREE_EPOCHS)
    own = build(NORMED)
    transfer.transfer_weights(encoder, own)
    assert [layer.name for layer in own.layers] == [layer.name for layer in encoder.layers]
    for ours, theirs in zip(own.layers, encoder.layers, strict=True):
        for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            assert a.tobytes() == b.tobytes()
    originals = {id(v) for v in encoder.variables}
    assert not any(id(variable) in originals for variable in own.variables)


def test_transfer_between_different_architectures_is_refused():
    with pytest.raises(ValueError, match="weight"):
        transfer.transfer_weights(build(SMALL), build(NORMED))
