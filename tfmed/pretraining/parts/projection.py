"""From an encoder's feature map to the vector that contrastive methods compare."""

from collections.abc import Sequence

import keras
from keras import layers


def build_projected(encoder: keras.Model, widths: Sequence[int]) -> keras.Model:
    """`projection(encoder(x))`: a perceptron on the flattened map, with BatchNormalization inside.

    The encoder keeps its identity and trains with it. The projection is thrown away afterwards
    (Chen et al. 2020: what it forgets, classifiers need).

    Args:
        encoder: from images to maps (n, side, side, channels).
        widths: of its layers; the last one is linear.
    """
    inputs = keras.Input(encoder.output_shape[1:], name="embedding")
    x = layers.Flatten(name="flatten")(inputs)
    for i, width in enumerate(widths[:-1], 1):
        x = layers.Dense(width, use_bias=False, name=f"hidden_{i}")(x)
        x = layers.BatchNormalization(name=f"norm_{i}")(x)
        x = layers.Activation("relu", name=f"relu_{i}")(x)
    projection = keras.Model(
        inputs, layers.Dense(widths[-1], name="projected")(x), name="projection"
    )
    images = keras.Input(encoder.input_shape[1:], name="image")
    return keras.Model(images, projection(encoder(images)), name="projected")
