"""Figures on the experiments: losses, dropout, early stopping, forgetting."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from tfmed.design import STANDARD, Variant, method_of
from tfmed.report.asked import axis_name, main_metrics, main_name
from tfmed.report.blocks import text
from tfmed.report.figures.description import ESTIMATE, Figure, Numbers, ends
from tfmed.report.figures.looks import Look, looks_of
from tfmed.report.figures.plotting import (
    GREY,
    MARK_COLOUR,
    legend_below,
    log_limits,
    log_scale,
    panels,
    short,
)
from tfmed.report.selection import (
    Entry,
    Results,
    compared_variants,
    dropout_rows,
    forgetting_entries,
    is_binary,
    labels_of,
    loss_rows,
    runs_of,
    stopping_rows,
    variant_of,
)
from tfmed.report.wording import (
    LOSS_NAMES,
    MISSING,
    budget_name,
    capitalised,
    change_words,
    difference,
    forgetting_name,
    interval,
    listed,
    method_name,
    metric_name,
    number,
    place_name,
    points,
    strategy_name,
    task_title,
    trade_metrics,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

STOPPED_COLOUR = "#000000"


def figures(results: Results) -> Iterator[Figure]:
    """One for each experiment that was run."""
    if loss_rows(results):
        yield _losses(results)
    if dropout_rows(results):
        yield _dropout(results)
    if stopping_rows(results):
        yield _stopping(results)
    if forgetting_entries(results):
        yield _forgetting(results)


def _losses(results: Results) -> Figure:
    rows = loss_rows(results)
    trade = trade_metrics(results, rows[0]["task"])
    said = "; ".join(
        f"{strategy_name(results, row)}: "
        + ", ".join(f"{metric_name(metric)} {_change(results, row, metric)}" for metric in trade)
        for row in rows
        if variant_of(row) != STANDARD
    )
    alt = "; ".join(
        f"{loss_title(results, row)}: "
        + ", ".join(f"{metric_name(metric)} {interval(row[metric])}" for metric in trade)
        for row in rows
    )
    return Figure(
        id="losses",
        draw=partial(draw_losses, results),
        caption=text(
            f"{capitalised(listed([metric_name(m) for m in trade]))} with each loss, trained on "
            f"{place_name(results, rows[0])}. Change from the plain loss: {said}."
        ),
        alt=alt,
        numbers=partial(losses, results),
    )


def _change(results: Results, row: Entry, metric: str) -> str:
    found = compared_variants(results, row, variant_of(row), STANDARD, metric)
    return MISSING if found is None else points(found["difference"])


def loss_title(results: Results, row: Entry) -> str:
    """A row's strategy and loss, the plain one named too."""
    name = method_name(results, method_of(row["strategy"]))
    return f"{name}, {LOSS_NAMES[variant_of(row).loss]}"


def _dropout(results: Results) -> Figure:
    rows = dropout_rows(results)
    metric = main_metrics(results, rows[0][1]["task"])[0]
    name = main_name(results, rows[0][1]["task"])
    known = [row[metric]["mean"] for _, row in rows if row[metric]]
    ends = list(dict.fromkeys(number(mean) for mean in (min(known), max(known)))) if known else []
    reach = (
        f" mean {name.removeprefix('mean ')} {'between ' if ends[1:] else ''}{' and '.join(ends)}"
        if ends
        else ""
    )
    return Figure(
        id="dropout",
        draw=partial(draw_dropout, results),
        caption=text(
            f"Fine-tuning on {place_name(results, rows[0][1])} with dropout p from {rows[0][0]:g} "
            f"to {rows[-1][0]:g}:{reach or f' {name} not defined'}."
        ),
        alt="; ".join(f"p {p:g}: {name} {interval(row[metric])}" for p, row in rows),
        numbers=partial(dropout, results),
    )


def _stopping(results: Results) -> Figure:
    said = stopping_words(results)
    return Figure(
        id="stopping",
        draw=partial(draw_stopping, results),
        caption=text(
            f"Validation loss of every seed. Early stopping minus fixed long training: {said}."
        ),
        alt=said,
        numbers=partial(stopping, results),
    )


def stopping_words(results: Results) -> str:
    """What early stopping changed in test accuracy, task by task."""
    said = []
    for stopped, long in stopping_rows(results):
        found = compared_variants(results, stopped, STANDARD, variant_of(long), "accuracy")
        change = difference(found) if found else MISSING
        said.append(f"{place_name(results, stopped)}: {change} in test accuracy")
    return "; ".join(said)


