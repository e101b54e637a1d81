"""Figures on how pretraining went: losses, and linear probes on the way."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from tfmed.report.blocks import text
from tfmed.report.figures.description import Figure, Numbers, epochs_of
from tfmed.report.figures.looks import initialisation_looks
from tfmed.report.figures.plotting import (
    GREY,
    LINE_COLOUR,
    MARK_COLOUR,
    TEXT_WIDTH,
    legend_below,
    log_limits,
    log_scale,
    panels,
    taller_legend,
)
from tfmed.report.selection import (
    Entry,
    Results,
    pretraining_method,
    pretraining_methods,
    reconstructing,
)
from tfmed.report.wording import (
    capitalised,
    count,
    listed,
    number,
    pretraining_name,
    task_title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing


def figures(results: Results) -> Iterator[Figure]:
    """Losses of every method, and the probes where there were any."""
    if fitted(results):
        yield _losses(results)
    if probed(results):
        yield _probes(results)


def fits_of(results: Results, method: str) -> list[Entry]:
    """The pretrainings of a method, in order."""
    return [fit for fit in results["pretraining"] if pretraining_method(fit) == method]


def fitted(results: Results) -> list[Entry]:
    """The pretrainings that have a learning curve."""
    return [fit for fit in results["pretraining"] if fit["epochs"]]


def fitted_methods(results: Results) -> list[str]:
    """Their methods."""
    return list(dict.fromkeys(map(pretraining_method, fitted(results))))


def probed(results: Results) -> list[Entry]:
    """The pretrainings that were probed on the way."""
    return [fit for fit in results["pretraining"] if fit.get("probe")]


def _losses(results: Results) -> Figure:
    methods = fitted_methods(results)
    kept = "; ".join(_kept_words(fits_of(results, method)) for method in methods)
    several = any(len(fits_of(results, method)) > 1 for method in methods)
    return Figure(
        id="pretraining",
        draw=partial(draw_pretraining, results),
        caption=text(
            f"Losses in pretraining{', every pretraining a line' if several else ''}; of methods "
            "that only reconstruct, the mean squared error of pixels from 0 to 1. The marked "
            f"epoch's weights are used: {kept}."
        ),
        alt="; ".join(map(_fit_words, fitted(results))),
        numbers=partial(losses, results),
    )


def _kept_words(fits: Sequence[Entry]) -> str:
    """Which epochs' weights are used."""
    epochs = listed([f"{fit['best_epoch']} of {fit['epochs']}" for fit in fits])
    return f"{_name(fits[0])} {epochs}"


def _fit_words(fit: Entry) -> str:
    end = "stopped early" if fit["stopped_early"] else "ran to the last epoch"
    start = f"{capitalised(_name(fit))}, seed {fit['seed']}"
    return f"{start}: {fit['epochs']} epochs, {end}, best epoch {fit['best_epoch']}"


def _name(fit: Entry) -> str:
    return pretraining_name(pretraining_method(fit))


def draw_pretraining(results: Results) -> "Drawing":
    """Loss per epoch on training images and on those held out, a panel for each method."""
    methods = fitted_methods(results)
    columns = min(3 if len(methods) > 4 else 2, len(methods))
    rows = -(-len(methods) // columns)
    width = TEXT_WIDTH if columns > 1 else 5.0
    margins, gaps = (0.75, 0.15, 0.35, 0.9), (0.7, 0.8)
    figure, grid = panels(rows, columns, height=1.9, width=width, margins=margins, gaps=gaps)
    cells = [axes for row in grid for axes in row]
    for axes, method in zip(cells, methods, strict=False):
        _method_panel(axes, fits_of(results, method))
    for axes in cells[len(methods) :]:
        axes.remove()
    legend_below(figure, _history_handles(), ncol=4 if columns > 1 else 2)
    return figure


def _method_panel(axes: "Axes", fits: Sequence[Entry]) -> None:
    """Every pretraining of a method, the epoch kept marked."""
    for fit in fits:
        for key, colour, line in (("loss", GREY, "--"), ("val_loss", LINE_COLOUR, "-")):
            values = fit["history"].get(key, [])
            axes.plot(range(1, len(values) + 1), values, ls=line, color=colour, lw=1.1)
        best, values = fit["best_epoch"], fit["history"].get("val_loss") or []
        values = values or fit["history"].get("loss", [])
        if 1 <= best <= len(values):
            axes.plot(best, values[best - 1], "o", color=MARK_COLOUR, ms=5, zorder=4)
        axes.axvline(fit["epochs"], color=GREY, lw=1, ls=":")
    seeds = f"seed {fits[0]['seed']}" if len(fits) == 1 else f"{len(fits)} pretrainings"
    axes.set_title(f"{_name(fits[0])}, {seeds}")
    axes.set_xlabel("epoch")
    axes.set_ylabel("mean squared error" if fits[0]["test"] else "loss")
    found = (v for fit in fits for key in ("loss", "val_loss") for v in fit["history"].get(key, []))
    log_scale(axes, "y", log_limits(found))


def _history_handles() -> list:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=GREY, ls="--", label="training images"),
        Line2D([], [], color=LINE_COLOUR, label="images held out"),
        Line2D([], [], color=MARK_COLOUR, marker="o", ls="", label="epoch kept"),
        Line2D([], [], color=GREY, ls=":", label="training stopped"),
    ]


