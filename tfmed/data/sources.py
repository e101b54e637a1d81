"""From what the user names to verified data sets.

A data set is named by a MedMNIST flag, by `phantom`, or by the path of an `.npz` in MedMNIST's
format (Yang et al., "MedMNIST v2", Scientific Data 2023).
"""

import ast
import contextlib
import difflib
import functools
import hashlib
import importlib.util
import inspect
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tfmed.cache import mark_used
from tfmed.data import IN_MEMORY_LIMIT, SPLITS, DatasetInfo
from tfmed.data.download import download, is_reachable
from tfmed.data.loading import md5_of
from tfmed.data.verify import (
    KEYS,
    binary_labels,
    check_readable,
    image_shape,
    n_columns,
    read_npz,
    verify_arrays,
)
from tfmed.errors import InputError, printable
from tfmed.locks import alone_in

PHANTOM = "phantom"
PHANTOM_DOMAINS: dict[str, Literal["chest", "pneumonia"]] = {
    "source": "chest",
    "target": "pneumonia",
}

_IMAGE_KEYS = tuple(key for key in KEYS if key.endswith("_images"))
_SINGLE_LABEL = ("label 0", "label 1")
_ANY_LABEL = ("no listed finding", "any finding")
_DRAWING = ".drawing"  # end of the name of a phantom that is not whole yet
# Files outside MedMNIST that deserve more than their stem as a title.
_KNOWN_FILES = {
    "cfe5c43c6c5c56fb17be4b3338e00332": (
        "NIH ChestX-ray14 subset",
        "15,923 frontal chest X-rays of NIH ChestX-ray14 with their 14 text-mined findings, "
        "split by patient. Not ChestMNIST: other images, resizing and split.",
        "Use unrestricted with a link to https://nihcc.app.box.com/v/ChestXray-NIHCC, "
        "acknowledgement of the NIH Clinical Center and citation of Wang et al., CVPR 2017",
    )
}


@dataclass(frozen=True)
class _Official:
    """One file of MedMNIST: a flag at one image size."""

    flag: str
    size: int
    entry: Mapping[str, Any]

    @property
    def name(self) -> str:
        """As MedMNIST names the file, without `.npz`."""
        return self.flag if self.size == 28 else f"{self.flag}_{self.size}"

    @property
    def title(self) -> str:
        """As people name the set, with the image size unless it is 28."""
        title = self.entry["python_class"]
        return title if self.size == 28 else f"{title} ({self.size} × {self.size})"

    @property
    def md5(self) -> str:
        """MD5 of the file that MedMNIST publishes, hexadecimal."""
        return self.entry["MD5" if self.size == 28 else f"MD5_{self.size}"]

    @property
    def url(self) -> str:
        """Where the file is: at the mirror, or where MedMNIST says."""
        if base := os.environ.get("TFMED_MEDMNIST_URL"):
            return f"{base.rstrip('/')}/{self.name}.npz"
        return self.entry["url" if self.size == 28 else f"url_{self.size}"]

    @property
    def is_supported(self) -> bool:
        """Whether it can be a binary task on 2-D images."""
        return self.entry["task"].endswith("binary-class") and not self.flag.endswith("3d")


def resolve(
    spec: str,
    *,
    data_root: Path,
    cache_dir: Path,
    role: Literal["source", "target"],
    phantom_counts: dict[str, int] | None = None,
    progress: bool = True,
) -> DatasetInfo:
    """Find (or download, or draw) one data set and verify it.

    A name that is not in `data_root` is downloaded from the address that MedMNIST lists, or from
    `$TFMED_MEDMNIST_URL/<name>.npz` where that variable is set (a mirror's base address).

    Args:
        spec: a MedMNIST flag, optionally with a size (`chestmnist`, `chestmnist_64`); `phantom`;
            or a path, which is what ends in `.npz` or holds a path separator.
        data_root: folder of named files.
        cache_dir: folder under which drawn phantoms are kept.
        role: which of the two domains a phantom is drawn from.
        phantom_counts: images per split of a phantom; None for its default.
        progress: show a progress bar while downloading.

    Returns:
        What is known of the data set; its arrays are read by `tfmed.data.loading`.

    Raises:
        InputError: the name is unknown or not a 2-D binary or multi-label set, or the file cannot
            be found, downloaded or read, or is not in MedMNIST's format.
    """
    if spec == PHANTOM:
        return _resolve_phantom(PHANTOM_DOMAINS[role], cache_dir, phantom_counts)
    if _is_path(spec):
        return _resolve_path(_expanded(spec).absolute())
    official = _find_official(spec)
    path = data_root.absolute() / f"{official.name}.npz"
    if not _exists(path):
        label = f"{official.name}.npz"
        download(official.url, path, official.md5, label=label, progress=progress)
        return _describe_official(official, path)
    check_readable(path)
    found = md5_of(path)
    if found != official.md5:
        raise InputError(
            f"{printable(path)} is not MedMNIST's {official.name}.npz (its MD5 is {found} and not "
            f"{official.md5}): delete it and it will be downloaded again, "
            "or give it by its path as a data set of your own"
        )
    return _describe_official(official, path)


