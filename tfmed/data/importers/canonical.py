"""From listed files to the one `.npz` that everything else reads, kept in the cache.

It holds MedMNIST's six arrays, `{split}_names` and, where they are known, `{split}_patients`
and columns of groups such as `{split}_group_sex`. It is kept under a hash
of the files' bytes and of all that is made of them, so that what did not change is not decoded
again.
"""

import contextlib
import hashlib
import json
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import IO, Literal

import numpy as np
from PIL import Image

from tfmed.cache import IMPORTED, mark_used, writing
from tfmed.data.checks import every_blank, test_in_train
from tfmed.data.dataset import SPLITS, DatasetInfo
from tfmed.data.importers import npz
from tfmed.data.importers.listing import Item, Listing, all_listed, columns_of
from tfmed.data.importers.settings import ImportSettings
from tfmed.data.importers.splitting import with_splits
from tfmed.data.integrity import readable
from tfmed.data.pictures import steps
from tfmed.data.pictures.dicom import Display
from tfmed.data.pictures.files import Picture, UnusableError, read_picture
from tfmed.data.pictures.recipe import settings_of, shown_steps
from tfmed.errors import InputError, printable

_RULES = 3  # another number imports everything again
_AT_ONCE = 256
_THREADS = 4


@dataclass(frozen=True)
class _Spooled:
    """A picture in the spool file."""

    mode: str
    start: int


@dataclass
class _Seen:
    """What the files turned out to be; `largest` is of train alone, as every statistic.

    `changed` counts the files that a first step changed, resizing aside, `modes` what these became.
    """

    kinds: Counter[str]
    sizes: Counter[tuple[int, int]]
    bad: list[tuple[str, str]]
    digests: dict[Item, bytes]
    largest: int = 255
    deep: bool = False
    coloured: bool = False
    any_content: bool = False
    changed: Counter[steps.Step] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)


def import_listing(
    listing: Listing, path: Path, cache_dir: Path, settings: ImportSettings
) -> DatasetInfo:
    """Reads and verifies all files of a listing, unless that was done before, and describes them.

    Args:
        listing: with splits or without; then they are drawn.
        path: what the user gave.
        cache_dir: the `.npz` is kept below it.
        settings: of the import.

    Raises:
        InputError: some files are no images (all are named, in a file if they are many), all are
            blank or alike, or the cache cannot be written.
    """
    listing = with_splits(listing, settings)
    target = cache_dir.absolute() / IMPORTED / f"{_key(listing, settings)}.npz"
    with contextlib.suppress(InputError):
        info = _described(target, settings, path)
        mark_used(target)
        return info
    with writing(target) as part:
        with contextlib.suppress(InputError):
            return _described(target, settings, path)  # another process imported it meanwhile
        _write(part, listing, settings, cache_dir)
    try:
        return _described(target, settings, path)
    except InputError as error:  # of what the user gave, not of the file made of it
        raise InputError(str(error).replace(printable(target), printable(path))) from None


def _described(target: Path, settings: ImportSettings, path: Path) -> DatasetInfo:
    about = npz.about_of(target)
    if about is None:
        raise InputError(f"{target} does not say what it is: import again")
    words = npz.imported_words(about, npz.safe_name(path.stem, target.stem), printable(path.name))
    return npz.described(target, words, about, settings)


def _key(listing: Listing, settings: ImportSettings) -> str:
    """Hash of what the `.npz` is made of."""
    chosen = asdict(replace(settings, task=None))  # it changes no image
    made_by = [_RULES, _versions(), chosen, listing.task, listing.findings]
    digest = hashlib.sha256(json.dumps([*made_by, listing.class_names]).encode())
    for item in listing.items:
        with readable(item.path), item.path.open("rb") as file:
            content = hashlib.file_digest(file, "md5").hexdigest()
        row = [item.name, item.split, item.labels, item.patient, item.subgroups, content]
        digest.update(json.dumps(row).encode())
    return digest.hexdigest()[:24]


def _versions() -> dict[str, str]:
    """Of the packages that decode and resize."""
    return {name: metadata.version(name) for name in ("pillow", "pydicom", "python-gdcm", "numpy")}


def _write(path: Path, listing: Listing, settings: ImportSettings, cache_dir: Path) -> None:
    """Makes the `.npz`."""
    first = steps.steps_of(settings.size, settings.aspect)
    with tempfile.TemporaryFile(dir=path.parent) as spool:
        seen, spooled = _spool(listing, first, spool)
        if seen.bad:
            total = len(listing.items)
            raise InputError(all_listed(seen.bad, "files", listing.name, total, cache_dir))
        _refuse_alike(seen, listing)
        number: Literal[1, 3] = 3 if seen.coloured and not settings.grey else 1
        last = steps.last_steps(steps.bits_of(seen.largest) if seen.deep else None, number)
        about = _about(listing, seen, (*first, *last))
        picture = _pictures(spool, spooled, last, settings.size)
        _write_npz(path, listing, (settings.size, number), picture, about)


def _about(listing: Listing, seen: _Seen, done: tuple[steps.Step, ...]) -> npz.About:
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in seen.kinds.most_common(8))
    widths, heights = (sorted(size[side] for size in seen.sizes) for side in (0, 1))
    changed = [(step, seen.changed[step] + _n_finished(step, seen.modes)) for step in done]
    converted = ", ".join(f"{step} {n:,}" for step, n in changed if n)
    met = (
        f"formats: {kinds}",
        f"sizes: {_span(widths)} × {_span(heights)} pixels",
        *((f"converted, files that a step changed: {converted}",) if converted else ()),
    )
    by_viewer = any(kind.startswith("DICOM ") for kind in seen.kinds)
    written = settings_of((*((Display(),) if by_viewer else ()), *done))
    return npz.About(
        steps=shown_steps(written),
        step_settings=written,
        notes=(*met, *listing.notes),
        class_names=listing.class_names,
        task=listing.task,
        findings=listing.findings,
    )


