"""The answer of a study of one pretraining method, or of none."""

from collections.abc import Sequence

from tfmed.design import RANDOM_FROZEN, SCRATCH, STANDARD, Cell, LabelBudget, Strategy
from tfmed.report.asked import main_metrics, main_name
from tfmed.report.selection import (
    Entry,
    Results,
    budgets,
    find_comparison,
    find_row,
    pretrained_by,
    shown_budgets,
    strategies,
    verdict,
)
from tfmed.report.wording import (
    budget_name,
    count,
    difference,
    interval,
    method_name,
    task_title,
)


def sentences(results: Results, task: str) -> list[str]:
    """With few labels, with the most, and what all budgets and the random, frozen encoder say."""
    shown = shown_budgets(results, task)
    found = [_budget_sentence(results, task, budget) for budget in shown]
    return [*found, *filter(None, [_overall_sentence(results, task, shown)])]


def _budget_sentence(results: Results, task: str, budget: LabelBudget) -> str:
    """What a pretrained encoder does to the main metric at one label budget."""
    metric, name = main_metrics(results, task)[0], main_name(results, task)
    images = "the synthetic phantom images of " if results["synthetic"] else ""
    start = f"With {budget_name(results, task, budget)} on {images}{task_title(results, task)}"
    found = _compared(results, task, _from_scratch_pairs(results), metric, [budget])
    if found:
        scratch = find_row(results, Cell(task, SCRATCH, STANDARD, budget))
        level = interval(scratch[metric] if scratch else None)
        clauses = " and ".join(_clauses(found))
        return f"{start} ({name} from scratch {level}), {clauses}."
    rows = [
        (strategy, find_row(results, Cell(task, strategy, STANDARD, budget)))
        for strategy in strategies(results, task)
    ]
    means = "; ".join(
        f"{method_name(results, s)} {interval(row[metric])}" for s, row in rows if row
    )
    return (
        f"{start} the {name} was: {means}. Without a paired comparison with training from "
        "scratch, whether pretraining helps cannot be said."
    )


def _clauses(found: list[Entry]) -> list[str]:
    """What the pretrained encoder does, ways of using it with the same verdict together."""
    clauses: list[str] = []
    subject = "a pretrained encoder "
    for outcome in dict.fromkeys(map(verdict, found)):
        which = " or ".join(
            f"{'frozen' if _strategy(entry).frozen else 'fine-tuned'} "
            f"({difference(entry)}{_because(entry)})"
            for entry in found
            if verdict(entry) == outcome
        )
        does = {1: "helps", -1: "hurts", 0: "makes no clear difference"}[outcome]
        clauses.append(f"{subject}{does} when {which}")
        subject = ""
    return clauses


def _because(comparison: Entry) -> str:
    """Why a difference is called unclear although its own interval leaves out 0."""
    apart = comparison["low"] > 0 or comparison["high"] < 0
    return ", not clear after correction" if apart and not verdict(comparison) else ""


def _strategy(comparison: Entry) -> Strategy:
    """The first side of a comparison of strategies."""
    return Strategy.parse(comparison["a"]["strategy"])


def _overall_sentence(results: Results, task: str, shown: list[LabelBudget]) -> str:
    """Where anything is clear, and whether that is due to pretraining or to the architecture."""
    metric, name = main_metrics(results, task)[0], main_name(results, task)
    found = _compared(results, task, _from_scratch_pairs(results), metric, budgets(results, task))
    if not found:
        return ""
    n_budgets = len(budgets(results, task))
    family = count(max(entry["family"] for entry in found))
    where = f"any of the {n_budgets} label budgets" if n_budgets > 1 else "this label budget"
    clear = [
        f"{method_name(results, _strategy(entry))} {'better' if verdict(entry) > 0 else 'worse'} "
        f"with {budget_name(results, task, entry['label_budget'])}"
        for entry in found
        if verdict(entry)
    ]
    corrected = f"Corrected for {family} comparisons"
    if clear:
        start = f"{corrected}, these differences in {name} from scratch are clear: "
        start += ", ".join(clear)
    else:
        start = f"{corrected}, no difference in {name} from scratch is clear at {where}"
    control = _control(results, task, shown)
    return f"{start}; {control}." if control else f"{start}."


def _control(results: Results, task: str, shown: list[LabelBudget]) -> str:
    """The frozen encoder against one with random weights, which owes pretraining nothing."""
    metric = main_metrics(results, task)[0]
    controls = _compared(results, task, _control_pairs(results), metric, shown)
    if not controls:
        return ""
    differences = " and ".join(
        f"{difference(found)} with {budget_name(results, task, found['label_budget'])}"
        for found in controls
    )
    outcomes = {verdict(found) for found in controls}
    if outcomes == {0}:
        meaning = "not clear, so the effect of pretraining itself stays open"
    elif outcomes == {1}:
        meaning = "clear, so the gain is due to pretraining and not to the architecture alone"
    elif outcomes == {-1}:
        meaning = "clear, and random weights do better"
    elif outcomes == {0, 1}:
        meaning = "clear in part, and only there is the gain due to pretraining"
    elif outcomes == {0, -1}:
        meaning = "clear in part, and there random weights do better"
    else:
        meaning = "clear, but pretraining does better at one and random weights at another"
    return f"frozen pretrained minus frozen random weights: {differences}, which is {meaning}"


def _compared(
    results: Results,
    task: str,
    pairs: Sequence[tuple[Strategy, Strategy]],
    metric: str,
    among: Sequence[LabelBudget],
) -> list[Entry]:
    """Comparisons of pairs of standard strategies that there are, by label budget."""
    found = (
        find_comparison(
            results, Cell(task, a, STANDARD, budget), Cell(task, b, STANDARD, budget), metric
        )
        for budget in among
        for a, b in pairs
    )
    return [entry for entry in found if entry is not None]


def _from_scratch_pairs(results: Results) -> list[tuple[Strategy, Strategy]]:
    """Each way to use a pretrained encoder against training from scratch."""
    return [
        (Strategy(name, trained), SCRATCH)
        for name in pretrained_by(results)
        for trained in ("finetune", "frozen")
    ]


def _control_pairs(results: Results) -> list[tuple[Strategy, Strategy]]:
    """Each frozen pretrained encoder against a frozen one with random weights."""
    return [(Strategy(name, "frozen"), RANDOM_FROZEN) for name in pretrained_by(results)]
