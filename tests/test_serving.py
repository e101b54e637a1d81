import errno
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfmed import models, serving, training
from tfmed.errors import InputError
from tfmed.models import EncoderConfig

CONFIG = EncoderConfig((28, 28, 1), latent_channels=8, base_filters=4)


@pytest.fixture(scope="module")
def classifier():
    training.seed_everything(0)
    head = models.build_head(CONFIG.embedding_shape)
    return models.build_classifier(models.build_encoder(CONFIG), head, trainable=False)


def test_exported_model_answers_like_the_original(classifier, tmp_path):
    version = serving.export(classifier, tmp_path, "m", "key")
    loaded = tf.saved_model.load(str(tmp_path / "m" / str(version)))
    images = np.random.default_rng(0).random((5, 28, 28, 1), dtype="float32")
    answers = loaded.signatures["serving_default"](tf.constant(images))
    assert np.allclose(next(iter(answers.values())), classifier(images), atol=1e-6)


def test_versions_ascend_and_never_overwrite(classifier, tmp_path):
    assert [serving.export(classifier, tmp_path, "m", key) for key in "ab"] == [1, 2]
    assert serving.find_version(tmp_path, "m", "a") == 1
    assert serving.find_version(tmp_path, "m", "b") == 2
    assert serving.find_version(tmp_path, "m", "c") is None
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["1", "2"]


def test_a_folder_that_cannot_be_written_to_is_named(classifier, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="--models"):
        serving.export(classifier, tmp_path / "file", "m", "key")


def test_a_disk_that_fills_up_is_named_and_leaves_no_half_version(
    classifier, tmp_path, monkeypatch
):
    def no_room(path, **_):
        Path(path).mkdir()
        (Path(path) / "saved_model.pb").write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(classifier, "export", no_room)
    with pytest.raises(InputError, match="No space left on device"):
        serving.export(classifier, tmp_path, "m", "key")
    assert list((tmp_path / "m").iterdir()) == []


@pytest.mark.parametrize("name", ["ResourceExhaustedError", "FailedPreconditionError"])
def test_a_full_disk_that_tensorflow_tells_of_is_named(classifier, tmp_path, monkeypatch, name):
    def no_room(path, **_):
        message = f"{{{{function_node x}}}} {path}/v; No space left on device [Op:SaveV2]"
        raise getattr(tf.errors, name)(None, None, message)

    monkeypatch.setattr(classifier, "export", no_room)
    with pytest.raises(InputError, match=r"m: .* \(No space left on device\); .*--models"):
        serving.export(classifier, tmp_path, "m", "key")


def test_a_mistake_of_tensorflows_is_not_taken_for_the_disks(classifier, tmp_path, monkeypatch):
    def wrong(*_, **__):
        raise tf.errors.InvalidArgumentError(None, None, "shapes do not match [Op:MatMul]")

    monkeypatch.setattr(classifier, "export", wrong)
    with pytest.raises(tf.errors.InvalidArgumentError):
        serving.export(classifier, tmp_path, "m", "key")


def test_leftovers_of_killed_exports_go_and_versions_and_living_exports_stay(tmp_path):
    for name in ("1", ".writing-999999999-x", f".writing-{os.getpid()}-y"):
        (tmp_path / "m" / name).mkdir(parents=True)
    serving.remove_leftovers(tmp_path)
    left = sorted(path.name for path in (tmp_path / "m").iterdir())
    assert left == [f".writing-{os.getpid()}-y", "1"]
