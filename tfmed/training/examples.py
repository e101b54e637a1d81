"""Examples that jobs see: those of a label budget, and chosen rows of a split."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from tfmed.data import DatasetInfo, Split
from tfmed.data.budgets import draw_budget
from tfmed.data.loading import load_labels, load_rows, load_split, stream_split
from tfmed.design import LabelBudget


@dataclass(frozen=True)
class OnDisk:
    """The images of a split of a data set that does not fit in memory, read again each time.

    Iterating gives them in chunks, uint8 (k, height, width, channels), in the order of the file.
    """

    info: DatasetInfo
    split: str

    def __len__(self) -> int:
        """Number of images."""
        return self.info.n_images(self.split)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Chunks of the images; errors as for `tfmed.data.loading.load_split`."""
        return stream_split(self.info, self.split)


@dataclass(frozen=True)
class LabelledImages:
    """Images (or embeddings) with their labels, both of shape (n, ...)."""

    images: np.ndarray | OnDisk
    labels: np.ndarray

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.images)


@dataclass(frozen=True)
class LabelledSplits:
    """The training and validation examples that one label budget allows.

    Attributes:
        train: to fit to.
        val: to stop and to choose by.
        task: what the labels are for.
    """

    train: LabelledImages
    val: LabelledImages = field(repr=False)
    task: str


def labelled(task: DatasetInfo, budget: LabelBudget, seed: int) -> LabelledSplits:
    """The examples of a label budget; `full` means the official train and val splits.

    Those of `full` of a data set that does not fit in memory stay on disk.
    """
    if budget == "full" and not task.fits_in_memory:
        train, val = (
            LabelledImages(OnDisk(task, split), load_labels(task, split))
            for split in ("train", "val")
        )
        return LabelledSplits(train, val, task.task)
    if budget == "full":
        splits = [load_split(task, split) for split in ("train", "val")]
    else:
        rows, val_rows = draw_budget(load_labels(task, "train"), int(budget), seed, task.task)
        drawn = load_rows(task, "train", np.concatenate([rows, val_rows]))
        is_val = np.isin(np.sort(np.concatenate([rows, val_rows])), val_rows)
        splits = [Split(drawn.images[part], drawn.labels[part]) for part in (~is_val, is_val)]
    train, val = (LabelledImages(split.images, split.labels) for split in splits)
    return LabelledSplits(train, val, task.task)


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
