"""`tfmed compare`: what changed from one report to another."""

import argparse
from pathlib import Path

from tfmed.cli.arguments import Subparsers, add_command, path
from tfmed.cli.console import Console


def add(commands: Subparsers) -> None:
    """Adds the command."""
    parser = add_command(
        commands,
        "compare",
        "show what changed from one report to another",
        _command,
        epilog="Writes compare.html and compare.pdf; runs nothing.",
    )
    for name in ("A", "B"):
        parser.add_argument(
            name.lower(), type=path, metavar=name, help="a report's folder, or its results.json"
        )
    parser.add_argument(
        "--out",
        type=path,
        metavar="DIR",
        help="where to write (default: reports/compare-<a>-vs-<b>)",
    )


def _command(options: argparse.Namespace) -> int:
    from tfmed.orchestration.folders import locked_folder
    from tfmed.report import comparison

    with Console() as console:
        console.stage("reading both results")
        found = comparison.read_both(options.a, options.b)
        folder = options.out or Path("reports") / found.folder
        with locked_folder(folder):
            html, pdf = comparison.render(found, folder, progress=console.stage)
        console.note(f"\n{comparison.summary(found)}\n\n{html}\n{pdf}")
    return 0
