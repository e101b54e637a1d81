"""The folder of finished work: where it is, what it holds, when each thing was last used."""

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from tfmed.errors import InputError
from tfmed.locks import LOCK, alone_in

CONTENTS = {
    "jobs": "jobs/*/*.job",
    "drawn phantoms": "phantom/*.npz",
    "records of large images": "records/*/*/*/dataset_info.json",
    "imported images": "imported/*.npz",
    "lists of bad files": "imported/*.bad.txt",
    "equal images": "checked/*.json",
    "data files from the command": "data/*.npz",
    "unfinished files": "*/.*.part",
}
"""What there is and the files that stand for it: finished jobs (`tfmed.execution.job`), phantoms
(`tfmed.data.sources`), TFRecords (`tfmed.data.records`: the folder goes with the file), what
importers and checks write, what a cluster's workers were sent, and what killed processes left."""

IMPORTED, CHECKED = "imported", "checked"
"""Folders of imported images, and of what was found in data sets."""
_PART = ".part"
"""End of the name of a file that is not whole yet."""
LOCKS = ("jobs/*/*.claim", f"*/{LOCK}", f"records/*/*/{LOCK}")
"""Files of locks there; they go with the processes that hold them, but for killed ones."""


@dataclass(frozen=True)
class Kept:
    """One thing that can go by itself.

    Attributes:
        kind: of jobs theirs, else a key of `CONTENTS`.
        path: a file or a folder.
        size: bytes.
        used: seconds since the epoch.
    """

    kind: str
    path: Path
    size: int
    used: float

    def remove(self) -> None:
        """Removes it, a folder while no other process writes there.

        Raises:
            InputError: it can't be removed.
        """
        try:
            if not self.path.is_dir():
                self.path.unlink(missing_ok=True)
                return
            with alone_in(self.path.parent):
                shutil.rmtree(self.path)
        except OSError as error:
            raise InputError(
                f"{self.path}: can't be removed ({error.strerror}); change its permissions"
            ) from None


def cache_folder() -> Path:
    """$TFMED_CACHE, else `tfmed` in the user's cache folder, on Linux `~/.cache`."""
    named = os.environ.get("TFMED_CACHE")
    if not named:
        return platformdirs.user_cache_path("tfmed", appauthor=False)
    return Path(os.path.expanduser(named))  # noqa: PTH111 - Path's fails on an unknown home


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Gives a file to write in place of one of the cache, which it becomes when it is whole.

    One process at a time writes in a folder, so see first whether another one has just written
    `path`; then nothing need be written. What killed processes left there is removed.

    Raises:
        InputError: the cache can't be written to.
    """
    try:
        with alone_in(path.parent):
            for left in path.parent.glob(f".*{_PART}"):
                left.unlink()
            part = path.with_name(f".{path.name}{_PART}")
            try:
                yield part
                if part.exists():
                    part.replace(path)
            finally:
                part.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}): make room, or set TFMED_CACHE "
            "to a folder that can be written to"
        ) from None


def mark_used(path: Path) -> None:
    """Notes that a file of the cache was used now.

    In its time of access, whether the file system keeps that or not: another time of modification
    would tell those who read the file that it was replaced.
    """
    with contextlib.suppress(OSError):  # a shared cache may be read-only
        os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))


def contents(root: Path) -> Iterator[Kept]:
    """What a cache folder holds, jobs first; what another process removes meanwhile is left out."""
    for name, pattern in CONTENTS.items():
        for file in sorted(root.glob(pattern)):
            is_folder = file.name == "dataset_info.json"
            path = file.parent if is_folder else file
            try:
                used = file.stat().st_atime
                files = path.iterdir() if is_folder else [path]
                size = sum(each.stat().st_size for each in files)
            except FileNotFoundError:
                continue
            yield Kept(path.parent.name if name == "jobs" else name, path, size, used)
