"""The whole report as plain data; what it says of answer and data."""

from collections.abc import Container

from tfmed.report import (
    content_appendix,
    content_classifiers,
    content_experiments,
    content_latent,
    content_ledger,
    content_method,
    content_models,
    content_pretraining,
)
from tfmed.report.answer import answer
from tfmed.report.blocks import (
    Block,
    Span,
    definitions,
    figure,
    number_blocks,
    paragraph,
    ref,
    statement,
    strong,
    table,
    text,
)
from tfmed.report.content_classifiers import spread_words
from tfmed.report.figures_budgets import forest_task, majority_share, trained_tasks
from tfmed.report.wording import (
    NAMES,
    STRATEGIES,
    budget_name,
    count,
    dataset_of,
    interval,
    number,
    percent,
    strategy_name,
    summary_rows,
    task_title,
)


def document(results: dict, drawn: Container[str]) -> dict:
    """The whole report as plain data.

    Args:
        results: the content of `results.json`.
        drawn: ids of the figures there are.

    Returns:
        `title`, `question`, `name`, `synthetic`, `quick`, `date`, `version` and `sections`, each
        with `id`, `title` and `blocks` (see `tfmed.report.blocks`).
    """
    sections = [
        ("answer", "The answer", answer_blocks(results)),
        ("ledger", "Earlier findings, tested", content_ledger.ledger_blocks(results, drawn)),
        ("data", "The data", data_blocks(results)),
        (
            "pretraining",
            "Pretraining without labels",
            content_pretraining.pretraining_blocks(results),
        ),
        ("classifiers", "The classifiers", content_classifiers.classifier_blocks(results)),
        ("experiments", "Experiments", content_experiments.experiment_blocks(results)),
        ("latent", "The latent spaces", content_latent.latent_blocks(results)),
        ("method", "How it was done", content_method.method_blocks(results)),
        ("models", "The models", content_models.model_blocks(results)),
        ("limits", "Limits, sources and terms", content_method.limit_blocks(results)),
        ("provenance", "Provenance", content_method.provenance_blocks(results)),
        ("appendix", "Appendix: every metric", content_appendix.appendix_blocks(results)),
    ]
    kept = [
        {"id": name, "title": title, "blocks": [b for b in blocks if _is_drawn(b, drawn)]}
        for name, title, blocks in sections
        if blocks
    ]
    study, provenance = results["study"], results["provenance"]
    return {
        **{key: study[key] for key in ("title", "question", "name", "quick")},
        "synthetic": results["synthetic"],
        "date": provenance["started"],
        "version": provenance["versions"].get("tfmed", ""),
        "sections": number_blocks(kept),
    }


def _is_drawn(block: Block, drawn: Container[str]) -> bool:
    return block["kind"] != "figure" or block["id"] in drawn


def answer_blocks(results: dict) -> list[Block]:
    """The answer, its key figure and the words needed to read it."""
    blocks = [statement(answer(results))]
    if not results["summary"]:
        return blocks
    task = trained_tasks(results)[0]
    rows = [row for row in summary_rows(results, task) if row["strategy"] in STRATEGIES]
    alt = "; ".join(
        f"{budget_name(results, task, row['label_budget'])}, {strategy_name(row)}: "
        f"{interval(row['accuracy'])}"
        for row in rows
        if row["variant"] == "standard"
    )
    majority = majority_share(results, task)
    floor = "" if majority is None else f" ({number(majority)})"
    caption = text(
        f"Accuracy on the test split of {task_title(results, task)} over the number of labels: "
        f"mean over seeds with its 95 % band. {spread_words(results, task, 'accuracy')}. Dashes: "
        f"always giving the commoner answer{floor}. Bands of two strategies may overlap although "
        "their paired difference is clear",
        *([": see ", ref("differences"), "."] if forest_task(results) else ["."]),
    )
    drawn = figure("answer", caption, f"Accuracy: {alt}.")
    return [*blocks, drawn, _certainty(results, task, rows), _words(results, task)]


def _certainty(results: dict, task: str, rows: list[dict]) -> Block:
    """How sure the answer is, for readers without statistics."""
    several = max((row["n_seeds"] for row in rows), default=1)
    seeds = f"the mean of {several} repeats (seeds)" if several > 1 else "that of one repeat (seed)"
    dataset = dataset_of(results, task)
    images = f" on {count(dataset['splits']['test']['n'])} test images" if dataset else ""
    clear = (
        " A difference is clear only if it holds after correction for all comparisons of its "
        "kind; “no clear difference” is not “no difference”."
        if several > 1
        else " With one repeat nothing is known of its luck, and no difference is called clear."
    )
    return paragraph(
        strong("How sure is this? "),
        f"Each accuracy is {seeds}{images}. Brackets hold its 95 % interval: the values that fit "
        f"with what was seen.{clear if results['comparisons'] else ''}",
    )


