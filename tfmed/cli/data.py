"""`tfmed data`: what is in a data set and what is wrong with it, and files of data sets."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tfmed.cli.arguments import (
    Subparsers,
    add_command,
    add_import_options,
    add_task_option,
    import_options,
    known_task,
    path,
)
from tfmed.errors import printing

if TYPE_CHECKING:
    from tfmed.data import DatasetInfo
    from tfmed.data.checks import Duplicates

MOST_COLUMNS = 8
"""Classes beyond which the table has a line for each."""
_DATA = (
    "a MedMNIST flag (also with _64, _128, _224), 'phantom', an .npz, or a folder or CSV of images"
)


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
        add_import_options(each, "pixels a side of a folder's images (28)")
        add_task_option(each, "--task")
    write.add_argument("--out", type=path, required=True, metavar="FILE.npz", help="a new file")


def _check(options: argparse.Namespace) -> int:
    from tfmed.data import checks, sources

    info = _found(options)
    print("\n".join(_described(info)))
    print(sources.loading_notice(info))
    print("\n".join(_problems(info.warnings, checks.find_duplicates(info))))
    return 0


def _found(options: argparse.Namespace) -> "DatasetInfo":
    """The data set that the options name."""
    from tfmed.config.images import ImageSettings
    from tfmed.config.reading import image_settings
    from tfmed.orchestration.datasets import find_one

    settings = image_settings(ImageSettings(), import_options(options)).for_import()
    task = options.task and known_task(options.task)
    return find_one(options.data, options.data_root, replace(settings, task=task))


def _described(info: "DatasetInfo") -> list[str]:
    """What is in a data set."""
    height, width, channels = info.image_shape
    rows: list[tuple[str, ...]] = [("split", "images", *info.class_names)]
    for split, counts in info.counts.items():
        rows.append((split, *(f"{count:,}" for count in (info.n_images(split), *counts))))
    if len(info.class_names) > MOST_COLUMNS:
        rows = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]
    columns = f" of {info.n_labels} label columns" if info.n_labels > 1 else ""
    from tfmed.tasks.binary import BINARISE

    columns += f" (binarise: {BINARISE} of them)" if columns and info.task == "binary" else ""
    return [
        f"{info.title}: {info.path}",
        *([info.description] if info.description else []),
        f"{height} × {width} pixels, {channels} channel{'s' if channels > 1 else ''}; "
        f"task {info.task}{columns}",
        *table,
        *(f"note: {note}" for note in info.notes),
        f"MD5 {info.md5}" + (f"; terms: {info.license}" if info.license else ""),
    ]


def _problems(warnings: Sequence[str], found: "Duplicates") -> list[str]:
    """What is wrong with a data set that can be used all the same."""
    lines = [f"problem: {warning}" for warning in warnings]
    lines += [
        f"problem: images of {b} that are in {a} too: {count}; their scores say nothing of new ones"
        for (a, b), count in found.across.items()
        if count
    ]
    lines += [
        f"note: images of {b} that are nearly equal to one of {a}: {count}"
        for (a, b), count in found.near.items()
        if count
    ]
    lines += [
        f"note: images of {split} that equal an earlier one of it: {count}"
        for split, count in found.within.items()
        if count
    ]
    return lines or ["nothing is wrong with it"]


def _import(options: argparse.Namespace) -> int:
    from tfmed.orchestration.datasets import write_npz

    info = _found(options)
    write_npz(info, options.out)
    print(f"{options.out}: {info.title}, {sum(map(info.n_images, info.counts))} images")
    return 0