def _n_finished(step: steps.Step, modes: Counter[str]) -> int:
    """Files that one of the last steps changed, by what the first ones made of them."""
    if isinstance(step, steps.Depth):
        return modes["F"]
    if isinstance(step, steps.Channels):
        return modes["RGB"] if step.number == 1 else modes.total() - modes["RGB"]
    return 0


def _span(sides: Sequence[int]) -> str:
    low, high = sides[0], sides[-1]
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _spool(
    listing: Listing, first: tuple[steps.Step, ...], spool: IO[bytes]
) -> tuple[_Seen, dict[Item, _Spooled]]:
    """Decodes every file once and keeps the small pictures in a file."""
    seen, spooled = _Seen(Counter(), Counter(), [], {}), {}

    def tried(item: Item) -> Picture | UnusableError:
        try:
            return read_picture(item.path, first)
        except UnusableError as fault:
            return fault

    with ThreadPoolExecutor(_THREADS) as threads:
        for start in range(0, len(listing.items), _AT_ONCE):
            some = listing.items[start : start + _AT_ONCE]
            for item, picture in zip(some, threads.map(tried, some), strict=True):
                if isinstance(picture, UnusableError):
                    seen.bad.append((item.name, str(picture)))
                    continue
                spooled[item] = _Spooled(picture.image.mode, spool.tell())
                content = picture.image.tobytes()
                spool.write(content)
                _note(seen, item, picture, content)
    return seen, spooled


def _note(seen: _Seen, item: Item, picture: Picture, content: bytes) -> None:
    seen.kinds[picture.kind] += 1
    seen.sizes[picture.size] += 1
    seen.digests[item] = hashlib.blake2b(content, digest_size=16).digest()
    if item.split == "train":
        seen.largest = max(seen.largest, picture.largest)
    seen.deep |= picture.image.mode == "F"
    seen.coloured |= picture.coloured
    seen.changed.update(picture.changed)
    seen.modes[picture.image.mode] += 1
    extrema = picture.image.getextrema()
    bands = extrema if isinstance(extrema[0], tuple) else (extrema,)
    seen.any_content |= any(low != high for low, high in bands)


def _refuse_alike(seen: _Seen, listing: Listing) -> None:
    if not seen.any_content:
        raise InputError(every_blank(listing.name))
    if len(set(seen.digests.values())) == 1:
        raise InputError(f"{listing.name}: all images are the same: give different ones")
    in_train = {seen.digests[item] for item in listing.items if item.split == "train"}
    for split in ("test", "val"):
        if all(seen.digests[item] in in_train for item in listing.items if item.split == split):
            raise InputError(test_in_train(listing.name, split))


def _pictures(
    spool: IO[bytes], spooled: dict[Item, _Spooled], last: tuple[steps.Step, ...], side: int
) -> Callable[[Item], np.ndarray]:
    """Gives the finished picture of an item."""
    n_bytes = {"L": 1, "RGB": 3, "F": 4}

    def picture(item: Item) -> np.ndarray:
        place = spooled[item]
        spool.seek(place.start)
        content = spool.read(side * side * n_bytes[place.mode])
        image = Image.frombytes(place.mode, (side, side), content)
        return np.asarray(steps.applied(last, image))

    return picture


def _write_npz(
    path: Path,
    listing: Listing,
    size_and_channels: tuple[int, int],
    picture: Callable[[Item], np.ndarray],
    about: npz.About,
) -> None:
    """Equal pictures give equal bytes: `zipfile` dates members 1980."""
    size, channels = size_and_channels
    with_patients = any(item.patient is not None for item in listing.items)
    with zipfile.ZipFile(path, "w") as archive:
        for split in SPLITS:
            items = [item for item in listing.items if item.split == split]
            shape = (len(items), size, size, *((3,) if channels == 3 else ()))
            _write_rows(archive, f"{split}_images", shape, map(picture, items))
            arrays = {"labels": columns_of(items), "names": np.array([i.name for i in items])}
            if with_patients:
                arrays["patients"] = np.array([item.patient or item.name for item in items])
            for n, (group, _) in enumerate(listing.items[0].subgroups):
                arrays[f"group_{group}"] = np.array([item.subgroups[n][1] for item in items])
            for part, array in arrays.items():
                _write_array(archive, f"{split}_{part}", array)
        _write_array(archive, npz.ABOUT, np.array(about.model_dump_json()))


def _write_array(archive: zipfile.ZipFile, key: str, array: np.ndarray) -> None:
    _write_rows(archive, key, array.shape, [array], array.dtype)


def _write_rows(
    archive: zipfile.ZipFile,
    key: str,
    shape: tuple[int, ...],
    rows: Iterable[np.ndarray],
    dtype: np.dtype | None = None,
) -> None:
    header = {
        "descr": np.lib.format.dtype_to_descr(dtype or np.dtype(np.uint8)),
        "fortran_order": False,
        "shape": shape,
    }
    with archive.open(zipfile.ZipInfo(f"{key}.npy"), "w", force_zip64=True) as member:
        np.lib.format.write_array_header_1_0(member, header)
        for row in rows:
            member.write(np.ascontiguousarray(row).tobytes())
