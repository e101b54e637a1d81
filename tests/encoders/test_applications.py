"""The encoder of `keras.applications`: what it does to images, and that it freezes and travels."""

import inspect
import sys

import keras
import numpy as np
import pytest

from tfmed import encoders
from tfmed.encoders import applications
from tfmed.encoders.applications import ARCHITECTURES, DEVIATION, MEAN, Settings
from tfmed.training import heads, transfer

SMALL = Settings(architecture="MobileNetV3Small", side=32)
OUTPUT = {"units": 1, "activation": "sigmoid", "name": "probability"}


def images(n=3, side=28, channels=1, seed=0):
    return np.random.default_rng(seed).random((n, side, side, channels), "float32")


def build(settings=SMALL, shape=(28, 28, 1)):
    return applications.build(settings, shape)


def test_every_architecture_of_keras_is_known():
    there = vars(keras.applications).items()
    assert set(ARCHITECTURES) == {name for name, each in there if inspect.isfunction(each)}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_pixels_are_scaled_as_the_architecture_takes_them(architecture):
    inputs = keras.Input((96, 96, 3))
    ours = applications.prepared(inputs, Settings(architecture=architecture))
    found = keras.Model(inputs, ours)(images(side=96, channels=3)).numpy()
    module = sys.modules[getattr(keras.applications, architecture).__module__]
    pixels = 255 * images(side=96, channels=3)
    wanted = module.preprocess_input(pixels.copy())
    if architecture.startswith("EfficientNetB"):  # its own layers divide by 255 and no more
        wanted = 255 * (pixels / 255 - MEAN) / DEVIATION
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-3)


@pytest.mark.parametrize(
    ("architecture", "side", "image", "enlarged"),
    [
        ("MobileNetV2", 96, 28, 96),
        ("MobileNetV2", 96, 224, 224),
        ("MobileNetV2", 32, 28, 32),
        ("Xception", 32, 28, 71),
        ("InceptionV3", 32, 64, 75),
    ],
)
def test_small_images_are_enlarged_and_large_ones_stay(architecture, side, image, enlarged):
    settings = Settings(architecture=architecture, side=side)
    prepared = applications.prepared(keras.Input((image, image, 1)), settings)
    assert prepared.shape == (None, enlarged, enlarged, 3)


@pytest.mark.parametrize(("side", "map_side"), [(32, 1), (96, 2), (160, 2)])
def test_maps_are_two_by_two_or_one(side, map_side):
    encoder = build(Settings(architecture="MobileNetV3Small", side=side))
    assert encoder.output_shape == (None, map_side, map_side, 576)
    assert applications.backbone(encoder).name == "MobileNetV3Small"


def test_an_encoder_called_without_a_word_infers():
    encoder = build()
    np.testing.assert_array_equal(encoder(images()), encoder(images(), training=False))
    assert (encoder(images()) != encoder(images(), training=True)).numpy().any()


def test_moving_statistics_follow_within_a_short_fit():
    layers = applications.backbone(build()).layers
    norms = [each for each in layers if isinstance(each, keras.layers.BatchNormalization)]
    assert {layer.momentum for layer in norms} == {applications.MOMENTUM}


@pytest.mark.parametrize("trainable", [False, True])
def test_a_frozen_network_inside_the_encoder_keeps_weights_and_statistics(trainable):
    keras.utils.set_random_seed(0)
    encoder = build()
    head = heads.build_head(encoder.output_shape[1:], OUTPUT)
    classifier = heads.build_classifier(encoder, head, trainable=trainable)
    before = transfer.weights(encoder)
    classifier.compile("sgd", "binary_crossentropy", run_eagerly=True, jit_compile=False)
    classifier.train_on_batch(images(), np.array([[0.0], [1.0], [1.0]]))
    kept = [np.array_equal(a, b) for a, b in zip(before, transfer.weights(encoder), strict=True)]
    assert all(kept) != trainable
    trained = {id(weight) for weight in classifier.trainable_weights}
    inside = {id(weight) for weight in encoder.weights} & trained
    assert bool(inside) == trainable
    if trainable:
        norms = [
            np.array_equal(a, b)
            for a, b, weight in zip(before, transfer.weights(encoder), encoder.weights, strict=True)
            if "moving" in weight.path
        ]
        assert norms
        assert not any(norms)


@pytest.mark.parametrize("architecture", ["MobileNetV3Small", "VGG16"])
def test_a_copy_by_its_configuration_gives_the_same_maps(architecture):
    encoder = build(Settings(architecture=architecture, side=32), (28, 28, 3))
    copy = keras.Model.from_config(encoder.get_config())
    transfer.transfer_weights(encoder, copy)
    np.testing.assert_array_equal(encoder(images(channels=3)), copy(images(channels=3)))


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["NASNetMobile", "EfficientNetB0", "ConvNeXtTiny"])
def test_kept_weights_give_the_same_maps(architecture):
    plain = {"name": "applications", "architecture": architecture, "side": 32}
    encoder, other = (encoders.build(plain, (28, 28, 1)) for _ in range(2))
    transfer.set_weights(other, transfer.unpacked("e", transfer.packed("e", encoder)))
    np.testing.assert_array_equal(encoder(images()), other(images()))
