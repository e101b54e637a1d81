"""Odd folders, tables and DICOM headers: a data set or one clear line, and never a traceback.

More than CI tries: `TFMED_FUZZ_SHARE=50 pytest tests/robustness/test_fuzz_images.py`.
"""

import io
import os
import random
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from mutations import SHARE
from PIL import Image
from pydicom.data import get_testdata_file

from tfmed.data.dataset import SPLITS
from tfmed.data.importers.settings import ImportSettings
from tfmed.data.sources import check_spec, resolve
from tfmed.errors import InputError
from tfmed.orchestration.datasets import checked
from tfmed.report.datasets.plain import found

CASES = max(1, round(100 * SHARE))
"""Of each kind."""
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF")
MODES = ("L", "LA", "RGB", "RGBA", "P", "1", "I;16", "I", "F", "CMYK", "YCbCr", "HSV")
ENDINGS = ("png", "jpg", "jpeg", "tif", "tiff", "bmp", "webp", "gif", "dcm", "txt", "")
NAMES = (
    *("train", "val", "test", "Training", "valid", "dev", "normal", "ill", "1", "10", "2", "a b"),
    *("больной", "正常", "\u05e9\u05dc\u05d5\u05dd", "é" * 60, "%s", "{0}", "'", '"', "-x", "~"),
    *(".DS_Store", "._x", "Thumbs.db", "__MACOSX", "a\nb", "a\tb", "\x7f", "W" * 120, "..x", "#"),
)
VALUES = (
    *("", "0", "1", "2", "1.0", "nan", "normal", "ill", "a|b", "|", "No Finding", "train", "val"),
    *("test", "dev", "x", "é", "\u202e", "W" * 300, '"', "a\x0bb", "-1", "1e400", "None", "💥"),
)
COLUMNS = (
    *("path", "file", "image index", "label", "Finding Labels", "patient", "Patient ID", "split"),
    *("sex", "age", "view", "x", "", "é", "path"),
)
DICOM = tuple(get_testdata_file(name) for name in ("CT_small.dcm", "MR_small.dcm"))
KEYWORDS = (
    *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    *("SamplesPerPixel", "PlanarConfiguration", "NumberOfFrames", "WindowCenter", "WindowWidth"),
    *("RescaleSlope", "RescaleIntercept", "PhotometricInterpretation", "PixelPaddingValue"),
    *("PixelPaddingRangeLimit", "PatientID", "VOILUTFunction", "SOPClassUID", "PixelData"),
)
ODD: tuple[Any, ...] = (
    *(0, 1, 2, 7, 8, 12, 16, 32, 128, 65535, -1, -32768, "", "0", "1e400", "nan", "MONOCHROME1"),
    *("PALETTE COLOR", "YBR_FULL", "RGB", "SIGMOID", "LINEAR_EXACT", "é", "W" * 70, b"", b"\0\1"),
    *(["1", "2"], ["x"], 0.0, 1e-300, None),
)


def folder(rng: random.Random, root: Path) -> Path:
    """Files of any kind in folders of any name."""
    for _ in range(rng.choice([0, 0, 1, 3, 13])):
        place = root.joinpath(*(rng.choice(NAMES) for _ in range(rng.randrange(4))))
        put(rng, place / f"{rng.choice(NAMES)}{rng.randrange(3)}.{rng.choice(ENDINGS)}")
    if rng.random() < 0.8:  # one that could be taken, but for what is put beside it
        classes = rng.choice([("normal", "ill"), ("1", "10", "2"), ("ill",), ("",)])
        odd, most = rng.choice([0, 0, 0.1]), rng.choice([1, 4, 12])
        for split in rng.choice([SPLITS, SPLITS[:2], ("",)]):
            for name in classes:
                for number in range(most):
                    usual = rng.random() >= odd
                    put(rng, root / split / name / f"{number}.png", usual=usual)
    return root


