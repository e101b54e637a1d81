"""Which groups, cells and gaps are shown."""

from typing import Any

from tfmed.report.selection import Entry, Results, shown_budgets
from tfmed.results.deciding.measures import worse_first

LONGEST = 40
"""Letters of a column's or group's name in a sentence or table."""
CELL = ("task", "strategy", "variant", "label_budget")


def subgroups(results: Results) -> Entry | None:
    """The part `subgroups`; None where there is none."""
    found: Entry | None = results.get("subgroups")
    return found


def shown(name: str) -> str:
    """A column's or group's name, cut where it is long."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def picks(results: Results) -> list[Entry]:
    """What the decision picks of the task whose groups are measured, fewest labels first."""
    part, decision = subgroups(results), results.get("decision")
    if part is None or not decision:
        return []
    there = {_cell(entry) for entry in part["measured"]}
    return [choice for choice in decision["budgets"] if _cell(choice) in there]


def drawn_picks(results: Results) -> list[Entry]:
    """Of `picks` those with few and with most labels; else the first."""
    found = picks(results)
    shown = [e for e in found if e["label_budget"] in shown_budgets(results, e["task"])]
    return shown or found[:1]


def columns(results: Results) -> list[Entry]:
    """Columns with a group that is measured."""
    part = subgroups(results)
    return [column for column in part["columns"] if column["groups"]] if part else []


def metrics_of(results: Results, cell: Entry, column: str) -> dict[str, Entry]:
    """Group to its metrics, of one cell and column."""
    part = subgroups(results)
    return {
        entry["group"]: entry["metrics"]
        for entry in (part["measured"] if part else [])
        if (_cell(entry), entry["column"]) == (_cell(cell), column)
    }


def gaps_of(results: Results, cell: Entry | None = None, column: str | None = None) -> list[Entry]:
    """Gaps (of a cell and column), each of the worse group minus the better; largest first."""
    part = subgroups(results)
    found = [
        worse_first(gap)
        for gap in (part["gaps"] if part else [])
        if (cell is None or _cell(gap) == _cell(cell)) and column in (None, gap["column"])
    ]
    return sorted(found, key=lambda gap: -abs(gap["difference"]))


def in_clear_gap(results: Results, cell: Entry, column: str) -> set[str]:
    """Groups with a clear gap to another."""
    clear = [gap for gap in gaps_of(results, cell, column) if gap["clear"]]
    return {gap[side] for gap in clear for side in "ab"}


def _cell(entry: Entry) -> tuple[Any, ...]:
    return tuple(entry[key] for key in CELL)