def _forgetting(results: Results) -> Figure:
    entries = forgetting_entries(results)
    study, of_first = results["study"], entries[0].get("strategy")
    last = [entry for entry in entries if entry.get("strategy") == of_first][-1]
    error = f", reconstruction error {interval(last['mse_ratio'], 2)} times that before"
    source, target = (task_title(results, study[key]) for key in ("source", "target"))
    alt = "; ".join(
        f"{forgetting_name(results, entry)}: change in AUC "
        f"{change_words(entry['probe_auc_difference'])}, error ratio "
        f"{interval(entry['mse_ratio'], 2)}"
        for entry in entries
    )
    return Figure(
        id="forgetting",
        draw=partial(draw_forgetting, results),
        caption=text(
            f"What fine-tuning on {target} makes the encoder forget of {source}. After "
            f"{forgetting_name(results, last)}: "
            "AUC of a linear probe on its embeddings "
            f"{change_words(last['probe_auc_difference'])}{error if last['mse_ratio'] else ''}."
        ),
        alt=alt,
        numbers=partial(forgetting, results),
    )


def draw_losses(results: Results) -> "Drawing":
    """Sensitivity and specificity (or their like) of each loss, for every strategy tried."""
    rows, looks = loss_rows(results), looks_of(results)
    task = rows[0]["task"]
    where = " at threshold .5" if is_binary(results, task) else ""
    variants = list(dict.fromkeys(map(variant_of, rows)))
    tried = list(dict.fromkeys(method_of(row["strategy"]) for row in rows))
    figure, [grid] = panels(1, 2, height=1.9, margins=(0.6, 0.15, 0.15, 0.75), gaps=(0.6, 0))
    for metric, axes in zip(trade_metrics(results, task), grid, strict=True):
        for row in rows:
            place = tried.index(method_of(row["strategy"]))
            shift = 0.16 * (place - (len(tried) - 1) / 2)
            x = variants.index(variant_of(row)) + shift
            _estimate(axes, x, row[metric], looks[row["strategy"]])
        axes.set_xticks(range(len(variants)), [_loss_name(variant) for variant in variants])
        axes.set_xlim(-0.5, len(variants) - 0.5)
        axes.set_ylabel(f"{metric_name(metric)}{where}")
        axes.grid(axis="x", visible=False)
    names = {method: method_name(results, method) for method in tried}
    legend_below(figure, [looks[str(m)].handle(name, ls="-") for m, name in names.items()])
    return figure


def _loss_name(variant: Variant) -> str:
    return LOSS_NAMES[variant.loss].removesuffix(" loss")


def _estimate(axes: "Axes", x: float, estimate: Entry | None, look: Look) -> None:
    if estimate is None:
        return
    axes.vlines(x, estimate["low"], estimate["high"], color=look.colour, lw=1.6)
    axes.plot(x, estimate["mean"], look.marker, color=look.colour, mfc=look.face, ms=5.5)


def draw_dropout(results: Results) -> "Drawing":
    """Both main metrics of the fine-tuned encoder over the dropout p."""
    rows, looks = dropout_rows(results), looks_of(results)
    task = rows[0][1]["task"]
    figure, [grid] = panels(1, 2, height=1.75, margins=(0.6, 0.15, 0.15, 0.5), gaps=(0.6, 0))
    for metric, axes in zip(main_metrics(results, task), grid, strict=True):
        for p, row in rows:
            _estimate(axes, p, row[metric], looks[row["strategy"]])
        known = [(p, row[metric]["mean"]) for p, row in rows if row[metric]]
        colour = looks[rows[0][1]["strategy"]].colour
        axes.plot([p for p, _ in known], [mean for _, mean in known], color=colour, lw=0.8)
        axes.set_xticks([p for p, _ in rows], [f"{p:g}" for p, _ in rows])
        axes.set_xlabel("dropout p")
        axes.set_ylabel(axis_name(results, task, metric))
    return figure


