"""What the report says about the data sets."""

from tfmed.report.blocks import Block, Span, Text, appendix, figure, paragraph, ref, table, text
from tfmed.report.datasets.words import bullet_list, described, said
from tfmed.report.selection import Entry, Results
from tfmed.report.wording import count, percent, task_title


def data_blocks(results: Results) -> list[Block]:
    """The data sets: what they are, examples, class balance."""
    blocks: list[Block] = []
    for data in results["datasets"]:
        blocks += [described(data), *bullet_list(said(data, briefly=True), marked=True)]
    drawn = any(any(images) for data in results["datasets"] for images in data["examples"])
    shown: list[str | Span] = [ref("examples"), " shows some of the images. "] if drawn else []
    blocks.append(
        paragraph(
            *shown,
            "The class balance is shown in ",
            *_balance_refs(results),
            ref("balance-table"),
            ".",
        )
    )
    drawn_balance = [figure("balance"), figure("findings")]
    return [
        *blocks,
        *appendix(figure("examples"), *drawn_balance, _balance_table(results)),
    ]


def _balance_refs(results: Results) -> list[str | Span]:
    several = [data.get("task") == "multilabel" for data in results["datasets"]]
    found: list[str | Span] = []
    for name, there in (("balance", not all(several)), ("findings", any(several))):
        found += [ref(name), " and "] if there else []
    return found


def _balance_table(results: Results) -> Block:
    rows: list[list[str]] = []
    for data in results["datasets"]:
        if len(data["class_names"]) != 2 or data.get("task") == "multilabel":
            continue
        negative, positive = data["class_names"]
        rows.append([f"{task_title(results, data['name'])}: {negative} / {positive}"])
        for key, name in (("train", "training"), ("val", "validation"), ("test", "test")):
            split = data["splits"][key]
            share = percent(split["counts"][1] / max(1, split["n"]), 1)
            rows.append([name, count(split["n"]), *map(count, split["counts"]), share])
    columns = ["Split", "Images", "First class", "Second class", "Share of second"]
    words = text("Images and class balance of each split.")
    if any(map(_has_many, results["datasets"])):
        return _class_table(results, words)
    return table("balance-table", words, columns, rows)


def _has_many(data: Entry) -> bool:
    """Whether a data set's classes need a line each."""
    return len(data["class_names"]) > 2 or data.get("task") == "multilabel"


def _class_table(results: Results, words: Text) -> Block:
    """Images of each class, a line for each, where a data set has more than two."""
    rows: list[list[str]] = []
    for data in results["datasets"]:
        if not data["class_names"]:
            continue
        rows.append([task_title(results, data["name"])])
        splits = [data["splits"][key] for key in ("train", "val", "test")]
        for label, name in enumerate(data["class_names"]):
            counts = [split["counts"][label] for split in splits]
            share = percent(counts[-1] / max(1, splits[-1]["n"]), 1)
            rows.append([name, *map(count, counts), share])
    columns = ["Class", "Training", "Validation", "Test", "Share of test"]
    return table("balance-table", words, columns, rows)
