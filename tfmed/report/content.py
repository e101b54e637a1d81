"""The whole report as plain data; what it says of answer, data and pretraining."""

from collections.abc import Container

from tfmed.report import (
    content_appendix,
    content_classifiers,
    content_experiments,
    content_latent,
    content_ledger,
    content_method,
    content_models,
)
from tfmed.report.answer import answer
from tfmed.report.blocks import (
    Block,
    definitions,
    figure,
    number_blocks,
    paragraph,
    ref,
    statement,
    strong,
    table,
    term,
    text,
)
from tfmed.report.content_classifiers import spread_words
from tfmed.report.figures import is_worst
from tfmed.report.figures_budgets import forest_task, majority_share, trained_tasks
from tfmed.report.wording import (
    MISSING,
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
        ("pretraining", "Pretraining without labels", pretraining_blocks(results)),
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
    family = max((entry["family"] for entry in results["comparisons"]), default=0)
    clear = (
        f" A difference is called clear only if it holds after correction for all {count(family)} "
        "comparisons of its kind; “no clear difference” does not mean that there is none."
    )
    return paragraph(
        strong("How sure is this? "),
        f"Each accuracy is {seeds}{images}. Brackets hold its 95 % interval: the values that fit "
        f"with what was seen.{clear if family else ''}",
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
        "a difference whose p-value is below .05 after the correction for all comparisons of its "
        "metric in this study (Holm). The p-value: how often luck alone would make one as large.",
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
    shown = "; ".join(map(_example_words, results["datasets"]))
    words = text("Training images of both classes, drawn at their real resolution.")
    blocks.append(figure("examples", words, f"Images in rows by class. {shown}."))
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


def pretraining_blocks(results: dict) -> list[Block]:
    """The autoencoder: learning curve, reconstructions, test errors."""
    if not results["pretraining"]:
        return [paragraph("No autoencoder was trained in this study.")]
    first = results["pretraining"][0]
    shape = "×".join(map(str, first["embedding_shape"]))
    blocks = [
        paragraph(
            "An ",
            term("autoencoder"),
            " learns without labels: its encoder turns an image into an ",
            term("embedding"),
            f" ({shape} numbers), and its decoder has to draw the image again from it. Here it saw "
            f"the training images of {task_title(results, first['source'])}. The encoder has "
            f"{count(first['parameters']['encoder'])} parameters, the autoencoder "
            f"{count(first['parameters']['autoencoder'])}. The weights of the epoch with the "
            "smallest validation error are kept.",
        )
    ]
    curve = "; ".join(_fit_words(fit) for fit in results["pretraining"])
    caption = text(
        "Reconstruction error in training. The marked epoch's weights are used: of seed "
        f"{first['seed']} those of epoch {first['best_epoch']} of {first['epochs']}."
    )
    blocks.append(figure("pretraining", caption, curve))
    blocks += _reconstruction_blocks(first)
    rows = [_error_row(fit) for fit in results["pretraining"]]
    columns = ["Seed", "Epochs (best)", "MSE", "MAE", "PSNR (dB)", "MSE of mean image", "Ratio"]
    caption = text(
        f"Reconstruction error on {count(first['test']['n'])} test images, pixels from 0 to 1. "
        "Ratio: how many times larger the error of always answering the mean training image is."
    )
    return [*blocks, table("errors-table", caption, columns, rows)]


def _fit_words(fit: dict) -> str:
    end = "stopped early" if fit["stopped_early"] else "ran to the last epoch"
    return f"Seed {fit['seed']}: {fit['epochs']} epochs, {end}, best epoch {fit['best_epoch']}"


def _error_row(fit: dict) -> list[str]:
    test = fit["test"]
    ratio = f"{test['mse_mean_image'] / test['mse']:.1f}" if test["mse"] > 0 else MISSING
    return [
        str(fit["seed"]),
        f"{fit['epochs']} ({fit['best_epoch']})",
        number(test["mse"], 5),
        number(test["mae"], 4),
        number(test["psnr"], 1),
        number(test["mse_mean_image"], 5),
        ratio,
    ]


def _reconstruction_blocks(fit: dict) -> list[Block]:
    errors = [item["mse"] for item in fit["reconstructions"]] or [0.0]
    seed = f"of the autoencoder of seed {fit['seed']}"
    worst = "the worst one of the test split" if _has_worst(fit) else "from good to bad"
    return [
        *_detail_blocks(fit),
        figure(
            "reconstructions",
            text(
                f"Test images over the reconstructions {seed}, {worst} included: what is lost is "
                "fine detail, which may be what a diagnosis needs."
            ),
            f"Mean squared errors from {min(errors):.4f} to {max(errors):.4f}.",
        ),
        figure(
            "errors",
            text(
                "How the error is spread over the test images; dashes: mean of the autoencoder "
                f"({number(fit['test']['mse'], 4)}), dots: mean error of always answering the mean "
                f"training image ({number(fit['test']['mse_mean_image'], 4)})."
            ),
            f"Median error {fit['mse_quantiles'][50]:.5f}, mean {fit['test']['mse']:.5f}, "
            f"mean image {fit['test']['mse_mean_image']:.5f}.",
        ),
    ]


def _detail_blocks(fit: dict) -> list[Block]:
    """What reconstructions keep, by spatial frequency."""
    detail = fit.get("detail")
    if not detail or not detail["bands"]:
        return []
    bands = [(band, _share_words(band["kept"])) for band in detail["bands"]]
    low, high = bands[0], bands[-1]
    alt = "; ".join(
        f"{number(band['from'], 2)} to {number(band['to'], 2)} cycles per pixel: {words}"
        for band, words in bands
    )
    caption = text(
        f"What reconstructions keep of {count(detail['n'])} test images: of the power of the "
        f"coarsest shapes (below {number(low[0]['to'], 2)} cycles per pixel) {low[1]}, of the "
        f"finest detail (above {number(high[0]['from'], 2)}) {high[1]}. Structural similarity "
        f"(SSIM) {interval(detail['ssim'])}, peak signal-to-noise ratio "
        f"{interval(detail['psnr'], 1)} dB."
    )
    return [figure("detail", caption, f"Power kept: {alt}.")]


def _share_words(found: dict) -> str:
    percents = {key: found[key] and 100 * found[key] for key in ("mean", "low", "high")}
    return MISSING if found["mean"] is None else f"{interval(percents, 1)} %"


def _has_worst(fit: dict) -> bool:
    return any(is_worst(fit, item) for item in fit["reconstructions"])
