"""Figures on the latent spaces: PCA beside t-SNE with numbers, errors, and linear CKA."""

import itertools
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from tfmed.report.asked import group_names, is_multilabel
from tfmed.report.blocks import text
from tfmed.report.figures.description import Figure, Numbers
from tfmed.report.figures.plotting import (
    GREY,
    TEXT_WIDTH,
    canvas,
    class_colours,
    decode_png,
    legend_below,
    panels,
    point_picture,
    put_images,
    short,
)
from tfmed.report.selection import (
    MISTAKE_KINDS,
    Entry,
    Results,
    class_names,
    mistakes_of,
    similarities,
    space_chunks,
    spaces_of,
    task_slugs,
)
from tfmed.report.wording import capitalised, count, number, percent, task_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

PAIRS = 3
"""Latent spaces beside one another in the figure of all."""
MAX_MISTAKES = 8


def figures(results: Results) -> Iterator[Figure]:
    """Projections, most confident errors and similarity of each task's latent spaces."""
    slugs = task_slugs(results)
    first = next((task for task in slugs if spaces_of(results, task)), None)
    for task, slug in slugs.items():
        chunks = space_chunks(results, task)
        if task == first and len(chunks) > 1:
            yield _glance(results, task, slug)
        for i, spaces in enumerate(chunks, 1):
            yield _projections(results, task, f"latent-{slug}-{i}", spaces)
        found = mistakes_of(results, task)
        if found:
            yield _mistakes(results, task, slug, found)
        if any(similarities(results, task)):
            yield _similarity(results, task, slug)


def _glance(results: Results, task: str, slug: str) -> Figure:
    """Every latent space of a task on one page."""
    spaces = spaces_of(results, task)
    values = [space["knn_accuracy"] for space in spaces]
    return Figure(
        id=f"spaces-{slug}",
        draw=partial(draw_glance, results, spaces),
        caption=text(
            f"Embeddings of the test images of {task_title(results, task)} after each way of "
            "training, left by PCA and right by t-SNE; the 10-NN accuracy is from "
            f"{number(min(values))} to {number(max(values))}."
        ),
        alt="; ".join(f"{s['title']}: 10-NN accuracy {number(s['knn_accuracy'])}" for s in spaces),
        numbers=partial(latent_spaces, spaces),
    )


def _projections(results: Results, task: str, identifier: str, spaces: list[Entry]) -> Figure:
    best = max(spaces, key=lambda space: space["knn_accuracy"])
    what = "numbers of findings" if is_multilabel(results, task) else "classes"
    return Figure(
        id=identifier,
        draw=partial(draw_spaces, results, spaces),
        caption=text(
            f"Embeddings of the test images of {task_title(results, task)}; one row for each way "
            f"of training. Of these, “{best['title']}” separates the {what} best (10-NN accuracy "
            f"{number(best['knn_accuracy'])})."
        ),
        alt="; ".join(
            f"{s['title']}: 10-NN accuracy {number(s['knn_accuracy'])}, "
            f"silhouette {number(s['silhouette'])}"
            for s in spaces
        ),
        numbers=partial(latent_spaces, spaces),
    )


def _mistakes(results: Results, task: str, slug: str, found: Entry) -> Figure:
    """The most confident errors of one run, with how many there are."""
    space = next(s for s in spaces_of(results, task) if s["id"] == found["space"])
    totals = [count(found[kind]["n"]) for kind in MISTAKE_KINDS]
    scores = [
        f"{kind.replace('_', ' ')} with scores "
        + ", ".join(number(case["score"]) for case in found[kind]["shown"])
        for kind in MISTAKE_KINDS
        if found[kind]["shown"]
    ]
    return Figure(
        id=f"mistakes-{slug}",
        draw=partial(draw_mistakes, results, task, found),
        caption=text(
            f"The most confident errors on {task_title(results, task)} of “{space['title']}”, "
            f"seed {space['seed']}: of {totals[0]} false positives and {totals[1]} false "
            "negatives at a threshold of .5, those with scores furthest from it. Below each image: "
            f"the score of “{class_names(results, task)[1]}” and the image's number in the test "
            "split."
        ),
        alt=capitalised(f"{'; '.join(scores)}."),
        numbers=partial(mistakes, found),
    )


def _similarity(results: Results, task: str, slug: str) -> Figure:
    values = [entry["value"] for entry in similarities(results, task)]
    words = (
        f"Similarity (linear CKA) of the latent spaces of {task_title(results, task)}, from "
        f"{min(values):.2f} to {max(values):.2f}, with 95 % intervals: 1 means the same up to "
        "rotation and scale."
    )
    return Figure(
        id=f"cka-{slug}",
        draw=partial(draw_cka, results, task),
        caption=text(words),
        alt=words,
        numbers=partial(similarity, results, task),
    )