def _probes(results: Results) -> Figure:
    fits = probed(results)
    first = fits[0]["probe"]
    return Figure(
        id="probe",
        draw=partial(draw_probes, results),
        caption=text(
            "How well the embeddings tell the classes apart while the encoder is pretrained: AUC "
            f"of a linear probe fitted to {count(first['n_train'])} labelled training images of "
            f"{task_title(results, first['dataset'])}, on {count(first['n_val'])} of its "
            "validation images. Epoch 0: random weights. These labels choose nothing: neither the "
            f"epoch, nor a setting, nor a method.{_thin_words(results)}"
        ),
        alt="; ".join(map(_probe_words, fits)),
        numbers=partial(probes, results),
    )


def _thin_words(results: Results) -> str:
    several = any(len(fits_of(results, method)) > 1 for method in pretraining_methods(results))
    return " Thin lines: single pretrainings; thick: their mean." if several else ""


def _probe_words(fit: Entry) -> str:
    known = [auc for auc in fit["probe"]["auc"] if auc is not None]
    span = f"AUC {number(known[0])} to {number(known[-1])}" if known else "AUC not defined"
    return f"{capitalised(_name(fit))}, seed {fit['seed']}: {span}"


def draw_probes(results: Results) -> "Drawing":
    """AUC of linear probes over the epochs, every method."""
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    looks = initialisation_looks(pretraining_methods(results))
    handles = [
        Line2D([], [], color=colour, marker=marker, ms=4, label=pretraining_name(method))
        for method in pretraining_methods(results)
        if any(map(fit_is_probed, fits_of(results, method)))
        for colour, marker in [looks[method]]
    ]
    width = 5.0
    bottom = 0.75 + taller_legend(handles, 1, width)
    figure, [[axes]] = panels(1, 1, height=1.8, width=width, margins=(0.95, 0.2, 0.15, bottom))
    for method in pretraining_methods(results):
        colour, marker = looks[method]
        fits = [fit for fit in fits_of(results, method) if fit_is_probed(fit)]
        for fit in fits if len(fits) > 1 else []:
            axes.plot(*_points(fit["probe"]), color=colour, lw=0.7, alpha=0.7)
        if fits:
            x, y = _mean_points([fit["probe"] for fit in fits])
            axes.plot(x, y, color=colour, lw=1.5, marker=marker, ms=4)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch of the pretraining")
    axes.set_ylabel("AUC of a linear probe\non validation images")
    legend_below(figure, handles)
    return figure


def fit_is_probed(fit: Entry) -> bool:
    """Whether a pretraining has a probe with any AUC."""
    return bool(fit.get("probe")) and any(auc is not None for auc in fit["probe"]["auc"])


def _points(probe: Entry) -> tuple[list[int], list[float]]:
    pairs = zip(probe["epochs"], probe["auc"], strict=True)
    known = [(epoch, auc) for epoch, auc in pairs if auc is not None]
    return [epoch for epoch, _ in known], [auc for _, auc in known]


def _mean_points(found: Sequence[Entry]) -> tuple[list[int], list[float]]:
    """Mean over pretrainings, of the epochs that all of them were probed after."""
    known = [dict(zip(*_points(probe), strict=True)) for probe in found]
    shared = sorted(set.intersection(*map(set, known)))
    return shared, [sum(each[epoch] for each in known) / len(known) for epoch in shared]


def losses(results: Results) -> Numbers:
    """The loss of each epoch."""
    of_methods = len(pretraining_methods(results)) > 1
    rows = [
        [*([_name(fit)] if of_methods else []), fit["seed"], *epoch, epoch[0] == fit["best_epoch"]]
        for fit in fitted(results)
        for epoch in epochs_of(fit["history"])
    ]
    names = ("seed", "epoch", "training_mse", "validation_mse", "kept")
    if len(reconstructing(results)) < len(results["pretraining"]):
        names = ("seed", "epoch", "training_loss", "validation_loss", "kept")
    return Numbers((*(("method",) if of_methods else ()), *names), rows)


def probes(results: Results) -> Numbers:
    """AUC of the linear probes."""
    rows = [
        [_name(fit), fit["seed"], epoch, auc]
        for fit in probed(results)
        for epoch, auc in zip(fit["probe"]["epochs"], fit["probe"]["auc"], strict=True)
    ]
    return Numbers(("method", "seed", "epoch", "auc"), rows)
