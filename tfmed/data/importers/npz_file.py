"""Arrays of an `.npz` file, whole or in pieces; nothing is unpickled.

Whatever bytes a file holds, the outcome is its arrays or an `InputError` of one line that names the
file, what is wrong with it, and what to do.
"""

import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from tfmed.data.dataset import SPLITS
from tfmed.data.integrity import GET_AGAIN, check_readable, readable
from tfmed.errors import InputError, printable

KEYS = tuple(f"{split}_{part}" for split in SPLITS for part in ("images", "labels"))
"""The arrays of MedMNIST's format."""
_OF_GROUPS = {f"{split}_group_": split for split in SPLITS}
"""What names of arrays begin with that say of which group each image is."""

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


def read_npz(
    path: Path,
    keys: Collection[str] = KEYS,
    *,
    optional: Collection[str] = (),
    headers_of: Collection[str] = (),
    check: bool = True,
) -> dict[str, np.ndarray]:
    """Read arrays of an `.npz`; never unpickles.

    Memory is one copy of the arrays read: they are inflated in pieces into their final place.

    Args:
        path: the file.
        keys: the arrays to read; others in the file are ignored.
        optional: arrays to read where they are there.
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
    with readable(path), path.open("rb") as file, _open_zip(file, name) as archive:
        present = set(archive.namelist())
        missing = [key for key in keys if f"{key}.npy" not in present]
        if missing:
            raise InputError(missing_keys(name, missing, present))
        return {
            key: _read_member(archive, key, name, keep=key not in headers_of, check=check)
            for key in (*keys, *(key for key in optional if f"{key}.npy" in present))
        }


def array_names(path: Path) -> list[str]:
    """Names of the arrays of an `.npz`, in its order; errors as for `read_npz`."""
    check_readable(path)
    with readable(path), path.open("rb") as file, _open_zip(file, printable(path)) as archive:
        names = archive.namelist()
    return [name.removesuffix(".npy") for name in names if name.endswith(".npy")]


def subgroup_keys(names: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Arrays such as `test_group_sex` among all of a file, to their split and column."""
    return {
        name: (split, name.removeprefix(start))
        for name in names
        for start, split in _OF_GROUPS.items()
        if name.startswith(start) and name != start
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
    with readable(path), path.open("rb") as file, _open_zip(file, name) as archive:
        if f"{key}.npy" not in archive.namelist():
            raise InputError(missing_keys(name, [key], archive.namelist()))
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
        raise InputError(f"{name} {fault}: {GET_AGAIN}") from None


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
    # Version 3 differs only in the names of record fields, and records are not images.
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
        f"{name}: {key} is damaged (its bytes do not match its checksum or header): {GET_AGAIN}"
    )


def missing_keys(name: str, missing: Collection[str], present: Collection[str]) -> str:
    """What is wrong with a file that lacks keys of the format, and what to do."""
    found = sorted(printable(key).removesuffix(".npy") for key in present)
    shown = ", ".join(found[:8]) + (", …" if len(found) > 8 else "") if found else "nothing"
    return (
        f"{name} lacks {', '.join(missing)} (it holds {shown}): "
        "write the six arrays of MedMNIST's format, {train,val,test}_{images,labels}"
    )
