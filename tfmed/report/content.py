"""What the report says about a study's results: answer, data, pretraining, classifiers."""

from collections.abc import Container
from itertools import chain

from tfmed.report import content_latent, content_method, content_models
from tfmed.report.blocks import (
    Block,
    bullets,
    definitions,
    figure,
    heading,
    number_blocks,
    paragraph,
    ref,
    statement,
    strong,
    table,
    term,
    text,
)
from tfmed.report.figures import is_worst, task_slugs
from tfmed.report.figures_classifiers import majority_share, runs_of
from tfmed.report.wording import (
    METRIC_NAMES,
    MISSING,
    answer,
    budget_name,
    budgets,
    count,
    difference,
    interval,
    metric_name,
    number,
    percent,
    strategy_name,
    summary_rows,
    task_title,
    tasks,
    verdict,
)

AT_HALF = tuple(METRIC_NAMES)
AT_CHOSEN = tuple(f"{name}_at_threshold" for name in AT_HALF[:1] + AT_HALF[2:5])


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
        ("data", "The data", data_blocks(results)),
        ("pretraining", "Pretraining without labels", pretraining_blocks(results)),
        ("classifiers", "The classifiers", classifier_blocks(results)),
        ("latent", "The latent spaces", content_latent.latent_blocks(results)),
        ("method", "How it was done", content_method.method_blocks(results)),
        ("models", "The models", content_models.model_blocks(results)),
        ("limits", "Limits, sources and terms", content_method.limit_blocks(results)),
        ("provenance", "Provenance", content_method.provenance_blocks(results)),
    ]
    kept = [
        {"id": name, "title": title, "blocks": [b for b in blocks if _is_drawn(b, drawn)]}
        for name, title, blocks in sections
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
    shown = list(chain.from_iterable(summary_rows(results, task) for task in tasks(results)))
    alt = "; ".join(f"{_cell_name(results, row)}: {interval(row['accuracy'])}" for row in shown)
    caption = text(
        "Accuracy on the test split. Marker and line: mean over seeds and 95 % interval; small "
        "points: single seeds; dashes: always giving the commoner answer. Intervals of two "
        "strategies may overlap although their paired difference is clear",
        *([": see ", ref("differences"), "."] if results["comparisons"] else ["."]),
    )
    return [*blocks, figure("answer", caption, f"Accuracy: {alt}."), _words()]


def _cell_name(results: dict, row: dict) -> str:
    budget = budget_name(results, row["task"], row["label_budget"])
    return f"{task_title(results, row['task'])}, {budget}, {strategy_name(row)}"


def _words() -> Block:
    return definitions(
        [
            (
                "label budget",
                text(
                    "the number of labelled images a classifier may see, for training and "
                    "validation together; “all” means the official training and validation splits."
                ),
            ),
            (
                "encoder",
                text("the part of a network that turns an image into numbers, its embedding."),
            ),
            ("from scratch", text("encoder with random weights, trained with the classifier.")),
            (
                "random, frozen",
                text(
                    "encoder with random weights that training leaves as they are: the control "
                    "that shows what the shape of the network does by itself."
                ),
            ),
            (
                "frozen",
                text("encoder pretrained without labels; only the classifier on top is trained."),
            ),
            ("fine-tuned", text("encoder pretrained without labels and then trained further.")),
            (
                "points",
                text("percentage points; an interval that leaves out 0 shows a difference."),
            ),
        ]
    )


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
    blocks.append(
        figure(
            "examples",
            text("Training images of both classes, drawn at their real resolution."),
            f"Examples of both classes of {len(results['datasets'])} data sets.",
        )
    )
    balance = "; ".join(_balance_words(data) for data in results["datasets"])
    caption = text(
        "Class balance of each split. Where it shifts between training and test, accuracy at "
        "a fixed threshold suffers while the AUC does not."
    )
    blocks.append(figure("balance", caption, balance))
    return [*blocks, _balance_table(results)]


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
    caption = text("Reconstruction error in training. The marked epoch's weights are used.")
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
                "How the error is spread over the test images; dashes: mean of the autoencoder, "
                "dots: mean error of always answering the mean training image."
            ),
            f"Median error {fit['mse_quantiles'][50]:.5f}, mean {fit['test']['mse']:.5f}, "
            f"mean image {fit['test']['mse_mean_image']:.5f}.",
        ),
    ]


def _has_worst(fit: dict) -> bool:
    return any(is_worst(fit, item) for item in fit["reconstructions"])


def classifier_blocks(results: dict) -> list[Block]:
    """All metrics of all strategies, paired differences, learning curves, ROC and confusion."""
    if not results["summary"]:
        return [paragraph("No classifier was trained in this study.")]
    blocks = [
        paragraph(
            "Cells give the mean over seeds, below it the 95 % interval and the standard deviation "
            "over seeds (sd). ",
            term("AUC"),
            ": chance that a case of the second class scores above one of the first. ",
            term("Sensitivity"),
            " and ",
            term("specificity"),
            ": share of the second and of the first class that is recognised; ",
            term("balanced accuracy"),
            ": their mean. ",
            term("Brier score"),
            ": mean squared error of the predicted probability; ",
            term("ECE"),
            ": expected calibration error; both are better when lower.",
        ),
        _metric_table(results, "metrics", AT_HALF, "Every strategy at threshold .5."),
        _metric_table(
            results,
            "metrics-chosen",
            AT_CHOSEN,
            "Every strategy at the threshold chosen on the validation labels of its budget.",
        ),
        *_undefined_blocks(results),
        *_difference_blocks(results),
    ]
    for task, slug in task_slugs(results).items():
        if budgets(results, task):
            blocks += [heading(task_title(results, task)), *_task_blocks(results, task, slug)]
    return blocks


