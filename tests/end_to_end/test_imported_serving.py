"""A study of a folder of JPEGs and DICOM files: its models answer as they did in the study."""

import csv
import json
import operator
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT, Command, small
from PIL import Image

from tfmed.data.pictures.recipe import prepared, steps_from
from tfmed.serving import card, client

sys.path.insert(0, str(ROOT / "tests" / "serving"))
from small_server import serve

# A whole run for each kind of files.
pytestmark = pytest.mark.timeout(1800)

AGREEMENT = 1e-6
PER_CLASS = {"train": 40, "val": 12, "test": 24}


class Study(NamedTuple):
    """What a run left behind: exported versions, the test files, and the scores of each model."""

    versions: list[Path]
    files: list[Path]
    scores: list[np.ndarray]


def with_jpegs(folder: Path, real: Path) -> None:
    """Real X-rays of any shape; some as PNG, with colours, or turned by their EXIF."""
    rng = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112] = 6
    for split, n in PER_CLASS.items():
        for name in ("NORMAL", "PNEUMONIA"):
            into = folder / split / name
            into.mkdir(parents=True)
            for i, path in enumerate(sorted((real / split / name).iterdir())[:n]):
                with Image.open(path) as opened:
                    image = opened.convert("L")
                width, height = (int(share * 224) for share in rng.uniform(0.6, 1, 2))
                image = image.crop((0, 0, width, height))
                if i % 8 == 5:
                    image.save(into / f"{i:03}.jpg", exif=exif)
                elif i % 8 == 6:
                    image.save(into / f"{i:03}.png")
                else:
                    image.convert("RGB" if i % 2 else "L").save(into / f"{i:03}.jpg", quality=88)


def with_dicoms(folder: Path, _: Path) -> None:
    from picture_table import dicom_of

    rng = np.random.default_rng(1)
    for split, n in PER_CLASS.items():
        for label, name in enumerate(("clear", "spot")):
            into = folder / split / name
            into.mkdir(parents=True)
            for i in range(n):
                levels = rng.normal(1200, 200, (48, 40 + i % 9))
                levels[10:22, 12:24] += 900 * label * rng.uniform(0.5, 1)
                stored = np.clip(levels, 0, 4095).astype(np.uint16)
                kind = "MONOCHROME1" if i % 4 == 3 else "MONOCHROME2"
                stored = 4095 - stored if kind == "MONOCHROME1" else stored
                (into / f"{i:03}.dcm").write_bytes(dicom_of(stored, kind))


@pytest.fixture(scope="module")
def real() -> Path:
    folder = ROOT.parent / "shared" / "data" / "kermany_224"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    return folder


@pytest.fixture(scope="module")
def studies(new_command: Callable[[], Command], real: Path) -> Callable[[str], Study]:
    made: dict[str, Study] = {}

    def get(kind: str) -> Study:
        if kind not in made:
            made[kind] = run(new_command(), with_jpegs if kind == "jpeg" else with_dicoms, real)
        return made[kind]

    return get


def run(command: Command, fill: Callable[[Path, Path], None], real: Path) -> Study:
    fill(command.folder / "images", real)
    options = small(command)
    study = command.folder / "small.toml"
    every, one = (
        'strategies = ["scratch", "frozen", "finetune", "simclr:frozen"]',
        'strategies = ["frozen"]',
    )
    study.write_text(study.read_text("utf-8").replace(every, one), encoding="utf-8")
    done = command.run(*options, *("--seeds", 1, "--source", "images", "--target", "images"))
    assert done.code == 0, done.err
    out = next((command.folder / "reports").glob("*/results.json")).parent
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    key = operator.itemgetter("task", "strategy", "variant", "label_budget", "seed", "pretraining")
    runs = {key(run): run for run in results["runs"]}
    versions, scores = [], []
    for entry in results["models"]:
        rows = list(read(out / runs[key(entry)]["predictions"]))
        versions.append(command.folder / "saved_models" / entry["path"])
        scores.append(np.array([float(row[1]) for row in rows]))
    assert versions
    files = sorted((command.folder / "images" / "test").glob("*/*"))
    assert len(files) == len(scores[0])
    return Study(versions, files, scores)


def read(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.reader(file)


def asked(version: Path, files: list[Path], way: str) -> list[Any]:
    name = version.parent.name
    with serve(name, version) as server:
        target = client.Target(getattr(server, way), name)
        return [answer for _, answer in client.predict_files(target, files, seconds=60)]


@pytest.mark.parametrize("kind", ["jpeg", "dicom"])
def test_the_client_gives_the_scores_of_the_study(studies, kind: str) -> None:
    found = studies(kind)
    for version, scores in zip(found.versions, found.scores, strict=True):
        for way in ("rest", "grpc"):
            answers = asked(version, found.files, way)
            given = np.array([answer.probabilities[1] for answer in answers])
            assert np.abs(given - scores).max() <= AGREEMENT, (version, way)


def test_both_signatures_give_the_scores_of_the_study(studies) -> None:
    found = studies("jpeg")
    upright = [i for i in range(len(found.files)) if int(found.files[i].stem) % 8 != 5]
    for version, scores in zip(found.versions, found.scores, strict=True):
        signatures = tf.saved_model.load(str(version)).signatures
        recipe = steps_from(card.read_card(version)["image_steps"])
        pixels = np.stack([prepared(file, recipe) for file in found.files])
        by_pixels = signatures["serving_default"](images=tf.constant(pixels))["probabilities"]
        assert np.abs(by_pixels[:, 1] - scores).max() <= AGREEMENT, version
        content = tf.constant([found.files[i].read_bytes() for i in upright])
        by_bytes = signatures["serve_image_bytes"](image_bytes=content)["probabilities"]
        assert np.abs(by_bytes[:, 1] - scores[upright]).max() <= AGREEMENT, version
        turned = tf.constant([next(f for f in found.files if f.stem == "005").read_bytes()])
        with pytest.raises(tf.errors.InvalidArgumentError, match="turned by its EXIF"):
            signatures["serve_image_bytes"](image_bytes=turned)
