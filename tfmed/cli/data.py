"""`tfmed data`: what is in a data set and what is wrong with it, and files of data sets."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

PAGES = Path("reports") / "data"
"""Folder of pages of data sets."""
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
    check.add_argument(
        "--page", type=path, metavar="FILE.html", help=f"the page ({PAGES}/<name>.html)"
    )
    write.add_argument("--page", type=path, metavar="FILE.html", help="write the check's page too")
    write.add_argument("--out", type=path, required=True, metavar="FILE.npz", help="a new file")


def _check(options: argparse.Namespace) -> int:
    from tfmed.data import sources
    from tfmed.orchestration.datasets import checked
    from tfmed.report.datasets.page import write_page
    from tfmed.report.datasets.plain import found

    info = _found(options)
    entry = checked(info)
    print("\n".join([*_described(info, entry), sources.loading_notice(info), *found(entry)]))
    page = options.page or PAGES / f"{info.name}.html"
    write_page(entry, page)
    print(f"page: {page}")
    return 0


def _found(options: argparse.Namespace) -> "DatasetInfo":
    """The data set that the options name."""
    from tfmed.config.images import ImageSettings
    from tfmed.config.reading import image_settings
    from tfmed.orchestration.datasets import find_one

    settings = image_settings(ImageSettings(), import_options(options)).for_import()
    task = options.task and known_task(options.task)
    return find_one(options.data, options.data_root, replace(settings, task=task))


def _described(info: "DatasetInfo", entry: dict[str, Any]) -> list[str]:
    """What is in a data set."""
    from tfmed.report.datasets.plain import counts
    from tfmed.tasks.binary import BINARISE

    height, width, channels = info.image_shape
    columns = f" of {info.n_labels} label columns" if info.n_labels > 1 else ""
    columns += f" (binarise: {BINARISE} of them)" if columns and info.task == "binary" else ""
    return [
        f"{info.title}: {info.path}",
        *([info.description] if info.description else []),
        f"{height} × {width} pixels, {channels} channel{'s' if channels > 1 else ''}; "
        f"task {info.task}{columns}",
        *counts(entry),
        f"MD5 {info.md5}" + (f"; terms: {info.license}" if info.license else ""),
    ]


def _import(options: argparse.Namespace) -> int:
    from tfmed.orchestration.datasets import checked, write_npz
    from tfmed.report.datasets.page import write_page

    info = _found(options)
    write_npz(info, options.out)
    print(f"{options.out}: {info.title}, {sum(map(info.n_images, info.counts))} images")
    if options.page:
        write_page(checked(info), options.page)
        print(f"page: {options.page}")
    return 0
