"""What is said of a data set, as lines for a terminal."""

from tfmed.report.datasets.words import count_rows, said
from tfmed.report.selection import Entry

NOTHING_WRONG = "nothing is wrong with it"


def counts(data: Entry) -> list[str]:
    """Images of each split and class, as a table."""
    rows = count_rows(data)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]


def found(data: Entry) -> list[str]:
    """What was met and found, then what is wrong."""
    lines = said(data, briefly=False)
    problems = [f"problem: {line.words}" for line in lines if line.kind == "problem"]
    notes = [f"note: {line.words}" for line in lines if line.kind == "note"]
    return [*notes, *(problems or [NOTHING_WRONG])]
