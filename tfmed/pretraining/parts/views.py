"""Random views of images, for methods that learn what stays the same between two of them.

One projective transform a view does crop, resizing, rotation and flips together, and everything is
plain tensor arithmetic on whole batches: Keras's preprocessing layers do each step by itself.
Crops as Szegedy et al. (2015), the rest as Chen et al. (2020), weaker where an X-ray says less
with its colours.
"""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import tensorflow as tf


class ViewSettings(BaseModel):
    """How far a view may be from its image; 0 turns a change off.

    Attributes:
        smallest_crop: least share of the image's area that a crop keeps; 1: no crops.
        rotation: largest angle, in degrees.
        flips: `none`, `horizontal`, or `both` (vertical too).
        contrast: largest relative change of the differences from the image's mean.
        brightness: largest shift of all grey levels, as a share of their range.
        gamma: largest logarithm of the exponent of grey levels.
        colour: largest shift of each colour channel by itself; grey images have none.
        blur: largest standard deviation of a Gaussian blur, as a share of the side; half of the
            views are not blurred.
        noise: largest standard deviation of Gaussian noise, as a share of the range of grey levels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    smallest_crop: float = Field(default=0.4, gt=0, le=1)
    rotation: float = Field(default=15.0, ge=0, le=180)
    flips: Literal["none", "horizontal", "both"] = "horizontal"
    contrast: float = Field(default=0.4, ge=0, lt=1)
    brightness: float = Field(default=0.2, ge=0, le=1)
    gamma: float = Field(default=0.3, ge=0, le=2)
    colour: float = Field(default=0.1, ge=0, le=1)
    blur: float = Field(default=0.03, ge=0, le=0.2)
    noise: float = Field(default=0.05, ge=0, le=1)


AUGMENTATION = ViewSettings(
    smallest_crop=0.7,
    rotation=10.0,
    flips="none",
    contrast=0.2,
    brightness=0.1,
    gamma=0.2,
    colour=0.05,
    blur=0.0,
    noise=0.0,
)
"""Of images that are fitted to: weaker than views that are compared, and the heart has a side."""
LONGEST_SIDE = 4 / 3
"""Of a crop, as a multiple of its other side."""
_BLUR_RADII = 3  # standard deviations that a blur's window reaches


def augmentation(settings: ViewSettings) -> "Callable[[tf.Tensor, tf.Tensor], tf.Tensor]":
    """`random_views` of one setting, as pipelines take it."""
    return functools.partial(random_views, settings)


def random_views(settings: ViewSettings, images: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
    """One view of each image.

    Args:
        settings: how far it may be from its image.
        images: float32 (n, side, side, channels) in [0, 1].
        seed: int64 (2,); the same gives the same views.

    Returns:
        float32 of the same shape, in [0, 1].
    """
    import tensorflow as tf

    seeds = tf.unstack(_split(seed))
    views = _moved(settings, images, seeds[0])
    views = _recoloured(settings, views, seeds[1])
    if settings.blur:
        views = _blurred(settings, views, seeds[2])
    if settings.noise:
        pair = tf.unstack(_split(seeds[3], 2))
        deviation = _uniform(tf.shape(views)[0], pair[0], 0, settings.noise)
        views += deviation * tf.random.stateless_normal(tf.shape(views), pair[1])
    return tf.clip_by_value(views, 0.0, 1.0)


def two_views(
    settings: ViewSettings, images: "tf.Tensor", seed: "tf.Tensor"
) -> tuple["tf.Tensor", "tf.Tensor"]:
    """Inputs and targets of a method that compares two views of each image.

    Returns:
        (2 n, side, side, channels), all first views before all second ones; and zeros (2 n, 1),
        since the views themselves are what is compared.
    """
    import tensorflow as tf

    pair = [random_views(settings, images, each) for each in tf.unstack(_split(seed, 2))]
    views = tf.concat(pair, axis=0)
    return views, tf.zeros((tf.shape(views)[0], 1))


def _split(seed: "tf.Tensor", parts: int = 4) -> "tf.Tensor":
    import tensorflow as tf

    return tf.random.experimental.stateless_split(seed, parts)


def _uniform(n: "tf.Tensor", seed: "tf.Tensor", low: float, high: float) -> "tf.Tensor":
    """One number an image, (n, 1, 1, 1)."""
    import tensorflow as tf

    return tf.random.stateless_uniform((n, 1, 1, 1), seed, low, high)


def _moved(settings: ViewSettings, images: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
    """Crop, resizing to the old side, rotation about the crop's centre, and flips."""
    import tensorflow as tf

    n, side = tf.shape(images)[0], images.shape[1]
    area, shape, angle, left, top, across, down = tf.unstack(
        tf.random.stateless_uniform((7, n), seed)
    )
    area = settings.smallest_crop + (1 - settings.smallest_crop) * area
    stretch = tf.exp((2 * shape - 1) * (np.log(LONGEST_SIDE) / 2))
    if settings.smallest_crop == 1:
        stretch = tf.ones_like(stretch)
    width, height = (tf.minimum(tf.sqrt(area) * s, 1.0) for s in (stretch, 1 / stretch))
    # From a place in the view to that in the image, both counted from the image's centre.
    centre_x, centre_y = (left - 0.5) * (1 - width) * side, (top - 0.5) * (1 - height) * side
    width *= tf.where((across < 0.5) & (settings.flips != "none"), -1.0, 1.0)
    height *= tf.where((down < 0.5) & (settings.flips == "both"), -1.0, 1.0)
    angle = (2 * angle - 1) * float(np.deg2rad(settings.rotation))
    cosine, sine = tf.cos(angle), tf.sin(angle)
    a, b, c, d = width * cosine, -height * sine, width * sine, height * cosine
    middle = (side - 1) / 2
    x = middle + centre_x - (a + b) * middle
    y = middle + centre_y - (c + d) * middle
    none = tf.zeros_like(a)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([a, b, x, c, d, y, none, none], axis=1),
        output_shape=(side, side),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )


