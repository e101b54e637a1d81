"""The images of a pretraining: from memory or from records on disk, as a method views them."""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfmed import pretraining
from tfmed.data import DatasetInfo, pipelines
from tfmed.data.loading import load_split
from tfmed.pretraining import PretrainingSettings
from tfmed.training.fitting import PREDICT_BATCH

_NUMBERS = 2**40  # keeps a method's random numbers apart from those that shift images


@dataclass(frozen=True)
class PretrainingImages:
    """Batches of a method's (inputs, targets), how many images train, and their mean in [0, 1]."""

    train: tf.data.Dataset
    val: tf.data.Dataset
    n_train: int
    mean: np.ndarray


def pretraining_images(
    source: DatasetInfo, records: Path | None, settings: PretrainingSettings
) -> PretrainingImages:
    """The images of a pretraining, from memory or, for a large data set, from records on disk.

    Args:
        source: whose training and validation images.
        records: folder of their records, None where they fit in memory.
        settings: of the method that makes its views of them.
    """
    fit, seed = settings.fit, settings.seed
    available = source.n_images("train")
    n_train = min(settings.max_images or available, available)
    if records is not None:
        train, val, mean = _streamed(source, records, settings, n_train)
    else:
        images = load_split(source, "train").images
        if n_train < available:
            images = images[np.sort(np.random.default_rng(seed).permutation(available)[:n_train])]
        mean = images.mean(axis=0, dtype="float64") / 255
        train = pipelines.image_batches(
            images, batch_size=fit.batch_size, shuffle_seed=seed, augment=fit.augment
        )
        val = pipelines.image_batches(load_split(source, "val").images, batch_size=PREDICT_BATCH)
    return PretrainingImages(
        viewed(train, settings, seed), viewed(val, settings, None), n_train, mean
    )


def _streamed(
    source: DatasetInfo, records: Path, settings: PretrainingSettings, n_train: int
) -> tuple[tf.data.Dataset, tf.data.Dataset, np.ndarray]:
    """Scaled training and validation batches, and the mean of the training images."""
    from tfmed.data.streaming import stream_images

    fit, seed = settings.fit, settings.seed
    stream = functools.partial(stream_images, records, batch_size=fit.batch_size)
    total = np.zeros(source.image_shape, "float64")
    for batch in stream("train", shuffle_seed=None, take=n_train):
        total += batch.numpy().sum(axis=0, dtype="float64")
    train = stream("train", shuffle_seed=seed, take=n_train)
    return (
        pipelines.streamed_batches(train, shuffle_seed=seed, augment=fit.augment),
        pipelines.streamed_batches(stream("val", shuffle_seed=None)),
        total / n_train / 255,
    )


def viewed(
    batches: tf.data.Dataset, settings: PretrainingSettings, seed: int | None
) -> tf.data.Dataset:
    """A method's inputs and targets; without a seed the same views in every epoch."""
    make = pretraining.method(settings.method)
    numbers = tf.data.Dataset.random(
        seed=_NUMBERS + (seed or 0), rerandomize_each_iteration=seed is not None
    )

    def views(images: tf.Tensor, pair: tf.Tensor) -> tuple:
        return make.views(settings, images, pair)

    return tf.data.Dataset.zip(batches, numbers.batch(2)).map(views).prefetch(2)
