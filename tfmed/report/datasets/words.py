"""What is said of one data set: the same in the terminal, on its page and in a report.

All of it is read from an entry of `datasets` in `results.json`.
"""

from dataclasses import dataclass
from typing import Literal

from tfmed.report.blocks import Block, bullets, paragraph, strong, text
from tfmed.report.selection import Entry
from tfmed.report.wording import count, listed, p_value

SPLIT_NAMES = {"train": "training", "val": "validation", "test": "test"}
MOST_COLUMNS = 8
"""Classes beyond which a table of counts has a line for each."""
WORTH_SAYING = 0.02
"""Distance of class balances that a report speaks of, where chance does not explain it."""
_CHANCE = 0.01
NO_CLASSIFIERS = (
    "has no labels: encoders are pretrained on it, no classifier is trained on it, and how much an "
    "encoder forgets of it is not measured"
)
"""What follows the title of such a data set."""


@dataclass(frozen=True)
class Said:
    """One line.

    Attributes:
        kind: a problem makes results doubtful, a note does not.
        words: a clause in small letters.
    """

    kind: Literal["problem", "note"]
    words: str


def said(data: Entry, *, briefly: bool) -> list[Said]:
    """What is wrong with a data set, then what was found and met, a line each.

    Args:
        data: an entry of `datasets`.
        briefly: leave out shifts of class balance that are small or that chance explains.
    """
    repeated = data.get("repeated") or {"across": [], "within": {}, "blank": {}}
    problems = [*data.get("warnings", ()), *map(_equal, repeated["across"])]
    notes = [
        *map(_near, repeated["across"]),
        *(
            f"images of {split} that equal an earlier one of it: {count(n)}" if n else ""
            for split, n in repeated["within"].items()
        ),
        *(
            f"images of {split} that are blank: {count(n)}" if n else ""
            for split, n in repeated["blank"].items()
        ),
        *(shift_words(s) for s in data.get("shifts", ()) if not briefly or _is_large(s)),
        *data.get("notes", ()),
    ]
    return [
        *(Said("problem", words) for words in problems if words),
        *(Said("note", words) for words in notes if words),
    ]


def shift_words(shift: Entry) -> str:
    """Class balance of one split against that of train."""
    p = f", p {_compared(shift['p'])}" if shift["p"] is not None else ""
    far = f"{100 * shift['distance']:.1f} points"
    return f"class balance of {shift['split']} differs from that of train by {far}{p}"


def _compared(p: float) -> str:
    written = p_value(p)
    return written.replace("<", "< ") if written.startswith("<") else f"= {written}"


def _is_large(shift: Entry) -> bool:
    by_chance = shift["p"] is None or shift["p"] > _CHANCE
    return shift["distance"] >= WORTH_SAYING and not by_chance


def _equal(shared: Entry) -> str:
    if not shared["equal"]:
        return ""
    named = [f"{name} (equals {other})" for name, other in shared["named"]]
    return (
        f"images of {shared['split']} that are in {shared['earlier']} too: "
        f"{count(shared['equal'])}; their scores say nothing of new ones"
        + (f"; such as {', '.join(named)}" if named else "")
    )


def _near(shared: Entry) -> str:
    if not shared["near"]:
        return ""
    split, earlier = shared["split"], shared["earlier"]
    return f"images of {split} that are nearly equal to one of {earlier}: {count(shared['near'])}"


def count_rows(data: Entry) -> list[list[str]]:
    """Images of each split and class; the first row and column are titles.

    Splits are rows, but of more than `MOST_COLUMNS` classes columns.
    """
    rows = [["split", "images", *data["class_names"]]]
    for name, split in data["splits"].items():
        rows.append([name, count(split["n"]), *map(count, split["counts"])])
    turned = len(data["class_names"]) > MOST_COLUMNS
    return [list(row) for row in zip(*rows, strict=True)] if turned else rows


def described(data: Entry) -> Block:
    """Title, role, size and classes, as one paragraph."""
    height, width, channels = data["image_shape"]
    colour = "grey" if channels == 1 else "colour"
    role = f" ({data['role']})" if data["role"] else ""
    about = f"{role}: {data['description']} {height}×{width} pixels, {colour}; "
    return paragraph(strong(data["title"]), f"{about}{_classes(data)}")


def _classes(data: Entry) -> str:
    names = [f"“{name}”" for name in data["class_names"]]
    several = data.get("task") == "multilabel"
    two = len(names) == 2 and not several
    classes = f"{' against '.join(names) if two else listed(names)}."
    if not names:
        return f"it {NO_CLASSIFIERS}."
    if several:
        return f"{len(names)} findings, any number of them an image: {listed(names)}."
    if not two:
        return f"{len(names)} classes: {classes}"
    if data["n_labels"] > 1:
        return (
            f"{classes} Its {data['n_labels']} labels were merged into one: any of them, or none "
            "(binarise = any)."
        )
    return classes


def bullet_list(lines: list[Said], *, marked: bool) -> list[Block]:
    """Lines as a list; nothing where there are none.

    Args:
        lines: of `said`.
        marked: set problems off from notes.
    """
    if not lines:
        return []
    items = [
        text(strong("Problem: "), f"{line.words}.")
        if marked and line.kind == "problem"
        else text(f"{line.words[:1].upper()}{line.words[1:]}.")
        for line in lines
    ]
    return [bullets(items)]
