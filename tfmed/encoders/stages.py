"""What encoders are built of: halvings down to a small map, their channels, and pooling."""

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

MAP_SIDE = 4
"""Halving stops at maps of this side, or of less."""
POOLED_SIDE = 2
MOMENTUM = 0.9
"""Of the moving statistics of BatchNormalization. With few labels a fit is some hundred steps: at
Keras's 0.99 the statistics are still those of the start when it ends, and validation sees them."""


def widths(side: int, least: int, most: int) -> list[int]:
    """Channels after each convolution of stride 2, such as [16, 32, 64] for a side of 28.

    Args:
        side: of the image.
        least: channels of the first one at least.
        most: channels of the last one; each has twice those before, as far as `least` allows.
    """
    stages = 0
    while side > MAP_SIDE:
        side, stages = ceil(side / 2), stages + 1
    return [min(most, max(least, most >> left)) for left in reversed(range(stages))]


def strided(
    images: "keras.KerasTensor", channels: Sequence[int], *, batch_norm: bool
) -> "keras.KerasTensor":
    """Convolutions of stride 2 with a ReLU each.

    Args:
        images: (n, side, side, channels).
        channels: after each convolution.
        batch_norm: a BatchNormalization after each, which then has no bias.
    """
    from keras import layers

    x = images
    for stage, width in enumerate(channels, 1):
        x = layers.Conv2D(
            width,
            3,
            strides=2,
            padding="same",
            use_bias=not batch_norm,
            kernel_initializer="he_normal",
            name=f"down_{stage}",
        )(x)
        if batch_norm:
            x = normed(x, f"norm_{stage}")
        x = layers.Activation("relu", name=f"relu_{stage}")(x)
    return x


def normed(maps: "keras.KerasTensor", name: str) -> "keras.KerasTensor":
    """A BatchNormalization of maps."""
    from tfmed.encoders.normalising import FusedBatchNormalization

    return FusedBatchNormalization(momentum=MOMENTUM, name=name)(maps)


def pooled(maps: "keras.KerasTensor") -> "keras.KerasTensor":
    """Means of maps (n, side, side, channels) over quarters of the image, (n, 2, 2, channels)."""
    from keras import layers

    side = maps.shape[1]
    if side <= POOLED_SIDE:
        return maps
    stride = side // POOLED_SIDE
    return layers.AveragePooling2D(side - stride, stride, name="pooled")(maps)