def _metric_table(results: dict, name: str, metrics: tuple[str, ...], words: str) -> Block:
    rows: list[list[str]] = []
    chosen = name == "metrics-chosen"
    for task in tasks(results):
        for budget in budgets(results, task):
            rows.append([f"{task_title(results, task)}, {budget_name(results, task, budget)}"])
            for row in summary_rows(results, task, budget):
                label = f"{strategy_name(row)}\n{_seeds(row['n_seeds'])}"
                extra = [_threshold_range(results, row)] if chosen else []
                rows.append([label, *extra, *(_metric_cell(row[metric]) for metric in metrics)])
    titles = [metric_name(metric).removesuffix(", chosen threshold") for metric in metrics]
    widths = [1.7] + [1.0] * (len(metrics) + chosen)
    columns = ["Strategy", *(["threshold"] if chosen else []), *titles]
    return table(name, text(words), columns, rows, size="small", widths=widths)


def _seeds(n: int) -> str:
    return "1 seed" if n == 1 else f"{n} seeds"


def _metric_cell(estimate: dict | None) -> str:
    if estimate is None:
        return MISSING
    sd = "" if estimate["sd"] is None else f"\nsd {number(estimate['sd'])}"
    return f"{number(estimate['mean'])}\n{interval(estimate).partition(' ')[2]}{sd}"


def _threshold_range(results: dict, row: dict) -> str:
    values = [run["threshold"] for run in runs_of(results, row)]
    if not values:
        return MISSING
    return f"{min(values):.2f} to {max(values):.2f}" if len(values) > 1 else f"{values[0]:.2f}"


def _undefined_blocks(results: dict) -> list[Block]:
    reasons = {
        f"{metric_name(metric)}: {reason}"
        for run in results["runs"]
        for metric, reason in run["undefined"].items()
    }
    if not reasons:
        return []
    start = paragraph(f"A dash ({MISSING}) stands where a metric is not defined:")
    return [start, bullets(text(reason) for reason in sorted(reasons))]


def _difference_blocks(results: dict) -> list[Block]:
    if not results["comparisons"]:
        return [paragraph("No paired differences between strategies were computed.")]
    accuracy = [c for c in results["comparisons"] if c["metric"] == "accuracy"]
    alt = "; ".join(
        f"{task_title(results, c['task'])}, {budget_name(results, c['task'], c['label_budget'])}, "
        f"{strategy_name(c['a'])} minus {strategy_name(c['b'])}: {difference(c)}"
        for c in accuracy or results["comparisons"]
    )
    caption = text(
        "Paired differences between strategies at the same seeds and on the same test images, "
        "with 95 % intervals. Filled markers: the interval leaves out 0."
    )
    rows: list[list[str]] = []
    for key in dict.fromkeys((c["task"], c["label_budget"]) for c in results["comparisons"]):
        rows.append([f"{task_title(results, key[0])}, {budget_name(results, *key)}"])
        same = [c for c in results["comparisons"] if (c["task"], c["label_budget"]) == key]
        rows += [_difference_row(c) for c in same]
    columns = ["Compared", "Metric", "Difference [95 % interval]", "Reading"]
    words = text("Paired differences: the first strategy minus the second.")
    return [
        figure("differences", caption, alt),
        table("differences-table", words, columns, rows, left=4, widths=[2.4, 1, 2.2, 2.2]),
    ]


def _difference_row(c: dict) -> list[str]:
    a, b = strategy_name(c["a"]), strategy_name(c["b"])
    readings = {1: f"{a} is better", -1: f"{b} is better", 0: "no difference could be shown"}
    return [f"{a} − {b}", metric_name(c["metric"]), difference(c), readings[verdict(c)]]


def _task_blocks(results: dict, task: str, slug: str) -> list[Block]:
    title, rows = task_title(results, task), summary_rows(results, task)
    majority = majority_share(results, task)
    blocks = []
    if majority is not None:
        start = f"Always giving the commoner answer has an accuracy of {number(majority)} on "
        blocks.append(paragraph(f"{start}the test split of {title}, and an AUC of 0.5."))
    stops = "; ".join(_stop_words(results, row) for row in rows)
    aucs = "; ".join(f"{_cell_name(results, row)}: AUC {interval(row['auc'])}" for row in rows)
    counts = "; ".join(f"{_cell_name(results, row)}: {_matrix_words(row)}" for row in rows)
    curves = (
        f"Learning curves of the classifiers on {title}, every seed. Circle: the epoch whose "
        "weights are kept; bar: the last epoch run."
    )
    roc = f"ROC curves on the test split of {title}: mean over seeds, with pointwise 95 % bands."
    confusion = (
        f"Confusion matrices on the test split of {title} at threshold .5: mean counts over "
        "seeds, and the share of the true class. Good classifiers are dark on the diagonal."
    )
    return [
        *blocks,
        figure(f"curves-{slug}", text(curves), stops),
        figure(f"roc-{slug}", text(roc), aucs),
        figure(f"confusion-{slug}", text(confusion), counts),
    ]


def _stop_words(results: dict, row: dict) -> str:
    runs = runs_of(results, row)
    epochs = ", ".join(f"{run['best_epoch']} of {run['epochs']}" for run in runs)
    return f"{_cell_name(results, row)}: epoch kept {epochs}"


def _matrix_words(row: dict) -> str:
    (tn, fp), (fn, tp) = row["confusion"]
    return f"{count(tn + tp)} right, {count(fp)} false alarms, {count(fn)} missed"
