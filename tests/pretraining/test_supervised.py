"""Training on the source's labels, for its encoder."""

import numpy as np
import pytest

from tfmed.data import sources
from tfmed.encoders import compact
from tfmed.pretraining import supervised
from tfmed.training import fitting, transfer
from tfmed.training.settings import PretrainingFit

pytestmark = pytest.mark.slow

COUNTS = {"train": 60, "val": 20, "test": 20}
SHORT = PretrainingFit(epochs=2, batch_size=16, learning_rate=1e-3, patience=2)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    return sources.resolve(
        "phantom", data_root=folder, cache_dir=folder, role="source", phantom_counts=COUNTS
    )


def started(source, **settings):
    fitting.seed_everything(0)
    encoder = compact.build(compact.Settings(channels=8, base_filters=4), (28, 28, 1))
    before, shares = transfer.weights(encoder), []
    settings = supervised.Settings(fit=SHORT, **settings)
    done = supervised.initialise(settings, encoder, source, shares.append)
    assert shares == [0.5, 1.0]
    return encoder, before, done


def test_the_encoder_is_fitted_with_the_head_of_the_sources_task(source):
    encoder, before, done = started(source)
    assert done.model.get_layer("encoder") is encoder
    assert done.n_train == COUNTS["train"]
    assert done.fit.epochs == 2
    assert set(done.fit.history) == {"loss", "val_loss", "accuracy", "val_accuracy"}
    for kept, weight in zip(before, transfer.weights(encoder), strict=True):
        assert (kept != weight).any()


def test_the_same_seed_gives_the_same_encoder(source):
    one, other = (transfer.weights(started(source)[0]) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_so_many_training_images_are_used_as_are_asked_for(source):
    assert started(source, max_images=30)[2].n_train == 30
    assert started(source, max_images=500)[2].n_train == COUNTS["train"]


def test_neither_test_labels_nor_images_are_read(source, monkeypatch):
    from tfmed.data import loading

    read = []
    whole = loading.read_npz

    def noted(path, keys, **options):
        read.extend(keys)
        return whole(path, keys, **options)

    monkeypatch.setattr(loading, "read_npz", noted)
    started(source, max_images=30)
    assert {key.partition("_")[0] for key in read} == {"train", "val"}
