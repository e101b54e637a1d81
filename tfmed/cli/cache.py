"""`tfmed cache`: shows the finished work that is kept, or removes what was not used for a while."""

import argparse
import time

from tfmed.cli.arguments import Subparsers, add_command, number
from tfmed.errors import InputError, printing


def add(commands: Subparsers) -> None:
    """Adds the command."""
    parser = add_command(
        commands,
        "cache",
        "show the finished work that is kept, or remove what was not used for a while",
        lambda options: printing(lambda: _command(options)),
        epilog="The folder is $TFMED_CACHE, else tfmed in the user's cache folder (~/.cache). What "
        "is removed is computed again when it is needed; prune while no study runs.",
    )
    parser.add_argument(
        "--prune",
        type=number(0, float("inf")),
        metavar="DAYS",
        help="remove what was not used for so many days",
    )


def _command(options: argparse.Namespace) -> int:
    from tfmed.cache import cache_folder, contents

    root = cache_folder()
    if root.exists() and not root.is_dir():
        raise InputError(f"{root} is not a folder; set TFMED_CACHE to one")
    days = float("inf") if options.prune is None else options.prune
    oldest = time.time() - days * 86_400
    rows: dict[str, list[int]] = {}
    for each in contents(root):
        row = rows.setdefault(each.kind, [0, 0, 0])
        if each.used < oldest:
            each.remove()
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
