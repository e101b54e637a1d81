"""The numbers behind each figure, as tables for whoever wants to draw them again."""

import csv
import io
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tfmed.report.experiments import (
    dropout_cells,
    forgetting_entries,
    loss_cells,
    stopping_cells,
)
from tfmed.report.figures import task_slugs
from tfmed.report.figures_budgets import (
    FOREST_METRICS,
    forest_rows,
    forest_task,
    majority_share,
    trained_tasks,
)
from tfmed.report.figures_classifiers import curve_grid
from tfmed.report.figures_latent import space_chunks, spaces_of
from tfmed.report.plotting import write_aside
from tfmed.report.wording import (
    STRATEGIES,
    budgets,
    dataset_of,
    find_row,
    labels_of,
    runs_of,
    strategy_name,
    task_title,
)

DIGITS = 6
ESTIMATE = ("mean", "low", "high")


class Numbers(NamedTuple):
    """What a figure shows: column names, and rows of numbers, words and None."""

    columns: tuple[str, ...]
    rows: list[list[Any]]


def figure_numbers(results: dict, drawn: Container[str]) -> dict[str, Numbers]:
    """The numbers of every drawn figure that shows any.

    Args:
        results: the content of `results.json`.
        drawn: ids of the figures there are.

    Returns:
        Figure id to its numbers, rounded to six significant digits. Pictures of images have none;
        of latent spaces there is what is written beside them (coordinates are in `results.json`).
        Numbers on synthetic images have a column that says so.
    """
    made = {name: make() for name, make in _families(results).items() if name in drawn}
    names, marks = (("synthetic_data",), ["yes"]) if results["synthetic"] else ((), [])
    return {
        name: Numbers((*columns, *names), [[*map(_rounded, row), *marks] for row in rows])
        for name, (columns, rows) in made.items()
        if rows
    }


def csv_text(numbers: Numbers) -> str:
    """A table as CSV (RFC 4180, but for its line ends), missing values empty."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(numbers.columns)
    writer.writerows(numbers.rows)
    return buffer.getvalue()


def write_numbers(numbers: Mapping[str, Numbers], folder: Path) -> None:
    """Write `folder/<figure>.csv` for each figure, and remove those of earlier figures."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {folder / f"{name}.csv": csv_text(found) for name, found in numbers.items()}
    for path, text in written.items():
        write_aside(path, text)
    for stale in set(folder.glob("*.csv")) - set(written):
        stale.unlink()


def _rounded(value: Any) -> Any:
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def _families(results: dict) -> dict[str, Callable[[], Numbers]]:
    """How to make the numbers of each figure that may have been drawn."""
    plan: dict[str, Callable[[], Numbers]] = {
        "balance": partial(balance, results),
        "pretraining": partial(pretraining, results),
        "reconstructions": partial(reconstructions, results),
        "detail": partial(detail, results),
        "errors": partial(errors, results),
        "differences": partial(differences, results),
        "losses": partial(losses, results),
        "dropout": partial(dropout, results),
        "stopping": partial(stopping, results),
        "forgetting": partial(forgetting, results),
    }
    trained = trained_tasks(results)
    if trained:
        plan["answer"] = partial(label_budgets, results, trained[0], ("accuracy",))
    for task, slug in task_slugs(results).items():
        plan[f"budgets-{slug}"] = partial(label_budgets, results, task, FOREST_METRICS)
        plan[f"roc-{slug}"] = partial(score_curves, results, task)
        plan[f"curves-{slug}"] = partial(losses_by_epoch, results, task)
        plan[f"confusion-{slug}"] = partial(confusion, results, task)
        plan[f"mistakes-{slug}"] = partial(mistakes, results, task)
        plan[f"cka-{slug}"] = partial(similarity, results, task)
        for i, spaces in enumerate(space_chunks(results, task), 1):
            plan[f"latent-{slug}-{i}"] = partial(latent_spaces, spaces)
    return plan


def _ends(estimate: dict | None) -> list[float | None]:
    return [estimate.get(key) if estimate else None for key in ESTIMATE]


def balance(results: dict) -> Numbers:
    """Images of each class in each split."""
    rows = [
        [data["title"], split, data["class_names"][label], counts, counts / max(1, found["n"])]
        for data in results["datasets"]
        for split, found in data["splits"].items()
        for label, counts in enumerate(found["counts"])
    ]
    return Numbers(("data_set", "split", "class", "images", "share"), rows)


