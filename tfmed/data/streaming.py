"""Images of records on disk, batch by batch; memory does not depend on how many there are."""

import contextlib
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tensorflow_datasets as tfds

from tfmed.errors import InputError, printable

if TYPE_CHECKING:
    import tensorflow as tf

SHUFFLE_BUFFER = 128 << 20
"""Bytes of images that wait to be drawn from: 2,674 of 224 × 224 pixels."""

_CYCLE = 8  # shards read in turns
_READ_BYTES = 256 << 10  # read at once from a shard


def stream_images(
    folder: Path,
    split: str,
    *,
    batch_size: int,
    shuffle_seed: int | None,
    shuffle_buffer: int = SHUFFLE_BUFFER,
    take: int | None = None,
    with_rows: bool = False,
    skip: int = 0,
) -> "tf.data.Dataset":
    """Batches of images from records, each image once an epoch, in bounded memory.

    The shuffle has three parts: the order on disk is random already, the shards are read in
    another order every epoch, and each image is drawn from a buffer. As with every `tf.data`
    shuffle, TensorFlow's global seed counts too where one is set.

    Args:
        folder: what `write_records` returned.
        split: `train`, `val` or `test`.
        batch_size: images in a batch; the last one may be smaller.
        shuffle_seed: fixes the batches of every epoch; None keeps the order on disk.
        shuffle_buffer: bytes of images in the buffer; holds a batch at least.
        take: the number of images, the same ones in every epoch; None takes all.
        skip: images on disk before the first one.
        with_rows: give each image's row in its split too.

    Returns:
        uint8 batches of shape (n, height, width, channels), or pairs of these and int64 rows (n,);
        its cardinality is known. Consume it within `damage_named`.

    Raises:
        InputError: the folder holds no records or not this split.
    """
    import tensorflow as tf

    shape, files = _shards(folder, split, skip, take)
    n_images = sum(count for _, _, count in files)
    names, *numbers = zip(*files, strict=True)
    paths = tf.data.Dataset.from_tensor_slices((list(names), *np.array(numbers, np.int64)))
    if shuffle_seed is not None:
        paths = paths.shuffle(len(files), seed=shuffle_seed, reshuffle_each_iteration=True)
    # No parallel calls: one thread reads far faster than a model trains, in one order.
    records = paths.interleave(
        lambda path, skipped, count: (
            tf.data.TFRecordDataset(path, buffer_size=_READ_BYTES).skip(skipped).take(count)
        ),
        cycle_length=1 if shuffle_seed is None else _CYCLE,
    )
    if shuffle_seed is not None:
        waiting = min(n_images, max(batch_size, shuffle_buffer // math.prod(shape)))
        records = records.shuffle(waiting, seed=shuffle_seed, reshuffle_each_iteration=True)

    batches = records.batch(batch_size).map(_decoder(shape, with_rows))
    n_batches = -(-n_images // batch_size)
    return batches.apply(tf.data.experimental.assert_cardinality(n_batches)).prefetch(2)


def _decoder(
    shape: tuple[int, ...], with_rows: bool
) -> "Callable[[tf.Tensor], tf.Tensor | tuple[tf.Tensor, tf.Tensor]]":
    """From a batch of serialised examples to images, and their rows if wanted."""
    import tensorflow as tf

    features = {"image": tf.io.FixedLenFeature([], tf.string)}
    if with_rows:
        features["row"] = tf.io.FixedLenFeature([], tf.int64)

    def decode(batch: tf.Tensor) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
        # Parsed a batch at a time, which is twelve times as fast as one by one at 28 × 28.
        found = tf.io.parse_example(batch, features)
        pixels = tf.io.decode_raw(found["image"], tf.uint8)
        images = tf.reshape(pixels, (-1, *shape))
        return (images, found["row"]) if with_rows else images

    return decode


@contextlib.contextmanager
def damage_named(folder: Path) -> Iterator[None]:
    """Turn damage that shows while `stream_images` is consumed into one line.

    TFRecord carries a checksum of every record, so a flipped bit is noticed when it is read, and
    not before: `write_records` looks at lengths only, because reading all takes minutes.

    Args:
        folder: what was given to `stream_images`.

    Raises:
        InputError: a shard is gone, cut short or changed.
    """
    import tensorflow as tf

    try:
        yield
    except (tf.errors.DataLossError, tf.errors.NotFoundError):
        raise InputError(
            f"{folder}: these records are damaged: delete the folder, and the next run writes them "
            "again"
        ) from None


def _shards(
    folder: Path, split: str, skip: int, take: int | None
) -> tuple[tuple[int, ...], list[tuple[str, int, int]]]:
    """Image shape, and (path, records to skip, records to read) of each shard."""
    try:
        info = tfds.builder_from_directory(os.fspath(folder)).info
        shape = info.features["image"].shape
        n_images = info.splits[split].num_examples
    except (OSError, KeyError, ValueError, tfds.core.DatasetNotFoundError) as error:
        raise InputError(
            f"{printable(folder)} holds no {split} records ({type(error).__name__}): "
            "write them again"
        ) from None
    last = n_images if take is None else min(skip + take, n_images)
    if last <= skip:
        raise ValueError(f"skip={skip}, take={take} leaves no image")
    files = info.splits[f"{split}[{skip}:{last}]"].file_instructions
    return shape, [(os.fspath(f.filename), f.skip, f.take) for f in files]
