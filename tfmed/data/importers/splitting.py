"""Whose image it is, and splits drawn so that no patient is in two of them."""

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tfmed.cache import IMPORTED, mark_used, writing
from tfmed.data.checks import known_patients, verify_arrays, verify_subgroups
from tfmed.data.dataset import SPLITS
from tfmed.data.importers.listing import Item, Listing
from tfmed.data.importers.npz_file import array_names, read_npz, subgroup_keys
from tfmed.data.importers.settings import ImportSettings, pattern_fault
from tfmed.data.integrity import md5_of
from tfmed.data.pictures.dicom import patient_id
from tfmed.data.pictures.files import FORMATS
from tfmed.errors import InputError, printable
from tfmed.tasks import task_of

SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}
"""Of the images that each drawn split holds."""

_BESIDE = ("about", *(f"{split}_{part}" for split in SPLITS for part in ("patients", "names")))


def with_splits(listing: Listing, settings: ImportSettings) -> Listing:
    """The listing with patients, where a pattern tells them, and with splits.

    Raises:
        InputError: the pattern is wrong or matches no name, or a class has too few patients.
    """
    items, notes = listing.items, listing.notes
    if settings.patient_pattern is not None:
        items, note = with_patients(items, settings.patient_pattern)
        notes += (note,)
    elif all(item.patient is None for item in items):
        items, told = with_dicom_patients(items)
        notes += told
    if settings.resplit or any(item.split is None for item in items):
        items = drawn(items, listing.class_names, listing.name, settings.split_seed)
        by = "patient" if any(item.patient is not None for item in items) else "image"
        how = f"by {by}, stratified by class" if listing.class_names else f"by {by}"
        notes += (drawn_words(settings.split_seed, how),)
    return replace(listing, items=items, notes=notes)


def with_patients(items: Sequence[Item], pattern: str) -> tuple[tuple[Item, ...], str]:
    """Items with the patients that their file names tell, and a line on how many did.

    All groups that took part in the match are the patient, without any the whole match. A file
    that does not match is a patient of its own.

    Raises:
        InputError: it is no regular expression, or matches no name.
    """
    if fault := pattern_fault(pattern):
        raise InputError(
            f"patient_pattern '{printable(pattern)}' is no regular expression ({fault}): mend it"
        )
    told = [_patient(pattern, item) for item in items]
    n_matched = sum(patient is not None for patient in told)
    if not n_matched:
        raise InputError(
            f"patient_pattern '{printable(pattern)}' matches none of {len(items)} file names such "
            f"as {items[0].path.name!r}: mend it, or leave it out"
        )
    with_own = tuple(
        replace(item, patient=item.name if patient is None else patient)
        for item, patient in zip(items, told, strict=True)
    )
    n_patients = len({item.patient for item in with_own})
    return with_own, (
        f"patients: {n_patients:,}, by the pattern '{printable(pattern)}'; files that it does not "
        f"match, each a patient of its own: {len(items) - n_matched:,}"
    )


def with_dicom_patients(items: Sequence[Item]) -> tuple[tuple[Item, ...], tuple[str, ...]]:
    """Items with the patients that DICOM headers name, and a line on that; as they are without any.

    A file without an ID is a patient of its own. Where all IDs are one and the same, as some
    programs that anonymise leave them, they say nothing and are not used. Patients are numbered in
    the order of the items, so that no ID leaves its file.
    """
    found = [
        None if item.path.suffix.lower() in FORMATS else patient_id(item.path) for item in items
    ]
    numbers = {known: n for n, known in enumerate(dict.fromkeys(filter(None, found)), 1)}
    n_known = sum(known is not None for known in found)
    if n_known < 2:
        return tuple(items), ()
    if len(numbers) == 1:
        return tuple(items), (
            f"patients: not known, since the Patient ID of all {n_known:,} DICOM files that have "
            "one is the same",
        )
    told = tuple(
        replace(item, patient=item.name if known is None else f"patient {numbers[known]}")
        for item, known in zip(items, found, strict=True)
    )
    return told, (
        f"patients: {len(numbers):,}, by the Patient ID of DICOM files; files without one, each a "
        f"patient of its own: {len(items) - n_known:,}",
    )


