"""Figures on the experiments: losses, dropout, early stopping, forgetting, lost detail."""

from typing import TYPE_CHECKING

from tfmed.report.experiments import (
    Cell,
    dropout_cells,
    forgetting_entries,
    loss_cells,
    stopping_cells,
)
from tfmed.report.plotting import (
    COLOURS,
    GREY,
    MARKERS,
    legend_below,
    log_limits,
    log_scale,
    panels,
    short,
)
from tfmed.report.wording import (
    STRATEGY_NAMES,
    budget_name,
    metric_name,
    runs_of,
    task_title,
    variant_name,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_losses(results: dict) -> "Figure":
    """Sensitivity and specificity of each loss, for every strategy that tried it."""
    cells = loss_cells(results)
    names = list(dict.fromkeys(cell.variant for cell in cells))
    strategies = list(dict.fromkeys(cell.strategy for cell in cells))
    figure, [row] = panels(1, 2, height=1.9, margins=(0.6, 0.15, 0.15, 0.75), gaps=(0.6, 0))
    for metric, axes in zip(("sensitivity", "specificity"), row, strict=True):
        for cell in cells:
            shift = 0.16 * (strategies.index(cell.strategy) - (len(strategies) - 1) / 2)
            _estimate(axes, names.index(cell.variant) + shift, cell, metric)
        axes.set_xticks(range(len(names)), [_loss_name(name) for name in names])
        axes.set_xlim(-0.5, len(names) - 0.5)
        axes.set_ylabel(f"{metric_name(metric)} at threshold .5")
        axes.grid(axis="x", visible=False)
    legend_below(figure, _strategy_handles(strategies))
    return figure


def _loss_name(variant: str) -> str:
    return "plain" if variant == "standard" else variant_name(variant).removesuffix(" loss")


def _estimate(axes: "Axes", x: float, cell: Cell, metric: str) -> None:
    estimate, colour = cell.row[metric], COLOURS[cell.strategy]
    if estimate is None:
        return
    axes.vlines(x, estimate["low"], estimate["high"], color=colour, lw=1.6)
    axes.plot(x, estimate["mean"], MARKERS[cell.strategy], color=colour, ms=5.5)


def _strategy_handles(strategies: list[str]) -> list:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=COLOURS[s], marker=MARKERS[s], label=STRATEGY_NAMES[s])
        for s in strategies
    ]


def draw_dropout(results: dict) -> "Figure":
    """Accuracy and AUC of the fine-tuned encoder over the dropout p."""
    cells = dropout_cells(results)
    figure, [row] = panels(1, 2, height=1.75, margins=(0.6, 0.15, 0.15, 0.5), gaps=(0.6, 0))
    for metric, axes in zip(("accuracy", "auc"), row, strict=True):
        for p, cell in cells:
            _estimate(axes, p, cell, metric)
        known = [(p, cell.row[metric]["mean"]) for p, cell in cells if cell.row[metric]]
        axes.plot(
            [p for p, _ in known], [mean for _, mean in known], color=COLOURS["finetune"], lw=0.8
        )
        axes.set_xticks([p for p, _ in cells], [f"{p:g}" for p, _ in cells])
        axes.set_xlabel("dropout p")
        axes.set_ylabel(f"{metric_name(metric)} on the test split")
    return figure


def draw_stopping(results: dict) -> "Figure":
    """Validation loss of every seed, with early stopping and with a fixed long training."""
    from matplotlib.lines import Line2D

    pairs = stopping_cells(results)
    width = 0.85 + 2.9 * len(pairs)
    figure, [row] = panels(
        1, len(pairs), height=1.8, width=width, margins=(0.6, 0.1, 0.45, 0.95), gaps=(0.6, 0)
    )
    inks = (COLOURS["scratch"], COLOURS["finetune"])
    for axes, pair in zip(row, pairs, strict=True):
        losses: list[float] = []
        for cell, colour in zip(reversed(pair), inks[::-1], strict=True):
            for run in runs_of(results, cell.row):
                values = run["history"].get("val_loss") or run["history"].get("loss", [])
                losses += values
                axes.plot(range(1, len(values) + 1), values, color=colour, lw=0.9)
                best = run["best_epoch"]
                if 1 <= best <= len(values):
                    axes.plot(best, values[best - 1], "o", color=colour, ms=4.5, zorder=4)
        log_scale(axes, "y", log_limits(losses))
        task, budget = pair[0].row["task"], pair[0].row["label_budget"]
        title = short(task_title(results, task), 36)
        axes.set_title(f"{title}\n{budget_name(results, task, budget)}", fontsize=8)
        axes.set_xlabel("epoch")
    row[0].set_ylabel("validation loss")
    labels = ("early stopping", "fixed long training")
    handles = [Line2D([], [], color=c, label=name) for c, name in zip(inks, labels, strict=True)]
    handles.append(Line2D([], [], color=GREY, marker="o", ls="", ms=4.5, label="epoch used"))
    legend_below(figure, handles, ncol=3 if len(pairs) > 1 else 2)
    return figure


def draw_forgetting(results: dict) -> "Figure":
    """What fine-tuning costs the source task: probe AUC and reconstruction error."""
    entries = forgetting_entries(results)
    names = [budget_name(results, results["study"]["target"], e["label_budget"]) for e in entries]
    parts = (
        ("probe_auc_difference", 100, 0.0, "change in AUC of the\nsource's probe (points)"),
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
                axes.plot(ends, [y, y], color=COLOURS["finetune"], lw=1.8)
            axes.plot(scale * found["mean"], y, "D", color=COLOURS["finetune"], ms=5.5)
        axes.axvline(still, color="#444444", lw=0.9)
        axes.set_yticks(range(len(names)), names if axes is row[0] else [])
        axes.set_ylim(len(entries) - 0.4, -0.6)
        axes.set_xlabel(words)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
    return figure


def draw_detail(results: dict) -> "Figure":
    """Share of the images' power that reconstructions keep, by band of spatial frequency."""
    from matplotlib.lines import Line2D

    detail = results["pretraining"][0]["detail"]
    figure, [[axes]] = panels(1, 1, height=1.9, width=5.0, margins=(0.75, 0.2, 0.15, 0.8))
    looks = (
        ("kept", COLOURS["frozen"], "^", "-", "power kept"),
        ("explained", GREY, "s", "--", "power reconstructed in its place"),
    )
    handles = []
    for key, colour, marker, style, words in looks:
        bands = [b for b in detail["bands"] if b.get(key) and b[key]["mean"] is not None]
        if not bands:
            continue
        x = [(band["from"] + band["to"]) / 2 for band in bands]
        means = [100 * band[key]["mean"] for band in bands]
        axes.plot(x, means, color=colour, ls=style, marker=marker, ms=4.5)
        ends = [(p, b[key]) for p, b in zip(x, bands, strict=True) if b[key]["low"] is not None]
        for place, found in ends:
            axes.vlines(place, 100 * found["low"], 100 * found["high"], color=colour, lw=2.5)
        handles.append(Line2D([], [], color=colour, ls=style, marker=marker, label=words))
    edges = [detail["bands"][0]["from"], *(band["to"] for band in detail["bands"])]
    axes.set_xticks(edges, [f"{edge:.2g}" for edge in edges])
    axes.set_ylim(min(0, axes.get_ylim()[0]), max(100, axes.get_ylim()[1]))
    axes.set_xlabel("spatial frequency (cycles per pixel; fine detail on the right)")
    axes.set_ylabel("share of the images'\npower (%)")
    legend_below(figure, handles)
    return figure
