"""Which parts of `results.json` a text, a table or a figure is about.

Everything here reads the plain dict of results and returns entries of it as they are. What a single
topic picks out stands in its own package (`differences`, `pretraining`).
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from tfmed.design import (
    BASELINES,
    FROZEN,
    OVERTRAINED,
    STANDARD,
    Baseline,
    Cell,
    LabelBudget,
    Method,
    Repeat,
    Strategy,
    Variant,
    budget_size,
    method_of,
    nearest_budget,
)
from tfmed.tasks.scoring import LOWER_IS_BETTER

Results = dict[str, Any]
"""All of `results.json`."""
Entry = dict[str, Any]
"""One entry of a list in it: a run, a row of the summary, a comparison, a latent space, …"""

MAJORITY, PIXELS = (method_of(name) for name in ("majority", "pixels_logistic"))
FEW_LABELS = 300
"""The budget nearest to it stands for few labels."""
DEFAULT_PRETRAINING = FROZEN.initialisation
"""The method of an entry of `pretraining` that names none; strategies' names leave it out."""
MAIN_METRICS = ("accuracy", "auc")
TRADE_METRICS = ("sensitivity", "specificity")
SPACES_A_FIGURE = 2
MOST_COLUMNS = 4
MISTAKE_KINDS = ("false_positives", "false_negatives")


def dataset_of(results: Results, task: str) -> Entry | None:
    """The data set a task is named after, or None."""
    return next((d for d in results["datasets"] if d["name"] == task), None)


def is_binary(results: Results, task: str) -> bool:
    """Whether a task has two classes, of which one score tells."""
    return (dataset_of(results, task) or {}).get("task", "binary") == "binary"


def class_names(results: Results, task: str) -> list[str]:
    """Names of a task's classes."""
    dataset = dataset_of(results, task)
    return dataset["class_names"] if dataset else ["class 0", "class 1"]


def tasks(results: Results) -> list[str]:
    """Tasks with classifiers or latent spaces, the target first."""
    found = [row["task"] for row in (*results["summary"], *results["latent"]["spaces"])]
    target = results["study"]["target"]
    return sorted(dict.fromkeys(found), key=lambda task: task != target)


def trained_tasks(results: Results) -> list[str]:
    """Tasks with classifiers, the target first."""
    return [task for task in tasks(results) if budgets(results, task)]


def task_slugs(results: Results) -> dict[str, str]:
    """A file-name-safe name for each task, no two the same."""
    slugs: dict[str, str] = {}
    for i, task in enumerate(tasks(results), 1):
        slug = re.sub(r"[^a-z0-9]+", "-", task.lower())[:40].strip("-")
        slugs[task] = f"{slug}-{i}" if not slug or slug in slugs.values() else slug
    return slugs


def budgets(results: Results, task: str) -> list[LabelBudget]:
    """Label budgets of a task's summary rows, fewest labels first."""
    found = {row["label_budget"] for row in results["summary"] if row["task"] == task}
    return sorted(found, key=budget_size)


def shown_budgets(results: Results, task: str) -> list[LabelBudget]:
    """The budget nearest to `FEW_LABELS` and the largest one, which stand for all in pictures."""
    if not (found := budgets(results, task)):
        return []
    few = nearest_budget(found, FEW_LABELS)
    return list(dict.fromkeys((found[0] if few is None else few, found[-1])))


def labels_of(results: Results, task: str, budget: LabelBudget) -> int | None:
    """How many labels a budget holds; None for `full` of an unknown data set."""
    if not isinstance(budget, str):
        return budget
    dataset = dataset_of(results, task)
    return sum(dataset["splits"][split]["n"] for split in ("train", "val")) if dataset else None


def method_order(method: Method) -> tuple:
    """Sorting key: strategies, those without pretraining first, then baselines."""
    if isinstance(method, Baseline):
        return 1, BASELINES.index(method)
    # From scratch before random and frozen, but frozen before fine-tuned.
    late = method.frozen != method.pretrained
    return 0, method.pretrained, method.initialisation, late


def methods(results: Results, task: str | None = None) -> list[Method]:
    """Strategies and baselines that have rows in the summary (of a task), in order."""
    rows = results["summary"]
    names = dict.fromkeys(row["strategy"] for row in rows if task in (None, row["task"]))
    return sorted(map(method_of, names), key=method_order)


def strategies(results: Results, task: str | None = None) -> list[Strategy]:
    """Strategies that have rows in the summary (of a task), in order."""
    return [method for method in methods(results, task) if isinstance(method, Strategy)]


def baselines(results: Results, task: str | None = None) -> list[Baseline]:
    """Baselines that have rows in the summary (of a task), in order."""
    return [method for method in methods(results, task) if isinstance(method, Baseline)]


