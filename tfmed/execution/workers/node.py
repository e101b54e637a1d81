"""What a worker of a cluster is asked before it does jobs: its versions, and the data files.

Every function here runs on the worker; it is sent there by its name.
"""

import hashlib
import importlib.metadata
import platform
from pathlib import Path

import tfmed
from tfmed.cache import cache_folder, mark_used
from tfmed.data.integrity import file_md5
from tfmed.errors import InputError

PACKAGES = ("tensorflow", "keras", "numpy", "scipy", "scikit-learn", "openTSNE")
"""Those whose versions change results."""


def versions() -> dict[str, str]:
    """What has to be the same on every node for a job to have the same result there."""
    digest = hashlib.sha256()
    for path in sorted(Path(tfmed.__file__).parent.rglob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    found = {
        "tfmed": f"{tfmed.__version__} (code {digest.hexdigest()[:8]})",
        "python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "none"
    return found


def find_file(path: str, md5: str) -> str | None:
    """Where this node has a data file: under the command's path, in its cache, or nowhere.

    Args:
        path: where the command has it.
        md5: of its content.
    """
    copy = _copy(md5)
    for place in (Path(path), copy):
        try:
            if place.is_file() and file_md5(place) == md5:
                mark_used(place)
                return str(place)
        except (OSError, InputError):
            continue
    return None


def write_piece(md5: str, name: str, piece: bytes) -> None:
    """Adds a piece to the part of a data file.

    Args:
        md5: of the whole file.
        name: of this part, which no other command writes to.
        piece: what comes next.

    Raises:
        OSError: there is no room, or the cache can't be written to.
    """
    part = _part(md5, name)
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        with part.open("ab") as file:
            file.write(piece)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def finish_file(md5: str, name: str) -> str | None:
    """Moves a part into its place; None where it is not the file that it was to be."""
    part, copy = _part(md5, name), _copy(md5)
    try:
        if file_md5(part) != md5:
            return None
        part.replace(copy)
    finally:
        part.unlink(missing_ok=True)
    return str(copy)


def _copy(md5: str) -> Path:
    return cache_folder() / "data" / f"{md5}.npz"


def _part(md5: str, name: str) -> Path:
    return _copy(md5).with_suffix(f".{name}.part")
