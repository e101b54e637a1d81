"""Whose images are pretrained on: each carries its place in its data set, split and set."""

import numpy as np
import pytest

from tfmed.data.records import write_records
from tfmed.data.sources import resolve
from tfmed.pretraining import autoencoder
from tfmed.pretraining.images import Origin, pretraining_images
from tfmed.training.settings import PretrainingFit

COUNTS = {"train": 40, "val": 6, "test": 8}
MARKS = {
    "source": {"train": 0, "val": 200, "test": 210},
    "target": {"train": 100, "val": 230, "test": 240},
}
FIT = PretrainingFit(epochs=1, batch_size=7, learning_rate=1e-3, patience=0)


@pytest.fixture(scope="module")
def infos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("marked")
    found = []
    for role, marks in MARKS.items():
        arrays = {}
        for split, n in COUNTS.items():
            images = np.random.default_rng(0).integers(0, 256, (n, 8, 8), np.uint8)
            images[:, 0, 0] = marks[split] + np.arange(n)
            arrays[f"{split}_images"] = images
            arrays[f"{split}_labels"] = np.arange(n)[:, None] % 2
        np.savez(folder / f"{role}.npz", **arrays)
        found.append(
            resolve(str(folder / f"{role}.npz"), data_root=folder, cache_dir=folder, role=role)
        )
    return found


@pytest.fixture(params=["memory", "records"])
def origins(request, infos, tmp_path):
    if request.param == "memory":
        return [Origin(info) for info in infos]
    return [Origin(info, write_records(info, tmp_path)) for info in infos]


def marks(batches):
    found = np.concatenate([inputs.numpy()[:, 0, 0, 0] for inputs, _ in batches])
    return set(np.rint(found * 255).astype(int).tolist())


def settings(held_out=0.0, **changes):
    return autoencoder.Settings(fit=FIT, held_out=held_out, **changes)


def of(role, split, n=None):
    first = MARKS[role][split]
    return set(range(first, first + (n or COUNTS[split])))


def test_no_image_of_a_validation_or_test_split_is_seen_where_some_are_held_out(origins):
    images = pretraining_images(origins, settings(held_out=0.2))
    train, val = marks(images.train), marks(images.val)
    assert train | val == of("source", "train") | of("target", "train")
    assert not train & val
    assert (len(train), len(val), images.n_train) == (64, 16, 64)


def test_by_default_a_twentieth_of_both_is_held_out(origins):
    images = pretraining_images(origins, autoencoder.Settings(fit=FIT))
    assert (images.n_train, len(marks(images.val))) == (76, 4)
    assert marks(images.train) | marks(images.val) == of("source", "train") | of("target", "train")


def test_without_any_held_out_the_sources_validation_images_stop_the_fit(origins):
    images = pretraining_images(origins, settings())
    assert marks(images.train) == of("source", "train") | of("target", "train")
    assert marks(images.val) == of("source", "val")


def test_a_limit_counts_the_images_of_both(origins):
    images = pretraining_images(origins, settings(max_images=20, held_out=0.2))
    train, val = marks(images.train), marks(images.val)
    assert (len(train), len(val), images.n_train) == (16, 4, 16)
    assert not train & val


def test_images_of_both_come_mixed_and_in_the_same_order_for_the_same_seed(origins):
    first = [
        np.concatenate(
            [inputs.numpy() for inputs, _ in pretraining_images(origins, settings()).train]
        )
        for _ in range(2)
    ]
    from_target = first[0][:, 0, 0, 0] * 255 >= 100
    assert 10 < from_target[:40].sum() < 30
    assert first[0].shape == first[1].shape


def test_the_mean_is_that_of_the_images_trained_on(origins):
    images = pretraining_images(origins, settings(held_out=0.2))
    seen = np.concatenate([inputs.numpy() for inputs, _ in images.train])
    np.testing.assert_allclose(images.mean, seen.mean(axis=0), atol=1e-6)
