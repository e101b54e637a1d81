"""Importers: a user's images in one form, one file a form.

A new one is a file with what `Importer` asks for, and a line in `REGISTRY`.

    >>> importer_of("own.npz").WANTED
    'the path of an .npz file'
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from tfmed.data.dataset import DatasetInfo
    from tfmed.data.importers.settings import ImportSettings

REGISTRY = {
    "folder": "tfmed.data.importers.folder",
    "table": "tfmed.data.importers.table",
    "npz": "tfmed.data.importers.npz",
}
"""Name to module, in the order in which they are asked: the first that takes a path gets it."""


class Importer(Protocol):
    """What a module of the registry has.

    An importer ends in an `.npz` of MedMNIST's format: the user's own file where it is one, else a
    file that it writes into the cache. Everything else reads that file.
    """

    @property
    def WANTED(self) -> str:  # noqa: N802  # a constant of the module
        """What to give, for messages."""

    @property
    def MAKES_SIZES(self) -> bool:  # noqa: N802
        """Whether its images are made at the size that is asked for."""

    def takes(self, spec: str) -> bool:
        """Whether it is for what the user names; reads no content."""

    def check(self, path: Path) -> None:
        """Refuse what cannot be imported, without reading all of it.

        Args:
            path: absolute.

        Raises:
            InputError: there is nothing at `path`, or it cannot be read.
        """

    def read(self, path: Path, cache_dir: Path, settings: "ImportSettings") -> "DatasetInfo":
        """Verify and describe what is at a path.

        Args:
            path: absolute.
            cache_dir: below it, the importer may keep what it writes.
            settings: what the user chose.

        Raises:
            InputError: it cannot be read, or no task can be made of it.
        """


def importers() -> tuple[Importer, ...]:
    """The modules of the registry, in its order."""
    return tuple(cast(Importer, importlib.import_module(module)) for module in REGISTRY.values())


def importer_of(spec: str) -> Importer | None:
    """The importer of what the user names; None where it is the name of a data set."""
    return next((importer for importer in importers() if importer.takes(spec)), None)
