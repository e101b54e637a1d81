"""One process at a time in a folder, and folders that go with the process that made them."""

import contextlib
import fcntl
import functools
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

_IN_USE = ".tfmed-in-use@"
"""Start of the name of the locked file in a working folder; the host's name follows."""


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Waits for its turn in a folder, which is made if need be; no other caller is inside then.

    The lock leaves no file, and dies with the process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


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
