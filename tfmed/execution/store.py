"""Results of jobs on disk, one file each, there whole or not at all."""

import contextlib
import hashlib
import io
import json
import os
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tfmed.cache import mark_used
from tfmed.errors import InputError
from tfmed.execution.job import Job, Result
from tfmed.locks import host_name
from tfmed.operating_system import is_alive

FORMAT = b"tfmed job 2\n"


class Store:
    """Results on disk, one file each, under `<root>/<kind>/<key>.job`.

    A file appears at once or not at all, and carries a checksum: one that is cut short, changed, of
    another format or under another job's name counts as not there.
    """

    def __init__(self, root: Path) -> None:
        """Makes the folder.

        Raises:
            InputError: it can't be made or written to.
        """
        self.root = root
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"{root}: finished work can't be kept there ({error.strerror}); "
                "set TFMED_CACHE to a folder that can be written to"
            ) from None

    def path(self, job: Job) -> Path:
        """Where a job's result is or will be."""
        return self.root / job.kind / f"{job.key}.job"

    def load(self, job: Job) -> Result | None:
        """A finished job's result, or None; marks it as used today."""
        result = read_result(self.path(job))
        if result is not None:
            mark_used(self.path(job))
        return result

    def discard(self, job: Job) -> None:
        """Forgets a result, if there is one."""
        self.path(job).unlink(missing_ok=True)

    def check_writable(self) -> None:
        """Makes sure that results can be kept, before hours are spent on them.

        Raises:
            InputError: the folder, or that of a kind of job, is read-only.
        """
        for folder in (self.root, *(path for path in self.root.iterdir() if path.is_dir())):
            if not os.access(folder, os.W_OK | os.X_OK):
                raise InputError(
                    f"{folder}: finished work can't be kept there (no permission to write, or a "
                    "read-only file system); set TFMED_CACHE to a folder that can be written to"
                )

    def remove_leftovers(self) -> None:
        """Removes what killed processes of this machine left half-written."""
        for path in self.root.glob("*/.*.tmp"):
            host, _, pid = path.name.rsplit(".", 2)[0].rpartition("@")[2].rpartition("-")
            if host == host_name() and pid.isdecimal() and not is_alive(int(pid)):
                with contextlib.suppress(OSError):  # a shared cache may be read-only
                    path.unlink()


def write_result(path: Path, job_title: str, result: Result) -> None:
    """Keeps a result in a file; errors as for `write_content`."""
    write_content(path, encode_result(path, job_title, result))


def read_result(path: Path) -> Result | None:
    """Reads a result; None if it is not there, damaged, of another format or another job's."""
    try:
        return decode_result(path, path.read_bytes())
    except OSError:
        return None


def encode_result(path: Path, job_title: str, result: Result) -> bytes:
    """A result as the content of its file, to keep or to send: a checksum, then an `.npz`.

    The checksum is that of the file's name too, so that one job's result is not taken for
    another's.
    """
    buffer = io.BytesIO()
    header = {"title": job_title, "record": result.record}
    np.savez(buffer, **{"": _as_array(header)}, **result.arrays)  # type: ignore[arg-type]
    payload = buffer.getvalue()
    return _head(path, payload) + payload


def write_content(path: Path, content: bytes) -> None:
    """Writes an encoded result aside and moves it into place.

    Raises:
        InputError: the disk is full or the folder can't be written to.
    """
    maker = f"{host_name()}-{os.getpid()}"
    part = path.with_name(f".{path.stem[:16]}.{time.monotonic_ns()}@{maker}.0.tmp")
    with _kept(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def _head(path: Path, payload: bytes) -> bytes:
    digest = hashlib.sha256(path.name.encode() + b"\n")
    digest.update(payload)
    return FORMAT + digest.hexdigest().encode() + b"\n"


def decode_result(path: Path, content: bytes) -> Result | None:
    """The inverse of `encode_result`; None if it is damaged, of another format or another job's."""
    start = len(FORMAT) + 65
    payload = content[start:]
    if content[:start] != _head(path, payload):
        return None
    try:
        with np.load(io.BytesIO(payload), allow_pickle=False) as arrays:
            loaded = {name: arrays[name] for name in arrays.files}
        header = json.loads(loaded.pop("").tobytes())
    except (ValueError, KeyError, zipfile.BadZipFile):
        return None
    return Result(header["record"], loaded)


def _as_array(value: Any) -> np.ndarray:
    return np.frombuffer(json.dumps(value).encode(), dtype=np.uint8)


@contextlib.contextmanager
def _kept(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path.parent}: a result can't be kept there ({error.strerror}); make room or set "
            "TFMED_CACHE to another folder (what was finished before is kept)"
        ) from None
