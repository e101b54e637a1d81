"""A table (CSV) of image files with their labels and, if known, patients, splits and subgroups."""

import csv
import io
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from tfmed.data.dataset import SPLITS, DatasetInfo
from tfmed.data.importers.canonical import import_listing
from tfmed.data.importers.listing import (
    SPLIT_NAMES,
    Item,
    Listing,
    all_listed,
    check_findings,
    check_splits,
    natural,
    ordered_classes,
    task_for,
)
from tfmed.data.importers.settings import ImportSettings
from tfmed.data.integrity import check_readable, readable
from tfmed.data.pictures.files import ENDINGS, is_image
from tfmed.errors import InputError, printable

WANTED = "a table of images and labels (.csv, .tsv)"
MAKES_SIZES = True

COLUMNS = {
    "file": (
        *("path", "file", "filename", "file name", "filepath", "file path", "image", "images"),
        *("image path", "image file", "image index", "image id", "image name", "img"),
    ),
    "label": (
        *("label", "labels", "class", "diagnosis", "finding", "findings", "finding labels"),
        "target",
    ),
    "patient": ("patient", "patient id", "patientid", "subject", "subject id", "subjectid"),
    "split": ("split", "subset", "set"),
}
"""What a column is, and its names as `plain` gives them; the first found is it."""
SUBGROUPS = {
    "sex": ("sex", "gender", "patient sex", "patient gender"),
    "age": ("age", "patient age"),
    "view": ("view", "view position", "viewposition"),
    "device": ("device", "scanner", "manufacturer", "manufacturer model name"),
}
NO_FINDING = ("no finding", "no findings", "none", "")
"""What stands among several findings for none."""
BETWEEN = "|"
"""Between several findings in one field, as in NIH's table."""
_DELIMITERS = ",;\t"


def takes(spec: str) -> bool:
    """Whether a path ends as one of a table."""
    return spec.lower().endswith((".csv", ".tsv"))


def check(path: Path) -> None:
    """As `tfmed.data.importers.Importer.check`: reads the table, and no image."""
    read_table(path)


def read(path: Path, cache_dir: Path, settings: ImportSettings) -> DatasetInfo:
    """As `tfmed.data.importers.Importer.read`.

    Raises:
        InputError: it is no table of images, or some of its rows or files can't be used.
    """
    listing = list_table(path, cache_dir, resplit=settings.resplit)
    return import_listing(listing, path, cache_dir, settings)


@dataclass(frozen=True)
class Table:
    """A table as text.

    Attributes:
        path: of the file.
        header: names of the columns, as written.
        rows: number of the line in which a row ends, and its fields.
    """

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]

    def column(self, names: Sequence[str]) -> int | None:
        """The column of the first of these names; None where there is none."""
        known = [plain(name) for name in self.header]
        return next((known.index(name) for name in names if name in known), None)

    @cached_property
    def by_name(self) -> Mapping[str, Sequence[Path]]:
        """The image files below the table's folder, by their names."""
        found: dict[str, list[Path]] = {}
        for folder, _, files in os.walk(self.path.parent):
            for name in files:
                if Path(name).suffix.lower() in (*ENDINGS, ""):
                    found.setdefault(name, []).append(Path(folder) / name)
        return found


def plain(name: str) -> str:
    """A column's name in small letters, with blanks for `_` and `-`."""
    return " ".join(name.replace("_", " ").replace("-", " ").casefold().split())


def read_table(path: Path) -> Table:
    """Reads a table in UTF-8 (or UTF-16 with its mark), between commas, semicolons or tabs.

    Raises:
        InputError: it cannot be read, is no table, or has no column of files.
    """
    check_readable(path)
    name = printable(path)
    with readable(path):
        content = path.read_bytes()
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        raise InputError(f"{name} is not a text in UTF-8: save it in that encoding") from None
    first = text.lstrip().partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(_DELIMITERS, key=first.count))
    try:
        rows = [(reader.line_num, tuple(f.strip() for f in row)) for row in reader if any(row)]
    except csv.Error as error:
        raise InputError(
            f"{name}, line {reader.line_num}: is no row of a table ({error}): mend it"
        ) from None
    if len(rows) < 2:
        raise InputError(f"{name} holds no rows below a line of column names: write some")
    table = Table(path, rows[0][1], tuple(rows[1:]))
    if table.column(COLUMNS["file"]) is None:
        raise InputError(
            f"{name} has no column of image files (it has {', '.join(table.header[:8])}): name it "
            f"{COLUMNS['file'][0]}"
        )
    return table


