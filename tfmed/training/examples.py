"""Examples that jobs see: those of a label budget, and chosen rows of a split."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from tfmed.data import DatasetInfo, Split
from tfmed.data.budgets import draw_budget
from tfmed.data.loading import load_labels, load_rows, load_split
from tfmed.design import LabelBudget


@dataclass(frozen=True)
class LabelledImages:
    """Images (or embeddings) with their labels, both of shape (n, ...)."""

    images: np.ndarray
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
    """The examples of a label budget; `full` means the official train and val splits."""
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
