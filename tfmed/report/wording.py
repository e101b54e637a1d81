"""How the report writes numbers and names, and how it words the answer.

Everything here reads the plain dict of `results.json`; nothing is computed again.
"""

STRATEGIES = ("scratch", "random_frozen", "frozen", "finetune")
BASELINES = (
    "majority",
    "pixels_logistic",
    "pca_logistic",
    "frozen_knn",
    "frozen_logistic",
    "random_knn",
    "random_logistic",
)
STRATEGY_NAMES = {
    "scratch": "from scratch",
    "random_frozen": "random, frozen",
    "frozen": "frozen",
    "finetune": "fine-tuned",
    "majority": "commoner class",
    "pixels_logistic": "logistic, pixels",
    "pca_logistic": "logistic, PCA",
    "frozen_knn": "neighbours, frozen",
    "frozen_logistic": "logistic, frozen",
    "random_knn": "neighbours, random",
    "random_logistic": "logistic, random",
}
METRIC_NAMES = {
    "accuracy": "accuracy",
    "auc": "AUC",
    "balanced_accuracy": "balanced accuracy",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "brier": "Brier score",
    "ece": "ECE",
}
LOWER_IS_BETTER = ("brier", "ece")
SYNTHETIC_MARK = "SYNTHETIC DATA: phantom images, no medical meaning"
MISSING = "–"
LONGEST_TITLE = 60


def number(value: float | None, digits: int = 3) -> str:
    """A number with fixed decimals, or a dash where there is none."""
    return MISSING if value is None else f"{value:.{digits}f}"


def count(value: float) -> str:
    """A count with thousands separated."""
    return f"{round(value):,}"


def percent(share: float, digits: int = 0) -> str:
    """A share of 1 as a percentage."""
    return f"{100 * share:.{digits}f} %"


def interval(estimate: dict | None) -> str:
    """Mean and 95 % interval, such as `0.853 [0.841, 0.866]`."""
    if estimate is None:
        return MISSING
    return f"{number(estimate['mean'])} [{number(estimate['low'])}, {number(estimate['high'])}]"


def signed(value: float, digits: int) -> str:
    """A number with its sign; what rounds to nothing has none but `+`."""
    return f"{round(value, digits) + 0.0:+.{digits}f}"


def difference(comparison: dict) -> str:
    """Paired difference with its interval, such as `+1.2 points [-0.4, +2.8]`."""
    values = [comparison[key] for key in ("difference", "low", "high")]
    if comparison["metric"] in LOWER_IS_BETTER:
        mean, low, high = (signed(value, 3) for value in values)
        return f"{mean} [{low}, {high}]"
    mean, low, high = (signed(100 * value, 1) for value in values)
    return f"{mean} points [{low}, {high}]"


def verdict(comparison: dict) -> int:
    """1 if `a` is shown to be better than `b`, -1 if worse, 0 if the interval holds 0."""
    direction = -1 if comparison["metric"] in LOWER_IS_BETTER else 1
    if comparison["low"] > 0:
        return direction
    return -direction if comparison["high"] < 0 else 0


def metric_name(metric: str) -> str:
    """A metric's name for people."""
    base = metric.removesuffix("_at_threshold")
    name = METRIC_NAMES.get(base, base.replace("_", " "))
    return name if base == metric else f"{name}, chosen threshold"


def strategy_name(entry: dict) -> str:
    """Name of a run's, summary row's or comparison side's strategy, variant included."""
    name = STRATEGY_NAMES[entry["strategy"]]
    return (
        name if entry["variant"] == "standard" else f"{name}, {entry['variant'].replace('_', ' ')}"
    )


def dataset_of(results: dict, task: str) -> dict | None:
    """The data set a task is named after, or None."""
    return next((d for d in results["datasets"] if d["name"] == task), None)


def task_title(results: dict, task: str) -> str:
    """A task's name for people, cut where it is too long to be repeated."""
    dataset = dataset_of(results, task)
    title = dataset["title"] if dataset else task
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…"


def tasks(results: dict) -> list[str]:
    """Tasks with classifiers or latent spaces, the target first."""
    found = [row["task"] for row in (*results["summary"], *results["latent"]["spaces"])]
    target = results["study"]["target"]
    return sorted(dict.fromkeys(found), key=lambda task: task != target)


def budget_order(budget: int | str | None) -> float:
    """Sorting key of a label budget: no labels, few, many, `full`."""
    if budget is None:
        return 0
    return float("inf") if isinstance(budget, str) else budget


def budgets(results: dict, task: str) -> list[int | str]:
    """Label budgets of a task's summary rows, fewest labels first."""
    found = {row["label_budget"] for row in results["summary"] if row["task"] == task}
    return sorted(found, key=budget_order)


def budget_name(results: dict, task: str, budget: int | str | None) -> str:
    """A label budget in words, such as `300 labels` or `all 5,232 labels`."""
    if budget is None:
        return "no labels"
    if budget != "full":
        return f"{count(int(budget))} labels"
    dataset = dataset_of(results, task)
    if dataset is None:
        return "all labels"
    return f"all {count(sum(dataset['splits'][split]['n'] for split in ('train', 'val')))} labels"


def summary_rows(results: dict, task: str, budget: int | str | None = None) -> list[dict]:
    """Summary rows of a task (and budget), by budget, then standard first, then strategy."""
    rows = [row for row in results["summary"] if row["task"] == task]
    if budget is not None:
        rows = [row for row in rows if row["label_budget"] == budget]
    return sorted(rows, key=cell_order)


