"""The opening section: the answer, its key figure, and the words needed to read it."""

from tfmed.design import Method, Strategy, method_of
from tfmed.report.answering.sentences import answer
from tfmed.report.asked import is_multilabel, main_metrics, main_name
from tfmed.report.blocks import Block, definitions, figure, paragraph, statement, strong, text
from tfmed.report.deciding.decision import decision_text
from tfmed.report.selection import (
    DEFAULT_PRETRAINING,
    PIXELS,
    Results,
    dataset_of,
    learned_from,
    methods,
    pretrained_by,
    pretraining_methods,
    rows_of,
    trained_tasks,
)
from tfmed.report.wording import count, method_name, pretrained_words, test_patients

IMAGE_SPLIT = "on the test split, whose images are used neither to train nor to choose anything"
LABEL = "the class that the data set gives an image, which a classifier learns to predict."
LABEL_OF_FINDINGS = (
    "the findings that the data set gives an image, which a classifier learns to predict."
)
BUDGET = (
    "the number of labelled images a classifier may see, for training and for validation "
    "(to decide when to stop) together; “all” means the official splits for both."
)
METRICS = {
    "accuracy": f"share of images whose class is predicted correctly, {IMAGE_SPLIT}.",
    "balanced_accuracy": "mean over the classes of the share of a class's images that are "
    f"predicted correctly, {IMAGE_SPLIT}. Always answering the same comes to one half with two "
    "classes.",
    "auc": "probability that an image of the second class (of a class) scores above one of the "
    f"first (of the others), {IMAGE_SPLIT}. Without any skill it is .5.",
}
"""What the main metrics are; others are explained beside the classifiers."""
METRICS_OF_FINDINGS = {
    "auc": "of each finding the probability that an image with it scores above one without it, "
    f"mean over the findings; {IMAGE_SPLIT}. Without any skill it is .5.",
}
ENCODER = "the part of a network that turns an image into numbers, its embedding."
MORE_WORDS = (
    (
        "seed",
        "fixes everything random: which images have labels, the initial weights, the order.",
    ),
    ("points", "percentage points."),
    (
        "clear",
        "a difference over several seeds whose p-value is below .05 after the correction for all "
        "comparisons of its kind (Holm). The p-value: how likely a difference at least as large "
        "would be if there were none.",
    ),
)


def answer_blocks(results: Results) -> list[Block]:
    """The decision, the answer, its key figure and the words needed to read it."""
    decided = decision_text(results)
    blocks = [statement([*([decided] if decided else []), *answer(results)])]
    if not results["summary"]:
        return blocks
    task = trained_tasks(results)[0]
    return [*blocks, figure("answer"), _certainty(results, task), _words(results, task)]


def _certainty(results: Results, task: str) -> Block:
    """How sure the answer is, for readers without statistics."""
    rows = [
        row for row in rows_of(results, task) if isinstance(method_of(row["strategy"]), Strategy)
    ]
    several = max((row["n_seeds"] for row in rows), default=1)
    seeds = f"the mean of {several} repeats (seeds)" if several > 1 else "that of one repeat (seed)"
    times = max((row.get("n_pretrainings", 1) for row in rows), default=1)
    if times > 1:
        seeds += f", for pretrained encoders of each of {times} pretrainings,"
    dataset = dataset_of(results, task)
    images = f" on {count(dataset['splits']['test']['n'])} test images" if dataset else ""
    if dataset and (patients := test_patients(dataset)) is not None:
        images += f" of {count(patients)} patients"
    clear = (
        " A difference is clear only if it holds after correction for all comparisons of its "
        "kind; “no clear difference” is not “no difference”."
        if several > 1
        else " With one repeat the seed variance is unknown, and no difference is called clear."
    )
    return paragraph(
        strong("How sure is this? "),
        f"Each {main_name(results, task)} is {seeds}{images}. Brackets give its 95 % interval: the "
        f"values that agree with the data.{clear if results['comparisons'] else ''}",
    )


def _words(results: Results, task: str) -> Block:
    """The words needed to read the answer; of strategies and baselines, those that were run."""
    run = methods(results, task)
    terms = [
        ("label", LABEL_OF_FINDINGS if is_multilabel(results, task) else LABEL),
        ("label budget", BUDGET),
        *_metric_words(results, task),
        ("encoder", ENCODER),
        ("pretrained", _pretrained_words(results)),
        *_strategy_terms(results, run),
    ]
    if PIXELS in run:
        words = "a baseline that needs no network: logistic regression on the values of the pixels."
        terms.append((method_name(results, PIXELS), words))
    return definitions((name, text(words)) for name, words in (*terms, *MORE_WORDS))


def _metric_words(results: Results, task: str) -> list[tuple[str, str]]:
    """The metrics that the answer names, as far as they need few words."""
    known = METRICS_OF_FINDINGS if is_multilabel(results, task) else METRICS
    named = main_metrics(results, task)[: 2 if len(pretrained_by(results)) > 1 else 1]
    return [(main_name(results, task, m), known[m]) for m in named if m in known]


def _pretrained_words(results: Results) -> str:
    start = "trained beforehand on images without their labels"
    if pretraining_methods(results) in ([], [DEFAULT_PRETRAINING]):
        return f"{start}, to reconstruct each image from its embedding."
    if any(learned_from(fit) != "images" for fit in results["pretraining"]):
        return "trained beforehand, on images without their labels or on labels of other images."
    return f"{start}."


def _strategy_terms(results: Results, run: list[Method]) -> list[tuple[str, str]]:
    """Each strategy; of several pretraining methods what their strategies have in common."""
    several = len(pretrained_by(results)) > 1
    terms: dict[str, str] = {}
    for strategy in run:
        if isinstance(strategy, Strategy):
            name, words = method_name(results, strategy), strategy_words(results, strategy)
            if several and strategy.pretrained:
                name, words = name.rpartition(", ")[2], _trained_words(strategy)
            terms[name] = words
    return list(terms.items())


def _trained_words(strategy: Strategy) -> str:
    """What is trained, wherever the pretrained encoder comes from."""
    if strategy.frozen:
        return "of a pretrained encoder: only the classifier on top is trained."
    return "of a pretrained encoder: it is trained further, with the classifier."


def strategy_words(results: Results, strategy: Strategy) -> str:
    """What a strategy is."""
    if not strategy.pretrained and not strategy.frozen:
        return "encoder with random weights, trained with the classifier."
    if not strategy.pretrained:
        return (
            "encoder with random weights that are not trained: the control that shows what the "
            "architecture does by itself."
        )
    start = f"encoder {pretrained_words(results, strategy.initialisation, named=False)}"
    if strategy.frozen:
        return f"{start}; only the classifier on top is trained."
    return f"{start} and then trained further."
