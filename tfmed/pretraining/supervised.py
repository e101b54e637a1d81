"""Supervised: the encoder is trained on the source's labels, by the head and loss of its task."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tfmed.pretraining import FittedSettings, Initialised
from tfmed.training.settings import PretrainingFit

if TYPE_CHECKING:
    import keras

    from tfmed.data import DatasetInfo
    from tfmed.training.examples import LabelledSplits

TITLE = "Supervised"
PAPER = "Yosinski et al. (2014), How transferable are features in deep neural networks?"
RECONSTRUCTS = False


class Settings(FittedSettings):
    """How the classifier of the source is fitted whose encoder is kept.

    Attributes:
        max_images: training images used; those of the validation split are all used, to stop early.
        dropout: share of features dropped before the output.
    """

    method: Literal["supervised"] = "supervised"
    fit: PretrainingFit = PretrainingFit(epochs=60, batch_size=128, learning_rate=1e-3, patience=8)
    dropout: float = Field(default=0.2, ge=0, lt=1)


def initialise(
    settings: Settings,
    encoder: "keras.Model",
    source: "DatasetInfo",
    say: Callable[[float], None],
) -> Initialised:
    """Fits encoder and head to the source's training split; its validation split stops it."""
    from tfmed.tasks import task_of
    from tfmed.training import fitting, heads

    splits = _splits(settings, source)
    output = task_of(source.task).output(len(source.class_names))
    head = heads.build_head(encoder.output_shape[1:], output, dropout=settings.dropout)
    classifier = heads.build_classifier(encoder, head, trainable=True)
    how = settings.fit.resolved(len(splits.train))
    fit = fitting.fit_classifier(classifier, splits, how, settings.seed, say=say)
    return Initialised(classifier, fit, len(splits.train))


def _splits(settings: Settings, source: "DatasetInfo") -> "LabelledSplits":
    import dataclasses

    import numpy as np

    from tfmed.data.loading import load_rows
    from tfmed.training.examples import LabelledImages, labelled

    splits = labelled(source, "full", settings.seed)
    n = len(splits.train)
    if not 0 < settings.max_images < n:
        return splits
    order = np.random.default_rng(settings.seed).permutation(n)
    drawn = load_rows(source, "train", np.sort(order[: settings.max_images]))
    return dataclasses.replace(splits, train=LabelledImages(drawn.images, drawn.labels))
