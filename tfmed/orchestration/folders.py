"""The folders that a run writes to: made, kept to one run at a time, and swept."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from tfmed.cache import LOCKS, cache_folder
from tfmed.errors import InputError
from tfmed.execution.store import Store
from tfmed.locks import hold, remove_unheld
from tfmed.serving import versions

REPORT_LOCK = ".report.lock"
_NOT_WRITABLE = "no permission to write, or a read-only file system"


def make_folder(folder: Path, option: str) -> None:
    """Makes a folder that can be written to.

    Args:
        folder: may be there already.
        option: of the command line, which chooses another one.

    Raises:
        InputError: it can't be made, or not be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        reason = "" if os.access(folder, os.W_OK | os.X_OK) else _NOT_WRITABLE
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise InputError(f"{folder}: can't be written to ({reason}); choose another {option}")


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[Path]:
    """Makes a report's folder and keeps every other run out of it.

    A folder in which nothing came to be is removed at the end.

    Raises:
        InputError: another run is writing there, or nobody can.
    """
    make_folder(folder, "--out")
    try:
        with hold(folder / REPORT_LOCK, wait=False) as is_ours:
            if not is_ours:
                raise InputError(
                    f"{folder}: another run is writing there; wait for it or choose another --out"
                )
            yield folder
    finally:
        with contextlib.suppress(OSError):  # not empty
            folder.rmdir()


@contextlib.contextmanager
def swept(store: Store, models: Path) -> Iterator[None]:
    """Removes what killed workers left half-written: earlier runs' and then this one's."""

    def sweep() -> None:
        store.remove_leftovers()
        versions.remove_leftovers(models)
        for pattern in LOCKS:
            remove_unheld(cache_folder(), pattern)

    sweep()
    try:
        yield
    finally:
        sweep()
