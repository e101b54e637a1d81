"""Grad-CAM: the encoder's last maps, each weighted by how much it speaks for a class.

Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization"
(ICCV 2017): the weight of a channel is the mean, over the map's places, of the gradient of the
class's score before the sigmoid or softmax; the map is the weighted sum of the channels, where that
is above 0.

The encoder is a model inside the classifier. The gradient is taken from its last map on, through
what pools that map and through the head, so no gradient has to pass the border of the two models.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tfmed.inspection import Inspected
from tfmed.inspection.overlays import enlarged

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

TITLE = "Grad-CAM"
PAPER = "Selvaraju et al., ICCV 2017"
BATCH = 64
"""Images whose maps are asked for at once."""


def attribution(inspected: Inspected, images: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """As `tfmed.inspection.Method.attribution`; never below 0, enlarged bilinearly."""
    shape = images.shape[1:3]
    maps = [
        inspected.activation(images[start : start + BATCH], numbers[start : start + BATCH])
        for start in range(0, len(images), BATCH)
    ]
    return np.array([enlarged(one, shape) for some in maps for one in some]).reshape(-1, *shape)


def activation_of(
    classifier: "keras.Model",
) -> "Callable[[tf.Tensor, tf.Tensor], tf.Tensor]":
    """The function from images to class activation maps of a classifier.

    Args:
        classifier: `head(encoder(x))`, from `tfmed.training.heads.build_classifier`.

    Returns:
        Takes images float32 (n, height, width, channels), scaled to [0, 1], and the number of a
        class for each, int32 (n,); gives maps float32 (n, rows, columns) of the size of the
        encoder's last map before any pooling. Can be called in a graph.
    """
    import keras
    import tensorflow as tf

    encoder, head = classifier.get_layer("encoder"), classifier.get_layer("head")
    last, output = encoder.layers[-1], head.layers[-1]
    is_pooled = isinstance(last, keras.layers.AveragePooling2D)
    to_map = keras.Model(encoder.input, last.input) if is_pooled else encoder
    to_features = keras.Model(head.input, output.input)

    def activation(images: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
        maps = to_map(images, training=False)
        with tf.GradientTape() as tape:
            tape.watch(maps)
            embedding = last(maps) if is_pooled else maps
            features = to_features(embedding, training=False)
            logits = tf.matmul(features, output.kernel) + output.bias
            if logits.shape[1] == 1:  # one logistic unit speaks for label 1 and against label 0
                logits = tf.concat([-logits, logits], axis=1)
            score = tf.gather(logits, numbers, axis=1, batch_dims=1)
        gradients = tape.gradient(score, maps)
        weights = tf.reduce_mean(gradients, axis=(1, 2), keepdims=True)
        return tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1))

    return activation