WORDS = (
    ("label", "the class that an image is said to belong to, which a classifier learns to name."),
    (
        "label budget",
        "the number of labelled images a classifier may see, for training and for validation "
        "(to decide when to stop) together; “all” means the official splits for both.",
    ),
    (
        "accuracy",
        "share of images whose class is named correctly; on the test split, which holds images "
        "that played no part in training or choosing.",
    ),
    ("encoder", "the part of a network that turns an image into numbers, its embedding."),
    (
        "pretrained",
        "trained beforehand on other images, without their labels, to draw each image again from "
        "its embedding.",
    ),
    ("scratch", "encoder with random weights, trained with the classifier."),
    (
        "random_frozen",
        "encoder with random weights that training leaves as they are: the control that shows "
        "what the shape of the network does by itself.",
    ),
    ("frozen", "encoder pretrained without labels; only the classifier on top is trained."),
    ("finetune", "encoder pretrained without labels and then trained further."),
    (
        "pixels_logistic",
        "a baseline that needs no network: logistic regression on the values of the pixels.",
    ),
    (
        "seed",
        "fixes all that is left to luck: which images get labels, the first weights, the order.",
    ),
    ("points", "percentage points."),
    (
        "clear",
        "a difference over several seeds whose p-value is below .05 after the correction for all "
        "comparisons of its kind (Holm). The p-value: how often luck alone would make one as "
        "large.",
    ),
)


def _words(results: dict, task: str) -> Block:
    """The words needed to read the answer; of strategies and baselines, those that were run."""
    left_out = set(NAMES) - {row["strategy"] for row in summary_rows(results, task)}
    told = [(NAMES.get(name, name), text(words)) for name, words in WORDS if name not in left_out]
    return definitions(told)


def data_blocks(results: dict) -> list[Block]:
    """The data sets: what they are, examples, class balance."""
    blocks: list[Block] = []
    for data in results["datasets"]:
        height, width, channels = data["image_shape"]
        colour = "grey" if channels == 1 else "colour"
        merged = ""
        if data["n_labels"] > 1:
            merged = f" Its {data['n_labels']} labels became one: any of them, or none."
        about = f" ({data['role']}): {data['description']} {height}×{width} pixels, {colour}; "
        classes = f"“{data['class_names'][0]}” against “{data['class_names'][1]}”.{merged}"
        blocks.append(paragraph(strong(data["title"]), about + classes))
    drawn = any(any(images) for data in results["datasets"] for images in data["examples"])
    shown: list[str | Span] = [ref("examples"), " shows some of the images. "] if drawn else []
    blocks.append(
        paragraph(
            *shown,
            "How often each class occurs is drawn in ",
            ref("balance"),
            " and counted in ",
            ref("balance-table"),
            ".",
        )
    )
    told = "; ".join(map(_example_words, results["datasets"]))
    words = text("Training images of both classes, drawn at their real resolution.")
    blocks.append(figure("examples", words, f"Images in rows by class. {told}."))
    balance = "; ".join(_balance_words(data) for data in results["datasets"])
    caption = text(
        "Class balance of each split. Where it shifts between training and test, a classifier may "
        "give the answer that was commoner in training too often, which costs accuracy."
    )
    blocks.append(figure("balance", caption, balance))
    return [*blocks, _balance_table(results)]


def _example_words(data: dict) -> str:
    names = zip(data["examples"], data["class_names"], strict=True)
    return f"{data['title']}: {', '.join(f'{len(found)} of {name}' for found, name in names)}"


def _balance_words(data: dict) -> str:
    shares = ", ".join(
        f"{split} {percent(s['counts'][1] / max(1, s['n']))}" for split, s in data["splits"].items()
    )
    return f"{data['title']}, share of {data['class_names'][1]}: {shares}"


def _balance_table(results: dict) -> Block:
    rows: list[list[str]] = []
    for data in results["datasets"]:
        negative, positive = data["class_names"]
        rows.append([f"{task_title(results, data['name'])}: {negative} / {positive}"])
        for key, name in (("train", "training"), ("val", "validation"), ("test", "test")):
            split = data["splits"][key]
            share = percent(split["counts"][1] / max(1, split["n"]), 1)
            rows.append([name, count(split["n"]), *map(count, split["counts"]), share])
    columns = ["Split", "Images", "First class", "Second class", "Share of second"]
    return table("balance-table", text("Images and class balance of each split."), columns, rows)
