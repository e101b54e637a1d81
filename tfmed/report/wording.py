"""How the report writes numbers and names."""

from collections.abc import Iterator
from typing import Any

from tfmed.design import (
    RANDOM,
    SCRATCH,
    STANDARD,
    Baseline,
    LabelBudget,
    Method,
    Repeat,
    Variant,
    method_of,
)
from tfmed.report.selection import (
    DEFAULT_PRETRAINING,
    TRADE_METRICS,
    Entry,
    Results,
    dataset_of,
    is_binary,
    labels_of,
    learned_from,
    pretraining_method,
    pretraining_methods,
)
from tfmed.tasks.scoring import LOWER_IS_BETTER

BASELINE_NAMES = {
    "majority": "majority class",
    "pixels_logistic": "logistic, pixels",
    "pca_logistic": "logistic, PCA of pixels",
    "frozen_knn": "k-NN, frozen encoder",
    "frozen_logistic": "logistic, frozen encoder",
    "random_knn": "k-NN, random encoder",
    "random_logistic": "logistic, random encoder",
}
LOSS_NAMES = {"plain": "plain loss", "class_weighted": "class-weighted loss", "focal": "focal loss"}
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
MORE_METRIC_NAMES = {
    "macro_f1": "macro F1",
    "log_loss": "log loss",
    "quadratic_kappa": "quadratic kappa",
}
"""Of tasks other than the binary one."""
SYNTHETIC_MARK = "SYNTHETIC DATA: phantom images, no medical meaning"
MISSING = "–"
LONGEST_TITLE = 60


def counted(n: int, patients: int | None) -> str:
    """What intervals count: `412 patients (879 images)`, or images if patients are not known."""
    if patients is None:
        return f"{count(n)} images; patients are not known"
    return f"{count(patients)} patients ({count(n)} images)"


def test_patients(data: Entry) -> int | None:
    """Patients of a data set's test images, which intervals count; None where not known."""
    found: int | None = data["splits"]["test"].get("patients")
    return found


def counted_on(results: Results) -> list[str]:
    """A sentence for each data set on what the intervals of its test split count."""
    return [
        f"On {data['title']}, intervals count "
        f"{counted(data['splits']['test']['n'], test_patients(data))}."
        for data in results["datasets"]
    ]


def number(value: float | None, digits: int = 3) -> str:
    """A number with fixed decimals, or a dash where there is none."""
    return MISSING if value is None else f"{value:.{digits}f}".replace("-", "−")


def count(value: float) -> str:
    """A count with thousands separated."""
    return f"{round(value):,}"


def percent(share: float, digits: int = 0) -> str:
    """A share of 1 as a percentage."""
    return f"{100 * share:.{digits}f} %"


def interval(estimate: Entry | None, digits: int = 3) -> str:
    """Mean and 95 % interval, such as `0.853 [0.841, 0.866]`."""
    if estimate is None or estimate["mean"] is None:
        return MISSING
    mean = number(estimate["mean"], digits)
    if estimate["low"] is None:
        return mean
    return f"{mean} [{number(estimate['low'], digits)}, {number(estimate['high'], digits)}]"


def stacked(words: str) -> str:
    """A number and, on a line of its own, its interval: for cells of tables."""
    return words.replace(" points", "").replace(" [", "\n[", 1)


def signed(value: float, digits: int) -> str:
    """A number with its sign; what rounds to nothing has none but `+`."""
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "−")


def points(value: float, low: float | None = None, high: float | None = None) -> str:
    """A difference of shares in points, with its interval: `+1.2 points [−0.4, +2.8]`."""
    mean = f"{signed(100 * value, 1)} points"
    if low is None or high is None:
        return mean
    return f"{mean} [{signed(100 * low, 1)}, {signed(100 * high, 1)}]"


def difference(comparison: Entry) -> str:
    """Paired difference with its interval, in points where the metric is a share."""
    values = [comparison[key] for key in ("difference", "low", "high")]
    if comparison["metric"] in LOWER_IS_BETTER:
        mean, low, high = (signed(value, 3) for value in values)
        return f"{mean} [{low}, {high}]"
    return points(*values)


def change_words(estimate: Entry | None) -> str:
    """An estimate that is a difference of shares, in points."""
    if estimate is None:
        return MISSING
    return points(estimate["mean"], estimate["low"], estimate["high"])


def p_value(value: float) -> str:
    """A p-value as it is written."""
    return "<0.001" if value < 0.001 else number(value)


def duration(seconds: float) -> str:
    """A time span in words."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def metric_name(metric: str) -> str:
    """A metric's name for people."""
    base = metric.removesuffix("_at_threshold")
    name = (METRIC_NAMES | MORE_METRIC_NAMES).get(base, base.replace("_", " "))
    return name if base == metric else f"{name}, chosen threshold"


def trade_metrics(results: Results, task: str) -> tuple[str, ...]:
    """Metrics in which losses for imbalanced classes are looked at."""
    return TRADE_METRICS if is_binary(results, task) else ("balanced_accuracy", "macro_f1")


def capitalised(words: str) -> str:
    """Words as the start of a sentence."""
    return words[:1].upper() + words[1:]


