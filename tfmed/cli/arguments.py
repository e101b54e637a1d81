"""What the parsers of all subcommands are made of."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

BAD_INPUT = 2
"""Exit code."""


class Parser(argparse.ArgumentParser):
    """Its errors are one line and exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Ends the process."""
        self.exit(BAD_INPUT, f"error: {message}; see --help\n")


Subparsers = argparse._SubParsersAction
Command = Callable[[argparse.Namespace], int]


def add_command(
    commands: Subparsers,
    name: str,
    help: str,
    command: Command,
    *,
    usage: str | None = None,
    epilog: str | None = None,
) -> argparse.ArgumentParser:
    """The parser of one subcommand.

    Args:
        commands: takes it.
        name: of the command.
        help: one line for the list of commands, which also opens its own help.
        command: does it; gives the exit code.
        usage: where the list of all options would be too long.
        epilog: follows the options.
    """
    parser = commands.add_parser(
        name,
        help=help,
        description=f"{help[0].upper()}{help[1:]}.",
        usage=usage,
        epilog=epilog,
        allow_abbrev=False,
    )
    parser.set_defaults(command=command)
    return parser


def add_import_options(parser: argparse._ActionsContainer, size: str) -> None:
    """Options of how images are imported; each is named as in `[images]` of a study file.

    All but `--size` and `--resplit` are for folders and tables of images.

    Args:
        parser: takes them.
        size: help of `--size`.
    """
    parser.add_argument("--size", type=integer(8, 1024), metavar="N", help=size)
    parser.add_argument(
        "--aspect",
        choices=("pad", "crop", "stretch"),
        metavar="HOW",
        help="to squares by pad (default), crop or stretch",
    )
    parser.add_argument("--grey", action="store_true", default=None, help="make colours grey")
    parser.add_argument("--resplit", action="store_true", default=None, help="draw new splits")
    parser.add_argument(
        "--patient-pattern",
        metavar="REGEX",
        help="finds the patient in a file's name",
    )


def add_task_option(parser: argparse._ActionsContainer, name: str) -> None:
    """The option that says what labels are for; `known_task` checks it."""
    words = "such as multilabel (default: what its labels say)"
    parser.add_argument(name, metavar="TASK", help=words)


def add_reach_option(parser: argparse._ActionsContainer) -> None:
    """The option that names a value for which labels are counted."""
    parser.add_argument(
        "--reach",
        type=number(-1, 1000),
        metavar="VALUE",
        help="say how many labels bring the main metric to VALUE",
    )


def known_task(name: str) -> str:
    """The name of a task.

    Raises:
        InputError: it is not in the registry.
    """
    from tfmed.tasks import task_of  # imports NumPy, which --help does without

    task_of(name)
    return name


def import_options(options: argparse.Namespace) -> dict[str, Any]:
    """Those of `add_import_options` that were given."""
    names = ("size", "aspect", "grey", "resplit", "patient_pattern")
    given = {name: getattr(options, name) for name in names}
    return {name: value for name, value in given.items() if value is not None}


def path(text: str) -> Path:
    """A path, which is not empty."""
    if not text:
        raise argparse.ArgumentTypeError("the path is empty")
    return Path(text)


def integer(low: int, high: int) -> Callable[[str], int]:
    """Takes an integer from `low` to `high`."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"'{text}' is not an integer from {low} to {high}")
        return value

    return parse


def number(low: float, high: float) -> Callable[[str], float]:
    """Takes a number from `low` to `high`."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"'{text}' is not a number from {low:g} to {high:g}")
        return value

    return parse
