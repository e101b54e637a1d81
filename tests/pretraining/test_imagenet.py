"""Weights that were published: from a file or from Keras, or a line that says why not."""

import shutil

import keras
import numpy as np
import pytest
from keras.src.utils import file_utils

from tfmed.encoders import applications
from tfmed.errors import InputError
from tfmed.pretraining import imagenet

pytestmark = pytest.mark.slow

ENCODER = applications.Settings(architecture="MobileNetV3Small", side=32)


def network(name="MobileNetV3Small"):
    return getattr(keras.applications, name)(
        weights=None, include_top=False, input_shape=(32, 32, 3)
    )


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A network, and files of its weights in both forms of Keras."""
    keras.utils.set_random_seed(7)
    folder, made = tmp_path_factory.mktemp("weights"), network()
    made.save_weights(folder / "made.weights.h5")
    made.save(folder / "made.h5")
    return folder, made.get_weights()


def started(weights, settings=ENCODER):
    encoder = applications.build(settings, (28, 28, 1))
    done = imagenet.initialise(imagenet.Settings(weights=str(weights)), encoder, None, None)
    assert done.model is encoder
    assert done.fit.epochs == done.n_train == 0
    return applications.backbone(encoder)


def same(found, wanted):
    return all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize("name", ["made.weights.h5", "made.h5"])
def test_weights_of_a_file_are_the_encoders(published, name):
    folder, wanted = published
    assert same(started(folder / name).get_weights(), wanted)


def test_published_weights_come_from_keras(published, monkeypatch):
    folder, wanted = published
    monkeypatch.setattr(file_utils, "get_file", lambda *_, **__: str(folder / "made.h5"))
    assert same(started("imagenet").get_weights(), wanted)


@pytest.mark.slow
def test_efficientnet_normalises_as_it_was_published(tmp_path, monkeypatch):
    keras.utils.set_random_seed(7)
    made = network("EfficientNetB0")
    layer = next(each for each in made.layers if isinstance(each, keras.layers.Normalization))
    layer.set_weights([*map(np.array, (applications.MEAN, applications.DEVIATION)), np.array(0)])
    made.save(tmp_path / "made.h5")
    monkeypatch.setattr(file_utils, "get_file", lambda *_, **__: str(tmp_path / "made.h5"))
    known = keras.applications.EfficientNetB0(include_top=False, input_shape=(32, 32, 3))
    settings = applications.Settings(architecture="EfficientNetB0", side=32)
    encoder = applications.build(settings, (32, 32, 3))
    imagenet.initialise(imagenet.Settings(), encoder, None, None)
    other = applications.build(settings, (32, 32, 3))
    other.set_weights(encoder.get_weights())
    images = np.random.default_rng(0).random((3, 32, 32, 3), "float32")
    wanted = known(255 * images, training=False).numpy()
    for each in (encoder, other):
        np.testing.assert_allclose(each(images), wanted, rtol=1e-3, atol=1e-4)


def test_weights_that_cannot_be_downloaded_are_one_line(monkeypatch):
    def get_file(*_args, **_more):
        raise Exception("URL fetch failure on https://…: None -- [Errno -2] Name not known")

    monkeypatch.setattr(file_utils, "get_file", get_file)
    with pytest.raises(InputError, match=r"of MobileNetV3Small can't be had \(URL fetch") as found:
        started("imagenet")
    assert "\n" not in str(found.value)


def _cut(path):
    path.write_bytes(path.read_bytes()[:5000])


def _of_another(path):
    network("MobileNet").save_weights(path)


def _with_holes(path):
    import h5py

    with h5py.File(path, "r+") as file:
        file["layers/conv2d/vars/0"][:] = np.nan


@pytest.mark.parametrize("spoilt", [_cut, _of_another, _with_holes])
def test_a_file_without_these_weights_is_one_line(published, tmp_path, spoilt):
    path = tmp_path / "own.weights.h5"
    shutil.copyfile(published[0] / "made.weights.h5", path)
    spoilt(path)
    with pytest.raises(InputError, match=r"own\.weights\.h5: does not hold the weights") as found:
        started(path)
    assert "\n" not in str(found.value)


def test_the_content_of_the_file_counts(published, tmp_path):
    assert imagenet.Settings().files() == {}
    one, other = tmp_path / "a.weights.h5", tmp_path / "b.weights.h5"
    shutil.copyfile(published[0] / "made.weights.h5", one)
    shutil.copyfile(one, other)
    first, second = (imagenet.Settings(weights=str(path)).files() for path in (one, other))
    assert first == second
    with other.open("ab") as file:
        file.write(b"more")
    assert imagenet.Settings(weights=str(other)).files() != first


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("imagnet", "is neither 'imagenet' nor a .weights.h5 or .h5 file"),
        ("none.h5", "can't be read (No such file or directory)"),
        ("text.h5", "is not an HDF5 file"),
    ],
)
def test_what_is_no_file_of_weights_is_refused_before_anything_is_done(
    tmp_path, monkeypatch, name, line
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.h5").write_text("weights")
    with pytest.raises(InputError) as found:
        imagenet.Settings(weights=name).files()
    assert f"pretraining.weights = {name!r} {line}" in str(found.value)