def check_spec(spec: str) -> None:
    """Refuses a name or path that can't be resolved, without reading or downloading anything.

    Raises:
        InputError: the name is unknown or not a 2-D binary or multi-label set, or the file is not
            there or can't be read.
    """
    if spec == PHANTOM:
        return
    if _is_path(spec):
        check_readable(_expanded(spec).absolute())
    else:
        _find_official(spec)


def available(spec: str, data_root: Path) -> bool:
    """Whether `resolve` has something to start from now, without reading or downloading it.

    True for `phantom`, for a file that is there, and for a name whose server answers that it has
    the file. Takes up to 8 s where the network swallows requests.

    Raises:
        InputError: the name is unknown or not a 2-D binary or multi-label set.
    """
    if spec == PHANTOM:
        return True
    if _is_path(spec):
        return _exists(_expanded(spec))
    official = _find_official(spec)
    return _exists(data_root / f"{official.name}.npz") or is_reachable(official.url)


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


def _expanded(path: str) -> Path:
    # Path.expanduser raises where no home is known; this leaves the tilde.
    return Path(os.path.expanduser(path))  # noqa: PTH111


def _exists(path: Path) -> bool:
    # Path.exists raises where a folder may not be entered; this answers no.
    return os.path.exists(path)  # noqa: PTH110


def _is_path(spec: str) -> bool:
    separators = {os.sep, os.altsep or os.sep}
    return spec.lower().endswith(".npz") or any(separator in spec for separator in separators)


@functools.cache
def _catalogue() -> dict[str, dict[str, Any]]:
    """`medmnist.INFO`, flag to entry."""
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
def _official_files() -> tuple[_Official, ...]:
    """Every file that MedMNIST publishes, 3-D and multi-class sets included."""
    return tuple(
        _Official(flag, size, entry)
        for flag, entry in _catalogue().items()
        for size in (28, 64, 128, 224)
        if ("MD5" if size == 28 else f"MD5_{size}") in entry
    )


def _find_official(spec: str) -> _Official:
    names = {official.name: official for official in _official_files()}
    official = names.get(spec.lower())
    if official is not None:
        return _require_supported(official)
    supported = [name for name, official in names.items() if official.is_supported]
    close = difflib.get_close_matches(spec.lower(), [PHANTOM, *supported], n=3)
    meant = f"did you mean {' or '.join(close)}? " if close else ""
    raise InputError(
        f"there is no data set named {printable(spec)!r}: {meant}"
        f"give {_supported_names()}, {PHANTOM}, or the path of an .npz file"
    )


def _require_supported(official: _Official) -> _Official:
    if official.is_supported:
        return official
    kind = "3-D" if official.flag.endswith("3d") else official.entry["task"]
    raise InputError(
        f"{official.name} is not for tfmed ({kind}), which takes 2-D binary or multi-label sets: "
        f"give {_supported_names()}"
    )


def _supported_names() -> str:
    flags = dict.fromkeys(official.flag for official in _official_files() if official.is_supported)
    return f"{', '.join(flags)} (each also with _64, _128 or _224)"


def _resolve_path(path: Path) -> DatasetInfo:
    check_readable(path)
    md5 = md5_of(path)
    for official in _official_files():
        if official.md5 == md5:
            return _describe_official(_require_supported(official), path)
    stem = printable(path.stem)
    title, description, license_ = _KNOWN_FILES.get(
        md5, (stem, "A file of the user's own, given by its path.", "")
    )
    if stem.lower() in {official.name for official in _official_files()}:
        title = f"{title} (not the official file)"
    return _describe(
        path,
        md5,
        _verified(path),
        name=_safe_name(path.stem, md5),
        title=title,
        description=description,
        license=license_,
    )


