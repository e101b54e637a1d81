"""What a method is given instead of an image: its views, to be looked at."""

import numpy as np
import tensorflow as tf

from tfmed import pretraining
from tfmed.data import DatasetInfo
from tfmed.data.loading import load_rows
from tfmed.pretraining import PretrainingSettings
from tfmed.training.examples import drawn_rows

IMAGES = 6
VIEWS = 4
"""Of each image, where a method makes them at random."""


def shown(settings: PretrainingSettings, data: DatasetInfo) -> dict[str, np.ndarray]:
    """Some training images and what the method sees of them.

    Args:
        settings: of the method.
        data: whose training images.

    Returns:
        uint8 `viewed` (k, height, width, channels) and `views` (k, views of an image, height,
        width, channels); nothing of a method that sees the images as they are.
    """
    images = load_rows(data, "train", drawn_rows(data.n_images("train"), IMAGES)).images
    scaled = tf.constant(images.astype("float32") / 255)
    method = pretraining.method(settings.method)
    pairs = tf.random.experimental.stateless_split(tf.constant([settings.seed, 0]), VIEWS)
    found: list[np.ndarray] = []
    for pair in tf.unstack(pairs):
        inputs, _ = method.views(settings, scaled, tf.cast(pair, tf.int64))
        found += np.split(inputs.numpy(), len(inputs) // len(images))
    views = np.stack(found[:VIEWS], axis=1)
    if np.array_equal(views, np.stack([scaled.numpy()] * VIEWS, axis=1)):
        return {}
    return {"viewed": images, "views": np.round(np.clip(views, 0, 1) * 255).astype("uint8")}
