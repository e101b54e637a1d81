"""What the report says about the method."""

from collections.abc import Iterator

from tfmed.design import OVERTRAINED, Strategy, method_of
from tfmed.report.asked import is_multilabel
from tfmed.report.blocks import Block, Text, appendix, bullets, strong, table, text
from tfmed.report.sections.recipes import recipe_blocks, recipe_words
from tfmed.report.selection import (
    PIXELS,
    Entry,
    Results,
    baselines,
    budgets,
    is_binary,
    is_standard,
    learned_from,
    pretraining_methods,
    strategies,
    tasks,
    variant_of,
)
from tfmed.report.wording import (
    budget_name,
    capitalised,
    count,
    counted_on,
    flat_settings,
    listed,
    method_name,
    pretraining_name,
    strategy_name,
    task_title,
    test_patients,
)

WAYS = ("images", "labels", "nothing")
"""What encoders were pretrained on, in the order in which it is said."""


def method_blocks(results: Results) -> list[Block]:
    """The method in plain words, and every setting."""
    items = [
        _split_words(results),
        _budget_words(results),
        _strategy_words(results),
        *recipe_words(results),
        *_decision_words(results),
        _interval_words(results),
        _comparison_words(results),
    ]
    details = [_stopping_words(results), *_baseline_words(results)]
    settings = [[name, value] for name, value in flat_settings(results["study"]["settings"])]
    blocks = [bullets(items), *appendix(bullets(details), *recipe_blocks(results))]
    if settings:
        caption = text("Every setting of the study, defaults included.")
        columns = ["Setting", "Value"]
        listed_all = table("settings", caption, columns, settings, left=2, widths=[1, 1.5])
        blocks += appendix(listed_all)
    return blocks


def _decision_words(results: Results) -> Iterator[Text]:
    """When the test split is read, and how an answer follows from probabilities."""
    several = [task for task in tasks(results) if is_multilabel(results, task)]
    two = [is_binary(results, task) for task in tasks(results) if task not in several]
    chosen = "weights and its threshold were" if any(two) or several else "weights were"
    yield text(strong("Test split. "), f"Read once per classifier, after its {chosen} chosen.")
    if several:
        yield text(
            strong("Several findings. "),
            "Each finding has an output, a probability and a threshold of its own: .5, or the one "
            "with its best balanced accuracy on the validation labels of the budget (.5 where "
            "these hold no case of it, or no other). Label budgets are sampled by iterative "
            "stratification (Sechidis et al., 2011); every finding of the training split has at "
            "least one image to train on. Class weights and losses are means over the findings.",
        )
    if not two:
        return
    if all(two):
        yield text(
            strong("Threshold. "),
            "The second class is predicted where its probability exceeds the threshold. "
            "Metrics are given at .5 and at the threshold with the best balanced accuracy on the "
            "validation labels of the budget.",
        )
        return
    yield text(
        strong("Decision. "),
        "Of more than two classes the most probable one is predicted; nothing is chosen on "
        "validation labels. "
        "Of two, the second is predicted where its probability exceeds .5 or a threshold with the "
        "best balanced accuracy on the validation labels."
        if any(two)
        else "The most probable class is predicted; nothing is chosen on validation labels.",
    )


def _split_words(results: Results) -> Text:
    study = results["study"]
    source, target = (task_title(results, study[key]) for key in ("source", "target"))
    methods: dict[str, dict[str, None]] = {}
    for fit in sorted(results["pretraining"], key=lambda fit: WAYS.index(learned_from(fit))):
        methods.setdefault(_learned_where(results, fit), {})[pretraining_name(fit["method"])] = None
    found = [f"{where} ({listed(list(names))})" for where, names in methods.items()]
    start = f"Encoders are pretrained {listed(found)}; the" if found else "The source is " + source
    return text(
        strong("Data. "),
        f"{start}{'' if found else ', the'} target task is {target}. {_whose_splits(results)}",
    )


def _learned_where(results: Results, fit: Entry) -> str:
    """Which images, or labels, an encoder was pretrained on."""
    of = fit.get("images") or [fit["source"]]
    return {
        "images": "on the training images of "
        f"{listed([task_title(results, name) for name in of])}, without labels",
        "labels": f"on the labels of {task_title(results, fit['source'])}",
        "nothing": "elsewhere",
    }[learned_from(fit)]


def _whose_splits(results: Results) -> str:
    drawn = [
        task_title(results, data["name"])
        for data in results["datasets"]
        if any(note.startswith("splits: drawn") for note in data.get("notes", ()))
    ]
    if not drawn:
        return "The splits for training, validation and test are those of the files."
    return f"The splits of {listed(drawn)} for training, validation and test were drawn by tfmed."


def _budget_words(results: Results) -> Text:
    sizes = {
        (run["task"], run["label_budget"]): (run["n_train"], run["n_val"])
        for run in results["runs"]
        if isinstance(method_of(run["strategy"]), Strategy)
    }
    found = [
        f"{task_title(results, task)}, {budget_name(results, task, budget)}: "
        f"{count(sizes[task, budget][0])} for training, {count(sizes[task, budget][1])} for "
        "validation"
        for task in tasks(results)
        for budget in budgets(results, task)
        if (task, budget) in sizes
    ]
    return text(
        strong("Label budgets. "),
        "Labels used to decide when to stop count like labels trained on. A budget is sampled "
        "from the training split, fixed by the seed and stratified by class, so it has the class "
        "balance of that split. The default settings of training were chosen once, on validation "
        "splits of PneumoniaMNIST and an NIH ChestX-ray14 subset, whose labels no budget counts. "
        + (f"{'; '.join(found)}." if found else ""),
    )


