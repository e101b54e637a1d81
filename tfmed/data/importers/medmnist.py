"""The files that MedMNIST publishes: names, sizes, addresses, checksums and terms.

They come from the package medmnist, which is read and never imported.
"""

import ast
import difflib
import functools
import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfmed.errors import InputError, printable

SIZES = (28, 64, 128, 224)
"""Sides in pixels; the first one's files have no size in their names."""


_TASKS = {
    "binary-class": "binary",
    "multi-label, binary-class": "binary",
    "multi-class": "multiclass",
    "ordinal-regression": "ordinal",
}
"""MedMNIST's words for a task, to tfmed's."""


@dataclass(frozen=True)
class OfficialFile:
    """One file of MedMNIST: a flag at one image size."""

    flag: str
    size: int
    entry: Mapping[str, Any]

    @property
    def name(self) -> str:
        """As MedMNIST names the file, without `.npz`."""
        return f"{self.flag}{_suffix(self.size)}"

    @property
    def title(self) -> str:
        """As people name the set, with the image size unless it is the first one."""
        title = self.entry["python_class"]
        return title if self.size == SIZES[0] else f"{title} ({self.size} × {self.size})"

    @property
    def md5(self) -> str:
        """MD5 of the file that MedMNIST publishes, hexadecimal."""
        return self.entry[f"MD5{_suffix(self.size)}"]

    @property
    def url(self) -> str:
        """Where the file is: at the mirror, or where MedMNIST says."""
        if base := os.environ.get("TFMED_MEDMNIST_URL"):
            return f"{base.rstrip('/')}/{self.name}.npz"
        return self.entry[f"url{_suffix(self.size)}"]

    @property
    def description(self) -> str:
        """Where the images come from."""
        return self.entry["description"]

    @property
    def license(self) -> str:
        """Terms of the images."""
        return self.entry["license"]

    @property
    def n_samples(self) -> Mapping[str, int]:
        """Images per split."""
        return self.entry["n_samples"]

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Names of the classes; None where the labels are several findings."""
        labels = self.entry["label"]
        if self.entry["task"].startswith("multi-label"):
            return None
        return tuple(labels[str(number)] for number in range(len(labels)))

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the label columns; empty where there is one."""
        labels = self.entry["label"]
        several = self.class_names is None
        return tuple(labels[str(number)] for number in range(len(labels))) if several else ()

    @property
    def task(self) -> str:
        """What its labels are for; of several findings, any of them against none."""
        return _TASKS[self.entry["task"]]

    @property
    def is_supported(self) -> bool:
        """Whether it is of 2-D images."""
        return self.entry["task"] in _TASKS and not self.flag.endswith("3d")

    def at(self, size: int) -> "OfficialFile":
        """The same set at another size.

        Raises:
            InputError: MedMNIST has this data set at other sizes only.
        """
        if f"MD5{_suffix(size)}" not in self.entry:
            raise InputError(
                f"MedMNIST has no {self.flag} of {size} pixels: use one of "
                f"{', '.join(map(str, SIZES))}"
            )
        return OfficialFile(self.flag, size, self.entry)


def _suffix(size: int) -> str:
    return "" if size == SIZES[0] else f"_{size}"


def is_installed() -> bool:
    """Whether the package is there, without which no data set can be had by its name."""
    return importlib.util.find_spec("medmnist") is not None


@functools.cache
def catalogue() -> dict[str, dict[str, Any]]:
    """`medmnist.INFO`, flag to entry.

    Raises:
        InputError: the package medmnist is missing or is not what it was.
    """
    package = importlib.util.find_spec("medmnist")
    if package is None or not package.submodule_search_locations:
        raise InputError("the package medmnist is missing: pip install --no-deps medmnist")
    # Read, not imported: an import looks for torch, prints on stdout and makes ~/.medmnist.
    source = Path(package.submodule_search_locations[0]) / "info.py"
    try:
        for node in ast.parse(source.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "INFO":
                return ast.literal_eval(node.value)
    except (OSError, SyntaxError, ValueError):
        pass
    raise InputError(f"{printable(source)} lists no data sets: pip install --no-deps medmnist")


@functools.cache
def official_files() -> tuple[OfficialFile, ...]:
    """Every file that MedMNIST publishes, those that are not for tfmed included."""
    return tuple(
        OfficialFile(flag, size, entry)
        for flag, entry in catalogue().items()
        for size in SIZES
        if f"MD5{_suffix(size)}" in entry
    )


def find(name: str, *, also: str, otherwise: str) -> OfficialFile:
    """The file of a name that a user gave, in any case.

    Args:
        name: a flag, with a size or without.
        also: a name that is valid elsewhere, for suggestions.
        otherwise: what can be given in place of a name, for the message.

    Raises:
        InputError: there is none, or it is not a 2-D set.
    """
    files = {official.name: official for official in official_files()}
    official = files.get(name.lower())
    if official is not None:
        return require_supported(official)
    supported = [known for known, each in files.items() if each.is_supported]
    close = difflib.get_close_matches(name.lower(), [also, *supported], n=3)
    meant = f"did you mean {' or '.join(close)}? " if close else ""
    raise InputError(
        f"there is no data set named {printable(name)!r}: {meant}"
        f"give {_supported_names()}, {also}, or {otherwise}"
    )


def find_by_md5(md5: str) -> OfficialFile | None:
    """The file with these bytes, if it is known to be one of MedMNIST's."""
    if not is_installed():
        return None
    return next((official for official in official_files() if official.md5 == md5), None)


def is_name(name: str) -> bool:
    """Whether MedMNIST is known to have a file of this name."""
    return is_installed() and name.lower() in {official.name for official in official_files()}


def require_supported(official: OfficialFile) -> OfficialFile:
    """The file itself.

    Raises:
        InputError: it is not a 2-D set.
    """
    if official.is_supported:
        return official
    kind = "3-D" if official.flag.endswith("3d") else official.entry["task"]
    raise InputError(
        f"{official.name} is not for tfmed ({kind}), which takes 2-D sets: "
        f"give {_supported_names()}"
    )


def _supported_names() -> str:
    flags = dict.fromkeys(official.flag for official in official_files() if official.is_supported)
    *others, last = (_suffix(size) for size in SIZES[1:])
    return f"{', '.join(flags)} (each also with {', '.join(others)} or {last})"