def draw_glance(results: Results, spaces: list[Entry]) -> "Drawing":
    """PCA and t-SNE of many latent spaces, small, `PAIRS` of them in a row."""
    rows = -(-len(spaces) // PAIRS)
    figure, grid = panels(
        rows, 2 * PAIRS, height=0.98, margins=(0.05, 0.05, 0.55, 0.42), gaps=(0.08, 0.55)
    )
    places = [(line[i], line[i + 1]) for line in grid for i in range(0, 2 * PAIRS, 2)]
    for (left, right), space in zip(places, spaces, strict=False):
        _scatter_both(figure, left, right, results, space)
        for axes in (left, right):
            axes.set_xticks([])
            axes.set_yticks([])
        title = f"{short(space['title'], 24, 2)}\n10-NN accuracy {number(space['knn_accuracy'])}"
        left.text(0, 1.05, title, transform=left.transAxes, va="bottom", fontsize=8)
    for axes in itertools.chain.from_iterable(places[len(spaces) :]):
        axes.remove()
    legend_below(figure, _class_handles(results, spaces[0]["task"]))
    return figure


def draw_spaces(results: Results, spaces: list[Entry]) -> "Drawing":
    """PCA and t-SNE side by side, a row for each way of training, with its numbers."""
    figure, grid = panels(
        len(spaces),
        2,
        height=1.55,
        width=TEXT_WIDTH,
        margins=(0.55, 1.85, 0.42, 0.75),
        gaps=(0.45, 0.48),
    )
    for space, (left, right) in zip(spaces, grid, strict=True):
        _scatter_both(figure, left, right, results, space)
        _label_axes(left, right, space)
        right.text(
            1.05, 1.0, _numbers(space), transform=right.transAxes, va="top", linespacing=1.35,
            fontsize=8,
        )  # fmt: skip
        title = short(space["title"], 24, 3)
        right.text(1.05, 1.03, title, transform=right.transAxes, va="bottom", weight="bold")
    grid[0][0].set_title("PCA")
    grid[0][1].set_title("t-SNE")
    legend_below(figure, _class_handles(results, spaces[0]["task"]))
    return figure


def _class_handles(results: Results, task: str) -> list:
    """A point and a name for each class."""
    from matplotlib.lines import Line2D

    names = group_names(results, task)
    return [
        Line2D([], [], marker="o", ls="", ms=5, color=colour, label=short(name, 36))
        for colour, name in zip(class_colours(len(names)), names, strict=True)
    ]


def _scatter_both(
    figure: "Drawing", left: "Axes", right: "Axes", results: Results, space: Entry
) -> None:
    """PCA on the left axes and t-SNE on the right ones, coloured by class."""
    labels = np.array(results["latent"]["labels"].get(space["task"], []))
    colours = class_colours(len(group_names(results, space["task"])))
    classes = labels if len(labels) == space["n"] else np.zeros(space["n"], dtype=int)
    for axes, kind in ((left, "pca"), (right, "tsne")):
        box = axes.get_position()
        inches = figure.get_size_inches() * (box.width, box.height)
        _scatter(axes, space[kind]["coordinates"], classes, inches, colours)


def _scatter(
    axes: "Axes",
    coordinates: list,
    labels: np.ndarray,
    inches: np.ndarray,
    colours: tuple[str, ...],
) -> None:
    """Points as one small picture: tens of thousands of SVG circles would make a slow report."""
    points = np.array(coordinates, dtype=float).reshape(-1, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    pad = np.maximum(0.04 * (high - low), 1e-6)
    low, high = low - pad, high + pad
    pixels = point_picture((points - low) / (high - low), labels, inches, colours)
    extent = (low[0], high[0], low[1], high[1])
    axes.imshow(pixels, extent=extent, aspect="auto", interpolation="none", origin="lower")
    axes.grid(visible=False)


def _label_axes(left: "Axes", right: "Axes", space: Entry) -> None:
    from matplotlib.ticker import MaxNLocator

    ratios = [*space["pca"]["explained_variance_ratio"], None, None]
    for axis, component in ((left.xaxis, 0), (left.yaxis, 1)):
        ratio = ratios[component]
        share = "" if ratio is None else f" ({percent(ratio)})"
        axis.set_label_text(f"PC{component + 1}{share}")
        axis.labelpad = 1
        axis.set_major_locator(MaxNLocator(4))
    right.set_xticks([])
    right.set_yticks([])
    right.set_xlabel("arbitrary units")
    right.set_ylabel("arbitrary units")


def _numbers(space: Entry) -> str:
    """Numbers that stand beside the pictures of one latent space."""
    areas = ", ".join(number(value, 2) for value in space["component_auc"][:2])
    lines = [
        f"{count(space['n'])} test images",
        f"{count(space['dimensions'])} dimensions",
        f"10-NN accuracy {number(space['knn_accuracy'])}",
        f"silhouette {number(space['silhouette'])}",
        f"AUC of PC1, PC2: {areas}" if areas else "",
        f"perplexity {space['tsne']['perplexity']:g}",
        f"KL divergence {space['tsne']['kl_divergence']:.2f}",
    ]
    return "\n".join(line for line in lines if line)


def draw_mistakes(results: Results, task: str, found: Entry) -> "Drawing":
    """The most confident false positives and negatives of one run, each with its score."""
    names = class_names(results, task)
    kinds = [kind for kind in MISTAKE_KINDS if found[kind]["shown"]]
    size, gap, row = 0.76, 0.06, 1.42
    figure, axes = canvas(TEXT_WIDTH, row * len(kinds) + 0.02)
    for i, kind in enumerate(kinds):
        label, shown = MISTAKE_KINDS.index(kind), found[kind]["shown"][:MAX_MISTAKES]
        y = i * row
        title = (
            f"{kind.replace('_', ' ').capitalize()}: labelled “{short(names[label], 24)}”, "
            f"predicted “{short(names[1 - label], 24)}”"
        )
        axes.text(0.05, y + 0.14, title, weight="bold", va="center")
        put_images(axes, [decode_png(case["image"]) for case in shown], 0.05, y + 0.3, size, gap)
        for j, case in enumerate(shown):
            x = 0.05 + j * (size + gap) + size / 2
            axes.text(x, y + 0.42 + size, number(case["score"]), ha="center", va="center")
            axes.text(
                x, y + 0.58 + size, f"no. {case['index']}", ha="center", va="center", color=GREY,
                fontsize=8,
            )  # fmt: skip
    axes.set_xlim(0, TEXT_WIDTH)
    axes.set_ylim(figure.get_size_inches()[1], 0)
    return figure


def draw_cka(results: Results, task: str) -> "Drawing":
    """Linear CKA between the latent spaces of a task, as a matrix with its numbers."""
    spaces = spaces_of(results, task)
    found = {frozenset((e["a"], e["b"])): e for e in similarities(results, task)}
    size = float(np.clip(4.2 / len(spaces), 0.3, 0.66))
    left, top = 2.45, 0.4
    width = left + len(spaces) * size + 0.1
    figure, axes = canvas(width, top + len(spaces) * size + 0.05)
    for i, a in enumerate(spaces):
        y = top + i * size
        name = f"{i + 1}  {short(a['title'], 32, 2)}"
        axes.text(left - 0.08, y + size / 2, name, ha="right", va="center", fontsize=8)
        axes.text(left + (i + 0.5) * size, top - 0.08, str(i + 1), ha="center", va="bottom")
        for j, b in enumerate(spaces):
            entry = {"value": 1.0} if i == j else found.get(frozenset((a["id"], b["id"])))
            _cka_cell(axes, entry, left + j * size, y, size)
    axes.text(0.05, 0.2, "linear CKA\n(0: unrelated, 1: same)", color=GREY, va="center")
    return figure


def _cka_cell(axes: "Axes", entry: Entry | None, x: float, y: float, size: float) -> None:
    """One pair's similarity as a shade of blue and, where there is room, its interval."""
    from matplotlib.patches import Rectangle

    value = entry["value"] if entry else None
    shade = 0.0 if value is None else float(np.clip(value, 0, 1))
    face = tuple(1 - shade * (1 - part) for part in (0.0, 0.27, 0.43))
    ends = ""
    if entry and "low" in entry and size > 0.5:
        ends = f"\n{number(entry['low'], 2)}–{number(entry['high'], 2)}"
    axes.add_patch(Rectangle((x, y), size, size, facecolor=face, edgecolor="white"))
    axes.text(
        x + size / 2,
        y + size / 2,
        number(value, 2) + ends,
        ha="center",
        va="center",
        color="white" if shade > 0.55 else "black",
        fontsize=7.8,
    )


def latent_spaces(spaces: list[Entry]) -> Numbers:
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


def mistakes(found: Entry) -> Numbers:
    """The most confident errors of one run: which test image, and its score."""
    rows = [
        [kind, found["run"], case["index"], case["score"]]
        for kind in MISTAKE_KINDS
        if kind in found
        for case in found[kind]["shown"]
    ]
    return Numbers(("kind", "run", "row_in_test_split", "score"), rows)


def similarity(results: Results, task: str) -> Numbers:
    """Linear CKA of each pair of latent spaces."""
    titles = {space["id"]: space["title"] for space in spaces_of(results, task)}
    rows = [
        [titles[entry["a"]], titles[entry["b"]], *(entry.get(k) for k in ("value", "low", "high"))]
        for entry in similarities(results, task)
    ]
    return Numbers(("a", "b", "linear_cka", "low", "high"), rows)