def label_budgets(results: dict, task: str, metrics: Iterable[str]) -> Numbers:
    """Each drawn strategy's and baseline's metrics at each label budget."""
    rows: list[list[Any]] = []
    for metric in metrics:
        for budget in budgets(results, task):
            start = [metric, labels_of(results, task, budget)]
            for name in (*STRATEGIES, "pixels_logistic"):
                row = find_row(results, task, budget, name)
                if row and row[metric]:
                    rows.append([*start, strategy_name(row), *_ends(row[metric]), row["n_seeds"]])
        chance = majority_share(results, task) if metric == "accuracy" else 0.5
        if chance is not None:
            rows.append([metric, None, "always the commoner class", chance, None, None, None])
    return Numbers(("metric", "labels", "strategy", *ESTIMATE, "seeds"), rows)


def differences(results: dict) -> Numbers:
    """Paired differences between strategies, as shares and not in points."""
    task = forest_task(results) or ""
    keys = ("difference", "low", "high", "detectable", "p_value", "p_adjusted", "clear")
    rows = [
        [
            metric,
            labels_of(results, task, entry["label_budget"]),
            *(strategy_name(entry[side]) for side in "ab"),
            *(entry[key] for key in keys),
        ]
        for metric in FOREST_METRICS
        for entry in forest_rows(results, task, metric)
    ]
    return Numbers(("metric", "labels", "a", "minus_b", *keys), rows)


def _history(history: dict) -> Iterator[list[Any]]:
    """Epoch, training loss and validation loss."""
    loss, val_loss = (history.get(key, []) for key in ("loss", "val_loss"))
    for i in range(max(len(loss), len(val_loss))):
        yield [i + 1, *(values[i] if i < len(values) else None for values in (loss, val_loss))]


def pretraining(results: dict) -> Numbers:
    """The autoencoder's loss in each epoch."""
    rows = [
        [fit["seed"], *epoch, epoch[0] == fit["best_epoch"]]
        for fit in results["pretraining"]
        for epoch in _history(fit["history"])
    ]
    return Numbers(("seed", "epoch", "training_mse", "validation_mse", "kept"), rows)


def reconstructions(results: dict) -> Numbers:
    """Reconstruction errors of the cases that are shown."""
    rows = [
        [fit["seed"], item["quantile"], item["mse"]]
        for fit in results["pretraining"][:1]
        for item in sorted(fit["reconstructions"], key=lambda item: item["quantile"])
    ]
    return Numbers(("seed", "share_of_images_with_less_error", "mse"), rows)


def detail(results: dict) -> Numbers:
    """Share of the images' power that is kept in each band of spatial frequency."""
    bands = (results["pretraining"][0].get("detail") or {}).get("bands", [])
    rows = [
        [band["from"], band["to"], *_ends(band.get("kept")), *_ends(band.get("explained"))]
        for band in bands
    ]
    names = [f"{key}_{end}" for key in ("kept", "explained") for end in ESTIMATE]
    return Numbers(("from_cycles_per_pixel", "to_cycles_per_pixel", *names), rows)


def errors(results: dict) -> Numbers:
    """Percentiles of the reconstruction error over the test images."""
    rows = [
        [fit["seed"], i / max(1, len(fit["mse_quantiles"]) - 1), value]
        for fit in results["pretraining"]
        for i, value in enumerate(fit["mse_quantiles"])
    ]
    return Numbers(("seed", "share_of_images_with_less_error", "mse"), rows)


def _curve_rows(results: dict, task: str) -> Iterator[tuple[list[Any], dict]]:
    for line in curve_grid(results, task):
        for row in line:
            if row:
                yield [labels_of(results, task, row["label_budget"]), strategy_name(row)], row


def score_curves(results: dict, task: str) -> Numbers:
    """ROC, precision-recall and reliability curves with their bands."""
    shapes = (
        ("roc", "roc", ("fpr", "tpr", "low", "high")),
        ("precision-recall", "pr", ("recall", "precision", "low", "high")),
        ("reliability", "reliability", ("score", "share", "low", "high")),
    )
    rows = [
        [words, *start, *point]
        for start, row in _curve_rows(results, task)
        for words, key, axes in shapes
        if row.get(key)
        for point in zip(*(row[key][axis] for axis in axes), strict=True)
        if None not in point
    ]
    return Numbers(("curve", "labels", "strategy", "x", "y", "low", "high"), rows)