def _safe_name(stem: str, md5: str) -> str:
    """A name for file names: letters, digits, `-`, `_` and `.`, at most 64 of them."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.")[:64]
    return safe or f"dataset-{md5[:8]}"


def _verified(
    path: Path, *, expected: Mapping[str, int] | None = None, check: bool = True
) -> dict[str, np.ndarray]:
    """The labels of a verified file, and stand-ins for its images."""
    arrays = read_npz(path, headers_of=_IMAGE_KEYS, check=check)
    verify_arrays(arrays, str(path), expected)
    return arrays


def _describe_official(official: _Official, path: Path) -> DatasetInfo:
    entry = official.entry
    # The MD5 vouches for every byte, so the images need not be inflated.
    arrays = _verified(path, expected=entry["n_samples"], check=False)
    labels = entry["label"]
    return _describe(
        path,
        official.md5,
        arrays,
        name=official.name,
        title=official.title,
        description=entry["description"],
        license=entry["license"],
        class_names=(labels["0"], labels["1"]) if len(labels) == 2 else None,
    )


def _describe(
    path: Path,
    md5: str,
    arrays: Mapping[str, np.ndarray],
    *,
    name: str,
    title: str,
    description: str,
    license: str,
    class_names: tuple[str, str] | None = None,
    synthetic: bool = False,
) -> DatasetInfo:
    counts = {}
    for split in SPLITS:
        positive = int(binary_labels(arrays[f"{split}_labels"]).sum())
        counts[split] = (len(arrays[f"{split}_labels"]) - positive, positive)
    columns = n_columns(arrays["train_labels"])
    return DatasetInfo(
        name=name,
        title=title,
        description=description,
        license=license,
        path=path,
        md5=md5,
        synthetic=synthetic,
        image_shape=image_shape(arrays["train_images"]),
        class_names=class_names or (_SINGLE_LABEL if columns == 1 else _ANY_LABEL),
        n_labels=columns,
        counts=counts,
    )


def _resolve_phantom(
    domain: Literal["chest", "pneumonia"], cache_dir: Path, counts: dict[str, int] | None
) -> DatasetInfo:
    path = _phantom_path(domain, cache_dir, counts)
    try:
        arrays = _verified(path)
        mark_used(path)
    except InputError:
        # Never drawn, or the cache was damaged: drawing again costs seconds.
        _write_phantom(domain, path, counts)
        arrays = _verified(path)
    return _describe(
        path,
        md5_of(path),
        arrays,
        name=f"phantom-{domain}",
        title=f"Phantom {domain} (synthetic)",
        description="Synthetic images drawn by tfmed's seeded generator; no patient's X-rays.",
        license="drawn by tfmed; free of terms",
        class_names=("normal", "pneumonia") if domain == "pneumonia" else None,
        synthetic=True,
    )


def _phantom_path(domain: str, cache_dir: Path, counts: dict[str, int] | None) -> Path:
    """Where a phantom is kept; another generator, NumPy or size of splits is another file."""
    from tfmed.data.phantom import draw_phantom

    generator = inspect.getsource(inspect.getmodule(draw_phantom) or draw_phantom)
    settings = json.dumps([domain, counts, np.__version__, generator], sort_keys=True)
    key = hashlib.sha256(settings.encode()).hexdigest()[:16]
    return cache_dir.absolute() / "phantom" / f"phantom-{domain}-{key}.npz"


def _write_phantom(
    domain: Literal["chest", "pneumonia"], path: Path, counts: dict[str, int] | None
) -> None:
    """Draw a phantom into `path`, which appears only when it is whole."""
    from tfmed.data.phantom import draw_phantom

    try:
        with alone_in(path.parent):
            with contextlib.suppress(InputError):
                _verified(path)
                return  # another process drew it meanwhile
            for left in path.parent.glob(f".*{_DRAWING}"):  # of a process that was killed
                left.unlink()
            drawn = path.with_name(f".{path.name}{_DRAWING}")
            try:
                arrays: dict[str, Any] = draw_phantom(domain, counts=counts)
                with drawn.open("wb") as file:
                    # np.savez dates its members 1980-01-01, so equal arrays give an equal MD5.
                    np.savez(file, **arrays)
                drawn.replace(path)
            finally:
                drawn.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}): make room, or set TFMED_CACHE "
            "to a folder that can be written to"
        ) from None
