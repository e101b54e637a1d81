"""The answer of a study of several pretraining methods."""

from collections.abc import Iterator

from tfmed.design import RANDOM_FROZEN, SCRATCH, STANDARD, Cell, LabelBudget, Method, Strategy
from tfmed.report.asked import main_metrics, main_name
from tfmed.report.differences.rows import question_rows
from tfmed.report.selection import (
    PIXELS,
    Entry,
    Results,
    find_comparison,
    find_row,
    shown_budgets,
    strategies,
    verdict,
)
from tfmed.report.wording import (
    budget_name,
    count,
    difference,
    interval,
    listed,
    pretraining_name,
    strategy_name,
    task_title,
)

CONTROLS = {
    SCRATCH: "training from scratch",
    RANDOM_FROZEN: "frozen random weights",
    PIXELS: "logistic regression on pixels",
}
"""What the best strategy is held against, and how it is called."""
MOST_PAIRS = 3
"""Pairs with a clear difference that are named."""
MOST_DECLARED = 4
"""Declared pairs whose differences are named for a label budget."""


def sentences(results: Results, task: str) -> list[str]:
    """The best with few labels and with most, and which comparisons are clear.

    A study that declares its comparisons is answered by these, whichever strategy is the best.
    """
    shown = shown_budgets(results, task)
    answered = _declared_sentence if declared(results) else _budget_sentence
    found = [answered(results, task, budget) for budget in shown]
    return [*found, *filter(None, [_overall_sentence(results, task, shown)])]


def declared(results: Results) -> bool:
    """Whether the study names the comparisons that its answer speaks of."""
    return bool(results["study"]["settings"].get("comparisons"))


def _declared_sentence(results: Results, task: str, budget: LabelBudget) -> str:
    """The differences of the declared pairs at a label budget."""
    metric = main_metrics(results, task)[0]
    found = [row for row in question_rows(results, task, metric) if row["label_budget"] == budget]
    place = f"{budget_name(results, task, budget)} on {task_title(results, task)}"
    if not found:
        return f"With {place} none of the declared comparisons could be made."
    pairs = [
        f"{strategy_name(results, row['a'])} minus {strategy_name(results, row['b'])} "
        f"{difference(row)} ({_clear(row)})"
        for row in found[:MOST_DECLARED]
    ]
    rest = len(found) - len(pairs)
    more = f"; {count(rest)} more are in the table of differences" if rest else ""
    images = ", synthetic phantom images" if results["synthetic"] else ""
    return (
        f"With {place}{images}, the declared comparisons in {main_name(results, task)}: "
        f"{'; '.join(pairs)}{more}."
    )


def best_row(results: Results, task: str, budget: LabelBudget) -> Entry | None:
    """The row of the pretrained strategy with the highest mean of the main metric."""
    metric = main_metrics(results, task)[0]
    cells = [Cell(task, s, STANDARD, budget) for s in strategies(results, task) if s.pretrained]
    rows = [row for cell in cells if (row := find_row(results, cell)) and row[metric]]
    return max(rows, key=lambda row: row[metric]["mean"], default=None)


def _budget_sentence(results: Results, task: str, budget: LabelBudget) -> str:
    """The best pretrained strategy at a label budget, and its gains."""
    first, second = main_metrics(results, task)
    images = "the synthetic phantom images of " if results["synthetic"] else ""
    start = f"With {budget_name(results, task, budget)} on {images}{task_title(results, task)}"
    row = best_row(results, task, budget)
    if row is None:
        return f"{start} no pretrained strategy has a mean {main_name(results, task)}."
    beside = f" ({main_name(results, task, second)} {interval(row[second])})" if row[second] else ""
    return (
        f"{start}, the pretrained strategy with the highest mean {main_name(results, task)} is "
        f"{strategy_name(results, row)}: {interval(row[first])}{beside}. "
        f"{_gains(results, row)}"
    )


def _gains(results: Results, row: Entry) -> str:
    """A row's paired differences from the controls, and which there are not."""
    metric = main_metrics(results, row["task"])[0]
    best = Cell.of_entry(row)
    found: dict[Method, Entry | None] = {
        control: find_comparison(
            results, best, Cell(best.task, control, STANDARD, best.label_budget), metric
        )
        for control in CONTROLS
    }
    gains = [
        f"{difference(entry)} over {CONTROLS[control]} ({_clear(entry)})"
        for control, entry in found.items()
        if entry
    ]
    missing = [CONTROLS[control] for control, entry in found.items() if not entry]
    if not gains:
        return f"It was not compared with {' or '.join(missing)}."
    rest = f"; it was not compared with {' or '.join(missing)}" if missing else ""
    return f"Its gain is {listed(gains)}{rest}."


def _clear(comparison: Entry) -> str:
    return "clear" if verdict(comparison) else "not clear"


def _overall_sentence(results: Results, task: str, shown: list[LabelBudget]) -> str:
    """Which of the question's comparisons are clear, and whether to freeze or to fine-tune."""
    name = main_name(results, task)
    found = question_rows(results, task, main_metrics(results, task)[0])
    if not found:
        return (
            "Without a paired comparison with training from scratch, whether pretraining helps "
            "cannot be said."
        )
    clear = [entry for entry in found if verdict(entry)]
    start = f"Of the question's {count(len(found))} comparisons in {name}, corrected together, "
    start += f"{_clear_words(results, task, clear)}" if clear else "none is clear"
    if trained := list(_trained_clauses(results, task, shown)):
        return f"{start}. Frozen or fine-tuned: {'; '.join(trained)}."
    return f"{start}."


def _clear_words(results: Results, task: str, clear: list[Entry]) -> str:
    """The pairs with clear differences, those of the most label budgets first."""
    pairs: dict[tuple[str, str], list[LabelBudget]] = {}
    for entry in clear:
        sides = [strategy_name(results, entry[side]) for side in "ab"]
        better, worse = sides if verdict(entry) > 0 else sides[::-1]
        pairs.setdefault((better, worse), []).append(entry["label_budget"])
    ordered = sorted(pairs.items(), key=lambda pair: -len(pair[1]))
    named = [
        f"{better} is better than {worse} with "
        + listed([budget_name(results, task, budget) for budget in places])
        for (better, worse), places in ordered[:MOST_PAIRS]
    ]
    rest = len(ordered) - len(named)
    more = [f"and so are those of {rest} other {'pairs' if rest > 1 else 'pair'}"] if rest else []
    verb = "is" if len(clear) == 1 else "are"
    return f"{count(len(clear))} {verb} clear: {'; '.join([*named, *more])}"


def _trained_clauses(results: Results, task: str, shown: list[LabelBudget]) -> Iterator[str]:
    """Of the best method at each shown label budget, whether it is better frozen."""
    metric = main_metrics(results, task)[0]
    for budget in shown:
        row = best_row(results, task, budget)
        if row is None:
            continue
        method = Cell.of_entry(row).method
        assert isinstance(method, Strategy)
        sides = (Strategy(method.initialisation, t) for t in ("finetune", "frozen"))
        tuned, frozen = (Cell(task, side, STANDARD, budget) for side in sides)
        entry = find_comparison(results, tuned, frozen, metric)
        if entry is None:
            continue
        higher = "fine-tuned" if entry["difference"] > 0 else "frozen"
        yield (
            f"with {budget_name(results, task, budget)} {pretraining_name(method.initialisation)} "
            f"has the higher mean {higher} (fine-tuned minus frozen {difference(entry)}, "
            f"{_clear(entry)})"
        )
