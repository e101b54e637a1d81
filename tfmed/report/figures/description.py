"""What a figure is: its id, its drawing, its words, and the numbers that it shows."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tfmed.report.blocks import Block, Text
from tfmed.report.files import write_aside

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

DIGITS = 6
ESTIMATE = ("mean", "low", "high")


class Numbers(NamedTuple):
    """What a figure shows: column names, and rows of numbers, words and None."""

    columns: tuple[str, ...]
    rows: list[list[Any]]


@dataclass(frozen=True)
class Figure:
    """A figure of the report; everything that is known of it.

    Attributes:
        id: unique in a report; the name of its files.
        draw: makes the drawing, under `tfmed.report.figures.plotting.STYLE`.
        caption: what stands below it.
        alt: what it shows, for readers who can't see it.
        numbers: makes the table of what it shows; None where it shows no numbers.
        why_no_numbers: the reason then.
    """

    id: str
    draw: "Callable[[], Drawing]"
    caption: Text
    alt: str
    numbers: Callable[[], Numbers] | None
    why_no_numbers: str = ""


def with_figures(blocks: Iterable[Block], figures: Mapping[str, Figure]) -> list[Block]:
    """Blocks whose figures have their words; those of figures that there are not are left out."""
    made = []
    for block in blocks:
        if block["kind"] != "figure":
            made.append(block)
        elif figure := figures.get(block["id"]):
            made.append({**block, "caption": figure.caption, "alt": figure.alt})
    return made


def figure_numbers(figures: Iterable[Figure], *, synthetic: bool) -> dict[str, Numbers]:
    """The numbers of every figure that shows any, by figure id.

    They are rounded to six significant digits. Numbers on synthetic images have a column that
    says so.
    """
    names, marks = (("synthetic_data",), ["yes"]) if synthetic else ((), [])
    made = {figure.id: figure.numbers() for figure in figures if figure.numbers}
    return {
        name: Numbers((*columns, *names), [[*map(_rounded, row), *marks] for row in rows])
        for name, (columns, rows) in made.items()
        if rows
    }


def csv_text(numbers: Numbers) -> str:
    """A table as CSV (RFC 4180, but for its line ends), missing values empty."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(numbers.columns)
    writer.writerows(numbers.rows)
    return buffer.getvalue()


def write_numbers(numbers: Mapping[str, Numbers], folder: Path) -> None:
    """Write `folder/<figure>.csv` for each figure, and remove those of earlier figures."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {folder / f"{name}.csv": csv_text(found) for name, found in numbers.items()}
    for path, text in written.items():
        write_aside(path, text)
    for stale in set(folder.glob("*.csv")) - set(written):
        stale.unlink()


def ends(estimate: dict | None) -> list[float | None]:
    """Mean, low and high of an estimate, for a row of numbers."""
    return [estimate.get(key) if estimate else None for key in ESTIMATE]


def epochs_of(history: dict) -> Iterator[list[Any]]:
    """Epoch, training loss and validation loss, for rows of numbers."""
    loss, val_loss = (history.get(key, []) for key in ("loss", "val_loss"))
    for i in range(max(len(loss), len(val_loss))):
        yield [i + 1, *(values[i] if i < len(values) else None for values in (loss, val_loss))]


def _rounded(value: Any) -> Any:
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
