"""Odd `.npz` files: refused in one line, or read as NumPy reads them."""

import io
import random
import re
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mutations import cases, damaged, expect_one_line

from tfmed.data import SPLITS
from tfmed.data.loading import load
from tfmed.data.sources import resolve
from tfmed.errors import InputError

KEYS = [f"{split}_{part}" for split in SPLITS for part in ("images", "labels")]
MEMORY = 40 << 20
"""Bytes that reading a file of some 30 kB may take."""


def good_arrays(n: int = 6) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    arrays = {}
    for split in SPLITS:
        arrays[f"{split}_images"] = rng.integers(0, 256, (n, 28, 28), np.uint8)
        arrays[f"{split}_labels"] = np.arange(n, dtype=np.uint8)[:, None] % 2
    return arrays


def npz(arrays: dict[str, Any], save: Any = np.savez) -> bytes:
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


GOOD = [npz(good_arrays()), npz(good_arrays(), np.savez_compressed)]


def look(path: Path) -> bool:
    """Whether a file is taken; what is taken is held against what NumPy reads from it."""
    try:
        info = resolve(str(path), data_root=path.parent, cache_dir=path.parent, role="source")
        splits = load(info)
    except InputError as error:
        expect_one_line(error, path.name)
        return False
    with np.load(path, allow_pickle=False) as arrays:
        for name, split in splits.items():
            images, labels = arrays[f"{name}_images"], arrays[f"{name}_labels"]
            assert split.images.dtype == images.dtype == np.uint8
            np.testing.assert_array_equal(split.images.reshape(images.shape), images)
            findings = labels.reshape(len(labels), -1)
            assert np.isin(findings, (0, 1)).all()
            np.testing.assert_array_equal(split.labels, findings.any(axis=1))
            assert set(split.labels) == {0, 1}
            assert info.counts[name] == (sum(split.labels == 0), sum(split.labels == 1))
    return True


def look_at_all(contents: Any, path: Path) -> int:
    taken = 0
    for content in contents:
        path.write_bytes(content)
        taken += look(path)
    return taken


@pytest.mark.parametrize("whole", GOOD, ids=["stored", "deflated"])
def test_damaged_bytes(tmp_path: Path, whole: bytes) -> None:
    structure = [m.start() + i for m in re.finditer(b"PK|NUMPY", whole) for i in range(90)]
    structure = [place for place in structure if place < len(whole)]
    contents = (damaged(rng, whole, rng.choice((None, structure))) for rng in cases(1500))
    look_at_all(contents, tmp_path / "own.npz")


def odd_array(rng: random.Random, good: np.ndarray) -> Any:
    """Another array in the place of a good one."""
    n = rng.choice((0, 1, len(good), len(good) + 1))
    values = np.random.default_rng(rng.randrange(2**32))
    dtype = rng.choice(("u1", "i1", "<i8", ">u4", "f4", "f8", "f2", "?", "c8", "U3", "S2", "M8[s]"))
    shapes = ((n, 1), (n,), (n, 3), (n, 28, 28), (n, 28, 28, 1), (n, 28, 28, 3), (n, 28, 28, 2))
    shape = rng.choice((*shapes, (n, 20, 20), (n, 28, 64), (), (n, 0), (0, 28, 28), (n, 1, 1, 1)))
    kind = rng.choice(
        ("random", "01", "nan", "objects", "records", "fortran", "one class", "range")
    )
    if kind == "objects":
        return np.array([good, None, print, {"a": 1}], dtype=object)
    if kind == "records":
        return np.zeros(shape, [("a", "u1"), ("b", "f4")])
    if kind == "fortran":
        return np.asfortranarray(good)
    if kind == "nan":
        array = np.full(shape, 1.0)
        array.flat[:1] = rng.choice((np.nan, np.inf, -0.0, 5e-324, 1 + 2**-52))
        return array
    high = {"01": 2, "one class": 1}.get(kind, 256)
    return values.integers(0, high, shape).astype(dtype)


def rebuilt(rng: random.Random) -> bytes:
    arrays: dict[str, Any] = good_arrays()
    for key in rng.sample(KEYS, rng.choice((1, 1, 2, 6))):
        if rng.random() < 0.1:
            del arrays[key]
        else:
            arrays[key] = odd_array(rng, arrays[key])
    return npz(arrays, rng.choice((np.savez, np.savez_compressed)))