def draw_stopping(results: Results) -> "Drawing":
    """Validation loss of every seed, with early stopping and with a fixed long training."""
    from matplotlib.lines import Line2D

    pairs = stopping_rows(results)
    width = 0.85 + 2.9 * len(pairs)
    figure, [grid] = panels(
        1, len(pairs), height=1.8, width=width, margins=(0.6, 0.1, 0.45, 0.95), gaps=(0.6, 0)
    )
    inks = (STOPPED_COLOUR, MARK_COLOUR)
    for axes, pair in zip(grid, pairs, strict=True):
        losses: list[float] = []
        for row, colour in zip(reversed(pair), inks[::-1], strict=True):
            for run in runs_of(results, row):
                losses += _validation_line(axes, run, colour)
        log_scale(axes, "y", log_limits(losses))
        task, budget = pair[0]["task"], pair[0]["label_budget"]
        title = short(task_title(results, task), 36)
        axes.set_title(f"{title}\n{budget_name(results, task, budget)}", fontsize=8)
        axes.set_xlabel("epoch")
    grid[0].set_ylabel("validation loss")
    labels = ("early stopping", "fixed long training")
    handles = [Line2D([], [], color=c, label=name) for c, name in zip(inks, labels, strict=True)]
    handles.append(Line2D([], [], color=GREY, marker="o", ls="", ms=4.5, label="epoch used"))
    legend_below(figure, handles, ncol=3 if len(pairs) > 1 else 2)
    return figure


def _validation_line(axes: "Axes", run: Entry, colour: str) -> list[float]:
    """Draws a run's validation loss and the epoch that is used; the losses."""
    values = run["history"].get("val_loss") or run["history"].get("loss", [])
    axes.plot(range(1, len(values) + 1), values, color=colour, lw=0.9)
    best = run["best_epoch"]
    if 1 <= best <= len(values):
        axes.plot(best, values[best - 1], "o", color=colour, ms=4.5, zorder=4)
    return values


def draw_forgetting(results: Results) -> "Drawing":
    """What fine-tuning costs the source task: probe AUC and reconstruction error."""
    entries = forgetting_entries(results)
    names = ["\n".join(forgetting_name(results, each).rsplit(", ", 1)) for each in entries]
    parts = (
        ("probe_auc_difference", 100, 0.0, "change in AUC of the\nsource's linear probe (points)"),
        ("mse_ratio", 1, 1.0, "reconstruction error,\nafter over before"),
    )
    height = 0.35 * len(entries) + 0.45
    figure, [row] = panels(1, 2, height=height, margins=(1.35, 0.2, 0.15, 0.65), gaps=(0.35, 0))
    for axes, (key, scale, still, words) in zip(row, parts, strict=True):
        for y, entry in enumerate(entries):
            found = entry[key]
            if found is None:
                continue
            if found["low"] is not None:
                ends = [scale * found["low"], scale * found["high"]]
                axes.plot(ends, [y, y], color=MARK_COLOUR, lw=1.8)
            axes.plot(scale * found["mean"], y, "D", color=MARK_COLOUR, ms=5.5)
        axes.axvline(still, color="#444444", lw=0.9)
        axes.set_yticks(range(len(names)), names if axes is row[0] else [])
        axes.set_ylim(len(entries) - 0.4, -0.6)
        axes.set_xlabel(words)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
    return figure


def losses(results: Results) -> Numbers:
    """Sensitivity and specificity (or their like) with each loss."""
    found = loss_rows(results)
    rows = [
        [metric, strategy_name(results, row), *ends(row[metric])]
        for metric in trade_metrics(results, found[0]["task"])
        for row in found
    ]
    return Numbers(("metric", "strategy_and_loss", *ESTIMATE), rows)


def dropout(results: Results) -> Numbers:
    """Both main metrics at each dropout."""
    rows = [
        [metric, p, *ends(row[metric])]
        for p, row in dropout_rows(results)
        for metric in main_metrics(results, row["task"])
    ]
    return Numbers(("metric", "dropout", *ESTIMATE), rows)


def stopping(results: Results) -> Numbers:
    """Validation loss of every seed, with early stopping and without."""
    rows = [
        [task_title(results, row["task"]), labels, name, run["seed"], epoch, value, used]
        for pair in stopping_rows(results)
        for row, name in zip(pair, ("early stopping", "fixed long training"), strict=True)
        for labels in [labels_of(results, row["task"], row["label_budget"])]
        for run in runs_of(results, row)
        for epoch, value in enumerate(run["history"].get("val_loss") or [], 1)
        for used in [epoch == run["best_epoch"]]
    ]
    names = ("task", "labels", "training", "seed", "epoch", "validation_loss", "kept")
    return Numbers(names, rows)


def forgetting(results: Results) -> Numbers:
    """What fine-tuning cost the source task, of each strategy and at each label budget."""
    target = results["study"]["target"]
    keys = ("probe_auc_difference", "mse_ratio")
    rows = [
        [
            entry.get("strategy", "finetune"),
            labels_of(results, target, entry["label_budget"]),
            *(value for key in keys for value in ends(entry[key])),
        ]
        for entry in forgetting_entries(results)
    ]
    names = [f"{key}_{end}" for key in keys for end in ESTIMATE]
    return Numbers(("strategy", "labels", *names), rows)
