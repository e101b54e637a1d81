"""Tables of pretraining: settings, health, what each method cost, and reconstruction errors."""

from collections.abc import Iterable, Sequence
from typing import Any

from tfmed.design import RANDOM, STANDARD, Cell, LabelBudget, Strategy
from tfmed.report.blocks import Block, table, text
from tfmed.report.pretraining.curves import fits_of
from tfmed.report.pretraining.health import COLLAPSED, LEAST_RANK, LEAST_SPREAD, is_collapsed
from tfmed.report.selection import (
    Entry,
    Results,
    find_row,
    pretrained_by,
    pretraining_method,
    pretraining_methods,
    reconstructing,
    runs_of,
    shown_budgets,
    trained_tasks,
)
from tfmed.report.wording import (
    MISSING,
    budget_name,
    capitalised,
    count,
    flat_settings,
    initialisation_name,
    number,
    pretraining_name,
    task_title,
)

NOT_SETTINGS = ("method", "seed")
AUTO = "auto"


def settings_blocks(results: Results) -> list[Block]:
    """Settings of each method with what `auto` came to; nothing of results that hold none."""
    methods = pretraining_methods(results)
    columns = {
        method: dict(flat_settings(_own(fits_of(results, method)[0].get("settings") or {})))
        for method in methods
    }
    names = dict.fromkeys(name for column in columns.values() for name in column)
    if not names:
        return []
    chosen = {method: _declared(results, method) for method in methods}
    rows = []
    for name in names:
        cells = [columns[method].get(name, MISSING) for method in methods]
        autos = [chosen[method].get(name) == AUTO for method in methods]
        pairs = zip(cells, autos, strict=True)
        rows.append([name, *(f"{cell} ({AUTO})" if auto else cell for cell, auto in pairs)])
    words = text(
        "Settings of each method in the study file's names"
        + (f"; ({AUTO}): chosen by the number of images." if _any_auto(rows) else ".")
    )
    titles = ["Setting", *(capitalised(pretraining_name(method)) for method in methods)]
    widths = [2.4] + [1.2] * len(methods)
    return [table("methods-table", words, titles, rows, size="small", widths=widths)]


def _own(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in NOT_SETTINGS}


def _declared(results: Results, method: str) -> dict[str, str]:
    """A method's settings as the study has them, `auto` among them."""
    found = results["study"]["settings"].get("pretraining") or []
    declared = [found] if isinstance(found, dict) else found
    own = next((each for each in declared if each.get("method") == method), {})
    return dict(flat_settings(own))


def _any_auto(rows: Iterable[Sequence[str]]) -> bool:
    return any(cell.endswith(f"({AUTO})") for row in rows for cell in row)


def health_blocks(results: Results) -> list[Block]:
    """Spread and effective rank of each pretraining's embeddings, and how long it took."""
    if not any(fit.get("health") for fit in results["pretraining"]):
        return []
    caption = text(
        "Each pretraining. Spread: how much the directions of the embeddings of training images "
        "differ, from 0 (all alike) to 1. Effective rank: how many of their dimensions they use "
        f"(Roy and Vetterli 2007). Below {LEAST_SPREAD:g} or {LEAST_RANK:g}: {COLLAPSED}."
    )
    columns = ["Method", "Seed", "Epochs (best)", "Spread", "Effective rank", "Seconds"]
    rows = map(_health_row, results["pretraining"])
    return [table("health-table", caption, columns, rows)]


def _health_row(fit: Entry) -> list[str]:
    found = fit.get("health")
    name = capitalised(pretraining_name(pretraining_method(fit)))
    measured = [MISSING, MISSING]
    if found:
        rank = f"{number(found['effective_rank'], 1)} of {count(found['dimensions'])}"
        measured = [number(found["spread"], 2), rank]
    return [
        f"{name}\n{COLLAPSED}" if is_collapsed(fit) else name,
        str(fit["seed"]),
        f"{fit['epochs']} ({fit['best_epoch']})" if fit["epochs"] else MISSING,
        *measured,
        number(fit["seconds"], 0),
    ]


def cost_blocks(results: Results) -> list[Block]:
    """Seconds of pretraining and of fitting, a row for each way to start an encoder."""
    if not (tasks := trained_tasks(results)):
        return []
    task = tasks[0]
    shown = shown_budgets(results, task)
    started = list(dict.fromkeys([RANDOM, *pretraining_methods(results), *pretrained_by(results)]))
    rows = [
        [
            capitalised(initialisation_name(name)),
            *_pretraining_cells(results, name),
            *_fit_cells(results, name, shown),
        ]
        for name in started
    ]
    columns = ["Encoder from", "Pretraining, each", "In sum"]
    columns += [
        f"{trained}, {budget_name(results, task, budget)}"
        for budget in shown
        for trained in ("Frozen", "Fine-tuned")
    ]
    words = text(
        "What each cost in seconds. Pretraining: mean of its repeats, and all of them in sum. "
        f"Fitting: mean of one classifier of {task_title(results, task)} with its search over "
        "recipes, where there was one; “fine-tuned” comes on top of “frozen”, whose head it starts "
        "from, and of random weights is “from scratch”. Jobs ran side by side, so the whole run "
        "took less than their sum."
    )
    widths = [2.4] + [1.0] * (len(columns) - 1)
    return [table("costs-table", words, columns, rows, size="small", widths=widths)]


def _pretraining_cells(results: Results, method: str) -> list[str]:
    seconds = [fit["seconds"] for fit in fits_of(results, method)]
    if not seconds:
        return [MISSING, MISSING]
    mean = count(sum(seconds) / len(seconds))
    return [f"{mean} (mean of {len(seconds)})" if len(seconds) > 1 else mean, count(sum(seconds))]


def _fit_cells(results: Results, initialisation: str, shown: Sequence[LabelBudget]) -> list[str]:
    task = trained_tasks(results)[0]
    strategies = (Strategy(initialisation, "frozen"), Strategy(initialisation, "finetune"))
    cells = []
    for budget in shown:
        for strategy in strategies:
            row = find_row(results, Cell(task, strategy, STANDARD, budget))
            runs = runs_of(results, row) if row else []
            searched = [run for run in runs if (run.get("recipe") or {}).get("tries")]
            seconds = [run["seconds"] for run in searched or runs]
            mean = sum(seconds) / len(seconds) if seconds else None
            cells.append(MISSING if mean is None else number(mean, 1))
    return cells


def error_blocks(results: Results) -> list[Block]:
    """Reconstruction errors of each pretraining that reconstructs."""
    fits = reconstructing(results)
    several = len(pretraining_methods(results)) > 1
    columns = ["Seed", "Epochs (best)", "MSE", "MAE", "PSNR (dB)", "MSE of mean image", "Ratio"]
    caption = text(
        f"Reconstruction error on {count(fits[0]['test']['n'])} test images, pixels from 0 to 1. "
        "Ratio: how many times larger the error of always predicting the mean training image is."
    )
    rows = [_error_row(fit, several=several) for fit in fits]
    return [table("errors-table", caption, ["Method", *columns] if several else columns, rows)]


def _error_row(fit: Entry, *, several: bool) -> list[str]:
    test = fit["test"]
    ratio = f"{test['mse_mean_image'] / test['mse']:.1f}" if test["mse"] > 0 else MISSING
    return [
        *([capitalised(pretraining_name(pretraining_method(fit)))] if several else []),
        str(fit["seed"]),
        f"{fit['epochs']} ({fit['best_epoch']})",
        number(test["mse"], 5),
        number(test["mae"], 4),
        number(test["psnr"], 1),
        number(test["mse_mean_image"], 5),
        ratio,
    ]
