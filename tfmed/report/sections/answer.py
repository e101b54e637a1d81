"""The study's answer in a few sentences, and what is needed to read it."""

from tfmed.design import SCRATCH, STANDARD, Cell, LabelBudget, Strategy, method_of
from tfmed.report.asked import is_multilabel, main_metrics, main_name
from tfmed.report.blocks import Block, definitions, figure, paragraph, statement, strong, text
from tfmed.report.selection import (
    DEFAULT_PRETRAINING,
    PIXELS,
    Entry,
    Results,
    budgets,
    compared,
    control_pairs,
    dataset_of,
    find_row,
    from_scratch_pairs,
    learned_from,
    methods,
    pretrained_by,
    pretraining_methods,
    rows_of,
    shown_budgets,
    strategies,
    trained_tasks,
    verdict,
)
from tfmed.report.wording import (
    budget_name,
    count,
    difference,
    interval,
    method_name,
    pretrained_words,
    pretraining_name,
    task_title,
    test_patients,
)


def answer(results: Results) -> list[str]:
    """The study's answer in two or three sentences with numbers.

    It follows the paired differences in accuracy alone (of several findings in mean AUC): "helps"
    and "hurts" where a difference is clear after the correction for all comparisons of the study,
    "makes no clear difference" where it is not.

    Args:
        results: the content of `results.json`.

    Returns:
        Sentences on the target task (or, where nothing was trained on it, on the first task there
        is): with few labels, with the most labels, and what all label budgets and the random,
        frozen encoder say.
    """
    if not results["summary"]:
        return ["No classifier was trained in this study, so the question stays open."]
    task = trained_tasks(results)[0]
    shown = shown_budgets(results, task)
    sentences = [_budget_sentence(results, task, budget) for budget in shown]
    return [*sentences, *filter(None, [_overall_sentence(results, task, shown)])]


def _budget_sentence(results: Results, task: str, budget: LabelBudget) -> str:
    """What a pretrained encoder does to the main metric at one label budget."""
    metric, name = main_metrics(results, task)[0], main_name(results, task)
    images = "the synthetic phantom images of " if results["synthetic"] else ""
    start = f"With {budget_name(results, task, budget)} on {images}{task_title(results, task)}"
    found = compared(results, task, from_scratch_pairs(results), metric, among=[budget])
    if found:
        scratch = find_row(results, Cell(task, SCRATCH, STANDARD, budget))
        level = interval(scratch[metric] if scratch else None)
        clauses = " and ".join(_clauses(results, found))
        return f"{start} ({name} from scratch {level}), {clauses}."
    rows = [
        (strategy, find_row(results, Cell(task, strategy, STANDARD, budget)))
        for strategy in strategies(results, task)
    ]
    means = "; ".join(f"{method_name(s)} {interval(row[metric])}" for s, row in rows if row)
    return (
        f"{start} the {name} was: {means}. Without a paired comparison with training from "
        "scratch, whether pretraining helps cannot be said."
    )


def _clauses(results: Results, found: list[Entry]) -> list[str]:
    """What each pretrained encoder does, ways of using it with the same verdict together."""
    clauses: list[str] = []
    names = pretrained_by(results)
    for name in names:
        by = f"an encoder {pretrained_words(results, name)} "
        subject = by if len(names) > 1 else "a pretrained encoder "
        of_method = [entry for entry in found if _strategy(entry).initialisation == name]
        for outcome in dict.fromkeys(map(verdict, of_method)):
            which = " or ".join(
                f"{'frozen' if _strategy(entry).frozen else 'fine-tuned'} "
                f"({difference(entry)}{_because(entry)})"
                for entry in of_method
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
    found = compared(results, task, from_scratch_pairs(results), metric)
    if not found:
        return ""
    n_budgets = len(budgets(results, task))
    family = count(max(entry["family"] for entry in found))
    where = f"any of the {n_budgets} label budgets" if n_budgets > 1 else "this label budget"
    clear = [
        f"{method_name(_strategy(entry))} {'better' if verdict(entry) > 0 else 'worse'} "
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
    controls = compared(results, task, control_pairs(results), metric, among=shown)
    if not controls:
        return ""
    several = len(pretrained_by(results)) > 1
    differences = " and ".join(
        f"{difference(found)} with {budget_name(results, task, found['label_budget'])}"
        + (f" ({pretraining_name(_strategy(found).initialisation)})" if several else "")
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


def answer_blocks(results: Results) -> list[Block]:
    """The answer, its key figure and the words needed to read it."""
    blocks = [statement(answer(results))]
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


WORDS = (
    ("label", "the class that the data set gives an image, which a classifier learns to predict."),
    (
        "label budget",
        "the number of labelled images a classifier may see, for training and for validation "
        "(to decide when to stop) together; “all” means the official splits for both.",
    ),
    (
        "accuracy",
        "share of images whose class is predicted correctly; on the test split, whose images are "
        "used neither to train nor to choose anything.",
    ),
    ("encoder", "the part of a network that turns an image into numbers, its embedding."),
)
FINDING_WORDS = (
    (
        "label",
        "the findings that the data set gives an image, which a classifier learns to predict.",
    ),
    WORDS[1],
    (
        "mean AUC",
        "of each finding the probability that an image with it scores above one without it, mean "
        "over the findings; on the test split, whose images are used neither to train nor to "
        "choose anything. Without any skill it is .5.",
    ),
    WORDS[3],
)
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


def _words(results: Results, task: str) -> Block:
    """The words needed to read the answer; of strategies and baselines, those that were run."""
    run = methods(results, task)
    terms = [
        *(FINDING_WORDS if is_multilabel(results, task) else WORDS),
        ("pretrained", _pretrained_words(results)),
        *((method_name(s), _strategy_words(results, s)) for s in run if isinstance(s, Strategy)),
    ]
    if PIXELS in run:
        words = "a baseline that needs no network: logistic regression on the values of the pixels."
        terms.append((method_name(PIXELS), words))
    return definitions((name, text(words)) for name, words in (*terms, *MORE_WORDS))


def _pretrained_words(results: Results) -> str:
    start = "trained beforehand on other images, without their labels"
    if pretraining_methods(results) in ([], [DEFAULT_PRETRAINING]):
        return f"{start}, to reconstruct each image from its embedding."
    if any(learned_from(fit) != "images" for fit in results["pretraining"]):
        return "trained beforehand on other images."
    return f"{start}."


def _strategy_words(results: Results, strategy: Strategy) -> str:
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
