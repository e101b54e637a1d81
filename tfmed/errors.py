"""The one exception that the command line turns into a single line and exit code 2."""


class InputError(ValueError):
    """Something the user gave (or the machine refused) that the user can mend.

    Its message is one line that names the thing, says what is wrong with it, and what to do.
    """
