"""A folder of images: a folder a class, train, val and test folders of such, or without labels."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tfmed.data.dataset import SPLITS, DatasetInfo
from tfmed.data.importers import medmnist
from tfmed.data.importers.canonical import import_listing
from tfmed.data.importers.listing import (
    SPLIT_NAMES,
    Item,
    Listing,
    counted,
    natural,
    ordered_classes,
    some,
    task_for,
)
from tfmed.data.importers.settings import ImportSettings
from tfmed.data.integrity import readable
from tfmed.data.pictures.dicom import why_no_image
from tfmed.data.pictures.files import ENDINGS, FORMATS, is_image
from tfmed.errors import InputError, printable
from tfmed.tasks import UNLABELLED

WANTED = "a folder of images (one folder a class)"
MAKES_SIZES = True

_NOT_DATA = ("thumbs.db", "desktop.ini", "__macosx", "$recycle.bin", "@eadir")


def takes(spec: str) -> bool:
    """Whether a folder of this path is there, and it is not the name of a data set."""
    path = os.path.expanduser(spec)  # noqa: PTH111 - Path's fails on an unknown home
    is_name = Path(path).name == path and medmnist.is_name(spec)
    return bool(path) and "\0" not in path and not is_name and os.path.isdir(path)  # noqa: PTH112


def check(path: Path) -> None:
    """As `tfmed.data.importers.Importer.check`: looks at names, reads no image."""
    list_folder(path, resplit=True)


def read(path: Path, cache_dir: Path, settings: ImportSettings) -> DatasetInfo:
    """As `tfmed.data.importers.Importer.read`.

    Raises:
        InputError: the folder is not laid out as one of images, or some of its files are no images.
    """
    return import_listing(list_folder(path, resplit=settings.resplit), path, cache_dir, settings)


@dataclass
class _Found:
    """What a walk over folders met."""

    ignored: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)
    no_pictures: list[tuple[str, str]] = field(default_factory=list)

    def notes(self) -> tuple[str, ...]:
        whys = Counter(why for _, why in self.no_pictures).most_common()
        return (
            *(f"left out: {count} DICOM file{'s' * (count > 1)} {why}" for why, count in whys),
            *counted("ignored, as files of the system", list(dict.fromkeys(self.ignored))),
            *counted("left out, as images beside the folders of classes", self.beside),
            *counted("left out, as no images that can be read", self.left_out),
        )


def list_folder(root: Path, *, resplit: bool = False) -> Listing:
    """Finds the images of a folder, and the class and split of each.

    Args:
        root: absolute.
        resplit: splits that come along do not matter.

    Raises:
        InputError: there is no image, no class or only one, too many classes, or a class or a
            split is missing.
    """
    name = printable(root)
    found = _Found()
    folders, beside = _entries(root, root, found)
    splits = {SPLIT_NAMES[f.name.lower()]: f for f in folders if f.name.lower() in SPLIT_NAMES}
    per_split: dict[str | None, dict[str, list[Path]]]
    if "train" in splits:
        found.left_out += [f"{f.name}/" for f in folders if f not in splits.values()]
        per_split = {s: _classes(splits[s], root, found) for s in SPLITS if s in splits}
        if len(per_split) < len(SPLITS) and not resplit:
            missing = ", ".join(split for split in SPLITS if split not in per_split)
            raise InputError(f"{name} lacks a folder {missing}: add it, or let --resplit draw all")
    else:
        per_split = {None: _classes(root, root, found)}
    for file in beside:
        (found.beside if is_image(root / file) else found.left_out).append(file)
    classes, rule = ordered_classes(
        c for of in per_split.values() for c, files in of.items() if files
    )
    if not classes:
        return _flat(root, beside, found)
    _check_classes(name, per_split, resplit=resplit)
    items = tuple(
        Item(
            path, printable(path.relative_to(root).as_posix()), split, (classes.index(class_name),)
        )
        for split, of in per_split.items()
        for class_name in classes
        for path in of.get(class_name, ())
    )
    notes = (*((rule,) if rule else ()), *found.notes())
    names = tuple(map(printable, classes))
    return Listing(name, items, names, task_for(names, name), notes)


def _check_classes(
    name: str, per_split: dict[str | None, dict[str, list[Path]]], *, resplit: bool
) -> None:
    """Refuses classes that lack images, in a split or at all."""
    everywhere = {c for of in per_split.values() for c in of}
    there = {c for of in per_split.values() for c, files in of.items() if files}
    faults = [f"{printable(c)!r} has no image" for c in sorted(everywhere - there)]
    if not resplit:
        faults += [
            f"{printable(c)!r} has none in {split}"
            for split, of in per_split.items()
            for c in sorted(there)
            if not of.get(c)
        ]
    if faults:
        raise InputError(
            f"{name}: a class lacks images ({some(faults, 4)}): add some, remove the class, or "
            "check how its folders are spelled"
        )


def _flat(root: Path, beside: list[str], found: _Found) -> Listing:
    """Images without labels: those that lie in a folder without folders of classes.

    Raises:
        InputError: there is none.
    """
    name = printable(root)
    found.left_out = [each for each in found.left_out if each not in beside]
    found.beside = []
    paths = list(_pictures(root, beside, found))
    if not paths:
        held = "; ".join(found.notes())
        raise InputError(
            f"{name} holds no image that can be read{f' ({held})' if held else ''}: give a folder "
            f"with one folder a class, of {', '.join(ENDINGS)} files"
        )
    items = tuple(Item(path, printable(path.name), None, (0,)) for path in paths)
    return Listing(name, items, (), UNLABELLED, ("no labels: a source only", *found.notes()))


def _classes(folder: Path, root: Path, found: _Found) -> dict[str, list[Path]]:
    """Class to its image files, in natural order; folders inside a class belong to it."""
    folders, beside = _entries(folder, root, found)
    if folder != root:
        found.left_out += beside
    return {each.name: list(_images(each, root, found)) for each in folders}


def _images(folder: Path, root: Path, found: _Found) -> Iterator[Path]:
    folders, files = _entries(folder, root, found)
    yield from _pictures(root, files, found)
    for inner in folders:
        if inner.is_symlink():
            found.left_out.append(inner.relative_to(root).as_posix())  # it may lead back here
        else:
            yield from _images(inner, root, found)


def _pictures(root: Path, files: Iterable[str], found: _Found) -> Iterator[Path]:
    """Those of some files that hold pictures."""
    for file in files:
        path = root / file
        if not path.is_file() or not is_image(path):
            found.left_out.append(file)
        elif path.suffix.lower() not in FORMATS and (why := why_no_image(path)):
            found.no_pictures.append((file, why))
        else:
            yield path


def _entries(folder: Path, root: Path, found: _Found) -> tuple[list[Path], list[str]]:
    """Folders, and files by their paths below the root; what systems put there is ignored."""
    with readable(folder):
        entries = sorted(folder.iterdir(), key=lambda path: (natural(path.name), path.name))
    folders, files = [], []
    for path in entries:
        name = path.relative_to(root).as_posix()
        if path.name.startswith(".") or path.name.lower() in _NOT_DATA:
            found.ignored.append(name)
        elif path.is_dir():
            folders.append(path)
        else:
            files.append(name)
    return folders, files
