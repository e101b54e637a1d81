"""Exceptions that the command line turns into an exit code."""


class InputError(ValueError):
    """Something the user gave (or the machine refused) that the user can mend.

    Its message is one line that names the thing, says what is wrong with it, and what to do.
    """


class JobError(RuntimeError):
    """A job failed for a reason that is tfmed's own, not the user's; exit code 1."""
