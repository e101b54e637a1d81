"""A small classifier and invented evidence about it."""

from pathlib import Path

import numpy as np

from tfmed.data import DatasetInfo
from tfmed.data.pictures.recipe import settings_of
from tfmed.data.pictures.steps import last_steps, steps_of
from tfmed.encoders import plain
from tfmed.serving.card import Evidence
from tfmed.tasks import task_of
from tfmed.training import fitting, heads

NAMES = ("normal", "pneumonia")
THRESHOLD = 0.4375
SHAPE = (28, 28, 1)
IMPORTED = "scans_frozen_300"
STEPS = settings_of((*steps_of(28), *last_steps(12, 1)))


def evidence(name="chest_frozen_300", source="run-a", *, good=True, shape=SHAPE, **data):
    """Evidence of a classifier that is right on nine images of ten, or on every second."""
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    right = rng.random(200) < (0.9 if good else 0.5)
    scores = np.where(right, labels, 1 - labels) * 0.5 + 0.25
    counts = {"train": (500, 1500), "val": (50, 150), "test": (100, 100)}
    task = DatasetInfo(
        *("chest", "Chest", "Drawn.", "CC BY 4.0", Path("chest.npz"), "0" * 32, True, shape, NAMES),
        *(1, counts),
        **data,
    )
    return Evidence(
        name=name,
        source=source,
        task=task,
        pretrained_on=[task],
        training={"strategy": "frozen", "variant": "standard", "label_budget": 300, "seed": 0},
        class_balance={"train": (60, 180), "val": (15, 45), "test": (100, 100)},
        threshold=THRESHOLD,
        labels=labels,
        scores=scores,
        seed_scores={source: scores, "run-z": scores},
        seed_thresholds={source: THRESHOLD, "run-z": 0.5},
    )


def build(shape=SHAPE, task="binary", n_classes=2):
    """A small classifier with random weights, whose answers are not all the same."""
    fitting.seed_everything(0)
    encoder = plain.build(plain.Settings(latent_channels=8, base_filters=4), shape)
    head = heads.build_head(encoder.output_shape[1:], task_of(task).output(n_classes))
    return heads.build_classifier(encoder, head, trainable=False)