def method_name(results: Results, method: Method) -> str:
    """A strategy's or baseline's name for people, such as `fine-tuned` or `SimCLR, fine-tuned`.

    Where a study has several pretraining methods, each is named; the first one's encoder is what
    the baselines on a frozen encoder see.
    """
    known = pretraining_methods(results)
    if isinstance(method, Baseline):
        name = BASELINE_NAMES.get(method.name, method.name.replace("_", " "))
        if len(known) > 1 and method.features == "frozen":
            name = name.replace("encoder", pretraining_name(known[0]))
        return name
    if method == SCRATCH:
        return "from scratch"
    trained = "frozen" if method.frozen else "fine-tuned"
    if method.initialisation == DEFAULT_PRETRAINING and len(known) < 2:
        return trained
    return f"{pretraining_name(method.initialisation)}, {trained}"


def pretraining_name(method: str) -> str:
    """A pretraining method's name for people."""
    return _SPELT.get(method, method.replace("_", " "))


_SPELT = {
    "denoising": "denoising autoencoder",
    "imagenet": "ImageNet weights",
    "masked": "masked autoencoder",
    "simclr": "SimCLR",
    "vicreg": "VICReg",
}


def initialisation_name(initialisation: str) -> str:
    """Where an encoder's weights come from, for people."""
    return "random weights" if initialisation == RANDOM else pretraining_name(initialisation)


def pretrained_words(results: Results, method: str, *, named: bool = True) -> str:
    """Where encoders of a method have their weights from, such as `pretrained with SimCLR`."""
    fits = {pretraining_method(fit): learned_from(fit) for fit in results["pretraining"]}
    without = f"with {pretraining_name(method)}" if named else "without labels"
    return {
        "images": f"pretrained {without}",
        "labels": "pretrained on the labels of the source",
        "nothing": f"with {pretraining_name(method)}",
    }[fits.get(method, "images")]


def pretraining_names(results: Results) -> str:
    """The pretraining methods of a study."""
    return listed([pretraining_name(method) for method in pretraining_methods(results)])


def variant_name(variant: Variant) -> str:
    """A variant's name for people."""
    if variant.loss != "plain":
        return LOSS_NAMES[variant.loss]
    return str(variant).replace("_", " ")


def strategy_name(results: Results, entry: Entry) -> str:
    """Name of a run's, row's or comparison side's strategy or baseline, its variant included."""
    variant = Variant.parse(entry["variant"])
    return cell_method_name(results, method_of(entry["strategy"]), variant)


def repeat_name(repeat: Repeat) -> str:
    """A run's seed, and the number of its pretraining where it is not the first."""
    number = f" (pretraining {repeat.pretraining})" if repeat.pretraining else ""
    return f"{repeat.seed}{number}"


def cell_method_name(results: Results, method: Method, variant: Variant) -> str:
    """Name of a strategy with its variant."""
    name = method_name(results, method)
    return name if variant == STANDARD else f"{name}, {variant_name(variant)}"


def pair_name(results: Results, comparison: Entry) -> str:
    """Both sides of a comparison."""
    return " − ".join(strategy_name(results, comparison[side]) for side in "ab")


def repeats_words(results: Results) -> str:
    """What means and intervals are over: seeds, and pretrainings where there are several."""
    several = any(row.get("n_pretrainings", 1) > 1 for row in results["summary"])
    return "seeds and pretrainings" if several else "seeds"


def task_title(results: Results, task: str) -> str:
    """A task's name for people, cut where it is too long to be repeated."""
    dataset = dataset_of(results, task)
    title = dataset["title"] if dataset else task
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…"


def budget_name(results: Results, task: str, budget: LabelBudget | None) -> str:
    """A label budget in words, such as `300 labels` or `all 5,232 labels`."""
    if budget is None:
        return "no labels"
    labels = labels_of(results, task, budget)
    if labels is None:
        return "all labels"
    return f"{'all ' if budget == 'full' else ''}{count(labels)} labels"


def forgetting_name(results: Results, entry: Entry) -> str:
    """On what an encoder was fine-tuned; which one, where results have several."""
    target = results["study"]["target"]
    if len({each.get("strategy") for each in results["latent"]["forgetting"]}) > 1:
        return row_name(results, {"variant": "standard", **entry, "task": target})
    return budget_name(results, target, entry["label_budget"])


def row_name(results: Results, row: Entry) -> str:
    """A row's strategy and label budget, such as `frozen, 300 labels`."""
    budget = budget_name(results, row["task"], row["label_budget"])
    return f"{strategy_name(results, row)}, {budget}"


def place_name(results: Results, row: Entry) -> str:
    """A row's label budget and task, such as `300 labels of PneumoniaMNIST`."""
    budget = budget_name(results, row["task"], row["label_budget"])
    return f"{budget} of {task_title(results, row['task'])}"


def flat_settings(settings: dict, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as dotted names and values in words; tables of a list are numbered from 1."""
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, list | tuple) and value and all(isinstance(v, dict) for v in value):
            value = {str(number): table for number, table in enumerate(value, 1)}
        if isinstance(value, dict) and value:
            yield from flat_settings(value, f"{name}.")
        else:
            yield name, _setting_words(value)


def _setting_words(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_setting_words, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None or value == {} else str(value)


def listed(words: list[str]) -> str:
    """Words with commas and `and`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
