"""Keras functional models: encoder, decoder, autoencoder, classifier; freezing and weight transfer.

No data set is known here. Images are float32 in [0, 1] of shape (n, height, width, channels).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import keras
import numpy as np
import tensorflow as tf
from keras import layers

MAP_SIZE = 4
"""Side of the encoder's output map; strided convolutions halve the image until it is reached."""


@dataclass(frozen=True)
class EncoderConfig:
    """Architecture of an encoder and of the decoder that mirrors it.

    Attributes:
        image_shape: (height, width, channels); square, side at least 8, channels 1 or 3.
        latent_channels: channels of the 4 x 4 output map; an embedding has 16 times as many
            numbers.
        base_filters: channels of the first convolution at least; they double up to
            latent_channels.
        batch_norm: a BatchNormalization after every convolution of the encoder.
    """

    image_shape: tuple[int, int, int]
    latent_channels: int = 64
    base_filters: int = 16
    batch_norm: bool = False

    @property
    def sizes(self) -> list[int]:
        """Side of the feature map from the image down to the 4 x 4 map, e.g. [28, 14, 7, 4]."""
        sizes = [self.image_shape[0]]
        while sizes[-1] > MAP_SIZE:
            sizes.append(ceil(sizes[-1] / 2))
        return sizes

    @property
    def widths(self) -> list[int]:
        """Channels after each strided convolution, e.g. [16, 32, 64]."""
        stages = len(self.sizes) - 1
        return [
            min(self.latent_channels, max(self.base_filters, self.latent_channels >> left))
            for left in reversed(range(stages))
        ]

    @property
    def embedding_shape(self) -> tuple[int, int, int]:
        """Shape of the encoder's output for one image."""
        return (MAP_SIZE, MAP_SIZE, self.latent_channels)


def build_encoder(config: EncoderConfig, *, name: str = "encoder") -> keras.Model:
    """Strided convolutions from an image to a 4 x 4 map of `latent_channels` channels."""
    inputs = keras.Input(config.image_shape, name="image")
    x = inputs
    for stage, width in enumerate(config.widths, 1):
        x = layers.Conv2D(
            width,
            3,
            strides=2,
            padding="same",
            use_bias=not config.batch_norm,
            kernel_initializer="he_normal",
            name=f"down_{stage}",
        )(x)
        if config.batch_norm:
            x = layers.BatchNormalization(name=f"norm_{stage}")(x)
        x = layers.Activation("relu", name=f"relu_{stage}")(x)
    return keras.Model(inputs, x, name=name)


@keras.saving.register_keras_serializable("tfmed")
class PixelConv2DTranspose(layers.Conv2DTranspose):
    """`Conv2DTranspose` of stride 2 and kernel 3 to one or few channels, faster on CPUs.

    TensorFlow's CPU kernel takes 3.2 ms for a batch of 128 at 14 x 14 x 16 to 28 x 28 x 1, more
    than any other step of pretraining; the same sums as a sub-pixel convolution (Shi et al. 2016)
    take 1.4 ms. Gradients come from the usual kernels, which are fast.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """As `Conv2DTranspose.call`, to rounding."""
        kernel = tf.convert_to_tensor(self.kernel)  # a custom gradient takes no variables
        return self.activation(upsample(inputs, kernel) + self.bias)


@tf.custom_gradient
def upsample(maps: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """Transposed convolution of stride 2 with padding "same", by depth-to-space.

    Args:
        maps: float of shape (n, height, width, channels in).
        kernel: float of shape (3, 3, channels out, channels in).

    Returns:
        (n, 2 height, 2 width, channels out).
    """
    channels = kernel.shape[2]
    # From the row of the map before, even rows of pixels take kernel row 2 and odd ones nothing;
    # from their own row they take kernel rows 0 and 1. So do columns.
    ordered = tf.roll(tf.pad(kernel, [[0, 1], [0, 1], [0, 0], [0, 0]]), (2, 2), (0, 1))
    taps = tf.reshape(ordered, (2, 2, 2, 2, channels, -1))  # row, its parity, column, its parity
    taps = tf.reshape(tf.transpose(taps, (0, 2, 5, 1, 3, 4)), (2, 2, -1, 4 * channels))
    pixels = tf.nn.conv2d(maps, taps, 1, [[0, 0], [1, 0], [1, 0], [0, 0]])

    def gradients(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        for_kernel = tf.raw_ops.Conv2DBackpropFilter(
            input=upstream,
            filter_sizes=kernel.shape,
            out_backprop=maps,
            strides=[1, 2, 2, 1],
            padding="SAME",
        )
        return tf.nn.conv2d(upstream, kernel, 2, "SAME"), for_kernel

    return tf.nn.depth_to_space(pixels, 2), gradients


def build_decoder(config: EncoderConfig, *, name: str = "decoder") -> keras.Model:
    """Strided transposed convolutions from the 4 x 4 map back to an image in [0, 1].

    The last one gives the pixels: on a CPU a convolution with one output channel at full size
    would cost more than all the rest.
    """
    inputs = keras.Input(config.embedding_shape, name="embedding")
    x = inputs
    sizes = config.sizes[-2::-1]
    widths = [*config.widths[-2::-1], config.image_shape[2]]
    for stage, (size, width) in enumerate(zip(sizes, widths, strict=True), 1):
        last = stage == len(sizes)
        side = 2 * x.shape[1]
        layer = PixelConv2DTranspose if last else layers.Conv2DTranspose
        x = layer(
            width,
            3,
            strides=2,
            padding="same",
            activation="sigmoid" if last else "relu",
            kernel_initializer="glorot_uniform" if last else "he_normal",
            name=f"up_{stage}",
        )(x)
        if side > size:
            x = layers.Cropping2D(((0, side - size), (0, side - size)), name=f"crop_{stage}")(x)
    return keras.Model(inputs, x, name=name)


def build_autoencoder(encoder: keras.Model, decoder: keras.Model) -> keras.Model:
    """`decoder(encoder(x))`; both keep their identity and train with it."""
    inputs = keras.Input(encoder.input_shape[1:], name="image")
    return keras.Model(inputs, decoder(encoder(inputs)), name="autoencoder")


def build_head(
    embedding_shape: Sequence[int], *, dropout: float = 0.0, l2: float = 0.0
) -> keras.Model:
    """Standardisation, dropout and one logistic unit on an embedding.

    The standardisation starts as the identity; `set_standardisation` gives it the statistics of
    training embeddings. It is never trained.

    Args:
        embedding_shape: shape of the encoder's output for one image.
        dropout: share of the standardised features dropped while training, in [0, 1).
        l2: weight of the squared norm of the unit's weights in the training loss.
    """
    inputs = keras.Input(tuple(embedding_shape), name="embedding")
    x = layers.Flatten(name="flatten")(inputs)
    # Not `Normalization`: that one keeps its statistics as constants of the traced graph.
    x = layers.BatchNormalization(
        center=False, scale=False, epsilon=1e-12, trainable=False, name="standardise"
    )(x, training=False)
    x = layers.Dropout(dropout, name="dropout")(x)
    outputs = layers.Dense(
        1,
        activation="sigmoid",
        kernel_regularizer=keras.regularizers.L2(l2) if l2 else None,
        name="probability",
    )(x)
    return keras.Model(inputs, outputs, name="head")


def set_standardisation(head: keras.Model, mean: np.ndarray, variance: np.ndarray) -> None:
    """Gives the head the mean and variance (both of shape (features,)) to standardise with."""
    head.get_layer("standardise").set_weights([mean.astype("float32"), variance.astype("float32")])


def embedding_statistics(embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance to standardise embeddings with, from training images only.

    A feature that is (almost) silent on few training images would be blown up on the first test
    image that wakes it, so no standard deviation counts as less than a tenth of the features'
    root mean square deviation.

    Args:
        embeddings: float array of shape (n, ...); flattened to (n, features).

    Returns:
        Two float64 arrays of shape (features,).
    """
    flat = embeddings.reshape(len(embeddings), -1).astype("float64")
    variance = flat.var(axis=0)
    floor = 0.01 * variance.mean()
    return flat.mean(axis=0), np.maximum(variance, floor if floor > 0 else 1.0)


