"""`ledger`: the Python file of findings that a study puts to the test.

A ledger is code, and reading one runs it. Only two kinds are ever read: those that come with tfmed,
by name, and a file beside a study file, which that study file names.
"""

from pathlib import Path

from tfmed.config.items import did_you_mean, out_of_range
from tfmed.errors import InputError

FILE = "ledger.py"


def studies_folder() -> Path:
    """The studies that come with tfmed: inside the installed package, else beside it."""
    package = Path(__file__).parents[1]
    installed = package / "studies"
    return installed if installed.is_dir() else package.parent / "studies"


def ledger_file(ledger: str) -> Path | None:
    """The file of a study's `ledger`; None for none.

    Args:
        ledger: name of one that comes with tfmed, path of a `.py` file, or nothing.
    """
    if not ledger:
        return None
    return Path(ledger) if ledger.endswith(".py") else studies_folder() / ledger / FILE


def check_ledger(ledger: str) -> str:
    """Refuses a name that no ledger has; see `tfmed.config.items`."""
    known = sorted(path.parent.name for path in studies_folder().glob(f"*/{FILE}"))
    if not ledger or ledger.endswith(".py") or ledger in known:
        return ledger
    allowed = f"{', '.join(map(repr, known))}, a .py file beside the study file, or ''"
    raise out_of_range(ledger, f"{allowed}{did_you_mean(ledger, known)}")


def beside(study_file: Path, ledger: str) -> str:
    """Where the ledger is that a study file names.

    Raises:
        InputError: it is not in the study file's own folder.
    """
    if not ledger.endswith(".py"):
        return ledger
    path = study_file.parent / ledger
    if Path(ledger).name != ledger or not path.is_file():
        raise InputError(f"ledger = {ledger!r} must be a file in {study_file.parent}, or ''")
    return str(path)