def cell_order(entry: dict) -> tuple:
    """Sorting key of runs, summary rows and latent spaces within a task."""
    variant = entry["variant"]
    return (
        budget_order(entry["label_budget"]),
        variant != "standard",
        variant,
        (*STRATEGIES, *BASELINES).index(entry["strategy"]),
    )


def find_comparison(
    results: dict, task: str, budget: int | str, a: str, b: str, metric: str = "accuracy"
) -> dict | None:
    """The paired comparison of strategies `a` and `b`, turned round where it is kept as b, a."""
    for kept in results["comparisons"]:
        sides = kept["a"]["strategy"], kept["b"]["strategy"]
        standard = kept["a"]["variant"] == kept["b"]["variant"] == "standard"
        same = (kept["task"], kept["label_budget"], kept["metric"]) == (task, budget, metric)
        if not (standard and same):
            continue
        if sides == (a, b):
            return kept
        if sides == (b, a):
            turned = {"difference": -kept["difference"], "low": -kept["high"], "high": -kept["low"]}
            return {**kept, "a": kept["b"], "b": kept["a"], **turned}
    return None


def answer(results: dict) -> list[str]:
    """The study's answer in two or three sentences.

    The wording follows the paired differences in accuracy alone: "helps" and "hurts" where the
    95 % interval leaves out 0, "no difference could be shown" where it does not.

    Args:
        results: the content of `results.json`.

    Returns:
        Sentences with numbers and intervals, on the target task (or, where nothing was trained
        on it, on the first task there is), at its smallest and its largest label budget.
    """
    if not results["summary"]:
        return ["No classifier was trained in this study, so the question stays open."]
    trained = [task for task in tasks(results) if budgets(results, task)]
    task = trained[0]
    few, many = budgets(results, task)[0], budgets(results, task)[-1]
    sentences = [_pretraining_sentence(results, task, few)]
    if many != few:
        sentences.append(_pretraining_sentence(results, task, many))
    choice = [_choice_clause(results, task, budget) for budget in dict.fromkeys((few, many))]
    if any(choice):
        joined = "; ".join(clause for clause in choice if clause)
        sentences.append(f"Frozen or fine-tuned: {joined}.")
    return sentences


def _pretraining_sentence(results: dict, task: str, budget: int | str) -> str:
    """Whether pretraining helps at one label budget."""
    images = "the synthetic phantom images of " if results["synthetic"] else ""
    start = f"With {budget_name(results, task, budget)} on {images}{task_title(results, task)}"
    pairs = [find_comparison(results, task, budget, s, "scratch") for s in ("finetune", "frozen")]
    compared = [pair for pair in pairs if pair is not None]
    if compared:
        scratch = _accuracy(results, task, budget, "scratch")
        clauses = _pretraining_clauses(results, compared)
        return f"{start} (accuracy from scratch {scratch}), {' and '.join(clauses)}."
    rows = summary_rows(results, task, budget)
    means = "; ".join(f"{strategy_name(row)} {interval(row['accuracy'])}" for row in rows)
    return (
        f"{start} the accuracy was: {means}. Without a paired comparison with training from "
        "scratch, whether pretraining helps cannot be said."
    )


def _pretraining_clauses(results: dict, compared: list[dict]) -> list[str]:
    """What the ways of using the pretrained encoder do, those with the same verdict together."""
    clauses: list[str] = []
    for outcome in dict.fromkeys(verdict(found) for found in compared):
        which = " or ".join(_way(results, found) for found in compared if verdict(found) == outcome)
        encoder = "it" if clauses else "a pretrained encoder"
        clauses.append(
            {
                1: f"{encoder} helps when {which}",
                -1: f"{encoder} hurts when {which}",
                0: f"no difference could be shown when {encoder} is {which}",
            }[outcome]
        )
    return clauses


def _way(results: dict, found: dict) -> str:
    """A way of using the pretrained encoder with its accuracy and its difference from scratch."""
    task, budget, strategy = found["task"], found["label_budget"], found["a"]["strategy"]
    control = find_comparison(results, task, budget, "frozen", "random_frozen")
    caveat = ""
    if strategy == "frozen" and verdict(found) == 1 and control and verdict(control) != 1:
        caveat = "; not shown to be better than random frozen weights"
    accuracy = _accuracy(results, task, budget, strategy)
    return f"{STRATEGY_NAMES[strategy]} ({accuracy}, {difference(found)}{caveat})"


def _choice_clause(results: dict, task: str, budget: int | str) -> str:
    """Whether to freeze or to fine-tune at one label budget; empty if it was not compared."""
    found = find_comparison(results, task, budget, "finetune", "frozen")
    if found is None:
        return ""
    words = {
        1: "fine-tuning is better",
        -1: "freezing is better",
        0: "no difference could be shown",
    }[verdict(found)]
    name = budget_name(results, task, budget)
    return f"with {name} {words} (fine-tuned minus frozen {difference(found)})"


def _accuracy(results: dict, task: str, budget: int | str, strategy: str) -> str:
    """Mean accuracy and interval of a standard strategy."""
    for row in summary_rows(results, task, budget):
        if (row["strategy"], row["variant"]) == (strategy, "standard"):
            return interval(row["accuracy"])
    return MISSING
