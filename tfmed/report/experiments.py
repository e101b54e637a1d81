"""Which cells of the summary belong to which experiment."""

from typing import NamedTuple

from tfmed.report.wording import (
    STRATEGIES,
    budget_order,
    find_row,
    tasks,
)

LOSSES = ("class_weighted", "focal")
LONG = "overtrained"
DROPOUT = "dropout_"


class Cell(NamedTuple):
    """A summary row with what tells it from the others of its experiment."""

    strategy: str
    variant: str
    row: dict


def loss_cells(results: dict) -> list[Cell]:
    """Every strategy with every loss it was tried with, the plain one first."""
    places = [
        (row["task"], row["label_budget"], row["strategy"])
        for row in results["summary"]
        if row["variant"] in LOSSES
    ]
    cells = []
    for variant in ("standard", *LOSSES):
        for task, budget, strategy in sorted(set(places), key=_place_order):
            row = find_row(results, task, budget, strategy, variant)
            if row:
                cells.append(Cell(strategy, variant, row))
    return cells


def _place_order(place: tuple) -> tuple:
    return place[0], budget_order(place[1]), STRATEGIES.index(place[2])


def dropout_cells(results: dict) -> list[tuple[float, Cell]]:
    """The fine-tuned encoder at each dropout, the standard one where its value is known."""
    rows = [row for row in results["summary"] if row["variant"].startswith(DROPOUT)]
    cells = [
        (float(row["variant"].removeprefix(DROPOUT)), Cell(row["strategy"], row["variant"], row))
        for row in rows
    ]
    usual = results["study"]["settings"].get("classifiers", {}).get("dropout")
    if rows and usual is not None:
        first = rows[0]
        row = find_row(results, first["task"], first["label_budget"], first["strategy"])
        if row:
            cells.append((float(usual), Cell(row["strategy"], "standard", row)))
    return sorted(cells, key=lambda cell: cell[0])


def stopping_cells(results: dict) -> list[tuple[Cell, Cell]]:
    """Per task: training from scratch with early stopping, and for a fixed long time."""
    pairs = []
    for task in tasks(results):
        for row in results["summary"]:
            if row["task"] != task or row["variant"] != LONG:
                continue
            usual = find_row(results, task, row["label_budget"], row["strategy"])
            if usual:
                strategy = row["strategy"]
                pairs.append((Cell(strategy, "standard", usual), Cell(strategy, LONG, row)))
    return pairs


def forgetting_entries(results: dict) -> list[dict]:
    """What fine-tuning cost the source task, fewest labels first."""
    entries = results["latent"].get("forgetting") or []
    return sorted(entries, key=lambda entry: budget_order(entry["label_budget"]))