def is_standard(entry: Entry) -> bool:
    """Whether a run or row is of a strategy as it is, not of a variant or a baseline."""
    return isinstance(method_of(entry["strategy"]), Strategy) and entry["variant"] == str(STANDARD)


def pretrained_by(results: Results) -> list[str]:
    """The initialisations of the strategies that start from pretrained weights, in order."""
    return list(dict.fromkeys(s.initialisation for s in strategies(results) if s.pretrained))


def find_row(results: Results, cell: Cell) -> Entry | None:
    """The row of the summary of one cell, or None."""
    name = str(cell.method)
    for row in results["summary"]:
        place = row["task"], row["label_budget"], row["strategy"]
        if place == (cell.task, cell.label_budget, name) and variant_of(row) == cell.variant:
            return row
    return None


def rows_of(results: Results, task: str, budget: LabelBudget | None = None) -> list[Entry]:
    """Rows of the summary of a task (and budget): by budget, standard ones first, by strategy."""
    rows = [row for row in results["summary"] if row["task"] == task]
    if budget is not None:
        rows = [row for row in rows if row["label_budget"] == budget]
    return sorted(rows, key=cell_order)


def rows_over_budgets(
    results: Results, task: str, method: Method
) -> list[tuple[LabelBudget, Entry | None]]:
    """A standard strategy's or a baseline's row at each label budget of a task."""
    return [(b, find_row(results, Cell(task, method, STANDARD, b))) for b in budgets(results, task)]


def runs_of(results: Results, row: Entry) -> list[Entry]:
    """Runs behind a row of the summary, by seed and pretraining."""
    keys = ("task", "strategy", "variant", "label_budget")
    found = [run for run in results["runs"] if all(run[key] == row[key] for key in keys)]
    return sorted(found, key=Repeat.of_entry)


def cell_order(entry: Entry) -> tuple:
    """Sorting key of runs, rows of the summary and latent spaces within a task."""
    budget, variant = entry["label_budget"], entry["variant"]
    return (
        0.0 if budget is None else budget_size(budget),
        variant != str(STANDARD),
        variant,
        method_order(method_of(entry["strategy"])),
    )


def curve_grid(results: Results, task: str) -> list[list[Entry | None]]:
    """Standard rows as a grid: few labels over most labels, a column for each strategy."""
    lines = [
        [find_row(results, Cell(task, s, STANDARD, budget)) for s in strategies(results, task)]
        for budget in shown_budgets(results, task)
    ]
    columns = [column for column in zip(*lines, strict=True) if any(column)]
    return [list(line) for line in zip(*columns, strict=True) if any(line)]


