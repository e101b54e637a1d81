"""Classifiers of images that do not fit in memory: fitted from records, each with its own label."""

import numpy as np
import pytest

from tfmed.data import dataset
from tfmed.data.loading import load_split
from tfmed.data.sources import resolve
from tfmed.encoders import plain
from tfmed.tasks import task_of
from tfmed.training import examples, fitting, heads
from tfmed.training.examples import OnDisk
from tfmed.training.settings import FitSettings

pytestmark = pytest.mark.slow

COUNTS = {"train": 70, "val": 20, "test": 10}
FIT = FitSettings(epochs=6, batch_size=16, learning_rate=3e-3, patience=6)


@pytest.fixture(scope="module")
def info(tmp_path_factory):
    """Images whose grey level is their label."""
    folder, rng, arrays = tmp_path_factory.mktemp("set"), np.random.default_rng(0), {}
    for split, n in COUNTS.items():
        labels = rng.integers(0, 2, (n, 1))
        noise = rng.integers(0, 100, (n, 28, 28))
        arrays[f"{split}_images"] = (noise + 120 * labels[..., None]).astype(np.uint8)
        arrays[f"{split}_labels"] = labels
    np.savez(folder / "grey.npz", **arrays)
    return resolve(str(folder / "grey.npz"), data_root=folder, cache_dir=folder, role="target")


def built():
    fitting.seed_everything(0)
    encoder = plain.build(plain.Settings(latent_channels=8, base_filters=4), (28, 28, 1))
    head = heads.build_head(encoder.output_shape[1:], task_of("binary").output(2))
    return heads.build_classifier(encoder, head, trainable=True)


@pytest.fixture
def on_disk(info, monkeypatch):
    monkeypatch.setattr(dataset, "IN_MEMORY_LIMIT", 0)
    return examples.labelled(info, "full", 0)


def test_all_labels_of_a_large_set_leave_its_images_on_disk(on_disk, info, monkeypatch):
    assert isinstance(on_disk.train.images, OnDisk)
    assert (len(on_disk.train), len(on_disk.val)) == (COUNTS["train"], COUNTS["val"])
    monkeypatch.undo()
    kept = load_split(info, "train")
    assert np.array_equal(np.concatenate(list(on_disk.train.images)), kept.images)
    assert np.array_equal(on_disk.train.labels, kept.labels)


@pytest.mark.parametrize("augment", [False, True])
def test_a_classifier_learns_from_records_what_it_learns_from_memory(on_disk, info, augment):
    config = FIT.model_copy(update={"augment": augment})
    found = built()
    fitted = fitting.fit_classifier(found, on_disk, config, 0, epoch_steps=8)
    scores = fitting.scores(found, on_disk.train.images, "binary")
    assert np.mean((scores > 0.5) == on_disk.train.labels) == 1
    assert fitted.history["val_accuracy"][-1] == 1


def test_the_same_seed_gives_the_same_classifier(on_disk):
    found = []
    for _ in range(2):
        classifier = built()
        fitting.fit_classifier(classifier, on_disk, FIT, 3)
        found.append(np.concatenate([w.ravel() for w in classifier.get_weights()]))
    assert np.array_equal(*found)


def test_embeddings_and_scores_are_those_of_images_in_memory(on_disk, info, monkeypatch):
    classifier = built()
    encoder = classifier.get_layer("encoder")
    embedded = fitting.embedded(encoder, on_disk)
    monkeypatch.undo()
    kept = load_split(info, "train").images
    np.testing.assert_allclose(embedded.train.images, fitting.embed(encoder, kept), atol=1e-6)
