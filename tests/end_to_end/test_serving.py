"""Models exported by a run on real X-rays: five ways to ask them give one answer."""

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from conftest import Command

from tfmed.serving import gate, loader

# A whole run, and saved_model_cli once for every model.
pytestmark = pytest.mark.timeout(1800)

AGREEMENT = 1e-6


class Model(NamedTuple):
    """An exported model, the images of its test split, and its Keras original's scores of them."""

    folder: Path
    images: np.ndarray
    scores: np.ndarray


@pytest.fixture(scope="module")
def models(real_study: Command, real_data: Path) -> list[Model]:
    out = real_study.folder / "reports" / "reduced"
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    runs = {(run["task"], run["strategy"], run["seed"]): run for run in results["runs"]}
    found = []
    for entry in results["models"]:
        with np.load(real_data / f"{entry['task']}.npz") as arrays:
            images = arrays["test_images"]
        run = runs[entry["task"], entry["strategy"], entry["seed"]]
        scores = column(out / run["predictions"])
        folder = real_study.folder / "saved_models" / entry["path"]
        found.append(Model(folder, images.reshape(*images.shape[:3], -1), scores))
    assert {len(model.images) for model in found} == {3441, 624}
    return found


def column(path: Path) -> np.ndarray:
    with path.open(encoding="utf-8", newline="") as file:
        return np.array([float(row[1]) for row in csv.reader(file)])


def batches(values: np.ndarray) -> Iterator[np.ndarray]:
    return (values[start : start + 256] for start in range(0, len(values), 256))


def by_python(model: Model) -> np.ndarray:
    loaded = tf.saved_model.load(str(model.folder)).signatures["serving_default"]
    return np.concatenate(
        [loaded(images=tf.constant(b))["probabilities"] for b in batches(model.images)]
    )


def by_cpp(model: Model) -> np.ndarray:
    with loader.load(model.folder) as loaded:
        answers = [loaded.run("serving_default", {"images": b}) for b in batches(model.images)]
    return np.concatenate([answer["probabilities"] for answer in answers])


def by_png_bytes(model: Model) -> np.ndarray:
    loaded = tf.saved_model.load(str(model.folder)).signatures["serve_image_bytes"]
    files = gate.as_png_files(model.images)
    return np.concatenate(
        [loaded(image_bytes=tf.constant(b.tolist()))["probabilities"] for b in batches(files)]
    )


def by_command(model: Model, folder: Path) -> np.ndarray:
    np.save(folder / "images.npy", model.images)
    script = Path(sys.executable).with_name("saved_model_cli")
    words = ["--tag_set", "serve", "--signature_def", "serving_default", "--overwrite"]
    subprocess.run(
        [
            *(script, "run", "--dir", model.folder, *words),
            *("--inputs", f"images={folder / 'images.npy'}", "--outdir", folder),
        ],
        check=True,
        capture_output=True,
    )
    return np.load(folder / "probabilities.npy")


def test_five_ways_agree_on_the_whole_test_split(models: list[Model], tmp_path: Path) -> None:
    for model in models:
        answers = {
            "tf.saved_model.load": by_python(model),
            "C++ loader": by_cpp(model),
            "saved_model_cli": by_command(model, tmp_path),
            "PNG bytes": by_png_bytes(model),
        }
        for way, probabilities in answers.items():
            assert probabilities.shape == (len(model.images), 2), way
            assert np.abs(probabilities[:, 1] - model.scores).max() <= AGREEMENT, (model, way)


def test_check_finds_every_model_as_the_run_judged_it(
    real_study: Command, models: list[Model]
) -> None:
    done = real_study.tfmed("models", "check", "saved_models")
    assert done.code == 0, done.err
    rows = [line.split()[:3] for line in done.out.splitlines()[1:]]
    assert len(rows) == len(models)
    target = {row[0]: row[2] for row in rows if row[0].startswith("pneumoniamnist")}
    assert set(target.values()) == {"stable"}, done.out


def test_no_image_of_the_data_leaves_with_a_model(models: list[Model]) -> None:
    for model in models:
        with np.load(model.folder / "assets.extra" / gate.REFERENCE) as arrays:
            drawn = {image.tobytes() for image in arrays["images"]}
        assert not drawn & {image.tobytes() for image in model.images}
