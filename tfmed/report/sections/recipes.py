"""What the report says about recipes: learning rates and augmentation, searched inside budgets."""

from collections import Counter
from collections.abc import Iterable, Sequence

from tfmed.design import STANDARD, Strategy
from tfmed.report.blocks import Block, Text, ref, strong, table, text
from tfmed.report.selection import (
    Entry,
    Results,
    budgets,
    rows_over_budgets,
    runs_of,
    strategies,
    task_slugs,
    trained_tasks,
)
from tfmed.report.wording import MISSING, budget_name, listed, method_name, task_title

Recipe = tuple[float, bool]


def recipe_words(results: Results) -> list[Text]:
    """What was tried, by which strategies; nothing where nothing was searched."""
    runs = searched_runs(results)
    if not runs:
        return []
    sets = {frozenset(map(_recipe, run["recipe"]["tries"])) for run in runs}
    same = len(sets) == 1
    tried = sorted(set.union(*map(set, sets)))
    opening = (
        f"All strategies that train their encoder tried the same {len(tried)} recipes inside their "
        "label budget"
        if same
        else f"Strategies that train their encoder tried up to {len(tried)} recipes inside their "
        "label budget, not all the same"
    )
    refs = [ref(f"recipes-{task_slugs(results)[task]}") for task in _tasks(results)]
    between = [part for span in refs for part in (" and ", span)][1:]
    return [
        text(
            strong("Recipes. "),
            f"{opening} ({_grid_words(tried)}), each from the same start, and kept the one with "
            "the lowest loss on the budget's validation labels: see ",
            *between,
            ". A search of one pretraining serves the others of its seed, which see the same "
            "labels; with all labels the first seed's serves every seed; and variants take the "
            "recipe of the standard classifier.",
        )
    ]


def recipe_blocks(results: Results) -> list[Block]:
    """A table for each task: what was chosen, by strategy and label budget."""
    return [_recipe_table(results, task) for task in _tasks(results)]


def searched_runs(results: Results) -> list[Entry]:
    """Runs of standard classifiers that tried several recipes themselves."""
    return [
        run
        for run in results["runs"]
        if run["variant"] == str(STANDARD) and (run.get("recipe") or {}).get("tries")
    ]


def _tasks(results: Results) -> list[str]:
    found = {run["task"] for run in searched_runs(results)}
    return [task for task in trained_tasks(results) if task in found]


def _recipe(entry: Entry) -> Recipe:
    return entry["learning_rate"], entry["augment"]


def _grid_words(tried: Sequence[Recipe]) -> str:
    """Such as `learning rate 0.0003 or 0.001, plain or augmented`."""
    rates = [f"{rate:g}" for rate in dict.fromkeys(rate for rate, _ in tried)]
    augments = [_augment_word(augment) for augment in dict.fromkeys(a for _, a in tried)]
    return f"learning rate {' or '.join(rates)}, {' or '.join(augments)}"


def _augment_word(augment: bool) -> str:  # a word of it
    return "augmented" if augment else "plain"


def _recipe_table(results: Results, task: str) -> Block:
    shown = budgets(results, task)
    rows = []
    for strategy in strategies(results, task):
        if not strategy.frozen:
            rows.append([method_name(results, strategy), *_cells(results, task, strategy)])
    tries = sorted(
        {len(run["recipe"]["tries"]) for run in searched_runs(results) if run["task"] == task}
    )
    words = text(
        f"Recipes chosen on {task_title(results, task)}: learning rate, whether training images "
        "are augmented, and how many of the searches chose it. Each search made "
        f"{listed(list(map(str, tries)))} tries."
    )
    columns = ["Strategy", *(budget_name(results, task, budget) for budget in shown)]
    widths = [1.6] + [1.2] * len(shown)
    name = f"recipes-{task_slugs(results)[task]}"
    return table(name, words, columns, rows, size="small", widths=widths)


def _cells(results: Results, task: str, strategy: Strategy) -> Iterable[str]:
    for _, row in rows_over_budgets(results, task, strategy):
        runs = runs_of(results, row) if row else []
        chosen = Counter(
            _recipe(run["recipe"]) for run in runs if (run.get("recipe") or {}).get("tries")
        )
        yield (
            "\n".join(
                f"{rate:g} {_augment_word(augment)} ×{n}"
                for (rate, augment), n in chosen.most_common()
            )
            or MISSING
        )
