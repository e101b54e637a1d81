"""One small exported model that the tests of serving share, and copies of it to spoil."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest

from tfmed import models, training
from tfmed.data import DatasetInfo
from tfmed.models import EncoderConfig
from tfmed.serving import archive
from tfmed.serving.card import Evidence

NAMES = ("normal", "pneumonia")
THRESHOLD = 0.4375
SHAPE = (28, 28, 1)


def evidence(name="chest_frozen_300", source="run-a", *, good=True, shape=SHAPE):
    """Evidence of a classifier that is right on nine images of ten, or on every second."""
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    right = rng.random(200) < (0.9 if good else 0.5)
    scores = np.where(right, labels, 1 - labels) * 0.5 + 0.25
    counts = {"train": (500, 1500), "val": (50, 150), "test": (100, 100)}
    task = DatasetInfo(
        *("chest", "Chest", "Drawn.", "CC BY 4.0", Path("chest.npz"), "0" * 32, True, shape, NAMES),
        *(1, counts),
    )
    return Evidence(
        name=name,
        source=source,
        task=task,
        pretrained_on=task,
        training={"strategy": "frozen", "variant": "standard", "label_budget": 300, "seed": 0},
        class_balance={"train": (60, 180), "val": (15, 45), "test": (100, 100)},
        threshold=THRESHOLD,
        labels=labels,
        scores=scores,
        seed_scores={source: scores, "run-z": scores},
        seed_thresholds={source: THRESHOLD, "run-z": 0.5},
    )


def build(shape=SHAPE):
    """A small classifier with random weights, whose answers are not all the same."""
    training.seed_everything(0)
    config = EncoderConfig(shape, latent_channels=8, base_filters=4)
    head = models.build_head(config.embedding_shape)
    return models.build_classifier(models.build_encoder(config), head, trainable=False)


@dataclass(frozen=True)
class Example:
    """An exported model and its original."""

    folder: Path
    classifier: keras.Model
    exported: archive.Exported

    @property
    def version(self) -> Path:
        return self.folder / "chest_frozen_300" / "1"


@pytest.fixture(scope="session")
def example(tmp_path_factory) -> Example:
    folder = tmp_path_factory.mktemp("models")
    classifier = build()
    return Example(folder, classifier, archive.export(classifier, folder, evidence()))


@pytest.fixture
def spoiled(example, tmp_path) -> Path:
    """A copy of the exported version that a test may change."""
    return Path(shutil.copytree(example.version, tmp_path / "chest_frozen_300" / "1"))


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (40, *SHAPE), dtype=np.uint8)
