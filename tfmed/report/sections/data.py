"""What the report says about the data sets, and about pretraining on them."""

from tfmed.report.blocks import Block, Span, Text, figure, paragraph, ref, table, term, text
from tfmed.report.datasets.words import bullet_list, described, said
from tfmed.report.figures.plotting import decode_png
from tfmed.report.figures.pretraining import as_uri, difference_span, is_worst, signed_difference
from tfmed.report.selection import (
    DEFAULT_PRETRAINING,
    Entry,
    Results,
    learned_from,
    pretraining_method,
    pretraining_methods,
    reconstructing,
)
from tfmed.report.wording import (
    MISSING,
    capitalised,
    count,
    listed,
    number,
    percent,
    pretraining_name,
    task_title,
)

COLLAPSED = 0.1
"""Spread below which all embeddings are called alike."""
NAMED_RANKS = 5
"""How many of the images with the largest errors are named by their rank from the worst."""


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
    return [*blocks, figure("examples"), *drawn_balance, _balance_table(results)]


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


def pretraining_title(results: Results) -> str:
    """Title of that section."""
    alike = {learned_from(fit) for fit in results["pretraining"]} <= {"images"}
    return "Pretraining without labels" if alike else "Pretraining"


def pretraining_blocks(results: Results) -> list[Block]:
    """Each pretraining method: what it does, its learning curve, reconstructions, test errors."""
    if not results["pretraining"]:
        return [paragraph("No encoder was pretrained in this study.")]
    firsts = {pretraining_method(fit): fit for fit in reversed(results["pretraining"])}
    blocks = [_method_paragraph(results, firsts[name]) for name in pretraining_methods(results)]
    blocks.append(figure("pretraining"))
    if any(fit.get("health") for fit in results["pretraining"]):
        blocks.append(_health_table(results))
    fits = reconstructing(results)
    if not fits:
        return blocks
    blocks += [
        figure("detail"),
        figure("reconstructions"),
        *_slider_blocks(fits[0]),
        figure("errors"),
    ]
    columns = ["Seed", "Epochs (best)", "MSE", "MAE", "PSNR (dB)", "MSE of mean image", "Ratio"]
    caption = text(
        f"Reconstruction error on {count(fits[0]['test']['n'])} test images, pixels from 0 to 1. "
        "Ratio: how many times larger the error of always predicting the mean training image is."
    )
    return [*blocks, table("errors-table", caption, columns, map(_error_row, fits))]


def _method_paragraph(results: Results, fit: Entry) -> Block:
    shape, name = "×".join(map(str, fit["embedding_shape"])), pretraining_method(fit)
    of = fit.get("images") or [fit["source"]]
    source = listed([task_title(results, name) for name in of])
    if name == DEFAULT_PRETRAINING:
        opening: list[str | Span] = [
            "An ",
            term("autoencoder"),
            " learns without labels: its encoder turns an image into an ",
            term("embedding"),
            f" ({shape} numbers), and its decoder reconstructs the image from it. Here it was "
            f"trained on the training images of {source}. ",
        ]
    else:
        learned = {
            "images": f" learns without labels, from the training images of {source}",
            "labels": f" pretraining learns from the labels of {source}",
            "nothing": " were published, and nothing is trained before they are used",
        }[learned_from(fit)]
        opening = [
            term(capitalised(pretraining_name(name))),
            f"{learned}; the encoder turns an image into an ",
            term("embedding"),
            f" ({shape} numbers). ",
        ]
    others = [(part, n) for part, n in fit["parameters"].items() if part != "encoder"]
    sizes = [f"The encoder has {count(fit['parameters']['encoder'])} parameters"]
    sizes += [f"the {part.replace('_', ' ')} {count(n)}" for part, n in others]
    kept = f" {_kept_words(fit)}" if fit["epochs"] else ""
    return paragraph(*opening, f"{', '.join(sizes)}.{kept}")


def _kept_words(fit: Entry) -> str:
    if fit["best_epoch"] == fit["epochs"] and not fit["stopped_early"]:
        return "The weights of the last epoch are kept."
    return "The weights of the epoch with the smallest validation error are kept."


def _health_table(results: Results) -> Block:
    caption = text(
        "Each pretraining. Spread: how much the directions of the embeddings of training images "
        "differ, from 0 (all alike: collapsed) to 1. Effective rank: how many of their "
        "dimensions they use (Roy and Vetterli 2007)."
    )
    columns = ["Method", "Seed", "Epochs (best)", "Spread", "Effective rank", "Seconds"]
    return table("health-table", caption, columns, map(_health_row, results["pretraining"]))


def _health_row(fit: Entry) -> list[str]:
    found = fit.get("health")
    measured = [MISSING, MISSING]
    if found:
        collapsed = " (collapsed)" if found["spread"] < COLLAPSED else ""
        rank = f"{number(found['effective_rank'], 1)} of {count(found['dimensions'])}"
        measured = [f"{number(found['spread'], 2)}{collapsed}", rank]
    return [
        pretraining_name(pretraining_method(fit)),
        str(fit["seed"]),
        f"{fit['epochs']} ({fit['best_epoch']})" if fit["epochs"] else MISSING,
        *measured,
        number(fit["seconds"], 0),
    ]


def _error_row(fit: Entry) -> list[str]:
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


def _slider_blocks(fit: Entry) -> list[Block]:
    """Every reconstruction there is, one at a time, for the page."""
    cases = sorted(fit["reconstructions"], key=lambda case: (case["mse"], case["quantile"]))
    if len(cases) < 2:
        return []
    span = difference_span(fit)
    return [
        {
            "kind": "slider",
            "title": "Reconstructions from best to worst",
            "caption": text(
                f"{len(cases)} of {count(fit['test']['n'])} test images by their error. The "
                "difference is reconstruction minus original on the range from black (0) to "
                "white (1)."
            ),
            "span": number(span, 2),
            "cases": [_case(fit, case, span) for case in cases],
        }
    ]


def _case(fit: Entry, case: Entry, span: float) -> dict[str, str]:
    original, reconstruction = (decode_png(case[k]) for k in ("original", "reconstruction"))
    larger = fit["test"]["n"] - 1 - round(case["quantile"] * fit["test"]["n"])
    rank = f"{percent(case['quantile'])} of the test images have a smaller error"
    if is_worst(fit, case):
        rank = "the worst of all test images"
    elif 0 < larger < NAMED_RANKS:
        rank = f"{larger} test image{'s have' if larger > 1 else ' has'} a larger error"
    elif case["quantile"] == 0:
        rank = "the best of all test images"
    return {
        "original": case["original"],
        "reconstruction": case["reconstruction"],
        "difference": as_uri(signed_difference(original, reconstruction, span)),
        "words": f"Test image {case['index']}: mean squared error {case['mse']:.5f}, {rank}.",
    }
