"""Heads and classifiers: a linear layer on standardised embeddings, on top of an encoder."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from tfmed.training.transfer import set_trainable


def build_head(
    embedding_shape: Sequence[int],
    output: Mapping[str, Any],
    *,
    dropout: float = 0.0,
    l2: float = 0.0,
) -> keras.Model:
    """Standardisation, dropout and a task's output on an embedding.

    The standardisation starts as the identity; `set_standardisation` gives it the statistics of
    training embeddings. It is never trained.

    Args:
        embedding_shape: shape of the encoder's output for one image.
        output: of the last layer: units, activation and name (`tfmed.tasks.Task.output`).
        dropout: share of the standardised features dropped while training, in [0, 1).
        l2: weight of the squared norm of the last layer's weights in the training loss.
    """
    inputs = keras.Input(tuple(embedding_shape), name="embedding")
    x = layers.Flatten(name="flatten")(inputs)
    # Not `Normalization`: that one keeps its statistics as constants of the traced graph.
    x = layers.BatchNormalization(
        center=False, scale=False, epsilon=1e-12, trainable=False, name="standardise"
    )(x, training=False)
    x = layers.Dropout(dropout, name="dropout")(x)
    outputs = layers.Dense(**output, kernel_regularizer=keras.regularizers.L2(l2) if l2 else None)(
        x
    )
    return keras.Model(inputs, outputs, name="head")


def set_standardisation(head: keras.Model, mean: np.ndarray, variance: np.ndarray) -> None:
    """Gives the head the mean and variance (both of shape (features,)) to standardise with."""
    head.get_layer("standardise").set_weights([mean.astype("float32"), variance.astype("float32")])


def build_classifier(encoder: keras.Model, head: keras.Model, *, trainable: bool) -> keras.Model:
    """`head(encoder(x))` around the very encoder that is given, frozen or trainable.

    A pretrained model's own encoder would be shared: training the classifier then trains that model
    too, freezing it freezes both. Build another one and `transfer_weights` to leave it alone.

    The encoder is called with `training=False` when it is frozen, so that BatchNormalization uses,
    and keeps, its moving statistics (Keras guide "Transfer learning & fine-tuning").

    Returns:
        A model with the head's outputs, not compiled.
    """
    inputs = keras.Input(encoder.input_shape[1:], name="image")
    set_trainable(encoder, trainable)
    embedding = encoder(inputs) if trainable else encoder(inputs, training=False)
    return keras.Model(inputs, head(embedding), name="classifier")
