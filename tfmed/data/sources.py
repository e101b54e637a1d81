"""From what the user names to verified data sets.

A data set is named by a MedMNIST flag, by `phantom`, or by a path that one of the importers takes.
"""

import os
from pathlib import Path
from typing import Literal

from tfmed.data.dataset import IN_MEMORY_LIMIT, DatasetInfo
from tfmed.data.download import download, is_reachable
from tfmed.data.importers import importer_of, importers, medmnist
from tfmed.data.importers.npz import read_official
from tfmed.data.importers.settings import ImportSettings
from tfmed.data.integrity import check_readable, md5_of
from tfmed.data.phantom import kept
from tfmed.errors import InputError, printable

PHANTOM = kept.NAME


def resolve(
    spec: str,
    *,
    data_root: Path,
    cache_dir: Path,
    role: Literal["source", "target"],
    phantom_counts: dict[str, int] | None = None,
    settings: ImportSettings | None = None,
    progress: bool = True,
) -> DatasetInfo:
    """Find (or download, or draw) one data set and verify it.

    A name that is not in `data_root` is downloaded from the address that MedMNIST lists, or from
    `$TFMED_MEDMNIST_URL/<name>.npz` where that variable is set (a mirror's base address).

    Args:
        spec: a MedMNIST flag or `phantom`, optionally with a size (`chestmnist_64`);
            or a path, which is what an importer takes.
        data_root: folder of named files.
        cache_dir: folder under which drawn phantoms and imported images are kept.
        role: which of the two domains a phantom is drawn from.
        phantom_counts: images per split of a phantom; None for its default.
        settings: how images are imported; None for the defaults.
        progress: show a progress bar while downloading.

    Returns:
        What is known of the data set; its arrays are read by `tfmed.data.loading`.

    Raises:
        InputError: the name is unknown or not a 2-D set, or the file cannot
            be found, downloaded or read, or is not in MedMNIST's format.
    """
    settings = settings or ImportSettings()
    if (size := kept.size_of(spec)) is not None:
        return kept.resolve_phantom(role, cache_dir, phantom_counts, size, settings.task)
    if (importer := importer_of(spec)) is not None:
        return importer.read(_expanded(spec).absolute(), cache_dir, settings)
    official = _official(spec)
    path = data_root.absolute() / f"{official.name}.npz"
    if not _exists(path):
        label = f"{official.name}.npz"
        download(official.url, path, official.md5, label=label, progress=progress)
        return read_official(official, path, settings.task)
    check_readable(path)
    found = md5_of(path)
    if found != official.md5:
        raise InputError(
            f"{printable(path)} is not MedMNIST's {official.name}.npz (its MD5 is {found} and not "
            f"{official.md5}): delete it and it will be downloaded again, "
            "or give it by its path as a data set of your own"
        )
    return read_official(official, path, settings.task)


def check_spec(spec: str) -> None:
    """Refuse a name or path that cannot be resolved, without reading or downloading anything.

    Raises:
        InputError: the name is unknown or not a 2-D set, or the file is not
            there or cannot be read.
    """
    if kept.size_of(spec) is not None:
        return
    if (importer := importer_of(spec)) is not None:
        importer.check(_expanded(spec).absolute())
    else:
        _official(spec)


def depends_on_role(spec: str) -> bool:
    """Whether what is named is another data set as a source than as a target: a phantom is."""
    return kept.size_of(spec) is not None


def available(spec: str, data_root: Path) -> bool:
    """Whether `resolve` has something to start from now, without reading or downloading it.

    True for `phantom`, for a file that is there, and for a name whose server answers that it has
    the file. Takes up to 8 s where the network swallows requests.

    Raises:
        InputError: the name is unknown or not a 2-D set.
    """
    if kept.size_of(spec) is not None:
        return True
    if importer_of(spec) is not None:
        return _exists(_expanded(spec))
    if not medmnist.is_installed():
        return False
    official = _official(spec)
    return _exists(data_root / f"{official.name}.npz") or is_reachable(official.url)


def sized(spec: str, size: int) -> str:
    """The name of the same data set at another image size, of those that MedMNIST publishes.

    What is imported keeps its name; its size is a setting of the import.

    Args:
        spec: as for `resolve`.
        size: one of `medmnist.SIZES`, in pixels.

    Raises:
        InputError: the data set has a size of its own, or there is none of this name or size.
    """
    if (importer := importer_of(spec)) is not None:
        if importer.MAKES_SIZES:
            return spec
        raise InputError(
            f"--size {size} is for folders and the sets of MedMNIST: {printable(spec)} has its own "
            "size; leave --size out, or name a MedMNIST flag"
        )
    if size not in medmnist.SIZES:
        sizes = ", ".join(map(str, medmnist.SIZES))
        raise InputError(f"--size {size}: MedMNIST has no such size; choose one of {sizes}")
    phantom_size = kept.size_of(spec.lower())
    official = None if phantom_size else _official(spec)
    if (official.size if official else phantom_size) not in (medmnist.SIZES[0], size):
        raise InputError(
            f"{printable(spec)} names another size than --size {size}: leave one of them out"
        )
    return official.at(size).name if official else kept.name_at(size)


def phantom_like(name: str) -> str:
    """The phantom with images of the size of one of MedMNIST's sets.

    Raises:
        InputError: the name is unknown or not a 2-D set.
    """
    return sized(PHANTOM, _official(name).size) if medmnist.is_installed() else PHANTOM


def loading_notice(info: DatasetInfo) -> str:
    """One line that says whether images are held in memory or streamed, and why."""
    size = f"{info.title}: {info.image_bytes / 1e6:,.0f} MB of images"
    limit = f"{IN_MEMORY_LIMIT / 1e6:,.0f} MB"
    if info.fits_in_memory:
        return f"{size}, held in memory (up to {limit})"
    return f"{size}, streamed from records on disk (more than {limit})"


def default_data_root() -> Path:
    """`$MEDMNIST_ROOT`, else `~/.medmnist`, which is where the medmnist package looks."""
    return _expanded(os.environ.get("MEDMNIST_ROOT") or "~/.medmnist")


def _official(name: str) -> medmnist.OfficialFile:
    paths = " or ".join(importer.WANTED for importer in importers())
    return medmnist.find(name, also=PHANTOM, otherwise=paths)


def _expanded(path: str) -> Path:
    # Path.expanduser raises where no home is known; this leaves the tilde.
    return Path(os.path.expanduser(path))  # noqa: PTH111


def _exists(path: Path) -> bool:
    # Path.exists raises where a folder may not be entered; this answers no.
    return os.path.exists(path)  # noqa: PTH110
