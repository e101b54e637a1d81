"""Every command of the page on people's own images, on small data of each kind that it names."""

import csv
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from conftest import ROOT, Command
from PIL import Image
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

pytestmark = pytest.mark.timeout(900)

PAGE = (ROOT / "docs" / "your-own-images.md").read_text(encoding="utf-8")
COMMANDS = [
    line.split("  #")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if "breastmnist" not in line  # from a server, which tests/data/test_download.py stands in for
]
TINY = """\
seeds = 1
pretraining = {method = "autoencoder", repeats = 1, max_images = 60, fit.epochs = 1}
encoder = {name = "plain", latent_channels = 8, base_filters = 4}
latent = {max_images = 50, perplexity = 5}

[classifiers]
head.epochs = 2
finetune.epochs = 1
search = {learning_rates = [1e-3], augment = [false]}
epoch_steps = 1

[source_task]
label_budgets = []
strategies = ["scratch"]
overtrained = false
baselines = false

[target_task]
label_budgets = ["full"]
strategies = ["frozen"]
overtrained = false
baselines = false

[experiments]
losses = []
dropouts = []
"""
PATIENTS, FINDINGS = 60, ("Effusion", "Mass", "Effusion|Mass", "No Finding")


def picture(rng: np.random.Generator, *, bright: bool) -> np.ndarray:
    pixels = rng.integers(0, 120, (80, 96))
    pixels[20:60, 30:70] += 90 * bright
    return pixels.astype(np.uint8)


def write_folders(folder: Path, rng: np.random.Generator) -> None:
    for i in range(2 * PATIENTS):
        name, kind = ("normal", "virus") if i % 2 else ("pneumonia", "bacteria")
        path = folder / "my_images" / name / f"person{i // 2}_{kind}_{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(rng, bright=bool(i % 2))).save(path)
    flat = folder / "my_unlabelled_images"
    flat.mkdir()
    for i in range(80):
        Image.fromarray(picture(rng, bright=bool(i % 3))).save(flat / f"{i}.jpg")


def write_tables(folder: Path, rng: np.random.Generator) -> None:
    (folder / "img").mkdir()
    rows: list[list[object]] = [["path", "label", "patient", "split", "sex"]]
    for i in range(2 * PATIENTS):
        Image.fromarray(picture(rng, bright=bool(i % 2))).save(folder / "img" / f"{i:04}.png")
        split = "train" if i < 80 else "val" if i < 100 else "test"
        label = "pneumonia" if i % 2 else "normal"
        rows.append([f"img/{i:04}.png", label, f"P{i // 2}", split, "FM"[i % 3 % 2]])
    findings: list[list[object]] = [["Image Index", "Finding Labels", "Follow-up #", "Patient ID"]]
    for i in range(2 * PATIENTS):
        findings.append([f"{i:04}.png", FINDINGS[i % len(FINDINGS)], 0, i])
    for name, lines in (("my_table.csv", rows), ("Data_Entry_2017.csv", findings)):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(lines)


def write_scans(folder: Path, rng: np.random.Generator) -> None:
    for i in range(PATIENTS):
        path = folder / "my_scans" / ("normal", "pneumonia")[i % 2] / f"{i}.dcm"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = picture(rng, bright=bool(i % 2)).astype(np.uint16) * 16
        scan = pydicom.Dataset()
        scan.file_meta = FileMetaDataset()
        scan.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        scan.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
        scan.file_meta.MediaStorageSOPInstanceUID = f"1.2.826.0.1.3680043.2.{i + 1}"
        scan.SOPClassUID = SecondaryCaptureImageStorage
        scan.SOPInstanceUID = scan.file_meta.MediaStorageSOPInstanceUID
        scan.Rows, scan.Columns = pixels.shape
        scan.SamplesPerPixel, scan.PhotometricInterpretation = 1, "MONOCHROME2"
        scan.BitsAllocated, scan.BitsStored, scan.HighBit = 16, 12, 11
        scan.PixelRepresentation, scan.PixelData = 0, pixels.tobytes()
        scan.save_as(path, enforce_file_format=True)


@pytest.fixture(scope="module")
def place(new_command: Callable[[], Command]) -> Command:
    """A folder with everything that the page names, and the file that its Python makes."""
    made, rng = new_command(), np.random.default_rng(0)
    write_folders(made.folder, rng)
    write_tables(made.folder, rng)
    write_scans(made.folder, rng)
    (made.folder / "tiny.toml").write_text(TINY, encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made.folder)
        exec(code, {})
    return made


def test_the_page_has_a_command_for_each_kind_of_images():
    named = " ".join(COMMANDS)
    for kind in ("npz", "my_images ", "my_unlabelled", "my_table.csv", "Data_Entry", "my_scans"):
        assert kind in named


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_page_does_its_work(place: Command, line: str):
    program, *words = shlex.split(line)
    assert program == "tfmed"
    if words[0] == "run":
        words += ["--study", "tiny.toml", "--models", "models", "--workers", "0"]
    if "--out" in words and words[0] == "data":
        (place.folder / words[words.index("--out") + 1]).unlink()  # the Python of the page made it
    done = place.tfmed(*words)
    assert done.code == 0, done.err
    if words[0] == "run":
        out = place.folder / words[words.index("--out") + 1] / "chest-to-pneumonia"
        assert {"report.html", "report.pdf", "results.json"} <= {p.name for p in out.iterdir()}
