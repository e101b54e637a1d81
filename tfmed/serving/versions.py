"""Version folders `<models>/<name>/<number>/`: ascending, never overwritten, there at once."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from tfmed.errors import InputError
from tfmed.locks import remove_abandoned
from tfmed.serving import card

WRITING = ".writing-"
"""Start of the name of a folder that an export is still filling."""


def versions(folder: Path) -> list[int]:
    """The versions of a model, ascending."""
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal())


def version_folders(folder: Path) -> Iterator[Path]:
    """The folders of all versions in a folder of models, of one model, or of one version.

    Raises:
        InputError: there is no such folder, or it holds no exported model.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder; give the --models folder")
    if _is_version(folder):
        yield folder.resolve()
        return
    models = [folder] if versions(folder) else sorted(folder.iterdir())
    found = [model.resolve() / str(version) for model in models for version in versions(model)]
    if not found:
        raise InputError(f"{folder}: there is no exported model; give the --models folder")
    yield from found


def _is_version(folder: Path) -> bool:
    holds_models = versions(folder) or any(versions(path) for path in folder.iterdir())
    return folder.resolve().name.isdecimal() and not holds_models


def find_version(models: Path, name: str, source: str, seeds: Iterable[str] = ()) -> int | None:
    """The newest undamaged version of a model that says the same of the same run, or None.

    Args:
        models: folder of all models.
        name: the model's name, a folder in it.
        source: key of the run that the model comes from.
        seeds: keys of all runs whose metrics its card gives.
    """
    for version in reversed(versions(models / name)):
        folder = models / name / str(version)
        try:
            found = card.read_card(folder)
        except card.CardError:
            continue
        same = found["source"] == source and found["seeds"] == sorted(seeds)
        if same and not card.damage(folder, found):
            return version
    return None


def remove_leftovers(models: Path) -> None:
    """Removes half-written versions that a killed export of this machine left behind."""
    remove_abandoned(models, f"*/{WRITING}*")


def move_into_place(written: Path, folder: Path) -> int:
    """Makes a finished folder the model's next version, at once; gives its number."""
    while True:
        version = max(versions(folder), default=0) + 1
        try:
            written.rename(folder / str(version))
        except OSError:
            if not (folder / str(version)).exists():
                raise
        else:
            return version
