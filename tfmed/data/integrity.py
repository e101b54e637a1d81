"""A file can be read, and is still the file that was verified.

A file may be replaced while a study runs. Jobs are kept under the MD5 that was verified, so every
reading makes sure that the file is still that one.
"""

import contextlib
import functools
import hashlib
import stat
from collections.abc import Iterator
from pathlib import Path

from tfmed.data.dataset import DatasetInfo
from tfmed.errors import InputError, printable

GET_AGAIN = "get or write the file again"
"""What to do about a file that is not whole."""


def check_readable(path: Path) -> None:
    """Make sure that `path` is a regular file with bytes in it that may be read.

    Raises:
        InputError: it is missing, a folder, something else, empty or may not be read.
    """
    name = printable(path)
    if "\0" in str(path):
        raise InputError(f"{name} holds a null byte: give the path of an .npz file")
    with readable(path):
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{name} is a folder: give the path of an .npz file in it")
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{name} is not a regular file: give the path of an .npz file")
        if status.st_size == 0:
            raise InputError(f"{name} is empty (0 bytes): {GET_AGAIN}")
        with path.open("rb"):
            pass


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what the file system answers into one line about `path`.

    Raises:
        InputError: in place of any `OSError` inside.
    """
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


def file_md5(path: Path) -> str:
    """MD5 of a file as 32 hexadecimal digits.

    Raises:
        InputError: the file is missing, empty, a folder or cannot be read.
    """
    check_readable(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "md5").hexdigest()
    except OSError as error:
        raise InputError(
            f"{printable(path)} cannot be read ({error.strerror or error}): check the disk"
        ) from None


def md5_of(path: Path) -> str:
    """MD5 of a file; a process takes it once, until the file is replaced or written to.

    Raises:
        InputError: the file cannot be read.
    """
    return _md5_at(path, _stamp(path))


@contextlib.contextmanager
def unchanged(info: DatasetInfo) -> Iterator[None]:
    """Make sure that a file is the verified one before it is read, and that it still is afterwards.

    Raises:
        InputError: it is not, or is gone.
    """
    stamp = _stamp(info.path)
    if _md5_at(info.path, stamp) != info.md5:
        raise changed(info.path)
    yield
    if _stamp(info.path) != stamp:
        raise changed(info.path)


def changed(path: Path) -> InputError:
    """The error about a file that is no longer the verified one."""
    return InputError(f"{printable(path)} changed after it was verified: start again")


def _stamp(path: Path) -> tuple[int, ...]:
    """What changes when a file is replaced or written to."""
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(
            f"{printable(path)} can't be read any more ({error.strerror}): start again"
        ) from None
    return status.st_ino, status.st_size, status.st_mtime_ns


@functools.lru_cache(16)
def _md5_at(path: Path, stamp: tuple[int, ...]) -> str:
    return file_md5(path)
