"""From an encoder's feature map back to an image: the decoder that mirrors any encoder."""

from collections.abc import Callable
from math import ceil

import keras
import tensorflow as tf
from keras import layers


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


def build_decoder(encoder: keras.Model, *, name: str = "decoder") -> keras.Model:
    """Strided transposed convolutions from an encoder's map back to its image, in [0, 1].

    The last one gives the pixels: on a CPU a convolution with one output channel at full size
    would cost more than all the rest.

    Args:
        encoder: from images to maps (n, side, side, channels).
        name: of the decoder.
    """
    inputs = keras.Input(encoder.output_shape[1:], name="embedding")
    x = inputs
    stages = _mirrored(encoder)
    for stage, (size, width) in enumerate(stages, 1):
        last = stage == len(stages)
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


def _mirrored(encoder: keras.Model) -> list[tuple[int, int]]:
    """Side and channels after each step from the map to the image, such as (7, 32), (14, 16), ….

    The channels are those that the encoder has at that side, and where it has no layer there (it
    may hide them in a model of its own) half of those before.
    """
    _, side, _, channels = encoder.input_shape
    _, map_side, _, width = encoder.output_shape
    there = {
        layer.output.shape[1]: layer.output.shape[3]
        for layer in encoder.layers
        if len(layer.output.shape) == 4
    }
    sides = [side]
    while ceil(sides[-1] / 2) > map_side:
        sides.append(ceil(sides[-1] / 2))
    stages = []
    for step in sides[:0:-1]:
        width = there.get(step, max(width // 2, 8))
        stages.append((step, width))
    return [*stages, (side, channels)]


def build_reconstructing(encoder: keras.Model, name: str) -> keras.Model:
    """`decoder(encoder(x))`; both keep their identity and train with it."""
    decoder = build_decoder(encoder)
    inputs = keras.Input(encoder.input_shape[1:], name="image")
    return keras.Model(inputs, decoder(encoder(inputs)), name=name)