def _strategy_words(results: Results) -> Text:
    run = strategies(results)
    words = []
    if any(strategy.frozen for strategy in run):
        words.append(
            "A frozen encoder keeps its weights and the statistics of its normalisation layers; "
            "only the classifier on its embeddings is trained."
        )
    if any(strategy.pretrained and not strategy.frozen for strategy in run):
        words.append(
            "A fine-tuned encoder is a copy of the pretrained one and is trained with the "
            "classifier; the pretrained one itself does not change."
        )
    if any(variant_of(row) == OVERTRAINED for row in results["summary"]):
        words.append(
            "“Overtrained” classifiers train for a fixed number of epochs without early stopping, "
            "to show what that does."
        )
    parameters = {
        strategy_name(results, run): run["parameters"]
        for run in results["runs"]
        if is_standard(run) and run["parameters"]
    }
    sizes = "; ".join(
        f"{name} {count(p['trainable'])} of {count(p['total'])}" for name, p in parameters.items()
    )
    counted = f" Parameters trained: {sizes}." if sizes else ""
    return text(strong("Strategies. "), " ".join(words) + counted)


def _stopping_words(results: Results) -> Text:
    runs = [run for run in results["runs"] if is_standard(run) and run["parameters"]]
    stopped = sum(run["stopped_early"] for run in runs)
    counted = f" {stopped} of {len(runs)} classifiers stopped early." if runs else ""
    return text(
        strong("Early stopping. "),
        "Training ends when the validation loss has not improved for some epochs (the patience in "
        f"the settings), and the weights of the best epoch are restored.{counted}",
    )


def _interval_words(results: Results) -> Text:
    seeds = len(results["study"]["seeds"])
    words = (
        "95 % intervals cover two sources of variance, the seed (label subset, initial weights, "
        "shuffling) and the sample of test images: the variance of the seeds divided by their "
        "number, plus the covariance of two seeds due to their common images, with Student's t "
        "(crossed random effects; Obuchowski and Rockette, 1995; Hillis, 2007; for the AUC DeLong "
        "et al., 1988), and never narrower than the test images alone make them. Differences are "
        "paired: same seeds, same test images."
    )
    times = max((row.get("n_pretrainings", 1) for row in results["summary"]), default=1)
    if times > 1:
        words += (
            f" Of pretrained encoders, every seed was fitted from each of {times} pretrainings of "
            "its method, and both are random: to the variance of the seeds that of the "
            "pretrainings is added, less what the two share, with Satterthwaite's (1946) degrees "
            "of freedom. A strategy without pretraining is compared with each pretraining of the "
            "other."
        )
    if seeds == 1:
        words += " With one seed, intervals cover the sampling of test images only."
    if any(test_patients(data) is not None for data in results["datasets"]):
        words += (
            " Where patients are known, a patient with all images counts once: the variance is "
            "that of a jackknife that leaves out a patient at a time (Cameron and Miller, 2015; "
            "for the AUC Obuchowski, 1997), with patients − 1 degrees of freedom."
        )
    return text(strong("Intervals. "), " ".join([words, *counted_on(results)]))


def _comparison_words(results: Results) -> Text:
    family = max((entry["family"] for entry in results["comparisons"]), default=0)
    number_words = f" (here up to {count(family)} of them)" if family else ""
    return text(
        strong("Comparisons. "),
        "Each difference has a p-value that agrees with its interval. Three kinds of comparison "
        f"are defined beforehand: those of the study's question ({_question_words(results)}), "
        "those with baselines, and those of experiments. All of one kind, "
        f"task and metric{number_words} are corrected together (Holm, 1979); “clear” means a "
        "corrected p below .05, and more than one seed.",
    )


def _question_words(results: Results) -> str:
    """Which pairs the question is about."""
    if results["study"]["settings"].get("comparisons"):
        return "named in the study file"
    if len(names := pretraining_methods(results)) < 2:
        return "from scratch, frozen, fine-tuned, random"
    return (
        "of each method frozen and fine-tuned against each other, from scratch and random weights; "
        f"frozen against pixels; each method against {pretraining_name(names[0])}"
    )


def _baseline_words(results: Results) -> Iterator[Text]:
    names = [method_name(results, baseline) for baseline in baselines(results)]
    if names:
        yield text(
            strong("Baselines. "),
            f"{capitalised('; '.join(names))} (logistic: regression with a penalty; k-NN: nearest "
            "neighbours; encoder: on its embeddings). Their settings are chosen by cross-"
            "validation within the label budget.",
            *(
                f" Those on pixels need all images in memory: {task_title(results, task)}, which "
                "is streamed, has none."
                for task in tasks(results)
                if _without_pixels(results, task)
            ),
        )


def _without_pixels(results: Results, task: str) -> bool:
    run = baselines(results, task)
    return bool(run) and PIXELS not in run