def _recoloured(settings: ViewSettings, images: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
    """Gamma, contrast and brightness of an image, and a shift of each of its colours."""
    import tensorflow as tf

    n, channels = tf.shape(images)[0], images.shape[3]
    seeds = tf.unstack(_split(seed))
    if settings.gamma:
        exponent = tf.exp(_uniform(n, seeds[0], -settings.gamma, settings.gamma))
        # tf.pow gives the same and takes five times as long.
        images = tf.exp(exponent * tf.math.log(tf.clip_by_value(images, 1e-6, 1.0)))
    if settings.contrast:
        mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
        factor = _uniform(n, seeds[1], 1 - settings.contrast, 1 + settings.contrast)
        images = mean + factor * (images - mean)
    if settings.brightness:
        images += _uniform(n, seeds[2], -settings.brightness, settings.brightness)
    if settings.colour and channels > 1:
        images += tf.random.stateless_uniform(
            (n, 1, 1, channels), seeds[3], -settings.colour, settings.colour
        )
    return images


def _blurred(settings: ViewSettings, images: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
    """Gaussian blur, of another width for each image: products with a band matrix of each."""
    import tensorflow as tf

    side = images.shape[1]
    most = settings.blur * side
    radius = int(np.ceil(_BLUR_RADII * most))
    deviation = tf.maximum(_uniform(tf.shape(images)[0], seed, -most, most)[:, :, 0, 0], 1e-3)
    offsets = np.arange(-radius, radius + 1)
    weights = tf.exp(-0.5 * tf.square(offsets.astype("float32") / deviation))  # (n, offsets)
    weights /= tf.reduce_sum(weights, axis=1, keepdims=True)
    places = offsets[:, None] + np.arange(side)  # beyond the image it is mirrored
    places = np.where(places < 0, -1 - places, np.minimum(places, 2 * side - 1 - places))
    shifts = np.eye(side, dtype="float32")[places]  # (offsets, side, side)
    bands = tf.reshape(tf.matmul(weights, shifts.reshape(len(offsets), -1)), (-1, 1, side, side))
    colours = tf.transpose(images, (0, 3, 1, 2))
    blurred = tf.matmul(tf.matmul(bands, colours), bands, transpose_b=True)
    return tf.transpose(blurred, (0, 2, 3, 1))
