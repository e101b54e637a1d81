"""The folder of finished work: where it is, what it holds, what was not used for a while.

`python -m tfmed.cache` shows it, and prunes it.
"""

import argparse
import contextlib
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfmed.errors import InputError, printing
from tfmed.locks import LOCK, alone_in

CONTENTS = {
    "jobs": "jobs/*/*.job",
    "drawn phantoms": "phantom/*.npz",
    "records of large images": "records/*/*/*/dataset_info.json",
    "data files from the command": "data/*.npz",
}
"""What there is and the files that stand for it: finished jobs (`tfmed.execution.job`), phantoms
(`tfmed.data.sources`), TFRecords (`tfmed.data.streaming`: the folder goes with the file), and what
`--ray` sent to a node (`tfmed.execution.node`)."""

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
                f"{self.path}: can't be removed ({error.strerror}); mend its permissions"
            ) from None


def cache_folder() -> Path:
    """$TFMED_CACHE, else `tfmed` in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    named = os.environ.get("TFMED_CACHE") or f"{base}/tfmed"
    return Path(os.path.expanduser(named))  # noqa: PTH111 - Path's fails on an unknown home


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Shows what is kept of finished work, or removes what was not used for a while."""
    parser = argparse.ArgumentParser(
        prog="python -m tfmed.cache",
        description=main.__doc__,
        epilog="The folder is $TFMED_CACHE, else ~/.cache/tfmed. What is removed is computed again "
        "when it is needed; prune while no study runs on this cache.",
    )
    parser.add_argument(
        "--prune", type=float, metavar="DAYS", help="remove what was not used for so many days"
    )
    days = parser.parse_args(arguments).prune
    if days is not None and not days >= 0:
        parser.error("--prune takes a number of days, 0 or more")
    root = cache_folder()
    if root.exists() and not root.is_dir():
        print(f"error: {root} is no folder; set TFMED_CACHE to one", file=sys.stderr)
        return 2
    oldest = time.time() - (float("inf") if days is None else days * 86_400)
    rows: dict[str, list[int]] = {}
    for each in contents(root):
        row = rows.setdefault(each.kind, [0, 0, 0])
        if each.used < oldest:
            try:
                each.remove()
            except InputError as error:
                print(f"error: {error}", file=sys.stderr)
                return 2
            row[2] += 1
        else:
            row[0] += 1
            row[1] += each.size
    print(root)
    for kind, (count, size, removed) in rows.items():
        gone = f", {removed} removed" if removed else ""
        print(f"  {kind:<28} {count:6d} kept, {size / 2**20:9.1f} MiB{gone}")
    if not rows:
        print("  nothing is kept")
    return 0


if __name__ == "__main__":
    sys.exit(printing(main))
