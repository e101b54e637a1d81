"""The images of a pretraining: from memory or from records on disk, as a method views them."""

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfmed import pretraining
from tfmed.data import DatasetInfo, pipelines
from tfmed.data.loading import load_split
from tfmed.pretraining import PretrainingSettings
from tfmed.pretraining.parts.views import AUGMENTATION, augmentation
from tfmed.training.fitting import PREDICT_BATCH

_NUMBERS = 2**40  # keeps a method's random numbers apart from those that shift images


@dataclass(frozen=True)
class Origin:
    """A data set whose images are pretrained on, with the folder of its records where it has them.

    Records are there of a data set that does not fit in memory, and of one beside it.
    """

    info: DatasetInfo
    records: Path | None = None


@dataclass(frozen=True)
class PretrainingImages:
    """Batches of a method's (inputs, targets), how many images train, and their mean in [0, 1]."""

    train: tf.data.Dataset
    val: tf.data.Dataset
    n_train: int
    mean: np.ndarray


def pretraining_images(
    origins: Sequence[Origin], settings: PretrainingSettings
) -> PretrainingImages:
    """The images of a pretraining, from memory or, for a large data set, from records on disk.

    Labels are not looked at, and of the splits none but train, and where nothing of it is held
    out the first data set's validation split.

    Args:
        origins: whose images, all of one shape.
        settings: of the method that makes its views of them.
    """
    streamed = any(origin.records is not None for origin in origins)
    found = (_streamed if streamed else _in_memory)(origins, settings)
    return dataclasses.replace(
        found,
        train=viewed(found.train, settings, settings.seed),
        val=viewed(found.val, settings, None),
    )


def _in_memory(origins: Sequence[Origin], settings: PretrainingSettings) -> PretrainingImages:
    parts = [load_split(each.info, "train").images for each in origins]
    images = parts[0] if len(parts) == 1 else np.concatenate(parts)
    fit, seed = settings.fit.resolved(len(images)), settings.seed
    change = augmentation(AUGMENTATION) if fit.augment else None
    held_out, n_train = _counts(len(images), settings)
    order = np.random.default_rng(seed).permutation(len(images))
    if held_out:
        val, kept = images[order[:held_out]], order[held_out:]
    else:
        val, kept = load_split(origins[0].info, "val").images, order
    if n_train < len(images):
        images = images[np.sort(kept[:n_train])]
    batches = functools.partial(pipelines.image_batches, batch_size=PREDICT_BATCH)
    return PretrainingImages(
        batches(images, batch_size=fit.batch_size, shuffle_seed=seed, change=change),
        batches(val),
        n_train,
        images.mean(axis=0, dtype="float64") / 255,
    )


def _counts(available: int, settings: PretrainingSettings) -> tuple[int, int]:
    """Images held out, at least one where any are asked for, and images trained on."""
    used = min(settings.max_images or available, available)
    held_out = max(1, round(settings.held_out * used)) if settings.held_out else 0
    return held_out, max(1, used - held_out)


def _streamed(origins: Sequence[Origin], settings: PretrainingSettings) -> PretrainingImages:
    """Of each data set its share; which images are held out and taken is the order on disk."""
    from tfmed.data.streaming import stream_images

    available = [each.info.n_images("train") for each in origins]
    fit, seed = settings.fit.resolved(sum(available)), settings.seed
    change = augmentation(AUGMENTATION) if fit.augment else None
    used = settings.max_images or sum(available)
    shares = [min(n, max(1, round(used * n / sum(available)))) for n in available]
    counts = [_counts(share, settings) for share in shares]

    def stream(kept: bool, shuffle_seed: int | None) -> tf.data.Dataset:
        parts = []
        for origin, (held_out, n_train) in zip(origins, counts, strict=True):
            assert origin.records is not None
            parts.append(
                stream_images(
                    origin.records,
                    "train",
                    batch_size=fit.batch_size,
                    shuffle_seed=shuffle_seed,
                    skip=held_out if kept else 0,
                    take=n_train if kept else held_out,
                )
            )
        sizes = [n_train if kept else held_out for held_out, n_train in counts]
        return parts[0] if len(parts) == 1 else _mixed(parts, sizes, fit.batch_size, seed)

    total = np.zeros(origins[0].info.image_shape, "float64")
    for batch in stream(True, None):
        total += batch.numpy().sum(axis=0, dtype="float64")
    n_train = sum(count for _, count in counts)
    if settings.held_out:
        val = stream(False, None)
    else:
        records = origins[0].records
        assert records is not None
        val = stream_images(records, "val", batch_size=fit.batch_size, shuffle_seed=None)
    train = stream(True, seed)
    return PretrainingImages(
        pipelines.streamed_batches(train, shuffle_seed=seed, change=change),
        pipelines.streamed_batches(val),
        n_train,
        total / n_train / 255,
    )


def _mixed(
    parts: Sequence[tf.data.Dataset], sizes: Sequence[int], batch_size: int, seed: int
) -> tf.data.Dataset:
    """Batches of images of several data sets, each drawn by how many images it has."""
    shares = [size / sum(sizes) for size in sizes]
    images = tf.data.Dataset.sample_from_datasets(
        [part.unbatch() for part in parts], shares, seed, rerandomize_each_iteration=True
    )
    n_batches = -(-sum(sizes) // batch_size)
    batches = images.batch(batch_size)
    return batches.apply(tf.data.experimental.assert_cardinality(n_batches)).prefetch(2)


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
