"""The C++ loader answers as TensorFlow's Python does, and its errors name the cause."""

import io

import numpy as np
import pytest
from PIL import Image

from tfmed.serving import gate, loader
from tfmed.training import fitting


@pytest.fixture(scope="module")
def model(example):
    with loader.load(example.version) as model:
        yield model


def test_it_answers_as_the_keras_original(example, images, model):
    expected = fitting.scores(example.classifier, images, "binary")
    for signature, inputs in (
        ("serving_default", {"images": images}),
        ("serve_image_bytes", {"image_bytes": gate.as_png_files(images)}),
    ):
        answers = model.run(signature, inputs)
        assert np.abs(answers["probabilities"][:, 1] - expected).max() < 1e-6
        assert set(answers["label"]) <= {b"normal", b"pneumonia"}


@pytest.mark.parametrize(
    ("signature", "inputs", "words"),
    [
        ("serve", {}, "no signature serve"),
        ("serving_default", {"image": np.zeros(1)}, "takes images"),
        ("serving_default", {"images": np.zeros((1, 28, 28, 1))}, "takes uint8"),
        ("serving_default", {"images": np.zeros((1, 9, 9, 1), np.uint8)}, "shape|size|input"),
        ("serving_default", {"images": np.zeros((0, 28, 28, 1), np.uint8)}, "depth"),
        ("serve_image_bytes", {"image_bytes": np.array([b"no"], object)}, "neither PNG nor JPEG"),
    ],
)
def test_a_refused_request_says_why_and_the_model_goes_on_answering(
    model, images, signature, inputs, words
):
    with pytest.raises(loader.LoaderError, match=words):
        model.run(signature, inputs)
    assert len(model.run("serving_default", {"images": images[:2]})["label"]) == 2


def test_a_folder_without_a_model_is_an_error(tmp_path, spoiled):
    with pytest.raises(loader.LoaderError, match=r"saved_model\.pb"):
        loader.LoadedModel(tmp_path)
    weights = next(spoiled.glob("variables/variables.data-*"))
    weights.write_bytes(weights.read_bytes()[:50])
    with pytest.raises(loader.LoaderError):
        loader.LoadedModel(spoiled)


def test_files_with_changed_bytes_are_answered_or_refused_and_end_nothing(model, images):
    rng = np.random.default_rng(0)
    (file,) = gate.as_png_files(images[:1])
    buffer = io.BytesIO()
    Image.fromarray(images[0, ..., 0]).save(buffer, format="JPEG", progressive=True)
    refused = 0
    for _ in range(600):
        changed = bytearray((file, buffer.getvalue())[rng.integers(2)])
        for _ in range(rng.integers(1, 6)):
            changed[rng.integers(len(changed))] = rng.integers(256)
        content = np.empty(1, dtype=object)
        content[0] = bytes(changed[: rng.integers(len(changed) // 2, len(changed) + 1)])
        try:
            answers = model.run("serve_image_bytes", {"image_bytes": content})
        except loader.LoaderError:
            refused += 1
        else:
            assert np.isfinite(answers["probabilities"]).all()
    assert refused > 0
