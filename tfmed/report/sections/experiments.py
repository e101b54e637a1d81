"""What the report says about the experiments: losses, dropout, early stopping, forgetting."""

from tfmed.design import STANDARD, method_of
from tfmed.report.asked import is_multilabel, main_metrics, main_name
from tfmed.report.blocks import Block, appendix, figure, heading, paragraph, ref, table, text
from tfmed.report.figures.experiments import loss_title, stopping_words
from tfmed.report.selection import (
    Entry,
    Results,
    compared_variants,
    dropout_rows,
    forgetting_entries,
    is_binary,
    loss_rows,
    method_order,
    runs_of,
    stopping_rows,
    variant_of,
)
from tfmed.report.wording import (
    MISSING,
    capitalised,
    change_words,
    difference,
    forgetting_name,
    interval,
    metric_name,
    p_value,
    place_name,
    stacked,
    task_title,
    trade_metrics,
)


def experiment_blocks(results: Results) -> list[Block]:
    """A part for each experiment that was run; nothing where there was none."""
    return appendix(
        *_loss_blocks(results),
        *_dropout_blocks(results),
        *_stopping_blocks(results),
        *_forgetting_blocks(results),
    )


def _change_from_standard(results: Results, row: Entry, metric: str) -> str:
    """How a variant differs from the standard classifier, and whether that is clear."""
    if variant_of(row) == STANDARD:
        return MISSING
    found = compared_variants(results, row, variant_of(row), STANDARD, metric)
    if found is None:
        return MISSING
    clear = "clear" if found["clear"] else "not clear"
    return f"{difference(found)}\n{clear}, corrected p {p_value(found['p_adjusted'])}"


def _loss_blocks(results: Results) -> list[Block]:
    rows = loss_rows(results)
    if not rows:
        return []
    trade = trade_metrics(results, rows[0]["task"])
    cells = [
        [
            loss_title(results, row),
            *(stacked(interval(row[metric])) for metric in (*trade, "auc")),
            *(_change_from_standard(results, row, metric) for metric in trade),
        ]
        for row in sorted(rows, key=lambda row: method_order(method_of(row["strategy"])))
    ]
    columns = ["Strategy and loss", *(capitalised(metric_name(m)) for m in trade), "AUC"]
    columns += [f"Change in {metric_name(metric)}" for metric in trade]
    words = text(
        f"Each loss on {place_name(results, rows[0])}, and its paired difference from the plain "
        "loss."
    )
    widths = [1.5, 1, 1, 1, 1.7, 1.7]
    return [
        heading("Losses for imbalanced classes"),
        paragraph(
            *_loss_words(results, rows[0]["task"]),
            ref("losses"),
            " and, for every difference, ",
            ref("losses-table"),
            ".",
        ),
        figure("losses"),
        table("losses-table", words, columns, cells, size="small", widths=widths),
    ]


def _loss_words(results: Results, task: str) -> list[str]:
    if is_multilabel(results, task):
        return [
            "Class weights give the images with a finding the same total weight in training as "
            "those without, for each finding; the focal loss (Lin et al., 2017) gives less weight "
            "to what is predicted well already. Both shift scores, so metrics at threshold .5 "
            "change most: see "
        ]
    if is_binary(results, task):
        return [
            "Class weights give both classes the same total weight in training; the focal loss "
            "(Lin et al., 2017) gives less weight to cases that are predicted well already, in "
            "both classes. Whether they raise sensitivity, and what that costs in specificity, is "
            "measured at threshold .5: see "
        ]
    return [
        "Class weights give all classes the same total weight in training; the focal loss "
        "(Lin et al., 2017) gives less weight to cases that are predicted well already. Whether "
        "they help the classes as a mean over them is measured: see "
    ]


def _dropout_blocks(results: Results) -> list[Block]:
    rows = dropout_rows(results)
    if not rows:
        return []
    task = rows[0][1]["task"]
    first, second = main_metrics(results, task)
    cells = [
        [
            f"{p:g}" + (" (standard)" if variant_of(row) == STANDARD else ""),
            interval(row[first]),
            interval(row[second]),
            _change_from_standard(results, row, first),
        ]
        for p, row in rows
    ]
    names = [main_name(results, task, metric) for metric in (first, second)]
    columns = ["Dropout p", *map(capitalised, names), f"Change in {names[0]}"]
    words = text(f"Dropout of the fine-tuned classifier on {place_name(results, rows[0][1])}.")
    return [
        heading("Dropout"),
        paragraph(
            "Dropout sets a random share p of a layer's inputs to 0 in training. Whether p matters "
            "is shown in ",
            ref("dropout"),
            ", with the differences in ",
            ref("dropout-table"),
            ".",
        ),
        figure("dropout"),
        table("dropout-table", words, columns, cells, widths=[1, 1.5, 1.5, 2]),
    ]


def _stopping_blocks(results: Results) -> list[Block]:
    pairs = stopping_rows(results)
    if not pairs:
        return []
    cells: list[list[str]] = []
    for stopped, long in pairs:
        cells.append([place_name(results, stopped)])
        for row, name in ((stopped, "early stopping"), (long, "fixed long training")):
            accuracies = [interval(row["train_accuracy"]), interval(row["accuracy"])]
            cells.append([name, _epoch_words(results, row), *accuracies, interval(row["auc"])])
    words = text(f"Early stopping against a fixed long training: {stopping_words(results)}.")
    columns = ["Training", "Epochs", "Training accuracy", "Test accuracy", "Test AUC"]
    widths = [1.5, 0.8, 1.6, 1.6, 1.6]
    return [
        heading("Early stopping"),
        paragraph(
            "Whether the validation loss rises again in a long training is shown in ",
            ref("stopping"),
            "; what early stopping changes on the test split is in ",
            ref("stopping-table"),
            ".",
        ),
        figure("stopping"),
        table("stopping-table", words, columns, cells, size="small", widths=widths),
    ]


def _epoch_words(results: Results, row: Entry) -> str:
    epochs = [run["best_epoch"] for run in runs_of(results, row)]
    if not epochs:
        return MISSING
    return str(epochs[0]) if min(epochs) == max(epochs) else f"{min(epochs)} to {max(epochs)}"


def _forgetting_blocks(results: Results) -> list[Block]:
    entries = forgetting_entries(results)
    if not entries:
        return []
    source, last = task_title(results, results["study"]["source"]), entries[-1]
    cells = [
        [
            forgetting_name(results, entry),
            *(stacked(interval(entry[f"probe_auc_{when}"])) for when in ("before", "after")),
            change_words(entry["probe_auc_difference"]).replace(" [", "\n[", 1),
            *(stacked(interval(entry[f"mse_{when}"], 4)) for when in ("before", "after")),
            stacked(interval(entry["mse_ratio"], 2)),
        ]
        for entry in entries
    ]
    columns = ["Fine-tuned on", "Probe AUC before", "after", "change"]
    columns += ["Error before", "after", "ratio"]
    words = text(
        f"{source} before and after fine-tuning: test AUC of a linear probe on its embeddings, "
        "and mean squared reconstruction error with the pretrained decoder. 95 % intervals: of the "
        f"AUC over test images and {last['n_seeds']} seeds, of the error over seeds."
    )
    widths = [1.3, 1.1, 1.2, 1.5, 1.1, 1.3, 1.1]
    return [
        heading("Forgetting"),
        paragraph(
            "A fine-tuned encoder may lose what it learnt from the source. ",
            ref("forgetting"),
            " and ",
            ref("forgetting-table"),
            " show how much.",
        ),
        figure("forgetting"),
        table("forgetting-table", words, columns, cells, size="small", widths=widths),
    ]
