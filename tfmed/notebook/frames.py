"""Rows of `results.json` as data frames."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

Rows = Iterable[Mapping[str, Any]]
"""Entries of a list in `results.json`."""


def of_runs(runs: Rows) -> "pd.DataFrame":
    """A row for each run, a column for each metric."""
    return _frame({**run, **run["metrics"]} for run in runs)


def of_summary(summary: Rows) -> "pd.DataFrame":
    """A row for each cell, whose means with intervals have become columns."""
    return _frame(_spread(row) for row in summary)


def of_comparisons(comparisons: Rows) -> "pd.DataFrame":
    """A row for each difference, with the cells of both sides as columns."""
    return _frame(
        {**_prefixed("a", row["a"]), **_prefixed("b", row["b"]), **row} for row in comparisons
    )


def _frame(rows: Rows) -> "pd.DataFrame":
    """Rows with what a cell of a table can hold: no lists, no tables within."""
    import pandas as pd

    kept = [
        {name: value for name, value in row.items() if not isinstance(value, (list, dict))}
        for row in rows
    ]
    return pd.DataFrame(kept)


def _spread(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the summary whose means with intervals have become columns."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict) and "mean" in value:
            rest = {f"{name}_{key}": part for key, part in value.items() if key != "mean"}
            found |= {name: value["mean"], **rest}
        else:
            found[name] = value
    return found


def _prefixed(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}_{name}": value for name, value in values.items()}