def build_classifier(encoder: keras.Model, head: keras.Model, *, trainable: bool) -> keras.Model:
    """`head(encoder(x))` around the very encoder that is given, frozen or trainable.

    Pass an autoencoder's own encoder to share it (training the classifier then trains the
    autoencoder, freezing it freezes both), or `copy_encoder(encoder)` to leave the original alone.

    The encoder is called with `training=False` when it is frozen, so that BatchNormalization uses,
    and keeps, its moving statistics (Keras guide "Transfer learning & fine-tuning").

    Returns:
        A model with outputs of shape (n, 1), not compiled.
    """
    inputs = keras.Input(encoder.input_shape[1:], name="image")
    set_trainable(encoder, trainable)
    embedding = encoder(inputs) if trainable else encoder(inputs, training=False)
    return keras.Model(inputs, head(embedding), name="classifier")


def set_trainable(
    model: keras.Model, trainable: bool, *, within: keras.Model | None = None
) -> None:
    """Freezes (`trainable=False`) or frees a model and every layer in it; the one place that does.

    Args:
        model: the model to freeze or free, usually an encoder.
        trainable: whether its weights may change; a frozen BatchNormalization also runs in
            inference mode, so that its moving statistics stay as they are.
        within: the model that is fitted, when it contains `model` and is compiled already. It is
            compiled again, because Keras fixes what is trained when it compiles; its optimiser
            starts afresh.
    """
    model.trainable = trainable
    for layer in model.layers:
        layer.trainable = trainable
    if within is not None and within.compiled:
        within.compile_from_config(within.get_compile_config())


def copy_encoder(encoder: keras.Model) -> keras.Model:
    """A new, trainable encoder with the same architecture and the same weights.

    `clone_model` alone copies no weights, so they are transferred; the copy shares no variable
    with the original.
    """
    copy = keras.models.clone_model(encoder)
    transfer_weights(encoder, copy)
    set_trainable(copy, True)
    return copy


def transfer_weights(source: keras.Model, target: keras.Model) -> None:
    """Copies every weight, moving statistics included, from `source` to `target`.

    Raises:
        ValueError: the two differ in the number, order or shape of their weights.
    """
    set_weights(target, weights(source))


def weights(model: keras.Model) -> list[np.ndarray]:
    """Every weight as a numpy array, in the order in which `set_weights` takes them."""
    return [np.array(weight) for weight in model.get_weights()]


def set_weights(model: keras.Model, values: Sequence[np.ndarray]) -> None:
    """Sets every weight.

    Raises:
        ValueError: the number or a shape differs.
    """
    model.set_weights(list(values))