def table(rng: random.Random, root: Path) -> Path:
    """Rows of any values, with and without the files that they name."""
    odd = rng.choice([0, 0, 0.03, 0.2])
    names = [f"{number}.png" for number in range(rng.choice([1, 12, 30]))]
    for name in names:
        if rng.random() >= odd:
            put(rng, root / rng.choice(["", "deep"]) / name, usual=rng.random() >= odd)
    columns = rng.sample(COLUMNS, rng.randrange(1, 7))
    if rng.random() < 0.8:
        others = [column for column in columns if rng.random() < 0.2]
        columns = ["path", "label", *others]
    rows = [columns]
    for number, name in enumerate(names):
        row = [rng.choice(VALUES) for _ in columns]
        if rng.random() >= odd:
            row = [name if c == "path" else v for c, v in zip(columns, row, strict=True)]
        if rng.random() >= odd:
            by_turns = ("normal", "ill")[number % 2]
            row = [by_turns if c == "label" else v for c, v in zip(columns, row, strict=True)]
        rows.append(row if rng.random() >= odd else row[:-1])
    between = rng.choice(",;\t")
    line_end = rng.choice(["\n", "\r\n", "\r"])
    text = line_end.join(
        (between if rng.random() >= odd else rng.choice(",;|")).join(row) for row in rows
    )
    content = text.encode(rng.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16"]), "replace")
    if rng.random() < odd:
        content = damage(rng, content)
    path = root / rng.choice(["own.csv", "own.tsv"])
    path.write_bytes(content)
    return path


def headers(rng: random.Random, root: Path) -> Path:
    """DICOM files whose headers or bytes are not what they were."""
    for split in SPLITS:
        for name in ("normal", "ill"):
            place = root / split / name
            place.mkdir(parents=True)
            Image.fromarray(pixels(rng, "L")).save(place / "a.png")
    for _ in range(rng.randrange(1, 4)):
        path = root / rng.choice(SPLITS) / "ill" / f"{rng.randrange(3)}{rng.choice(['.dcm', ''])}"
        path.write_bytes(dicom(rng))
    return root


def dicom(rng: random.Random) -> bytes:
    """A file of pydicom's with other values in its header, or damaged."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the values that it is given
        return _dicom(rng)


def _dicom(rng: random.Random) -> bytes:
    header = pydicom.dcmread(rng.choice(DICOM))
    for keyword in rng.sample(KEYWORDS, rng.randrange(5)):
        try:
            if rng.random() < 0.2:
                delattr(header, keyword)
            else:
                setattr(header, keyword, rng.choice(ODD))
        except Exception:  # pydicom takes no such value
            continue
    written = io.BytesIO()
    try:
        header.save_as(written, enforce_file_format=rng.random() < 0.5)
    except Exception:  # what it takes, it can't always write
        return Path(rng.choice(DICOM)).read_bytes()[: rng.randrange(4000)]
    content = written.getvalue()
    return damage(rng, content) if rng.random() < 0.4 else content


def put(rng: random.Random, path: Path, *, usual: bool = False) -> None:
    """Writes an image there, or something else, unless no file can have the name."""
    content = image(rng, *(("L", "PNG") if usual else (rng.choice(MODES), rng.choice(FORMATS))))
    if not usual and rng.random() < 0.3:
        content = damage(rng, content)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except (OSError, ValueError):
        return


def pixels(rng: random.Random, mode: str) -> np.ndarray:
    """Noise."""
    made = np.random.default_rng(rng.randrange(2**32))
    side = (rng.choice([1, 9, 16, 28]), rng.choice([2, 9, 28, 40]))
    if mode == "I;16":
        return made.integers(0, rng.choice([256, 4096, 65536]), side, np.uint16)
    return made.integers(0, rng.choice([1, 2, 256]), side, np.uint8)


def image(rng: random.Random, mode: str, form: str) -> bytes:
    """An image file, or nothing where the format has no such mode."""
    made = Image.fromarray(pixels(rng, mode))
    written = io.BytesIO()
    try:
        options: dict[str, Any] = {}
        if rng.random() < 0.2:
            exif = Image.Exif()
            exif[0x0112] = rng.randrange(12)
            options["exif"] = exif
        (made if mode == "I;16" else made.convert(mode)).save(written, form, **options)
    except (OSError, ValueError, KeyError):
        return b""
    return written.getvalue()


def damage(rng: random.Random, content: bytes) -> bytes:
    """Cut short, or with other bytes in it."""
    if not content or rng.random() < 0.4:
        return content[: rng.randrange(len(content) + 1)]
    changed = bytearray(content)
    for _ in range(rng.randrange(1, 9)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def look(path: Path, parent: Path, rng: random.Random) -> str:
    """The line that refuses it, or those that describe it."""
    chosen = ImportSettings(
        size=rng.choice([16, 28, 33]),
        aspect=rng.choice(["pad", "crop", "stretch"]),
        grey=rng.random() < 0.3,
        resplit=rng.random() < 0.4,
        patient_pattern=rng.choice([None] * 6 + [r"(\d)", "x*", "("]),
    )
    os.environ["TFMED_CACHE"] = str(parent / "cache")
    try:
        check_spec(str(path))
        info = resolve(
            str(path), data_root=parent, cache_dir=parent / "cache", role="source", settings=chosen
        )
        return "\n".join(found(checked(info)))
    except InputError as error:
        line = str(error)
        assert "\n" not in line
        assert ": " in line
        return line


@pytest.mark.parametrize("made", [folder, table, headers])
def test_what_is_given_is_a_data_set_or_one_clear_line(
    made: Callable[[random.Random, Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TFMED_CACHE", "unused")
    taken = 0
    for case in range(CASES):
        rng = random.Random(f"{made.__name__} {case}")
        parent = Path(tempfile.mkdtemp())
        try:
            root = parent / "own"
            root.mkdir()
            said = look(made(rng, root), parent, rng)
        except Exception as error:
            raise AssertionError(f"{made.__name__} {case}") from error
        finally:
            shutil.rmtree(parent, ignore_errors=True)
        assert said
        taken += "\nnothing is wrong" in said or "note: " in said
    assert taken > CASES // 20
