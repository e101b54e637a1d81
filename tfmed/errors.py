"""Exceptions that the command line turns into an exit code."""

LONGEST = 400
"""Characters of an error's line; more of a hostile value helps nobody."""


def printable(text: object) -> str:
    """Text on one line: characters that cannot be printed are written as escapes."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(text)
    )


class InputError(ValueError):
    """Something the user gave (or the machine refused) that the user can mend.

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
