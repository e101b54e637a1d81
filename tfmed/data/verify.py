"""A file in MedMNIST's format is checked here before any work starts.

The format: an `.npz` with `{train,val,test}_{images,labels}`; images uint8 of shape (n, size, size)
or (n, size, size, channels), labels 0/1 of shape (n,) or (n, columns).
Everything that is wrong is an `InputError` of one line: the file, the fault and the mend.
"""

import lzma
import math
import stat
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from tfmed.data import SPLITS
from tfmed.errors import InputError, printable

KEYS = tuple(f"{split}_{part}" for split in SPLITS for part in ("images", "labels"))
IMAGE_SIZES = (28, 64, 128, 224)

_CHUNK = 1 << 20
# Deflate makes at most 1032 bytes of one (zlib's technical notes).
_MOST_PER_BYTE = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: 1032}
# What zipfile, its decompressors and NumPy's header parser raise on bytes that are not theirs.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    tokenize.TokenError,
    EOFError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    NotImplementedError,
    RecursionError,
    MemoryError,
)
_GET_AGAIN = "get or write the file again"
_MAKE_BINARY = "make the labels 0 and 1"


def check_readable(path: Path) -> None:
    """Make sure that `path` is a regular file with bytes in it that may be read.

    Raises:
        InputError: it is missing, a folder, something else, empty or may not be read.
    """
    name = printable(path)
    if "\0" in str(path):
        raise InputError(f"{name} holds a null byte: give the path of an .npz file")
    with _readable(path):
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{name} is a folder: give the path of an .npz file in it")
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{name} is not a regular file: give the path of an .npz file")
        if status.st_size == 0:
            raise InputError(f"{name} is empty (0 bytes): {_GET_AGAIN}")
        with path.open("rb"):
            pass


def read_npz(
    path: Path,
    keys: Collection[str] = KEYS,
    *,
    headers_of: Collection[str] = (),
    check: bool = True,
) -> dict[str, np.ndarray]:
    """Read arrays of an `.npz`; never unpickles.

    Memory is one copy of the arrays read: they are inflated in pieces into their final place.

    Args:
        path: the file.
        keys: the arrays to read; others in the file are ignored.
        headers_of: those of `keys` whose values are not wanted: they come back as read-only
            stand-ins of the right shape and dtype that take no memory.
        check: inflate what is not wanted too, to compare its checksum; False where the MD5 of the
            whole file is known to be right.

    Returns:
        Key to array, as stored.

    Raises:
        InputError: the file cannot be read, is not an `.npz`, is cut short or damaged, lacks a key,
            or holds Python objects.
    """
    check_readable(path)
    name = printable(path)
    with _readable(path), path.open("rb") as file, _open_zip(file, name) as archive:
        present = set(archive.namelist())
        missing = [key for key in keys if f"{key}.npy" not in present]
        if missing:
            raise InputError(_missing_keys(name, missing, present))
        return {
            key: _read_member(archive, key, name, keep=key not in headers_of, check=check)
            for key in keys
        }


