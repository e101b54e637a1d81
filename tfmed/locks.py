"""One process at a time, on any machine, and folders that go with the process that made them."""

import contextlib
import fcntl
import functools
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tfmed.errors import InputError

LOCK = ".lock"
"""Name of the lock's file of a folder."""
_IN_USE = ".tfmed-in-use@"
"""Start of the name of the locked file in a working folder; the host's name follows."""


@contextlib.contextmanager
def hold(path: Path, *, wait: bool) -> Iterator[bool]:
    """Whether this process has a lock; while it does, no other one does.

    The lock dies with the process. Its file goes with it, but after a kill, where the next holder
    removes it. It is a regular file because network file systems lock directories on each machine
    alone.

    Args:
        path: of the lock's file; its folder is made if need be.
        wait: for its turn, which makes the answer always True.

    Raises:
        InputError: the folder takes no file locks.
        OSError: the file can't be made there.
    """
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if not _locked(handle, path, wait=wait):
                yield False
                return
            if not _is_open_as(path, handle):
                continue  # its holder removed it between opening and locking
            try:
                yield True
            finally:
                path.unlink(missing_ok=True)
            return
        finally:
            os.close(handle)


def _locked(handle: int, path: Path, *, wait: bool) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise InputError(
            f"{path.parent}: takes no file locks ({error.strerror}); mount it with them, or choose "
            "another folder"
        ) from None
    return True


def _is_open_as(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Waits for its turn in a folder, which is made if need be; no other caller is inside then."""
    with hold(folder / LOCK, wait=True):
        yield


def remove_unheld(parent: Path, pattern: str) -> None:
    """Removes the files of locks that killed processes left, wherever they ran.

    Args:
        parent: may be shared with other machines.
        pattern: of the files' paths below it, as for `Path.glob`.
    """
    for path in parent.glob(pattern):
        with contextlib.suppress(OSError, InputError), hold(path, wait=False):
            pass


@contextlib.contextmanager
def working_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A new folder `<parent>/<prefix>…` for temporary files, which is removed at the end.

    A file in it is locked meanwhile, by which `remove_abandoned` tells what a killed process left
    behind from what is in use, and from folders that are none of tfmed's.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        unlocked = folder / f"{_IN_USE}new"
        handle = os.open(unlocked, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            unlocked.rename(folder / f"{_IN_USE}{host_name()}")
            yield folder
        finally:
            os.close(handle)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(parent: Path, pattern: str) -> None:
    """Removes this user's working folders whose process was killed on this machine.

    Args:
        parent: may be shared with other machines.
        pattern: of the folders' paths below it, as for `Path.glob`.
    """
    for folder in parent.glob(pattern):
        with contextlib.suppress(OSError):  # not tfmed's, in use, or gone meanwhile
            if folder.lstat().st_uid != os.getuid():
                continue
            handle = os.open(folder / f"{_IN_USE}{host_name()}", os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)


@functools.cache
def host_name() -> str:
    """This machine's name, letters and digits only."""
    return "".join(c for c in socket.gethostname() if c.isalnum()) or "host"
