"""tf.data pipelines: uint8 in memory, shuffled by index, scaled batch by batch."""

import numpy as np
import tensorflow as tf

MAX_SHIFT = 2 / 28
"""Largest shift of the augmentation, as a share of the image's side."""


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


def shift_images(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Moves each image by up to `MAX_SHIFT` of its side, edges repeated.

    No flips: the heart has a side.

    Args:
        images: (n, height, width, channels) of any dtype.
        seed: int tensor of shape (2,), for stateless random numbers.
    """
    side = images.shape[1]
    reach = max(1, round(side * MAX_SHIFT))
    padded = tf.pad(images, [[0, 0], [reach, reach], [reach, reach], [0, 0]], "SYMMETRIC")
    count = tf.shape(images)[0]
    offsets = tf.random.stateless_uniform((count, 2), seed, 0, 2 * reach + 1, tf.int32)
    steps = tf.range(side)
    rows = offsets[:, :1] + steps
    columns = offsets[:, 1:] + steps
    moved = tf.gather(padded, rows, axis=1, batch_dims=1)
    return tf.gather(moved, columns, axis=2, batch_dims=1)


def image_batches(
    images: np.ndarray, *, batch_size: int, shuffle_seed: int | None = None, augment: bool = False
) -> tf.data.Dataset:
    """Scaled batches without labels; arguments as for `classifier_batches`."""
    return _batches(images, (), batch_size=batch_size, shuffle_seed=shuffle_seed, augment=augment)


def streamed_batches(
    batches: tf.data.Dataset, *, shuffle_seed: int | None = None, augment: bool = False
) -> tf.data.Dataset:
    """Scaled batches from batches of uint8 images that were shuffled already."""
    batches = batches.map(scale_images)
    return _shifted(batches, shuffle_seed) if augment else batches


def classifier_batches(
    images: np.ndarray,
    targets: np.ndarray,
    *,
    batch_size: int,
    shuffle_seed: int | None,
    augment: bool = False,
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
        augment: shifts images by a few pixels (`shift_images`).
        passes: how often an epoch passes all images, shuffled again each time.
        weights: of each example, or of each of its targets, in the loss.
    """
    return _batches(
        images,
        (targets,) if weights is None else (targets, weights),
        batch_size=batch_size,
        shuffle_seed=shuffle_seed,
        augment=augment,
        passes=passes,
    )


def streamed_classifier_batches(
    batches: tf.data.Dataset,
    targets: np.ndarray,
    *,
    shuffle_seed: int | None,
    augment: bool = False,
    passes: int = 1,
    weights: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Batches as of `classifier_batches` from batches of uint8 images and their rows.

    Args:
        batches: of uint8 (n, height, width, channels) and int64 (n,), shuffled already.
        targets: float32 (rows, units), found by row.
        shuffle_seed: of the augmentation.
        augment: as for `classifier_batches`.
        passes: how often an epoch passes all images.
        weights: as there, found by row too.
    """
    held = [tf.constant(each) for each in (targets, weights) if each is not None]
    if passes > 1:
        batches = batches.repeat(passes)
    batches = batches.map(
        lambda images, rows: (scale_images(images), *(tf.gather(each, rows) for each in held))
    )
    return _shifted(batches, shuffle_seed) if augment else batches


def _batches(
    images: np.ndarray,
    beside: tuple[np.ndarray, ...],
    *,
    batch_size: int,
    shuffle_seed: int | None,
    augment: bool,
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
    if augment:
        batches = _shifted(batches, shuffle_seed)
    return batches.prefetch(2).with_options(_as_written())


def _shifted(batches: tf.data.Dataset, seed: int | None) -> tf.data.Dataset:
    numbers = tf.data.Dataset.random(seed=seed or 0, rerandomize_each_iteration=True)
    return tf.data.Dataset.zip(batches, numbers.batch(2)).map(_shift_batch)


def _shift_batch(batch: tf.Tensor | tuple[tf.Tensor, ...], seed: tf.Tensor) -> tf.Tensor:
    if isinstance(batch, tuple):
        return shift_images(batch[0], seed), *batch[1:]
    return shift_images(batch, seed)
