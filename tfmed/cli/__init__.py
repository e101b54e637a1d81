"""The command line: parses and prints, decides nothing."""

import argparse
import contextlib
import sys
from collections.abc import Sequence

import tfmed
from tfmed import operating_system
from tfmed.cli import cache, compare, data, models, report, run
from tfmed.cli.arguments import BAD_INPUT, Parser
from tfmed.errors import InputError, JobError, printable

INTERRUPTED = 130
OWN_MISTAKE = 1


def main(words: Sequence[str] | None = None) -> int:
    """Runs a command.

    Args:
        words: of the command line, without the program's name; None for this process's own.

    Returns:
        0 done, 1 a mistake of tfmed's own, 2 bad input or usage, 130 interrupted. `tfmed models
        check` and `tfmed report --check` also end with 1 where they found a fault.
    """
    options = _parsed(words)
    operating_system.on_request_to_end(_interrupt)
    try:
        return options.command(options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except OSError as error:
        what = error.filename or "the disk"
        fix = f"repair the disk or its permissions and run {options.again} again"
        print(f"error: {InputError(f'{what}: {error.strerror}; {fix}')}", file=sys.stderr)
        return BAD_INPUT
    except JobError as error:
        print(f"error: {error}\nthis is a mistake of tfmed's own, not of yours", file=sys.stderr)
        return OWN_MISTAKE
    except KeyboardInterrupt:
        operating_system.ignore_requests_to_end()  # a second one must not spoil the end
        with contextlib.suppress(OSError):  # the terminal may be gone
            print(
                f"\ninterrupted; finished work is kept, and {options.again} goes on from there",
                file=sys.stderr,
            )
        return INTERRUPTED


def make_parser() -> argparse.ArgumentParser:
    """The parser of every command; its errors are one line and exit code 2."""
    parser = Parser(
        prog="tfmed",
        description="When labels are scarce, does an encoder pretrained without labels help on "
        "medical images, and should it be frozen or fine-tuned?",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"tfmed {tfmed.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    for module in (run, report, compare, data, models, cache):
        module.add(commands)
    return parser


def _parsed(words: Sequence[str] | None) -> argparse.Namespace:
    """What a command line asks for: `options.command` does it.

    Exits with code 2 and one line where it is wrong, and with 0 after `--help`.
    """
    parser = make_parser()
    parser.set_defaults(again="the same command")
    options = parser.parse_args(words)
    for name, value in vars(options).items():
        try:
            str(value).encode()
        except UnicodeEncodeError:  # no report could show it
            what = f"{name.replace('_', '-')} {printable(value)}: the name is not in UTF-8"
            parser.error(f"{what}; rename the file or folder")
    return options


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
