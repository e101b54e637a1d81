"""`tfmed report`: renders a report again, or checks its numbers."""

import argparse

from tfmed.cli.arguments import Subparsers, add_command, add_reach_option, path
from tfmed.cli.console import Console
from tfmed.errors import printing


def add(commands: Subparsers) -> None:
    """Adds the command."""
    parser = add_command(
        commands,
        "report",
        "render a report again from its results.json, or check its numbers",
        _command,
        epilog="Renders report.html, report.pdf and appendix.pdf into DIR. With --check "
        "nothing is written, and the exit code is 1 if a number differs.",
    )
    parser.add_argument("folder", type=path, metavar="DIR", help="a report, reports/<study>")
    add_reach_option(parser)
    parser.add_argument(
        "--check",
        action="store_true",
        help="compute every metric again from DIR/predictions; DIR may be one such file",
    )


def _command(options: argparse.Namespace) -> int:
    if options.check:
        from tfmed.results.recheck import recheck

        return printing(lambda: recheck(options.folder))
    from tfmed.orchestration.rendering import render_again
    from tfmed.report import APPENDIX_FILE

    with Console() as console:
        html, pdf = render_again(options.folder, console, reach=options.reach)
        console.note(f"{html}\n{pdf}\n{options.folder / APPENDIX_FILE}")
    return 0
