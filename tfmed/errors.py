"""Exceptions that the command line turns into an exit code."""

import os
import sys
from collections.abc import Callable

LONGEST = 400
"""Characters of an error's line; more of a hostile value helps nobody."""


def printable(text: object) -> str:
    """Text on one line: characters that cannot be printed are written as escapes."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(text)
    )


class InputError(ValueError):
    """Something the user gave (or the machine refused) that the user can fix.

    Its message is one line that names the thing, says what is wrong with it, and what to do.
    """

    def __init__(self, message: str) -> None:
        """Keeps to one line of at most `LONGEST` characters; what is too much is its middle."""
        line = printable(message)
        if len(line) > LONGEST:
            line = f"{line[: LONGEST - 151]} … {line[-148:]}"
        super().__init__(line)


class JobError(RuntimeError):
    """A job failed for a reason that is tfmed's own, not the user's; exit code 1."""


def printing(main: Callable[[], int]) -> int:
    """What a command returns; 2 where what it prints can't be written, said in one line.

    A reader that went away early, such as `head`, is not an error.
    """
    try:
        code = main()
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python would flush, and fail, again
        if isinstance(error, BrokenPipeError):
            return 0
        what = error.filename or "standard output"
        print(f"error: {InputError(f'{what}: {error.strerror}')}", file=sys.stderr)
        return 2
    return code
