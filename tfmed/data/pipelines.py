"""tf.data pipelines: uint8 in memory, shuffled by index, scaled batch by batch."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

Change = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""What augmentation does to a batch: of scaled images (n, height, width, channels) and an int64
seed (2,), another one for every batch, the changed images."""


def _as_written() -> tf.data.Options:
    """Options that leave a pipeline as it is written.

    Looking for a better one at each epoch takes longer than an epoch of few labels: of 240 images
    it made a pass take 15 ms instead of 6, and it never changes a batch.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return options


def scale_images(images: tf.Tensor) -> tf.Tensor:
    """uint8 images to float32 in [0, 1]; the only preprocessing there is."""
    # Graphs multiply by 1 / 255 instead, which in float32 differs from dividing in the last digit,
    # and that grows to 1e-6 in a probability; rounded from float64 both are the same.
    return tf.cast(tf.cast(images, tf.float64) / 255.0, tf.float32)


def image_batches(
    images: np.ndarray,
    *,
    batch_size: int,
    shuffle_seed: int | None = None,
    change: Change | None = None,
) -> tf.data.Dataset:
    """Scaled batches without labels; arguments as for `classifier_batches`."""
    return _batches(images, (), batch_size=batch_size, shuffle_seed=shuffle_seed, change=change)


def streamed_batches(
    batches: tf.data.Dataset, *, shuffle_seed: int | None = None, change: Change | None = None
) -> tf.data.Dataset:
    """Scaled batches from batches of uint8 images that were shuffled already."""
    return _changed(batches.map(scale_images), change, shuffle_seed)


def classifier_batches(
    images: np.ndarray,
    targets: np.ndarray,
    *,
    batch_size: int,
    shuffle_seed: int | None,
    change: Change | None = None,
    passes: int = 1,
    weights: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Batches of (image, target), or of (image, target, weight).

    Args:
        images: uint8 (n, height, width, channels), scaled to [0, 1] batch by batch; or float
            embeddings of any shape (n, ...), passed as they are.
        targets: float32 of shape (n, units), as `tfmed.tasks.Task.targets` gives them.
        batch_size: images in a batch; the last one may be smaller.
        shuffle_seed: a full shuffle, another one every epoch, fixed by this seed; None keeps order.
        change: augments each batch.
        passes: how often an epoch passes all images, shuffled again each time.
        weights: of each example, or of each of its targets, in the loss.
    """
    return _batches(
        images,
        (targets,) if weights is None else (targets, weights),
        batch_size=batch_size,
        shuffle_seed=shuffle_seed,
        change=change,
        passes=passes,
    )


def streamed_classifier_batches(
    batches: tf.data.Dataset,
    targets: np.ndarray,
    *,
    shuffle_seed: int | None,
    change: Change | None = None,
    passes: int = 1,
    weights: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Batches as of `classifier_batches` from batches of uint8 images and their rows.

    Args:
        batches: of uint8 (n, height, width, channels) and int64 (n,), shuffled already.
        targets: float32 (rows, units), found by row.
        shuffle_seed: of the augmentation.
        change: as for `classifier_batches`.
        passes: how often an epoch passes all images.
        weights: as there, found by row too.
    """
    held = [tf.constant(each) for each in (targets, weights) if each is not None]
    if passes > 1:
        batches = batches.repeat(passes)
    batches = batches.map(
        lambda images, rows: (scale_images(images), *(tf.gather(each, rows) for each in held))
    )
    return _changed(batches, change, shuffle_seed)


def _batches(
    images: np.ndarray,
    beside: tuple[np.ndarray, ...],
    *,
    batch_size: int,
    shuffle_seed: int | None,
    change: Change | None,
    passes: int = 1,
) -> tf.data.Dataset:
    # The images stay one tensor in memory and only row numbers are shuffled: the shuffle is full
    # at any size, no image is copied before its batch, and there is nothing left to cache.
    held_images = tf.constant(images)
    held_beside = tuple(map(tf.constant, beside))
    rows = tf.data.Dataset.range(len(images))
    if shuffle_seed is not None:
        rows = rows.shuffle(len(images), seed=shuffle_seed, reshuffle_each_iteration=True)

    def gather(batch_rows: tf.Tensor) -> tf.Tensor | tuple[tf.Tensor, ...]:
        batch = tf.gather(held_images, batch_rows)
        if batch.dtype == tf.uint8:
            batch = scale_images(batch)
        parts = [tf.gather(held, batch_rows) for held in held_beside]
        return (batch, *parts) if parts else batch

    batches = rows.batch(batch_size)
    if passes > 1:  # even once would be another order under the same seed
        batches = batches.repeat(passes)
    batches = batches.map(gather)
    batches = _changed(batches, change, shuffle_seed)
    return batches.prefetch(2).with_options(_as_written())


def _changed(batches: tf.data.Dataset, change: Change | None, seed: int | None) -> tf.data.Dataset:
    if change is None:
        return batches
    numbers = tf.data.Dataset.random(seed=seed or 0, rerandomize_each_iteration=True)

    def changed(batch: tf.Tensor | tuple[tf.Tensor, ...], pair: tf.Tensor) -> Any:
        if isinstance(batch, tuple):
            return change(batch[0], pair), *batch[1:]
        return change(batch, pair)

    return tf.data.Dataset.zip(batches, numbers.batch(2)).map(changed)
