"""What an importer finds before it reads any image: which file belongs to which class and split."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfmed import tasks
from tfmed.errors import InputError

HEALTHY = ("normal", "healthy", "negative", "benign", "control", "no finding")
"""Names of the class that is label 0 of two, whatever its place."""
MOST_CLASSES = 100


@dataclass(frozen=True)
class Item:
    """One image file.

    Attributes:
        path: of the file.
        name: for people; unique in its listing.
        split: `train`, `val` or `test`; None where the splits are drawn.
        label: number of its class.
        patient: whose image it is; None where that is not known.
    """

    path: Path
    name: str
    split: str | None
    label: int
    patient: str | None = None


@dataclass(frozen=True)
class Listing:
    """All image files of a data set.

    Attributes:
        name: what the user gave, for messages.
        items: in a fixed order.
        class_names: in the order of labels.
        task: one of `tfmed.tasks`.
        notes: what was left out and decided, one line each.
    """

    name: str
    items: tuple[Item, ...]
    class_names: tuple[str, ...]
    task: str
    notes: tuple[str, ...]


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
        InputError: there are too few classes, too many, or no task for so many.
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
    task = "binary" if n_classes == 2 else "multiclass"
    if task not in tasks.REGISTRY:
        raise InputError(
            f"{name} holds {n_classes} classes ({', '.join(class_names)}) and tfmed has no task "
            "for more than two yet: put them into two folders"
        )
    return task


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
    """Label columns, uint8 of shape (n, 1)."""
    return np.array([item.label for item in items], np.uint8)[:, None]
