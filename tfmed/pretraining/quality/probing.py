"""How well embeddings tell labels apart while a pretraining goes on: for people to see.

Labels choose nothing here: what is fitted, for how long, and which weights are kept is the same
whatever a probe says.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from tfmed.data import DatasetInfo
from tfmed.data.loading import load_rows
from tfmed.tasks import task_of
from tfmed.training import baselines, fitting
from tfmed.training.examples import drawn_rows

IMAGES = 500
"""Images that a probe is fitted to, at most, and as many validation images to score."""
TIMES = 6
"""Epochs after which it is, about."""


class Probe:
    """Linear probes after some epochs: AUC on validation images of one data set.

    Args:
        encoder: that is being fitted.
        data: whose training images the probe is fitted to, and whose validation images it scores.
        epochs: how many there are to be at most.
    """

    def __init__(self, encoder: keras.Model, data: DatasetInfo, epochs: int) -> None:
        self._encoder, self._data = encoder, data
        self._known, self._judged = (
            load_rows(data, split, drawn_rows(data.n_images(split), IMAGES))
            for split in ("train", "val")
        )
        self._after = set(np.linspace(0, epochs, TIMES + 1).round().astype(int).tolist())
        self._found: list[tuple[int, float | None]] = []

    def after(self, epoch: int) -> None:
        """Measures, if it is time after so many epochs; 0: before the first."""
        if epoch in self._after:
            self._found.append((epoch, self._auc()))

    def record(self) -> dict[str, Any]:
        """What was found, as plain JSON values."""
        return {
            "dataset": self._data.name,
            "n_train": len(self._known.labels),
            "n_val": len(self._judged.labels),
            "epochs": [epoch for epoch, _ in self._found],
            "auc": [auc for _, auc in self._found],
        }

    def _auc(self) -> float | None:
        known, judged = (self._embedded(each.images) for each in (self._known, self._judged))
        n_classes = len(self._data.class_names)
        scorer = baselines.fit_probe(known, self._known.labels, n_classes=n_classes)
        scores = scorer(judged)
        found: float | None = task_of(self._data.task).accuracy_and_auc(
            self._judged.labels, scores
        )["auc"]
        return found

    def _embedded(self, images: np.ndarray) -> np.ndarray:
        return fitting.embed(self._encoder, images).reshape(len(images), -1)


def probed(data: Sequence[DatasetInfo]) -> DatasetInfo | None:
    """The data set to probe on: the last with labels (the target, where it is there), or None."""
    labelled = [info for info in data if info.labelled and info.n_images("val")]
    return labelled[-1] if labelled else None