def drawn_grid(results: Results, task: str) -> list[list[Entry | None]]:
    """`curve_grid` for figures of a page's width: lines of more than four go on below."""
    lines = []
    for line in curve_grid(results, task):
        parts = -(-len(line) // MOST_COLUMNS)
        size = -(-len(line) // parts)
        for start in range(0, len(line), size):
            part = line[start : start + size]
            lines.append(part + [None] * (size - len(part)))
    return [line for line in lines if any(line)]


def curve_rows(results: Results, task: str) -> list[Entry]:
    """The rows of `curve_grid`, line by line."""
    return [row for line in curve_grid(results, task) for row in line if row]


def find_comparison(
    results: Results, a: Cell, b: Cell, metric: str = MAIN_METRICS[0]
) -> Entry | None:
    """The paired comparison of two cells, turned round where it is kept as b, a."""
    place, names = (a.task, a.label_budget, metric), (str(a.method), str(b.method))
    for kept in results["comparisons"]:
        if (kept["task"], kept["label_budget"], kept["metric"]) != place:
            continue
        found = kept["a"]["strategy"], kept["b"]["strategy"]
        if found not in (names, names[::-1]):
            continue
        first, second = (Variant.parse(kept[side]["variant"]) for side in "ab")
        if (*found, first, second) == (*names, a.variant, b.variant):
            return kept
        if (*found, second, first) == (*names[::-1], a.variant, b.variant):
            turned = {"difference": -kept["difference"], "low": -kept["high"], "high": -kept["low"]}
            return {**kept, "a": kept["b"], "b": kept["a"], **turned}
    return None


def verdict(comparison: Entry) -> int:
    """1 if `a` is clearly better than `b`, -1 if worse, 0 if not clear after correction."""
    if not comparison["clear"]:
        return 0
    better = (comparison["difference"] > 0) != (comparison["metric"] in LOWER_IS_BETTER)
    return 1 if better else -1


def variant_of(row: Entry) -> Variant:
    """How a row's classifiers differ from the standard ones."""
    return Variant.parse(row["variant"])


def standard_of(results: Results, row: Entry) -> Entry | None:
    """The row of the standard classifier beside a variant's."""
    return find_row(results, _with_variant(row, STANDARD))


def compared_variants(
    results: Results, row: Entry, variant: Variant, other: Variant, metric: str
) -> Entry | None:
    """The comparison of two variants of a row's strategy, at its task and label budget."""
    return find_comparison(results, _with_variant(row, variant), _with_variant(row, other), metric)


def _with_variant(row: Entry, variant: Variant) -> Cell:
    return Cell(row["task"], method_of(row["strategy"]), variant, row["label_budget"])


def loss_rows(results: Results) -> list[Entry]:
    """Rows of each strategy with every loss it was tried with, the plain one first."""
    tried = [row for row in results["summary"] if variant_of(row).loss != "plain"]
    cells = {_with_variant(row, STANDARD) for row in tried}
    ordered = sorted(
        cells, key=lambda c: (c.task, budget_size(c.label_budget), method_order(c.method))
    )
    return [
        row
        for variant in (STANDARD, Variant(loss="class_weighted"), Variant(loss="focal"))
        for cell in ordered
        if (row := find_row(results, Cell(cell.task, cell.method, variant, cell.label_budget)))
    ]


def dropout_rows(results: Results) -> list[tuple[float, Entry]]:
    """Rows of each dropout that was tried, and the standard one where its value is known."""
    tried = [(variant_of(row).dropout, row) for row in results["summary"]]
    found = [(dropout, row) for dropout, row in tried if dropout is not None]
    usual = results["study"]["settings"].get("classifiers", {}).get("dropout")
    if found and usual is not None:
        row = standard_of(results, found[0][1])
        found += [(float(usual), row)] if row else []
    return sorted(found, key=lambda pair: pair[0])


def stopping_rows(results: Results) -> list[tuple[Entry, Entry]]:
    """Rows with early stopping beside those of a fixed, long training, task by task."""
    return [
        (usual, row)
        for task in tasks(results)
        for row in results["summary"]
        if row["task"] == task and variant_of(row) == OVERTRAINED
        if (usual := standard_of(results, row))
    ]


def forgetting_entries(results: Results) -> list[Entry]:
    """What fine-tuning cost the source task: each strategy by itself, its fewest labels first."""
    found = results["latent"]["forgetting"]
    order = list(dict.fromkeys(entry.get("strategy") for entry in found))
    return sorted(
        found,
        key=lambda entry: (order.index(entry.get("strategy")), budget_size(entry["label_budget"])),
    )


def pretraining_method(entry: Entry) -> str:
    """The method of an entry of `pretraining`."""
    return str(entry["method"])


def learned_from(entry: Entry) -> str:
    """What an entry of `pretraining` was trained on: `images`, `labels`, or `nothing` here."""
    return str(entry.get("learned_from", "images"))


def pretraining_methods(results: Results) -> list[str]:
    """The methods that encoders were pretrained with, in the order of the results."""
    return list(dict.fromkeys(map(pretraining_method, results["pretraining"])))


def reconstructing(results: Results) -> list[Entry]:
    """Entries of `pretraining` of methods that reconstruct images."""
    return [entry for entry in results["pretraining"] if entry["test"]]


def spaces_of(results: Results, task: str) -> list[Entry]:
    """Latent spaces of a task, fewest labels first."""
    return sorted((s for s in results["latent"]["spaces"] if s["task"] == task), key=cell_order)


def space_chunks(results: Results, task: str) -> list[list[Entry]]:
    """Latent spaces of a task in even portions that fit one figure each."""
    if not (spaces := spaces_of(results, task)):
        return []
    portions = -(-len(spaces) // SPACES_A_FIGURE)
    bounds = np.linspace(0, len(spaces), portions + 1).round().astype(int)
    return [spaces[a:b] for a, b in pairwise(bounds)]


def explorable(results: Results, task: str) -> list[Entry]:
    """Latent spaces of a task that have a label for every point, fewest labels first."""
    n = len(results["latent"]["labels"].get(task, []))
    same = len(results["latent"]["indices"].get(task, [])) == n
    return [space for space in spaces_of(results, task) if same and space["n"] == n > 0]


def mistakes_of(results: Results, task: str) -> Entry | None:
    """The most confident errors kept of a task, where there are any."""
    found = results["latent"]["mistakes"].get(task)
    return found if found and any(found[kind]["shown"] for kind in MISTAKE_KINDS) else None


def similarities(results: Results, task: str) -> Iterator[Entry]:
    """Linear CKA between the latent spaces of a task, an entry for each pair."""
    ids = {space["id"] for space in spaces_of(results, task)}
    return (e for e in results["latent"]["cka"] if e["a"] in ids and e["b"] in ids)
