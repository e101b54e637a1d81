"""Grad-CAM is its formula, written plainly, through an encoder inside the classifier."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfmed.encoders import plain, residual
from tfmed.inspection import Inspected, agreement, grad_cam
from tfmed.tasks import task_of
from tfmed.training import fitting, heads

ENCODERS = {
    "plain": lambda shape: plain.build(plain.Settings(latent_channels=8, base_filters=4), shape),
    "pooled": lambda shape: residual.build(residual.Settings(channels=8, base_filters=4), shape),
}


def classifier_of(encoder, channels, task="binary", n_classes=2, seed=0):
    fitting.seed_everything(seed)
    built = ENCODERS[encoder]((28, 28, channels))
    head = heads.build_head(built.output_shape[1:], task_of(task).output(n_classes))
    rng = np.random.default_rng(seed)
    features = int(np.prod(built.output_shape[1:]))
    heads.set_standardisation(head, rng.normal(0.5, 0.2, features), rng.uniform(0.5, 2, features))
    return heads.build_classifier(built, head, trainable=False)


def last_map(encoder):
    """Before the pooling, where there is one."""
    names = [layer.name for layer in encoder.layers]
    layer = encoder.layers[-2] if names[-1] == "pooled" else encoder.layers[-1]
    return keras.Model(encoder.inputs, layer.output)


def by_hand(classifier, images, numbers):
    """Weights by finite differences of the score over each place of the map, in float64."""
    encoder, head = classifier.get_layer("encoder"), classifier.get_layer("head")
    maps = last_map(encoder)(images, training=False).numpy().astype("float64")
    mean, variance = head.get_layer("standardise").get_weights()
    kernel, bias = (w.astype("float64") for w in head.layers[-1].get_weights())

    def score(values, number):
        if encoder.layers[-1].name == "pooled":
            rows, columns, channels = values.shape
            values = values.reshape(2, rows // 2, 2, columns // 2, channels).mean(axis=(1, 3))
        features = (values.ravel() - mean) / np.sqrt(variance + 1e-12)
        logits = features @ kernel + bias
        if len(logits) == 1:
            return logits[0] if number == 1 else -logits[0]
        return logits[number]

    found = []
    for values, number in zip(maps, numbers, strict=True):
        weights = np.zeros(values.shape[-1])
        for place in np.ndindex(values.shape[:2]):
            for channel in range(values.shape[-1]):
                moved = values.copy()
                moved[(*place, channel)] += 1.0
                weights[channel] += score(moved, number) - score(values, number)
        weights /= values.shape[0] * values.shape[1]
        found.append(np.maximum((values * weights).sum(axis=-1), 0))
    return np.stack(found)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize(
    ("channels", "task", "n_classes"),
    [(1, "binary", 2), (3, "binary", 2), (1, "multiclass", 4), (3, "multilabel", 3)],
)
def test_grad_cam_is_its_formula(encoder, channels, task, n_classes):
    classifier = classifier_of(encoder, channels, task, n_classes)
    rng = np.random.default_rng(1)
    images = tf.constant(rng.random((6, 28, 28, channels), dtype=np.float32))
    numbers = np.arange(6, dtype="int32") % n_classes
    activation = grad_cam.activation_of(classifier)
    expected = by_hand(classifier, images, numbers)
    assert expected.max() > 0
    for call in (activation, tf.function(activation, autograph=False)):
        found = call(images, tf.constant(numbers)).numpy()
        assert found.shape == (6, 4, 4)
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_grad_cam_is_what_a_tape_through_the_whole_classifier_gives():
    classifier = classifier_of("pooled", 1, "multiclass", 3)
    encoder, head = classifier.get_layer("encoder"), classifier.get_layer("head")
    image = tf.constant(np.random.default_rng(2).random((1, 28, 28, 1), dtype=np.float32))
    both = keras.Model(encoder.inputs, [encoder.layers[-2].output, encoder.output])
    logits = keras.Model(head.inputs, head.layers[-1].input)
    kernel, bias = head.layers[-1].get_weights()
    with tf.GradientTape() as tape:
        tape.watch(image)
        maps, embedding = both(image, training=False)
        score = (logits(embedding, training=False) @ kernel + bias)[0, 2]
    weights = tape.gradient(score, maps).numpy().mean(axis=(1, 2), keepdims=True)
    expected = np.maximum((weights * maps.numpy()).sum(axis=-1), 0)
    found = grad_cam.activation_of(classifier)(image, tf.constant([2]))
    assert found.numpy() == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_the_map_is_enlarged_to_the_image_and_asks_for_the_class():
    asked = []

    def activation(images, numbers):
        asked.append((images.shape, numbers.tolist()))
        return np.array([[[0.0, 1.0], [0.0, 0.0]]], np.float32)

    inspected = Inspected(lambda images: np.zeros((len(images), 2)), activation)
    found = grad_cam.attribution(inspected, np.zeros((1, 8, 8, 1), np.uint8), np.array([1]))[0]
    assert asked == [((1, 8, 8, 1), [1])]
    assert found.shape == (8, 8)
    assert np.unravel_index(found.argmax(), found.shape) == (0, 6)


def test_maps_of_other_weights_are_other_maps():
    """The sanity check of Adebayo et al., 2018, on weights that were drawn twice."""
    images = tf.constant(np.random.default_rng(3).random((6, 28, 28, 1), dtype=np.float32))
    numbers = tf.constant([0, 1, 2] * 2)
    first, again, other = (
        grad_cam.activation_of(classifier_of("plain", 1, "multiclass", 3, seed=seed))(
            images, numbers
        ).numpy()
        for seed in (0, 0, 1)
    )

    def correlations(maps):
        pairs = zip(first, maps, strict=True)
        found = (agreement.rank_correlation(a, b) for a, b in pairs)
        return [value for value in found if value is not None]

    assert len(correlations(again)) >= 4
    assert correlations(again) == pytest.approx([1.0] * len(correlations(again)))
    assert abs(np.mean(correlations(other))) < 0.5