def stream_npz(path: Path, key: str, *, chunk_bytes: int = 8 * _CHUNK) -> Iterator[np.ndarray]:
    """Read one array of an `.npz` a few rows at a time; never unpickles.

    Memory is about two chunks, however long the array is, compressed or not.

    Args:
        path: the file.
        key: the array to read, of at least one dimension.
        chunk_bytes: the most bytes in a piece, but at least one row.

    Yields:
        Consecutive rows, arrays of shape (k, ...).

    Raises:
        InputError: as for `read_npz`, or the array is in Fortran order, in which no row is whole
            before the end of the file.
    """
    check_readable(path)
    name = printable(path)
    with _readable(path), path.open("rb") as file, _open_zip(file, name) as archive:
        if f"{key}.npy" not in archive.namelist():
            raise InputError(_missing_keys(name, [key], archive.namelist()))
        with _member_faults(name, key), archive.open(f"{key}.npy") as member:
            (n_rows, *row_shape), fortran_order, dtype = _checked_header(archive, member, key, name)
            if fortran_order:
                raise InputError(
                    f"{name}: {key} is too large to be read at once and in Fortran order: "
                    "save it with np.ascontiguousarray"
                )
            row_bytes = math.prod(row_shape) * dtype.itemsize
            step = max(1, chunk_bytes // max(1, row_bytes))
            for start in range(0, n_rows, step):
                rows = min(step, n_rows - start)
                values = _inflate(member, rows * row_bytes, last=start + rows == n_rows)
                yield np.ndarray((rows, *row_shape), dtype, values.data)


def verify_arrays(
    arrays: Mapping[str, np.ndarray], name: str, expected: Mapping[str, int] | None = None
) -> None:
    """Hold arrays against MedMNIST's format and against what a binary study needs.

    Args:
        arrays: key to array; keys beyond the six of the format are ignored. Only shape and dtype
            of images are looked at: every uint8 value is a grey level.
        name: what to call the arrays in a message, usually the file.
        expected: images per split, where they are known.

    Raises:
        InputError: a key is missing, a shape, dtype, label value or count is wrong, a split is
            empty or lacks a class, or the splits do not fit each other.
    """
    name = printable(name)
    missing = [key for key in KEYS if key not in arrays]
    if missing:
        raise InputError(_missing_keys(name, missing, arrays))
    for split in SPLITS:
        images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
        _verify_images(images, f"{name}: {split}_images")
        _verify_labels(labels, f"{name}: {split}_labels")
        if len(images) != len(labels):
            raise InputError(
                f"{name}: {split}_images holds {len(images)} images and {split}_labels "
                f"{len(labels)} labels: write one row of labels for each image"
            )
        if expected is not None and len(images) != expected[split]:
            raise InputError(
                f"{name}: the {split} split holds {len(images)} images where {expected[split]} "
                f"are known to belong: {_GET_AGAIN}"
            )
        _verify_classes(labels, f"{name}: {split}_labels")
    _verify_alike(name, "image shape", {s: image_shape(arrays[f"{s}_images"]) for s in SPLITS})
    _verify_alike(name, "label columns", {s: n_columns(arrays[f"{s}_labels"]) for s in SPLITS})


def image_shape(images: np.ndarray) -> tuple[int, int, int]:
    """(height, width, channels) of images of shape (n, height, width[, channels])."""
    return images.shape[1], images.shape[2], images.shape[3] if images.ndim == 4 else 1


def n_columns(labels: np.ndarray) -> int:
    """Columns of labels of shape (n, columns), or 1 for shape (n,)."""
    return labels.shape[1] if labels.ndim == 2 else 1


def binary_labels(labels: np.ndarray) -> np.ndarray:
    """Any finding (1) against none (0).

    Args:
        labels: 0/1 of any dtype, shape (n,) or (n, columns).

    Returns:
        uint8 of shape (n,).
    """
    columns = labels.reshape(len(labels), -1)
    return (columns != 0).any(axis=1).astype(np.uint8)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what the file system answers into one line about `path`."""
    name = printable(path)
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{name} does not exist: check the path") from None
    except PermissionError:
        raise InputError(f"{name} may not be read: give yourself permission to read it") from None
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"{name} cannot be read ({reason}): check the path and the disk") from None


def _open_zip(file: IO[bytes], name: str) -> zipfile.ZipFile:
    start = file.read(4)
    try:
        return zipfile.ZipFile(file)
    except _DAMAGE:
        fault = (
            "is cut short or damaged (its table of contents at the end is not intact)"
            if start == b"PK\x03\x04"
            else "is not an .npz file (a zip of arrays)"
        )
        raise InputError(f"{name} {fault}: {_GET_AGAIN}") from None


@contextmanager
def _member_faults(name: str, key: str) -> Iterator[None]:
    """Turn what goes wrong inside one array of the archive into one line."""
    try:
        yield
    except InputError:
        raise
    except MemoryError:
        raise InputError(
            f"{name}: {key} does not fit in memory: free some, or give a smaller file"
        ) from None
    except _DAMAGE:
        raise _damaged(name, key) from None
    except RuntimeError:
        # All that is left of it is how zipfile speaks of an encrypted member.
        raise InputError(f"{name} is encrypted: save it without a password") from None


def _read_member(
    archive: zipfile.ZipFile, key: str, name: str, *, keep: bool, check: bool
) -> np.ndarray:
    """One array of the archive, or its memory-free stand-in."""
    with _member_faults(name, key), archive.open(f"{key}.npy") as member:
        shape, fortran_order, dtype = _checked_header(archive, member, key, name)
        if not keep:
            if check:
                while member.read(_CHUNK):
                    pass
            return np.broadcast_to(np.zeros((), dtype), shape)
        values = _inflate(member, math.prod(shape) * dtype.itemsize)
        return np.ndarray(shape, dtype, values.data, order="F" if fortran_order else "C")


def _checked_header(
    archive: zipfile.ZipFile, member: IO[bytes], key: str, name: str
) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, order and dtype of an array that is as long as they say and holds no objects."""
    shape, fortran_order, dtype = _read_header(member)
    if dtype.hasobject:
        raise InputError(
            f"{name}: {key} holds Python objects, which are not unpickled as they may run "
            "code: save it as an array of integers"
        )
    n_bytes = math.prod(shape) * dtype.itemsize
    entry = archive.getinfo(f"{key}.npy")
    # The table of contents may lie too; believing it would take memory for what is not there.
    packed = min(entry.compress_size, archive.start_dir)
    most = packed * _MOST_PER_BYTE.get(entry.compress_type, math.inf)
    if member.tell() + n_bytes != entry.file_size or entry.file_size > most:
        raise ValueError("length")
    return shape, fortran_order, dtype


def _read_header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    # Version 3 differs only in the names of record fields, and records are no images.
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    return readers[np.lib.format.read_magic(member)](member)


def _inflate(member: IO[bytes], n_bytes: int, *, last: bool = True) -> np.ndarray:
    values = np.empty(n_bytes, np.uint8)
    filled = 0
    while filled < n_bytes:
        chunk = member.read(min(_CHUNK, n_bytes - filled))
        if not chunk:
            raise EOFError
        values[filled : filled + len(chunk)] = np.frombuffer(chunk, np.uint8)
        filled += len(chunk)
    if last:
        # The checksum is compared only once the end is reached.
        member.read(1)
    return values


def _damaged(name: str, key: str) -> InputError:
    return InputError(
        f"{name}: {key} is damaged (its bytes do not match its checksum or header): {_GET_AGAIN}"
    )


def _missing_keys(name: str, missing: Collection[str], present: Collection[str]) -> str:
    found = sorted(printable(key).removesuffix(".npy") for key in present)
    shown = ", ".join(found[:8]) + (", …" if len(found) > 8 else "") if found else "nothing"
    return (
        f"{name} lacks {', '.join(missing)} (it holds {shown}): "
        "write the six arrays of MedMNIST's format, {train,val,test}_{images,labels}"
    )


def _verify_images(images: np.ndarray, what: str) -> None:
    shape = images.shape
    if images.dtype != np.uint8:
        raise InputError(
            f"{what} has dtype {images.dtype} and not uint8: save grey levels (0 to 255) as uint8"
        )
    if len(shape) not in (3, 4):
        raise InputError(
            f"{what} has shape {shape} and not (n, size, size) or (n, size, size, channels): "
            "save 2-D images"
        )
    if shape[0] == 0:
        raise InputError(f"{what} is empty: put images in every split")
    if len(shape) == 4 and shape[3] not in (1, 3):
        raise InputError(f"{what} has {shape[3]} channels and not 1 or 3: save grey or RGB images")
    if shape[1] != shape[2]:
        raise InputError(
            f"{what} is not square ({shape[1]} × {shape[2]} pixels): crop or pad the images"
        )
    if shape[1] not in IMAGE_SIZES:
        raise InputError(f"{what}: size {shape[1]} is none of 28, 64, 128, 224: resize the images")


def _verify_labels(labels: np.ndarray, what: str) -> None:
    if labels.dtype.kind not in "biuf":
        raise InputError(f"{what} has dtype {labels.dtype}, which is no number: {_MAKE_BINARY}")
    if labels.ndim not in (1, 2) or (labels.ndim == 2 and labels.shape[1] == 0):
        raise InputError(
            f"{what} has shape {labels.shape} and not (n,) or (n, columns): "
            "write one row of labels for each image"
        )
    if len(labels) == 0:
        raise InputError(f"{what} is empty: put labels in every split")
    if labels.dtype.kind == "f" and (n_nan := int(np.isnan(labels).sum())):
        raise InputError(
            f"{what} holds NaN in {n_nan} of {labels.size} places: "
            "label these images or leave them out"
        )
    wrong = (labels != 0) & (labels != 1)
    if wrong.any():
        place = np.unravel_index(int(wrong.argmax()), labels.shape)
        where = f"row {place[0]}" + (f", column {place[1]}" if labels.ndim == 2 else "")
        raise InputError(f"{what} holds {labels[place]} ({where}) and not 0 or 1: {_MAKE_BINARY}")


def _verify_classes(labels: np.ndarray, what: str) -> None:
    present = np.unique(binary_labels(labels))
    if len(present) == 2:
        return
    one_hot = labels.ndim == 2 and labels.shape[1] > 1 and (labels.sum(axis=1) == 1).all()
    if one_hot:
        raise InputError(
            f"{what} looks one-hot (each row has a single 1), so no image is without a finding: "
            "write one column of 0 and 1"
        )
    raise InputError(
        f"{what} has only images of class {present[0]} (1 is any label set): "
        "put images of both classes in every split"
    )


def _verify_alike(name: str, what: str, values: Mapping[str, object]) -> None:
    if len(set(values.values())) > 1:
        listed = ", ".join(f"{split} {value}" for split, value in values.items())
        raise InputError(
            f"{name}: the {what} differs between splits ({listed}): write all splits alike"
        )
