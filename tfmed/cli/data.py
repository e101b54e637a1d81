"""`tfmed data`: what is in a data set and what is wrong with it, and files of data sets."""

import argparse

from tfmed.cli.arguments import Subparsers, add_command, path
from tfmed.errors import printing

_DATA = "a MedMNIST flag (also with _64, _128, _224), 'phantom', or an .npz in its format"


def add(commands: Subparsers) -> None:
    """Adds the command."""
    parser = add_command(
        commands, "data", "check a data set, or write one as an .npz file", lambda _: 0
    )
    inner = parser.add_subparsers(required=True, metavar="check|import")
    check = add_command(
        inner,
        "check",
        "say what is in a data set and what is wrong with it; train nothing",
        lambda options: printing(lambda: _check(options)),
    )
    write = add_command(
        inner,
        "import",
        "check a data set and write it as one .npz file in MedMNIST's format",
        lambda options: printing(lambda: _import(options)),
    )
    for each in (check, write):
        each.add_argument("data", metavar="DATA", help=_DATA)
        each.add_argument(
            "--data-root",
            type=path,
            metavar="DIR",
            help="named data sets, downloaded if need be ($MEDMNIST_ROOT, else ~/.medmnist)",
        )
    write.add_argument("--out", type=path, required=True, metavar="FILE.npz", help="a new file")


def _check(options: argparse.Namespace) -> int:
    from tfmed.data import sources
    from tfmed.orchestration.datasets import describe, find_one

    info = find_one(options.data, options.data_root)
    print("\n".join([*describe(info), sources.loading_notice(info), "nothing is wrong with it"]))
    return 0


def _import(options: argparse.Namespace) -> int:
    from tfmed.orchestration.datasets import find_one, write_npz

    info = find_one(options.data, options.data_root)
    write_npz(info, options.out)
    print(f"{options.out}: {info.title}, {sum(map(sum, info.counts.values()))} images")
    return 0
