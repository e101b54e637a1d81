"""What an importer finds before it reads any image: which file belongs to which class and split."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfmed.cache import IMPORTED
from tfmed.data.dataset import SPLITS
from tfmed.errors import LONGEST, InputError, printable

HEALTHY = ("normal", "healthy", "negative", "benign", "control", "no finding")
"""Names of the class that is label 0 of two, whatever its place."""
MOST_CLASSES = 100
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What people call the splits, in small letters."""


@dataclass(frozen=True)
class Item:
    """One image file.

    Attributes:
        path: of the file.
        name: for people; unique in its listing.
        split: `train`, `val` or `test`; None where the splits are drawn.
        labels: its label columns: the number of its class, or 0 or 1 for each of several findings.
        patient: whose image it is; None where that is not known.
        subgroups: of the patient or image, such as `("sex", "F")`; alike in all items of a listing.
    """

    path: Path
    name: str
    split: str | None
    labels: tuple[int, ...]
    patient: str | None = None
    subgroups: tuple[tuple[str, str], ...] = ()

    @property
    def strata(self) -> tuple[int, ...]:
        """What splits are stratified by: its class, or its findings; -1 for none of several."""
        if len(self.labels) == 1:
            return self.labels
        return tuple(n for n, there in enumerate(self.labels) if there) or (-1,)


@dataclass(frozen=True)
class Listing:
    """All image files of a data set.

    Attributes:
        name: what the user gave, for messages.
        items: in a fixed order.
        class_names: in the order of labels; empty where the task names them.
        task: one of `tfmed.tasks`.
        notes: what was left out and decided, one line each.
        findings: names of the label columns, where there are several.
    """

    name: str
    items: tuple[Item, ...]
    class_names: tuple[str, ...]
    task: str
    notes: tuple[str, ...]
    findings: tuple[str, ...] = ()


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts numbers inside of names by their values: 1, 2, 10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text.casefold())
    return tuple((0, int(p), p) if p.isdecimal() else (1, 0, p) for p in parts)


def ordered_classes(names: Iterable[str]) -> tuple[tuple[str, ...], str | None]:
    """Class names in the order of their labels, and of two a line that says which is label 1."""
    classes = sorted(set(names), key=lambda name: (natural(name), name))
    if len(classes) != 2:
        return tuple(classes), None
    healthy = [name for name in classes if name.strip().casefold().replace("_", " ") in HEALTHY]
    if len(healthy) == 1:
        classes.sort(key=lambda name: name not in healthy)
        why = f"{healthy[0]!r} is the name of a healthy class"
    else:
        why = "it is the second in order"
    return tuple(classes), f"label 1 is {classes[1]!r}: {why}"


def task_for(class_names: Sequence[str], name: str) -> str:
    """What is asked of images of these classes.

    Raises:
        InputError: there are too few classes, or too many.
    """
    n_classes = len(class_names)
    if n_classes < 2:
        found = f"one class only ({class_names[0]!r})" if class_names else "no class"
        raise InputError(f"{name} holds images of {found}: give two classes or more")
    if n_classes > MOST_CLASSES:
        raise InputError(
            f"{name} holds {n_classes} classes ({class_names[0]!r}, {class_names[1]!r}, …) and not "
            f"at most {MOST_CLASSES}: make one folder a class, not one a patient"
        )
    return "binary" if n_classes == 2 else "multiclass"


def some(names: Sequence[str], most: int = 3) -> str:
    """The first names and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def counted(what: str, names: Sequence[str]) -> tuple[str, ...]:
    """A note on files that were left out, by their endings; nothing where there are none."""
    if not names:
        return ()
    endings = Counter(Path(name).suffix.lower() or "no ending" for name in names)
    listed = ", ".join(f"{ending} {count}" for ending, count in endings.most_common(5))
    return (f"{what}: {len(names)} ({listed}), such as {names[0]}",)


def columns_of(items: Sequence[Item]) -> np.ndarray:
    """Label columns, uint8 of shape (n, columns)."""
    return np.array([item.labels for item in items], np.uint8)


def check_findings(findings: Sequence[str], name: str) -> None:
    """Refuses findings that no task is made of.

    Raises:
        InputError: there is none, or there are too many.
    """
    if not 1 <= len(findings) <= MOST_CLASSES:
        raise InputError(
            f"{name} names {len(findings)} findings and not 1 to {MOST_CLASSES}: check its labels"
        )


def check_splits(items: Sequence[Item], class_names: Sequence[str], name: str) -> None:
    """Refuses splits that come along and lack images, or images of a class.

    Raises:
        InputError: names what is missing, and in which split.
    """
    there = {(split, item.labels) for item in items for split in [item.split]}
    splits = {item.split for item in items}
    faults = [f"no image is of {split}" for split in SPLITS if split not in splits]
    if not faults:
        faults = [
            f"{printable(class_name)!r} has none in {split}"
            for split in SPLITS
            for label, class_name in enumerate(class_names)
            if (split, (label,)) not in there and len(items[0].labels) == 1
        ]
    if faults:
        raise InputError(f"{name}: {some(faults, 4)}: add some, or let --resplit draw the splits")


def all_listed(
    bad: Sequence[tuple[str, str]], what: str, name: str, total: int, folder: Path
) -> str:
    """One line on all that can't be used; where it would be long, the rest is in a file.

    Args:
        bad: name and fault of each.
        what: they are, such as `files`.
        name: of the data set.
        total: how many there are, good ones included.
        folder: where the file goes.
    """
    listed = "; ".join(f"{each} {fault}" for each, fault in bad)
    head = f"{name}: {len(bad)} of {total} {what} can't be used"
    remedy = "mend or remove them"
    if len(head) + len(listed) + len(remedy) < LONGEST - 40:
        return f"{head} ({listed}): {remedy}"
    key = hashlib.sha256(name.encode()).hexdigest()[:8]
    file = folder / IMPORTED / f"{what}-{key}.bad.txt"
    text = "".join(f"{each}\t{fault}\n" for each, fault in bad)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError:
        return f"{head} ({listed[:150]} …): {remedy}"
    return f"{head} (all in {file}; {listed[:100]} …): {remedy}"