def losses_by_epoch(results: dict, task: str) -> Numbers:
    """Losses of every classifier that is shown, epoch by epoch."""
    rows = [
        [*start, run["seed"], *epoch, epoch[0] == run["best_epoch"]]
        for start, row in _curve_rows(results, task)
        for run in runs_of(results, row)
        for epoch in _history(run["history"])
    ]
    names = ("labels", "strategy", "seed", "epoch", "training_loss", "validation_loss", "kept")
    return Numbers(names, rows)


def confusion(results: dict, task: str) -> Numbers:
    """Mean counts of the confusion matrices."""
    dataset = dataset_of(results, task)
    names = dataset["class_names"] if dataset else ["class 0", "class 1"]
    rows = [
        [*start, names[truth], names[said], cases]
        for start, row in _curve_rows(results, task)
        for truth, counts in enumerate(row["confusion"])
        for said, cases in enumerate(counts)
    ]
    return Numbers(("labels", "strategy", "truth", "answer", "images"), rows)


def losses(results: dict) -> Numbers:
    """Sensitivity and specificity with each loss."""
    rows = [
        [metric, strategy_name(cell.row), *_ends(cell.row[metric])]
        for metric in ("sensitivity", "specificity")
        for cell in loss_cells(results)
    ]
    return Numbers(("metric", "strategy_and_loss", *ESTIMATE), rows)


def dropout(results: dict) -> Numbers:
    """Accuracy and AUC at each dropout."""
    rows = [
        [metric, p, *_ends(cell.row[metric])]
        for metric in FOREST_METRICS
        for p, cell in dropout_cells(results)
    ]
    return Numbers(("metric", "dropout", *ESTIMATE), rows)


def stopping(results: dict) -> Numbers:
    """Validation loss of every seed, with early stopping and without."""
    rows = [
        [task_title(results, cell.row["task"]), labels, name, run["seed"], epoch, value, used]
        for pair in stopping_cells(results)
        for cell, name in zip(pair, ("early stopping", "fixed long training"), strict=True)
        for labels in [labels_of(results, cell.row["task"], cell.row["label_budget"])]
        for run in runs_of(results, cell.row)
        for epoch, value in enumerate(run["history"].get("val_loss") or [], 1)
        for used in [epoch == run["best_epoch"]]
    ]
    names = ("task", "labels", "training", "seed", "epoch", "validation_loss", "kept")
    return Numbers(names, rows)


def forgetting(results: dict) -> Numbers:
    """What fine-tuning cost the source task at each label budget."""
    target = results["study"]["target"]
    keys = ("probe_auc_difference", "mse_ratio")
    rows = [
        [
            labels_of(results, target, entry["label_budget"]),
            *(value for key in keys for value in _ends(entry[key])),
        ]
        for entry in forgetting_entries(results)
    ]
    return Numbers(("labels", *(f"{key}_{end}" for key in keys for end in ESTIMATE)), rows)


def latent_spaces(spaces: list[dict]) -> Numbers:
    """The numbers beside the pictures of latent spaces."""
    rows = [
        [
            space["title"],
            space["n"],
            space["dimensions"],
            space["knn_accuracy"],
            space["silhouette"],
            *([*space["component_auc"], None, None][:2]),
            *([*space["pca"]["explained_variance_ratio"], None, None][:2]),
        ]
        for space in spaces
    ]
    names = ("latent_space", "images", "dimensions", "10_nn_accuracy", "silhouette")
    parts = ("auc_of_pc1", "auc_of_pc2", "variance_of_pc1", "variance_of_pc2")
    return Numbers((*names, *parts), rows)


def mistakes(results: dict, task: str) -> Numbers:
    """The surest mistakes of one run: which test image, and its score."""
    found = results["latent"].get("mistakes", {}).get(task, {})
    rows = [
        [kind, found["run"], case["index"], case["score"]]
        for kind in ("false_positives", "false_negatives")
        if kind in found
        for case in found[kind]["shown"]
    ]
    return Numbers(("kind", "run", "row_in_test_split", "score"), rows)


def similarity(results: dict, task: str) -> Numbers:
    """Linear CKA of each pair of latent spaces."""
    titles = {space["id"]: space["title"] for space in spaces_of(results, task)}
    rows = [
        [titles[entry["a"]], titles[entry["b"]], *(entry.get(k) for k in ("value", "low", "high"))]
        for entry in results["latent"]["cka"]
        if entry["a"] in titles and entry["b"] in titles
    ]
    return Numbers(("a", "b", "linear_cka", "low", "high"), rows)