def drawn(
    items: Sequence[Item], class_names: Sequence[str], name: str, seed: int
) -> tuple[Item, ...]:
    """Items with splits of 70, 10 and 20 % of each class, no patient in two splits.

    Patients with many images are dealt first, otherwise at random; each goes to the split that
    lacks most of its share of the classes of the patient's images.

    Raises:
        InputError: a class has too few patients for three splits.
    """
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        groups[item.name if item.patient is None else f"patient {item.patient}"].append(item)
    n_images = Counter(stratum for item in items for stratum in item.strata)
    share = {(label, s): n * of for label, n in n_images.items() for s, of in SHARES.items()}
    lacking = dict(share)
    split_of: dict[str, str] = {}
    for group in _in_order(list(groups.values()), seed):
        missing = {s: _missing(group, s, lacking, share) for s in SPLITS}
        split = max(SPLITS, key=lambda split: missing[split])
        for item in group:
            for stratum in item.strata:
                lacking[stratum, split] -= 1
            split_of[item.name] = split
    found = {(item.labels, split_of[item.name]) for item in items}
    if not class_names and {split for _, split in found} != set(SPLITS):
        raise InputError(
            f"{name} holds images of {len(groups)} patients (or images, if those are not known), "
            "too few for three splits: add some"
        )
    one_column = len(items[0].labels) == 1
    for label, class_name in enumerate(class_names if one_column else ()):
        if any(((label,), split) not in found for split in SPLITS):
            few = sum(any(item.labels == (label,) for item in group) for group in groups.values())
            raise InputError(
                f"{name}: class {class_name!r} is of {few} patients (or images, if those are not "
                "known), too few for three splits: add some"
            )
    return tuple(replace(item, split=split_of[item.name]) for item in items)


def resplit_npz(path: Path, cache_dir: Path, task: str, seed: int) -> tuple[Path, str]:
    """A file with the images of another in drawn splits, kept in the cache; and a line on that.

    Reads all of it into memory, the first time.

    Args:
        path: in MedMNIST's format, with `{split}_patients` where they are known.
        cache_dir: the new file is kept below it.
        task: what the labels are for.
        seed: of the splits.

    Raises:
        InputError: the file cannot be read, is not what the task needs, or a class has too few
            patients; or the cache cannot be written.
    """
    rules = 2 if subgroup_keys(array_names(path)) else 1  # another number draws again
    key = hashlib.sha256(json.dumps([md5_of(path), task, seed, rules]).encode()).hexdigest()[:24]
    target = cache_dir.absolute() / IMPORTED / f"{key}.npz"
    if not target.exists():
        made = _resplit(path, task, seed)
        with writing(target) as file, file.open("wb") as opened:
            np.savez(opened, **made)
    mark_used(target)
    known = read_npz(target, (), optional=("train_patients",))
    by = "patient" if known else "image"
    return target, drawn_words(seed, f"by {by}, stratified by class")


def _resplit(path: Path, task: str, seed: int) -> dict[str, Any]:
    """The arrays of a file in drawn splits; arguments and errors of `resplit_npz`."""
    of_groups = subgroup_keys(array_names(path))
    arrays = read_npz(path, optional=(*_BESIDE, *of_groups))
    verify_arrays(arrays, str(path), task_of(task))
    verify_subgroups(arrays, str(path))
    columns = dict.fromkeys(f"group_{column}" for _, column in of_groups.values())
    parts = [part for part in ("patients", "names") if f"train_{part}" in arrays]
    parts += [part for part in columns if all(f"{split}_{part}" in arrays for split in SPLITS)]
    if "patients" in parts:
        known_patients(arrays, printable(path))
    joined = {
        part: np.concatenate([arrays[f"{split}_{part}"] for split in SPLITS])
        for part in ("images", "labels", *parts)
    }
    rows = joined["labels"].reshape(len(joined["labels"]), -1).tolist()
    patients = joined["patients"].tolist() if "patients" in parts else [None] * len(rows)
    items = [
        Item(path, str(n), None, tuple(map(int, row)), None if whose is None else str(whose))
        for n, (row, whose) in enumerate(zip(rows, patients, strict=True))
    ]
    names = [str(label) for label in range(max(map(max, rows)) + 1)]
    splits = np.array([item.split for item in drawn(items, names, printable(path), seed)])
    made: dict[str, Any] = {
        f"{s}_{part}": joined[part][splits == s] for s in SPLITS for part in joined
    }
    return made | {key: arrays[key] for key in ("about",) if key in arrays}


def drawn_words(seed: int, how: str) -> str:
    """A line on drawn splits."""
    shares = "/".join(f"{share:.0%}".rstrip("%") for share in SHARES.values())
    return f"splits: drawn {how} ({shares} %, seed {seed}); any that came along were not used"


def _missing(
    group: Sequence[Item],
    split: str,
    lacking: Mapping[tuple[int, str], float],
    share: Mapping[tuple[int, str], float],
) -> float:
    """How much a split lacks of what a patient's images are of, each class by its own share."""
    strata = (stratum for item in group for stratum in item.strata)
    return sum(lacking[stratum, split] / share[stratum, split] for stratum in strata)


def _in_order(groups: Sequence[list[Item]], seed: int) -> list[list[Item]]:
    shuffled = np.random.default_rng(seed).permutation(len(groups))
    return [groups[n] for n in sorted(shuffled, key=lambda n: -len(groups[n]))]


def _patient(pattern: str, item: Item) -> str | None:
    match = re.search(pattern, item.path.name)
    if match is None:
        return None
    groups = [group for group in match.groups() if group is not None]
    return printable(" ".join(groups) if groups else match[0])
