"""One process at a time, on any machine, and folders that go with the process that made them."""

import contextlib
import errno
import functools
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from tfmed.errors import InputError
from tfmed.operating_system import is_mine

LOCK = ".lock"
"""Name of the lock's file of a folder."""
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)
"""What a file system without locks answers."""
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
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, timeout=-1 if wait else 0)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        raise InputError(
            f"{path.parent}: takes no file locks ({error.strerror}); mount it with them, or choose "
            "another folder"
        ) from None
    try:
        yield True
    finally:
        with contextlib.suppress(OSError):  # some systems keep a file that is open
            path.unlink(missing_ok=True)  # filelock sees that what it waited for is gone
        lock.release()


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
        with FileLock(unlocked):
            unlocked.rename(folder / f"{_IN_USE}{host_name()}")
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(parent: Path, pattern: str) -> None:
    """Removes this user's working folders whose process was killed on this machine.

    Args:
        parent: may be shared with other machines.
        pattern: of the folders' paths below it, as for `Path.glob`.
    """
    for folder in parent.glob(pattern):
        in_use = folder / f"{_IN_USE}{host_name()}"
        with contextlib.suppress(OSError):  # gone meanwhile
            if not is_mine(folder) or folder.is_symlink() or not in_use.is_file():
                continue
            with contextlib.suppress(Timeout), FileLock(in_use, timeout=0):
                shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def host_name() -> str:
    """This machine's name, letters and digits only."""
    return "".join(c for c in socket.gethostname() if c.isalnum()) or "host"
