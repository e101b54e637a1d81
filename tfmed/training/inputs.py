"""The images that jobs see: for pretraining, of a label budget, chosen rows of a split."""

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfmed.data import DatasetInfo, Split, pipelines
from tfmed.data.budgets import draw_budget
from tfmed.data.loading import load_labels, load_rows, load_split
from tfmed.training import fitting
from tfmed.training.fitting import LabelledImages, LabelledSplits
from tfmed.training.settings import FitSettings


@dataclass(frozen=True)
class PretrainingImages:
    """Batches of (image, image), how many images train, and their mean in [0, 1]."""

    train: tf.data.Dataset
    val: tf.data.Dataset
    n_train: int
    mean: np.ndarray


def pretraining_images(
    source: DatasetInfo, records: Path | None, fit: FitSettings, seed: int, max_images: int
) -> PretrainingImages:
    """The images of a pretraining, from memory or, for a large data set, from records on disk.

    Args:
        source: whose training and validation images.
        records: folder of their records, None where they fit in memory.
        fit: batch size and augmentation.
        seed: of shuffling and the choice of images.
        max_images: training images at most; 0: all.
    """
    available = sum(source.counts["train"])
    n_train = min(max_images or available, available)
    if records is not None:
        return _streamed_images(source, records, fit, seed, n_train)
    train = load_split(source, "train").images
    if n_train < available:
        train = train[np.sort(np.random.default_rng(seed).permutation(available)[:n_train])]
    val = load_split(source, "val").images
    return PretrainingImages(
        pipelines.autoencoder_batches(
            train, batch_size=fit.batch_size, shuffle_seed=seed, augment=fit.augment
        ),
        pipelines.autoencoder_batches(val, batch_size=fitting.PREDICT_BATCH, shuffle_seed=None),
        n_train,
        train.mean(axis=0, dtype="float64") / 255,
    )


def _streamed_images(
    source: DatasetInfo, records: Path, fit: FitSettings, seed: int, n_train: int
) -> PretrainingImages:
    from tfmed.data.streaming import stream_images

    stream = functools.partial(stream_images, records)
    in_order = stream("train", batch_size=fit.batch_size, shuffle_seed=None, take=n_train)
    total = np.zeros(source.image_shape, "float64")
    for batch in in_order:
        total += batch.numpy().sum(axis=0, dtype="float64")
    train = stream("train", batch_size=fit.batch_size, shuffle_seed=seed, take=n_train)
    val = stream("val", batch_size=fit.batch_size, shuffle_seed=None)
    return PretrainingImages(
        pipelines.streamed_autoencoder_batches(train, shuffle_seed=seed, augment=fit.augment),
        pipelines.streamed_autoencoder_batches(val, shuffle_seed=None),
        n_train,
        total / n_train / 255,
    )


def labelled(task: DatasetInfo, budget: int | str, seed: int) -> LabelledSplits:
    """The examples of a label budget; `full` means the official train and val splits."""
    if budget == "full":
        splits = [load_split(task, split) for split in ("train", "val")]
    else:
        rows, val_rows = draw_budget(load_labels(task, "train"), int(budget), seed)
        drawn = load_rows(task, "train", np.concatenate([rows, val_rows]))
        is_val = np.isin(np.sort(np.concatenate([rows, val_rows])), val_rows)
        splits = [Split(drawn.images[part], drawn.labels[part]) for part in (~is_val, is_val)]
    return LabelledSplits(*(LabelledImages(split.images, split.labels) for split in splits))


def chosen_rows(chunks: Iterable[np.ndarray], rows: np.ndarray) -> Iterator[np.ndarray]:
    """Chunks of the images whose rows were chosen, in their order."""
    start = 0
    for chunk in chunks:
        inside = rows[(rows >= start) & (rows < start + len(chunk))]
        if len(inside):
            yield chunk[inside - start]
        start += len(chunk)


def drawn_rows(n: int, most: int) -> np.ndarray:
    """Sorted rows of at most `most` of n examples, always the same ones."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).permutation(n)[:most])
