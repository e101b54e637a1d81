"""The study's answer in a few sentences."""

from tfmed.report.wording import (
    STRATEGIES,
    STRATEGY_NAMES,
    budget_name,
    budgets,
    count,
    difference,
    find_comparison,
    find_row,
    interval,
    shown_budgets,
    task_title,
    tasks,
    verdict,
)

WAYS = ("finetune", "frozen")


def answer(results: dict) -> list[str]:
    """The study's answer in two or three sentences with numbers.

    It follows the paired differences in accuracy alone: "helps" and "hurts" where a difference is
    clear after the correction for all comparisons of the study, "makes no clear difference" where
    it is not.

    Args:
        results: the content of `results.json`.

    Returns:
        Sentences on the target task (or, where nothing was trained on it, on the first task there
        is): with few labels, with the most labels, and what all label budgets and the random,
        frozen encoder say.
    """
    if not results["summary"]:
        return ["No classifier was trained in this study, so the question stays open."]
    task = next(task for task in tasks(results) if budgets(results, task))
    shown = shown_budgets(results, task)
    sentences = [_budget_sentence(results, task, budget) for budget in shown]
    return [*sentences, *filter(None, [_overall_sentence(results, task, shown)])]


def _budget_sentence(results: dict, task: str, budget: int | str) -> str:
    """What a pretrained encoder does to the accuracy at one label budget."""
    images = "the synthetic phantom images of " if results["synthetic"] else ""
    start = f"With {budget_name(results, task, budget)} on {images}{task_title(results, task)}"
    pairs = [find_comparison(results, task, budget, way, "scratch") for way in WAYS]
    compared = [pair for pair in pairs if pair is not None]
    if compared:
        scratch = find_row(results, task, budget, "scratch")
        accuracy = interval(scratch["accuracy"] if scratch else None)
        clauses = " and ".join(_clauses(compared))
        return f"{start} (accuracy from scratch {accuracy}), {clauses}."
    rows = [find_row(results, task, budget, strategy) for strategy in STRATEGIES]
    means = "; ".join(
        f"{STRATEGY_NAMES[row['strategy']]} {interval(row['accuracy'])}" for row in rows if row
    )
    return (
        f"{start} the accuracy was: {means}. Without a paired comparison with training from "
        "scratch, whether pretraining helps cannot be said."
    )


def _clauses(compared: list[dict]) -> list[str]:
    """What the ways of using the pretrained encoder do, those with the same verdict together."""
    clauses: list[str] = []
    for outcome in dict.fromkeys(verdict(found) for found in compared):
        which = " or ".join(
            f"{STRATEGY_NAMES[found['a']['strategy']]} ({difference(found)})"
            for found in compared
            if verdict(found) == outcome
        )
        encoder = "" if clauses else "a pretrained encoder "
        does = {1: "helps", -1: "hurts", 0: "makes no clear difference"}[outcome]
        clauses.append(f"{encoder}{does} when {which}")
    return clauses


def _overall_sentence(results: dict, task: str, shown: list[int | str]) -> str:
    """Where anything is clear, and whether pretraining or the network's shape has the credit."""
    every = budgets(results, task)
    compared = [
        found
        for budget in every
        for way in WAYS
        if (found := find_comparison(results, task, budget, way, "scratch"))
    ]
    if not compared:
        return ""
    family = count(max(found["family"] for found in compared))
    where = f"any of the {len(every)} label budgets" if len(every) > 1 else "this label budget"
    clear = [
        f"{STRATEGY_NAMES[found['a']['strategy']]} {'better' if verdict(found) > 0 else 'worse'} "
        f"with {budget_name(results, task, found['label_budget'])}"
        for found in compared
        if verdict(found)
    ]
    corrected = f"Corrected for {family} comparisons"
    if clear:
        start = f"{corrected}, these differences in accuracy from scratch are clear: "
        start += ", ".join(clear)
    else:
        start = f"{corrected}, no difference in accuracy from scratch is clear at {where}"
    credit = _credit(results, task, shown)
    return f"{start}; {credit}." if credit else f"{start}."


def _credit(results: dict, task: str, shown: list[int | str]) -> str:
    """The frozen encoder against one with random weights, which owes pretraining nothing."""
    controls = [
        found
        for budget in shown
        if (found := find_comparison(results, task, budget, "frozen", "random_frozen"))
    ]
    if not controls:
        return ""
    differences = " and ".join(
        f"{difference(found)} with {budget_name(results, task, found['label_budget'])}"
        for found in controls
    )
    outcomes = {verdict(found) for found in controls}
    if outcomes == {0}:
        credit = "not clear, so the effect of pretraining as such stays open"
    elif outcomes == {1}:
        credit = "clear, so pretraining has the credit and not the network's shape alone"
    elif outcomes == {-1}:
        credit = "clear, and the other way round: random weights do better"
    elif outcomes == {0, 1}:
        credit = "clear in part, and only there has pretraining the credit"
    elif outcomes == {0, -1}:
        credit = "clear in part, and the other way round: there random weights do better"
    else:
        credit = "clear, once for pretraining and once for random weights"
    return f"frozen pretrained weights against frozen random ones make {differences}: {credit}"
