"""The part `decision` of `results.json`: per label budget of the target what to use, and why.

It follows from the rest of the file, so that results of earlier versions have one too.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tfmed.design import Cell, LabelBudget, Strategy, budget_size
from tfmed.results.deciding.candidates import (
    Candidate,
    Entry,
    Results,
    best,
    candidates,
    picked,
    pretraining_of,
    tied,
    tolerance,
    usual_runs,
)
from tfmed.results.deciding.measures import main_metrics
from tfmed.results.deciding.reasons import Choice, against, caveats
from tfmed.tasks import task_of
from tfmed.tasks.scoring import LOWER_IS_BETTER

RULE = (
    "Use the cheapest of those whose mean on validation labels, over the seeds, comes within one "
    "standard error of the best one's."
)


def decide(results: Results) -> dict[str, Any] | None:
    """The part `decision`.

    Args:
        results: the other parts of `results.json`, `models` included.

    Returns:
        As `tfmed.results.schema.deciding.DecisionEntry`; None where no classifier was trained.
    """
    if (places := _places(results)) is None:
        return None
    task, sizes = places
    found = [_with_budget(results, task, budget) for budget in sizes]
    kept = [entry for entry in found if entry is not None]
    if not kept:
        return None
    dataset = next((d for d in results["datasets"] if d["name"] == task), None)
    metric, _ = main_metrics(dataset, results["study"])
    return {"task": task, "metric": metric, "rule": RULE, "budgets": kept}


def chosen_cells(results: Results) -> list[Cell]:
    """What `decide` picks with each label budget, fewest labels first."""
    if (places := _places(results)) is None:
        return []
    task, sizes = places
    found = [_compared(results, task, budget) for budget in sizes]
    return [picked([*compared[1]]).cell for compared in found if compared]


def with_decision(results: Results) -> Results:
    """The results, with a decision where those of an earlier version have none."""
    return results if results.get("decision") else {**results, "decision": decide(results)}


def _places(results: Results) -> tuple[str, list[LabelBudget]] | None:
    """The task that is decided on, and its label budgets; None where nothing was classified."""
    budgets = {(row["task"], row["label_budget"]) for row in results["summary"]}
    if not budgets:
        return None
    tasks = [task for task, _ in sorted(budgets, key=str)]
    task = next((t for t in tasks if t == results["study"]["target"]), tasks[0])
    return task, sorted((budget for t, budget in budgets if t == task), key=budget_size)


def _compared(
    results: Results, task: str, budget: LabelBudget
) -> tuple[str, dict[Candidate, Entry]] | None:
    """By which metric is chosen among what, each with its row; None where there is nothing."""
    dataset = next((d for d in results["datasets"] if d["name"] == task), None)
    found = candidates(results, task, budget, main_metrics(dataset, results["study"])[0])
    if found is None:
        return None
    validated_by, everything = found
    among = {each: row for each in everything if (row := _row(results, each.cell))}
    return (validated_by, among) if among else None


def _with_budget(results: Results, task: str, budget: LabelBudget) -> dict[str, Any] | None:
    """What to use with one label budget; None where runs keep nothing to choose by."""
    dataset = next((d for d in results["datasets"] if d["name"] == task), None)
    metric, _ = main_metrics(dataset, results["study"])
    if (compared := _compared(results, task, budget)) is None:
        return None
    validated_by, rows_of = compared
    among, rows = [*rows_of], {each.cell: row for each, row in rows_of.items()}
    cell = picked(among).cell
    row = rows[cell]
    runs = usual_runs(results, task, budget)[cell.method]
    model = _model(results, cell)
    choice = Choice(cell, metric, row, model, runs[0]["n_val"])
    reasons = against(results, choice)
    named = task_of((dataset or {}).get("task", "binary")).COMPARED_METRICS
    return {
        **cell.entry(),
        "recommended": not reasons,
        "against": reasons,
        "caveats": caveats(results, choice),
        "validated_by": validated_by,
        "tolerance": tolerance(among),
        "best": str(best(among).cell.method),
        "candidates": _candidate_entries(among),
        "expected": {name: row[name] for name in named if name in row},
        "above_on_test": _above_on_test(results, choice, rows),
        "seconds": _seconds(results, cell),
        "model": model and {key: model[key] for key in ("name", "path", "stage")},
        "command": model and model["card"]["call"].get("command"),
    }


def _candidate_entries(among: Sequence[Candidate]) -> list[dict[str, Any]]:
    near = tied(among)
    return [
        {
            "strategy": str(each.cell.method),
            "mean": each.value,
            "standard_error": each.error,
            "tied": each in near,
        }
        for each in among
    ]


def _above_on_test(
    results: Results, choice: Choice, rows: Mapping[Cell, Entry]
) -> list[dict[str, Any]]:
    """What has a better mean on the test split, which came after the choice, the best first."""
    sign = -1 if choice.metric in LOWER_IS_BETTER else 1
    measured = {cell: row[choice.metric] for cell, row in rows.items()}
    means = [(cell, sign * found["mean"]) for cell, found in measured.items() if found]
    own = measured[choice.cell]
    above = [(cell, mean) for cell, mean in means if own and mean > sign * own["mean"]]
    return [
        {
            "strategy": str(cell.method),
            "mean": sign * mean,
            "clear": _is_clear(results, choice.metric, cell, choice.cell),
        }
        for cell, mean in sorted(above, key=lambda pair: -pair[1])
    ]


def _is_clear(results: Results, metric: str, a: Cell, b: Cell) -> bool:
    """Whether a paired comparison of the two, corrected, is clear; not where there is none."""
    sides = {(str(cell.method), str(cell.variant)) for cell in (a, b)}
    return any(
        entry["clear"]
        for entry in results["comparisons"]
        if (entry["task"], entry["label_budget"], entry["metric"])
        == (a.task, a.label_budget, metric)
        and {(entry[side]["strategy"], entry[side]["variant"]) for side in "ab"} == sides
    )


def _row(results: Results, cell: Cell) -> Entry | None:
    return next((row for row in results["summary"] if _is_of(row, cell)), None)


def _model(results: Results, cell: Cell) -> Entry | None:
    return next((model for model in results["models"] if _is_of(model, cell)), None)


def _is_of(entry: Entry, cell: Cell) -> bool:
    return all(entry[key] == value for key, value in cell.entry().items())


def _seconds(results: Results, cell: Cell) -> dict[str, float | None]:
    """Mean seconds of one pretraining, and of all that is fitted on labels for one classifier.

    A recipe that was searched for once serves other runs too, whose fits are shorter: the mean is
    of those that searched. The head that a fine-tuned classifier starts from is a fit of its own.
    """
    method = pretraining_of(results, cell.method)
    pretrained = [e["seconds"] for e in results["pretraining"] if e["method"] == method]
    fits = usual_runs(results, cell.task, cell.label_budget)
    seconds = _fit_seconds(fits[cell.method])
    if isinstance(cell.method, Strategy) and not cell.method.frozen:
        head = Strategy(cell.method.initialisation, "frozen")
        seconds += _fit_seconds(fits.get(head, []))
    return {"pretraining": _mean(pretrained) if pretrained else None, "fit": seconds}


def _fit_seconds(runs: Sequence[Entry]) -> float:
    searched = [run for run in runs if (run.get("recipe") or {}).get("tries")]
    return _mean([run["seconds"] for run in searched or runs])


def _mean(seconds: Sequence[float]) -> float:
    return math.fsum(seconds) / len(seconds) if seconds else 0.0