@pytest.mark.filterwarnings("ignore")  # casts of random numbers
def test_other_arrays(tmp_path: Path) -> None:
    assert look_at_all(map(rebuilt, cases(700)), tmp_path / "own.npz") > 0


def odd_header(rng: random.Random, array: np.ndarray) -> bytes:
    """An array whose header says other than what follows."""
    n = len(array)
    big = rng.choice((n + 1, 10**6, 10**9, 2**31, 2**40, 2**62, 2**63, 10**19, 10**30, 0, -1, -n))
    fields = {
        "descr": repr(
            rng.choice(("|u1", "|u1", "|i1", "<f8", "|O", "<U99", "V8", "|b1", ",", "u1,u1"))
        ),
        "fortran_order": repr(rng.choice((False, False, True, 0, None, "no"))),
        "shape": repr(rng.choice(((big, *array.shape[1:]), (n, big), (big,), (n, 28, -28), "six"))),
    }
    if rng.random() < 0.3:
        fields["shape"] = repr(array.shape)
    if rng.random() < 0.1:
        fields[rng.choice(list(fields))] = rng.choice(("print()", "1/0", "(" * 90, "[]", "'\\x00'"))
    if rng.random() < 0.1:
        del fields[rng.choice(list(fields))]
    text = "{" + ", ".join(f"'{name}': {value}" for name, value in fields.items()) + "}\n"
    version = rng.choice((b"\1\0", b"\1\0", b"\2\0", b"\3\0", b"\0\0", b"\xff\1"))
    length = struct.pack("<H" if version == b"\1\0" else "<I", len(text) + rng.choice((0, 0, 0, 5)))
    if rng.random() < 0.05:
        length = b"\xff" * len(length)
    return b"\x93NUMPY" + version + length + text.encode() + array.tobytes()


def spliced(rng: random.Random) -> bytes:
    """A zip with right checksums whose members, names or lengths are not what they should be."""
    file = io.BytesIO()
    method = rng.choice(
        (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    )
    odd = rng.sample(KEYS, rng.choice((0, 1, 1, 2)))
    with zipfile.ZipFile(file, "w", method) as archive:
        for key, array in good_arrays().items():
            plain = io.BytesIO()
            np.save(plain, array)
            content = odd_header(rng, array) if key in odd else plain.getvalue()
            archive.writestr(f"{key}.npy", content)
            if rng.random() < 0.05:
                archive.writestr(f"{key}.npy", plain.getvalue()[::-1])
    content = bytearray(file.getvalue())
    starts = [m.start() for m in re.finditer(b"PK\1\2", content)]
    kind = rng.choice(("as it is", "lengths", "offsets", "two tables", "names", "huge"))
    if kind == "offsets":
        a, b = rng.sample(starts, 2)
        content[a + 42 : a + 46] = content[b + 42 : b + 46]
    elif kind in ("lengths", "huge"):
        start, at = rng.choice(starts), rng.choice((20, 24))
        length = 0xFFFFFFF0 if kind == "huge" else rng.randrange(2**16)
        content[start + at : start + at + 4] = struct.pack("<I", length)
    elif kind == "two tables":
        content += rng.choice(GOOD)[-rng.randrange(1, 800) :]
    elif kind == "names":
        key = rng.choice(KEYS).encode()
        content = content.replace(
            key, rng.choice(KEYS).ljust(len(key), "x")[: len(key)].encode(), 1
        )
    return bytes(content)


@pytest.mark.filterwarnings("ignore")  # two members of one name
def test_right_checksums_of_wrong_members_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    for rng in cases(1300):
        path.write_bytes(spliced(rng))
        tracemalloc.start()
        look(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < MEMORY, f"{peak / 1e6:.0f} MB"


@pytest.mark.parametrize("claim", [10**6, 10**8, 2**31])
def test_a_header_and_a_table_that_promise_much_take_no_memory(tmp_path: Path, claim: int) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (claim,)}
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for key in KEYS:
            archive.writestr(f"{key}.npy", header.getvalue())
    content = bytearray(file.getvalue())
    for match in re.finditer(b"PK\1\2", bytes(content)):
        size = struct.pack("<I", len(header.getvalue()) + claim)
        content[match.start() + 24 : match.start() + 28] = size
    path = tmp_path / "own.npz"
    path.write_bytes(content)
    tracemalloc.start()
    assert not look(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEMORY
