"""What the report says about the experiments: losses, dropout, early stopping, forgetting."""

from tfmed.report.blocks import Block, figure, heading, paragraph, ref, table, text
from tfmed.report.experiments import (
    LONG,
    LOSSES,
    Cell,
    dropout_cells,
    forgetting_entries,
    loss_cells,
    stopping_cells,
)
from tfmed.report.wording import (
    MISSING,
    STRATEGY_NAMES,
    budget_name,
    difference,
    find_comparison,
    interval,
    number,
    p_value,
    points,
    runs_of,
    strategy_name,
    task_title,
    variant_name,
)

_TRADE = ("sensitivity", "specificity")


def experiment_blocks(results: dict) -> list[Block]:
    """A part for each experiment that was run; nothing where there was none."""
    return [
        *_loss_blocks(results),
        *_dropout_blocks(results),
        *_stopping_blocks(results),
        *_forgetting_blocks(results),
    ]


def _against(results: dict, row: dict, variant: str, other: str, metric: str) -> dict | None:
    task, budget, strategy = row["task"], row["label_budget"], row["strategy"]
    return find_comparison(results, task, budget, strategy, strategy, metric, (variant, other))


def _clear_words(found: dict | None) -> str:
    if found is None:
        return MISSING
    clear = "clear" if found["clear"] else "not clear"
    return f"{difference(found)}\n{clear}, corrected p {p_value(found['p_adjusted'])}"


def _where(results: dict, row: dict) -> str:
    budget = budget_name(results, row["task"], row["label_budget"])
    return f"{budget} of {task_title(results, row['task'])}"


def _loss_blocks(results: dict) -> list[Block]:
    cells = loss_cells(results)
    if not cells:
        return []
    changes = [
        (cell, {m: _against(results, cell.row, cell.variant, "standard", m) for m in _TRADE})
        for cell in cells
        if cell.variant in LOSSES
    ]
    said = "; ".join(
        f"{strategy_name(cell.row)}: sensitivity {_short(found['sensitivity'])}, specificity "
        f"{_short(found['specificity'])}"
        for cell, found in changes
    )
    where = _where(results, cells[0].row)
    caption = text(
        f"Sensitivity and specificity with each loss, trained on {where}. Change against the plain "
        f"loss: {said}."
    )
    alt = "; ".join(
        f"{_loss_title(cell)}: sensitivity {interval(cell.row['sensitivity'])}, specificity "
        f"{interval(cell.row['specificity'])}"
        for cell in cells
    )
    differences = {(cell.strategy, cell.variant): found for cell, found in changes}
    rows = [
        [
            _loss_title(cell),
            *(interval(cell.row[metric]).replace(" ", "\n", 1) for metric in (*_TRADE, "auc")),
            *(
                _clear_words(differences.get((cell.strategy, cell.variant), {}).get(m))
                for m in _TRADE
            ),
        ]
        for cell in sorted(cells, key=lambda cell: list(STRATEGY_NAMES).index(cell.strategy))
    ]
    columns = ["Strategy and loss", "Sensitivity", "Specificity", "AUC"]
    columns += ["Change in sensitivity", "Change in specificity"]
    words = text(f"Each loss on {where}, and its paired difference from the plain loss.")
    widths = [1.5, 1, 1, 1, 1.7, 1.7]
    return [
        heading("A loss that minds the rarer answer"),
        paragraph(
            "Class weights make each class weigh the same in training; the focal loss (Lin et al., "
            "2017) makes cases that are answered well already weigh less, in both classes. Whether "
            "they raise sensitivity, and what that costs in specificity, is measured at threshold "
            ".5: drawn in ",
            ref("losses"),
            ", with every difference in ",
            ref("losses-table"),
            ".",
        ),
        figure("losses", caption, alt),
        table("losses-table", words, columns, rows, size="small", widths=widths),
    ]


def _short(found: dict | None) -> str:
    return MISSING if found is None else points(found["difference"])


def _loss_title(cell: Cell) -> str:
    loss = "plain loss" if cell.variant == "standard" else variant_name(cell.variant)
    return f"{STRATEGY_NAMES[cell.strategy]}, {loss}"


def _dropout_blocks(results: dict) -> list[Block]:
    cells = dropout_cells(results)
    if not cells:
        return []
    known = [cell.row["accuracy"]["mean"] for _, cell in cells if cell.row["accuracy"]]
    where = _where(results, cells[0][1].row)
    ends = list(dict.fromkeys(number(mean) for mean in (min(known), max(known)))) if known else []
    reach = f" mean accuracy {'between ' if ends[1:] else ''}{' and '.join(ends)}" if ends else ""
    caption = text(
        f"Fine-tuning on {where} with dropout p from {cells[0][0]:g} to {cells[-1][0]:g}:"
        f"{reach or ' accuracy not defined'}."
    )
    alt = "; ".join(f"p {p:g}: accuracy {interval(cell.row['accuracy'])}" for p, cell in cells)
    rows = [
        [
            f"{p:g}" + (" (standard)" if cell.variant == "standard" else ""),
            interval(cell.row["accuracy"]),
            interval(cell.row["auc"]),
            _clear_words(_against(results, cell.row, cell.variant, "standard", "accuracy"))
            if cell.variant != "standard"
            else MISSING,
        ]
        for p, cell in cells
    ]
    columns = ["Dropout p", "Accuracy", "AUC", "Accuracy against the standard"]
    words = text(f"Dropout of the fine-tuned classifier on {where}.")
    widths = [1, 1.5, 1.5, 2]
    return [
        heading("Dropout"),
        paragraph(
            "Dropout switches off a random share p of a layer's inputs in training. Whether p "
            "matters is drawn in ",
            ref("dropout"),
            ", with the differences in ",
            ref("dropout-table"),
            ".",
        ),
        figure("dropout", caption, alt),
        table("dropout-table", words, columns, rows, widths=widths),
    ]


def _stopping_blocks(results: dict) -> list[Block]:
    pairs = stopping_cells(results)
    if not pairs:
        return []
    rows: list[list[str]] = []
    said = []
    for stopped, long in pairs:
        found = _against(results, stopped.row, "standard", LONG, "accuracy")
        where = _where(results, stopped.row)
        said.append(f"{where}: {difference(found) if found else MISSING} in test accuracy")
        rows.append([where])
        for cell, name in ((stopped, "early stopping"), (long, "fixed long training")):
            row = cell.row
            rows.append(
                [
                    name,
                    _epoch_words(results, row),
                    interval(row.get("train_accuracy")),
                    interval(row["accuracy"]),
                    interval(row["auc"]),
                ]
            )
    caption = text(
        f"Validation loss of every seed. Early stopping minus fixed long training: "
        f"{'; '.join(said)}."
    )
    words = text(f"Early stopping against a fixed long training: {'; '.join(said)}.")
    columns = ["Training", "Epochs", "Training accuracy", "Test accuracy", "Test AUC"]
    widths = [1.5, 0.8, 1.6, 1.6, 1.6]
    return [
        heading("Early stopping"),
        paragraph(
            "Whether the validation loss rises again when training goes on and on is drawn in ",
            ref("stopping"),
            "; what stopping in time changes on the test split stands in ",
            ref("stopping-table"),
            ".",
        ),
        figure("stopping", caption, "; ".join(said)),
        table("stopping-table", words, columns, rows, size="small", widths=widths),
    ]


def _epoch_words(results: dict, row: dict) -> str:
    epochs = [run["best_epoch"] for run in runs_of(results, row)]
    if not epochs:
        return MISSING
    return str(epochs[0]) if min(epochs) == max(epochs) else f"{min(epochs)} to {max(epochs)}"


def _forgetting_blocks(results: dict) -> list[Block]:
    entries = forgetting_entries(results)
    if not entries:
        return []
    target = results["study"]["target"]
    source, last = task_title(results, results["study"]["source"]), entries[-1]
    budget = budget_name(results, target, last["label_budget"])
    change = _change_words(last["probe_auc_difference"])
    caption = text(
        f"What fine-tuning on {task_title(results, target)} costs {source}. After {budget}: AUC of "
        f"a probe on the encoder's features {change}, reconstruction error "
        f"{interval(last['mse_ratio'], 2)} times what it was."
    )
    rows = [
        [
            budget_name(results, target, entry["label_budget"]),
            interval(entry["probe_auc_before"]),
            interval(entry["probe_auc_after"]),
            _change_words(entry["probe_auc_difference"]),
            interval(entry["mse_before"], 4),
            interval(entry["mse_after"], 4),
            interval(entry["mse_ratio"], 2),
        ]
        for entry in entries
    ]
    alt = "; ".join(f"{row[0]}: change in AUC {row[3]}, error ratio {row[6]}" for row in rows)
    cells = [[row[0], *(value.replace(" [", "\n[", 1) for value in row[1:])] for row in rows]
    columns = ["Fine-tuned on", "Probe AUC before", "after", "change"]
    columns += ["Error before", "after", "ratio"]
    words = text(
        f"{source} before and after fine-tuning: test AUC of a probe on the encoder's features, "
        "and mean squared reconstruction error with the pretrained decoder. 95 % intervals: of the "
        f"AUC over test images and {last['n_seeds']} seeds, of the error over seeds."
    )
    widths = [1.3, 1.1, 1.2, 1.5, 1.1, 1.3, 1.1]
    return [
        heading("Forgetting"),
        paragraph(
            "A fine-tuned encoder may lose what it had learnt from the source. ",
            ref("forgetting"),
            " and ",
            ref("forgetting-table"),
            " show how much.",
        ),
        figure("forgetting", caption, alt),
        table("forgetting-table", words, columns, cells, size="small", widths=widths),
    ]


def _change_words(found: dict | None) -> str:
    if found is None:
        return MISSING
    return points(found["mean"], found["low"], found["high"])
