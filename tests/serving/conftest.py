"""One small exported model that the tests of serving share, and copies of it to spoil."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest
from example_model import IMPORTED, SHAPE, STEPS, build, evidence

from tfmed.data.pictures.recipe import shown_steps
from tfmed.serving import export


@dataclass(frozen=True)
class Example:
    """An exported model and its original."""

    folder: Path
    classifier: keras.Model
    exported: export.Exported

    @property
    def version(self) -> Path:
        return next(self.folder.glob("*/1"))


@pytest.fixture(scope="session")
def example(tmp_path_factory) -> Example:
    folder = tmp_path_factory.mktemp("models")
    classifier = build()
    return Example(folder, classifier, export.export_model(classifier, folder, evidence()))


@pytest.fixture(scope="session")
def imported(tmp_path_factory) -> Example:
    """The same model as of images that were imported from files."""
    folder = tmp_path_factory.mktemp("models")
    found = evidence(IMPORTED, steps=shown_steps(STEPS), step_settings=STEPS)
    classifier = build()
    return Example(folder, classifier, export.export_model(classifier, folder, found))


@pytest.fixture
def spoiled(example, tmp_path) -> Path:
    """A copy of the exported version that a test may change."""
    return Path(shutil.copytree(example.version, tmp_path / "chest_frozen_300" / "1"))


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (40, *SHAPE), dtype=np.uint8)