def list_table(path: Path, cache_dir: Path, *, resplit: bool = False) -> Listing:
    """The images of a table.

    Args:
        path: absolute.
        cache_dir: long lists of what is wrong are written there.
        resplit: splits that come along do not matter.

    Raises:
        InputError: rows can't be used (all are named), or there is no column of labels, only one
            class, or a class or split that lacks images.
    """
    table, name = read_table(path), printable(path)
    bad: list[tuple[str, str]] = []
    rows = _rows(table, bad)
    doubled = _without_doubles(rows, bad)
    if bad:
        raise InputError(all_listed(bad, "rows", name, len(table.rows), cache_dir))
    notes = [f"rows that repeat an earlier one, left out: {doubled}"] if doubled else []
    several = len(_label_columns(table)) > 1 or any(BETWEEN in r.label for r in rows.values())
    findings: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    if several:
        findings = tuple(sorted({f for row in rows.values() for f in row.findings}, key=natural))
        check_findings(findings, name)
        task = "binary"  # any finding against none
        notes.append(f"label columns: {', '.join(findings)}")
    else:
        class_names, rule = ordered_classes(row.label for row in rows.values())
        task = task_for(class_names, name)
        notes += [rule] if rule else []
    items = tuple(row.item(findings or class_names, several=several) for row in rows.values())
    if any(item.split for item in items) and not resplit:
        check_splits(items, class_names, name)
    shown, named = (tuple(map(printable, names)) for names in (class_names, findings))
    return Listing(name, items, shown, task, tuple(notes), named if len(named) > 1 else ())


@dataclass(frozen=True)
class _Row:
    """A row that can be used."""

    path: Path
    name: str
    label: str
    findings: frozenset[str]
    patient: str | None
    split: str | None
    subgroups: tuple[tuple[str, str], ...]

    def item(self, known: Sequence[str], *, several: bool) -> Item:
        labels = (
            tuple(int(finding in self.findings) for finding in known)
            if several
            else (known.index(self.label),)
        )
        return Item(self.path, self.name, self.split, labels, self.patient, self.subgroups)


def _label_columns(table: Table) -> tuple[int, ...]:
    """The column of labels; without one, those that hold 0 and 1 only and are nothing else.

    Raises:
        InputError: there is none.
    """
    if (one := table.column(COLUMNS["label"])) is not None:
        return (one,)
    taken = {table.column(names) for names in (*COLUMNS.values(), *SUBGROUPS.values())}
    found = tuple(
        place
        for place in range(len(table.header))
        if place not in taken
        and {row[place] for _, row in table.rows if place < len(row)} <= {"0", "1", "0.0", "1.0"}
    )
    if not found:
        raise InputError(
            f"{printable(table.path)} has no column of labels: name one {COLUMNS['label'][0]}, or "
            "write a column of 0 and 1 for each finding"
        )
    return found


def _rows(table: Table, bad: list[tuple[str, str]]) -> dict[int, _Row]:
    """Line to row, of those that can be used; the others go to `bad`."""
    labels = _label_columns(table)
    places = {what: table.column(names) for what, names in COLUMNS.items()}
    groups = [(what, table.column(names)) for what, names in SUBGROUPS.items()]
    rows = {}
    for line, fields in table.rows:
        try:
            if len(fields) != len(table.header):
                raise ValueError(f"has {len(fields)} fields and not {len(table.header)}")
            given = {what: fields[p] for what, p in places.items() if p is not None}
            label, findings = _labels(table, fields, labels)
            rows[line] = _Row(
                _found(table, given["file"]),
                printable(given["file"]),
                label,
                findings,
                printable(given["patient"]) if given.get("patient") else None,
                _split(given.get("split", "")) if "split" in given else None,
                tuple((what, printable(fields[p])) for what, p in groups if p is not None),
            )
        except ValueError as fault:
            bad.append((f"line {line}", str(fault)))
    return rows


def _labels(
    table: Table, fields: Sequence[str], places: Sequence[int]
) -> tuple[str, frozenset[str]]:
    if len(places) > 1:
        return "", frozenset(table.header[p] for p in places if float(fields[p] or "0"))
    label = fields[places[0]]
    if not label:
        raise ValueError("has no label")
    parts = {part.strip() for part in label.split(BETWEEN)}
    return label, frozenset(part for part in parts if part.casefold() not in NO_FINDING)


def _split(value: str) -> str:
    try:
        return SPLIT_NAMES[value.casefold()]
    except KeyError:
        raise ValueError(f"has the split {value!r} and not {', '.join(SPLITS)}") from None


def _found(table: Table, file: str) -> Path:
    """The file that a row names: beside the table, else anywhere below by its name."""
    if not file or "\0" in file:
        raise ValueError("names no file")
    path = table.path.parent / file
    if os.path.isfile(path):  # noqa: PTH113 - Path's raises on some names
        return _image(path, file)
    below = table.by_name.get(file, ())
    if len(below) > 1:
        raise ValueError(f"{file} is there {len(below)} times below; write its path")
    if not below:
        raise ValueError(f"{file} does not exist")
    return _image(below[0], file)


def _image(path: Path, file: str) -> Path:
    if not is_image(path):
        raise ValueError(f"{file} is none of {', '.join(ENDINGS)}")
    return path


def _without_doubles(rows: dict[int, _Row], bad: list[tuple[str, str]]) -> int:
    """Takes rows out that name a file again, and counts them; other labels of it are `bad`."""
    first: dict[str, tuple[int, _Row]] = {}
    doubled: Counter[str] = Counter()
    for line, row in list(rows.items()):
        earlier_line, earlier = first.setdefault(os.path.realpath(row.path), (line, row))
        if earlier_line == line:
            continue
        if replace(earlier, name="") != replace(row, name=""):
            bad.append((f"line {line}", f"differs from line {earlier_line} on {row.name}"))
        doubled[row.name] += 1
        del rows[line]
    return doubled.total()
