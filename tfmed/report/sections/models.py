"""What the report says about the models that were exported: an overview, and a card for each."""

from tfmed.report.blocks import (
    Block,
    Text,
    appendix,
    bullets,
    code,
    heading,
    paragraph,
    ref,
    strong,
    table,
    text,
)
from tfmed.report.selection import Entry, Results
from tfmed.report.wording import (
    MISSING,
    count,
    counted,
    interval,
    number,
    percent,
    points,
    row_name,
    task_title,
)


def model_blocks(results: Results) -> list[Block]:
    """The models, the gate's verdicts, and their cards."""
    models = results["models"]
    if not models:
        return [paragraph("No models were exported.")]
    blocks = [
        paragraph(
            "Classifiers of the target, and of the source with few labels, are exported for TF "
            "Serving: of each in the list the seed with the best validation AUC. A model is ",
            strong("stable"),
            " if it loads in TensorFlow's own C++ loader, answers its warm-up requests, agrees "
            "with its Keras original, and the lower end of its accuracy's 95 % interval lies above "
            f"the accuracy of the majority class{_of_findings(models)}; otherwise it is a ",
            strong("candidate"),
            ". Numbers on a card are those of the exported model, whose intervals cover the sample "
            "of test images alone; below them are those of all seeds. ",
            ref("models"),
            " lists them.",
        ),
        _overview(results),
    ]
    reasons = [
        text(strong(f"{model['name']}. "), reason)
        for model in models
        for reason in model["reasons"]
    ]
    if reasons:
        blocks += appendix(heading("Why not stable"), bullets(reasons))
    blocks += [heading("What no model is for"), _not_for(models)]
    for i, model in enumerate(models, 1):
        blocks += appendix(heading(model["name"]), _card_table(results, model, f"card-{i}"))
    return blocks


def _of_findings(models: list[Entry]) -> str:
    several = any(isinstance(model["card"]["threshold"], list) for model in models)
    return " (of several findings: balanced accuracy, mean of the findings)" if several else ""


def _overview(results: Results) -> Block:
    cards = {model["path"]: i for i, model in enumerate(results["models"], 1)}
    rows: list[list[str | Text]] = [
        [
            model["path"],
            task_title(results, model["task"]),
            row_name(results, model),
            str(model["seed"]),
            f"{model['bytes'] / 1e6:.2f}",
            model["stage"],
            text(ref(f"card-{cards[model['path']]}")),
        ]
        for model in results["models"]
    ]
    columns = ["SavedModel", "Task", "Strategy and labels", "Seed", "MB", "Stage", "Card"]
    widths = [3.4, 1.9, 3, 0.5, 0.5, 0.9, 0.9]
    caption = text("Exported models.")
    return table("models", caption, columns, rows, left=3, size="small", widths=widths)


def _not_for(models: list[Entry]) -> Block:
    said = dict.fromkeys(line for model in models for line in model["card"]["not_for"])
    return bullets(text(line) for line in said)


def _card_table(results: Results, model: Entry, identifier: str) -> Block:
    card = model["card"]
    metrics, balance = card["metrics"], card["class_balance"]
    own, seeds = metrics["this_seed"], metrics["over_seeds"]
    gain = metrics["accuracy_over_majority"]
    several = isinstance(card["threshold"], list)
    rows = [
        ["Stage", model["stage"]],
        ["For", card["intended_use"]],
        ["Images", _data_words(card["data"]["task"])],
        ["Intervals count", counted(metrics["n_test"], metrics.get("n_patients"))],
    ]
    used = card["data"]["pretrained_on"] or []
    for dataset in used if isinstance(used, list) else [used]:
        rows.append(["Pretraining images", _data_words(dataset)])
    rows += [
        *_decision_rows(card, own, seeds),
        ["AUC", _estimates(own, seeds, "auc", metrics["n_seeds"])],
        [
            f"{'Balanced accuracy' if several else 'Accuracy'} minus the majority class's",
            points(gain["difference"], gain["low"], gain["high"]),
        ],
    ]
    rows += _balance_rows(card["class_names"], balance, several=several)
    rows += [["To call it", card["call"]["command"]], ["tfmed", card["tfmed_version"]]]
    caption = text(
        "Card of ", code(model["path"]), ", an excerpt of its ", code("model_card.json"), "."
    )
    return table(identifier, caption, ["What", "Value"], rows, left=2, widths=[1, 3.4])


def _decision_rows(card: Entry, own: Entry, seeds: Entry) -> list[list[str]]:
    """How an answer is found, and how often it is right."""
    n_seeds = card["metrics"]["n_seeds"]
    if card["threshold"] is None:
        return [
            ["Answer", f"the most probable of {', '.join(card['class_names'])}"],
            ["Accuracy", _estimates(own, seeds, "accuracy", n_seeds)],
        ]
    if isinstance(card["threshold"], list):
        pairs = zip(card["class_names"], card["threshold"], strict=True)
        thresholds = ", ".join(f"{name} {number(threshold)}" for name, threshold in pairs)
        return [
            ["Threshold of each finding", thresholds],
            ["Average precision", _estimates(own, seeds, "average_precision", n_seeds)],
            [
                "Balanced accuracy at them",
                _estimates(own, seeds, "balanced_accuracy_at_threshold", n_seeds),
            ],
        ]
    return [
        ["Threshold", f"{number(card['threshold'])}; {card['class_names'][1]} above it"],
        ["Accuracy at it", _estimates(own, seeds, "accuracy_at_threshold", n_seeds)],
    ]


def _balance_rows(names: list[str], balance: Entry, *, several: bool) -> list[list[str]]:
    """Shares of the classes whose labels it saw, and for two what other shares would do."""
    splits = ("train", "val", "test")
    if several:
        of_each = zip(names, *(balance[split] for split in splits), strict=True)
        counted = (f"{name} {' / '.join(map(count, counts))}" for name, *counts in of_each)
        return [["Images with a finding (train / val / test)", ", ".join(counted)]]
    if len(names) > 2:
        shares = [
            f"{split} {', '.join(map(count, balance[split]))} of {count(sum(balance[split]))}"
            for split in splits
        ]
        return [[f"Images of {', '.join(names)}", "; ".join(shares)]]
    shares = [
        f"{split} {percent(balance[split][1] / max(sum(balance[split]), 1))} of "
        f"{count(sum(balance[split]))}"
        for split in splits
    ]
    return [
        [f"Share of {names[1]}", "; ".join(shares)],
        ["If that share were", "\n".join(map(_shift_words, balance["shift"]))],
    ]


def _data_words(dataset: Entry) -> str:
    drawn = "; synthetic" if dataset["synthetic"] else ""
    return f"{dataset['title']}{drawn}\n{dataset['terms']}"


def _estimates(own: Entry, seeds: Entry, metric: str, n_seeds: int) -> str:
    if own[metric] is None:
        return MISSING
    return f"{interval(own[metric])}\n{n_seeds} seeds: {interval(seeds[metric])}"


def _shift_words(row: Entry) -> str:
    values = (row["positive_predictive_value"], row["negative_predictive_value"])
    positive, negative = (MISSING if value is None else percent(value) for value in values)
    return (
        f"{percent(row['share_of_label_1'])}: accuracy {percent(row['accuracy'])}, positive "
        f"predictive value {positive}, negative {negative}"
    )
