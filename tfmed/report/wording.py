"""How the report writes numbers and names, and finds its way in the results.

Everything here reads the plain dict of `results.json`; nothing is computed again.
"""

STRATEGIES = ("scratch", "random_frozen", "frozen", "finetune")
STRATEGY_NAMES = {
    "scratch": "from scratch",
    "random_frozen": "random, frozen",
    "frozen": "frozen",
    "finetune": "fine-tuned",
}
BASELINE_NAMES = {
    "majority": "always the commoner class",
    "pixels_logistic": "logistic, pixels",
    "pca_logistic": "logistic, PCA of pixels",
    "frozen_knn": "k-NN, frozen encoder",
    "frozen_logistic": "logistic, frozen encoder",
    "random_knn": "k-NN, random encoder",
    "random_logistic": "logistic, random encoder",
}
VARIANT_NAMES = {"class_weighted": "class-weighted loss", "focal": "focal loss"}
NAMES = STRATEGY_NAMES | BASELINE_NAMES
METRIC_NAMES = {
    "accuracy": "accuracy",
    "auc": "AUC",
    "average_precision": "average precision",
    "balanced_accuracy": "balanced accuracy",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "brier": "Brier score",
    "ece": "ECE",
}
LOWER_IS_BETTER = ("brier", "ece")
SYNTHETIC_MARK = "SYNTHETIC DATA: phantom images, no medical meaning"
MISSING = "–"
FEW = 300
LONGEST_TITLE = 60


def number(value: float | None, digits: int = 3) -> str:
    """A number with fixed decimals, or a dash where there is none."""
    return MISSING if value is None else f"{value:.{digits}f}".replace("-", "−")


def count(value: float) -> str:
    """A count with thousands separated."""
    return f"{round(value):,}"


def percent(share: float, digits: int = 0) -> str:
    """A share of 1 as a percentage."""
    return f"{100 * share:.{digits}f} %"


def interval(estimate: dict | None, digits: int = 3) -> str:
    """Mean and 95 % interval, such as `0.853 [0.841, 0.866]`."""
    if estimate is None or estimate["mean"] is None:
        return MISSING
    mean = number(estimate["mean"], digits)
    if estimate["low"] is None:
        return mean
    return f"{mean} [{number(estimate['low'], digits)}, {number(estimate['high'], digits)}]"


def signed(value: float, digits: int) -> str:
    """A number with its sign; what rounds to nothing has none but `+`."""
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "−")


def points(value: float, low: float | None = None, high: float | None = None) -> str:
    """A difference of shares in points, with its interval: `+1.2 points [−0.4, +2.8]`."""
    mean = f"{signed(100 * value, 1)} points"
    if low is None or high is None:
        return mean
    return f"{mean} [{signed(100 * low, 1)}, {signed(100 * high, 1)}]"


def difference(comparison: dict) -> str:
    """Paired difference with its interval, in points where the metric is a share."""
    values = [comparison[key] for key in ("difference", "low", "high")]
    if comparison["metric"] in LOWER_IS_BETTER:
        mean, low, high = (signed(value, 3) for value in values)
        return f"{mean} [{low}, {high}]"
    return points(*values)


def p_value(value: float) -> str:
    """A p-value as it is written."""
    return "<0.001" if value < 0.001 else number(value)


def verdict(comparison: dict) -> int:
    """1 if `a` is clearly better than `b`, -1 if worse, 0 if not clear after correction."""
    if not comparison["clear"]:
        return 0
    better = (comparison["difference"] > 0) != (comparison["metric"] in LOWER_IS_BETTER)
    return 1 if better else -1


def metric_name(metric: str) -> str:
    """A metric's name for people."""
    base = metric.removesuffix("_at_threshold")
    name = METRIC_NAMES.get(base, base.replace("_", " "))
    return name if base == metric else f"{name}, chosen threshold"


def strategy_name(entry: dict) -> str:
    """Name of a run's, summary row's or comparison side's strategy, variant included."""
    name, variant = NAMES[entry["strategy"]], entry["variant"]
    return name if variant == "standard" else f"{name}, {variant_name(variant)}"


def variant_name(variant: str) -> str:
    """A variant's name for people."""
    return VARIANT_NAMES.get(variant, variant.replace("_", " "))


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


def shown_budgets(results: dict, task: str) -> list[int | str]:
    """The few-label and the largest budget of a task, which stand for the others in pictures.

    Few is 300 labels, else the fewest.
    """
    found = budgets(results, task)
    if not found:
        return []
    return list(dict.fromkeys((FEW if FEW in found else found[0], found[-1])))


def labels_of(results: dict, task: str, budget: int | str) -> int | None:
    """How many labels a budget holds; None for `full` of an unknown data set."""
    if not isinstance(budget, str):
        return budget
    dataset = dataset_of(results, task)
    return sum(dataset["splits"][split]["n"] for split in ("train", "val")) if dataset else None


def find_row(
    results: dict, task: str, budget: int | str, strategy: str, variant: str = "standard"
) -> dict | None:
    """The summary row of one cell, or None."""
    for row in results["summary"]:
        key = row["task"], row["label_budget"], row["strategy"], row["variant"]
        if key == (task, budget, strategy, variant):
            return row
    return None


def runs_of(results: dict, row: dict) -> list[dict]:
    """Runs behind a summary row, by seed."""
    keys = ("task", "strategy", "variant", "label_budget")
    found = [run for run in results["runs"] if all(run[key] == row[key] for key in keys)]
    return sorted(found, key=lambda run: run["seed"])


def budget_name(results: dict, task: str, budget: int | str | None) -> str:
    """A label budget in words, such as `300 labels` or `all 5,232 labels`."""
    if budget is None:
        return "no labels"
    labels = labels_of(results, task, budget)
    if labels is None:
        return "all labels"
    return f"{'all ' if budget == 'full' else ''}{count(labels)} labels"


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
        list(NAMES).index(entry["strategy"]),
    )


def find_comparison(
    results: dict,
    task: str,
    budget: int | str,
    a: str,
    b: str,
    metric: str = "accuracy",
    variants: tuple[str, str] = ("standard", "standard"),
) -> dict | None:
    """The paired comparison of strategies `a` and `b`, turned round where it is kept as b, a."""
    asked = (a, variants[0]), (b, variants[1])
    for kept in results["comparisons"]:
        if (kept["task"], kept["label_budget"], kept["metric"]) != (task, budget, metric):
            continue
        sides = tuple((kept[side]["strategy"], kept[side]["variant"]) for side in "ab")
        if sides == asked:
            return kept
        if sides == asked[::-1]:
            turned = {"difference": -kept["difference"], "low": -kept["high"], "high": -kept["low"]}
            return {**kept, "a": kept["b"], "b": kept["a"], **turned}
    return None
