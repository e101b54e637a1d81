"""Figures on the latent spaces: PCA beside t-SNE with numbers, and linear CKA."""

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from tfmed.report.plotting import (
    CLASS_COLOURS,
    GREY,
    TEXT_WIDTH,
    canvas,
    decode_png,
    legend_below,
    panels,
    put_images,
    short,
)
from tfmed.report.wording import cell_order, count, dataset_of, number, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROWS_A_FIGURE = 2
DPI = 200
MISTAKE_KINDS = ("false_positives", "false_negatives")
MAX_MISTAKES = 8


def spaces_of(results: dict, task: str) -> list[dict]:
    """Latent spaces of a task, fewest labels first."""
    return sorted((s for s in results["latent"]["spaces"] if s["task"] == task), key=cell_order)


def space_chunks(results: dict, task: str) -> list[list[dict]]:
    """Latent spaces of a task in even portions that fit one figure each."""
    spaces = spaces_of(results, task)
    if not spaces:
        return []
    portions = -(-len(spaces) // ROWS_A_FIGURE)
    bounds = np.linspace(0, len(spaces), portions + 1).round().astype(int)
    return [spaces[a:b] for a, b in pairwise(bounds)]


def draw_spaces(results: dict, spaces: list[dict]) -> "Figure":
    """PCA and t-SNE side by side, a row for each way of training, with its numbers."""
    from matplotlib.lines import Line2D

    task = spaces[0]["task"]
    figure, grid = panels(
        len(spaces),
        2,
        height=1.55,
        width=TEXT_WIDTH,
        margins=(0.55, 1.85, 0.42, 0.75),
        gaps=(0.45, 0.48),
    )
    labels = np.array(results["latent"]["labels"].get(task, []))
    for space, (left, right) in zip(spaces, grid, strict=True):
        classes = labels if len(labels) == space["n"] else np.zeros(space["n"], dtype=int)
        for axes, kind in ((left, "pca"), (right, "tsne")):
            box = axes.get_position()
            inches = figure.get_size_inches() * (box.width, box.height)
            _scatter(axes, space[kind]["coordinates"], classes, inches)
        _label_axes(left, right, space)
        right.text(
            1.05, 1.0, _numbers(space), transform=right.transAxes, va="top", linespacing=1.35,
            fontsize=8,
        )  # fmt: skip
        title = short(space["title"], 24, 3)
        right.text(1.05, 1.03, title, transform=right.transAxes, va="bottom", weight="bold")
    grid[0][0].set_title("PCA")
    grid[0][1].set_title("t-SNE")
    dataset = dataset_of(results, task)
    names = dataset["class_names"] if dataset else ["class 0", "class 1"]
    handles = [
        Line2D([], [], marker="o", ls="", ms=5, color=colour, label=short(name, 36))
        for colour, name in zip(CLASS_COLOURS, names, strict=True)
    ]
    legend_below(figure, handles)
    return figure


def _scatter(axes: "Axes", coordinates: list, labels: np.ndarray, inches: np.ndarray) -> None:
    """Points as one small picture: tens of thousands of SVG circles would make a slow report."""
    points = np.array(coordinates, dtype=float).reshape(-1, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    pad = np.maximum(0.04 * (high - low), 1e-6)
    low, high = low - pad, high + pad
    pixels = point_picture((points - low) / (high - low), labels, inches)
    extent = (low[0], high[0], low[1], high[1])
    axes.imshow(pixels, extent=extent, aspect="auto", interpolation="none", origin="lower")
    axes.grid(visible=False)


def point_picture(points: np.ndarray, labels: np.ndarray, inches: np.ndarray) -> np.ndarray:
    """Draw points as discs in an order mixed once and for all, so that neither class hides.

    Args:
        points: float of shape (n, 2), x and y from 0 to 1.
        labels: integers of shape (n,), 0 or 1.
        inches: width and height of the picture.

    Returns:
        uint8 RGBA of shape (height, width, 4) at `DPI`, clear where no point is, row 0 lowest.
    """
    width, height = (2 * np.round(inches * DPI)).astype(int)
    order = np.random.default_rng(0).permutation(len(points))
    radius = float(np.clip(220 / np.sqrt(max(1, len(points))), 2.6, 8.0))
    reach = np.arange(-int(radius), int(radius) + 1)
    dx, dy = (offset.ravel() for offset in np.meshgrid(reach, reach))
    disc = dx**2 + dy**2 <= radius**2
    x = (points[order, :1] * (width - 1)).round().astype(int) + dx[disc]
    y = (points[order, 1:] * (height - 1)).round().astype(int) + dy[disc]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    picture = np.zeros((height, width), dtype=np.uint8)
    picture[y[inside], x[inside]] = np.broadcast_to(labels[order, None] + 1, x.shape)[inside]
    return _halved(picture)


def _halved(picture: np.ndarray) -> np.ndarray:
    """Class pictures (0 clear, 1, 2) at twice the size to smooth RGBA."""
    quarters = [picture[i::2, j::2] for i in (0, 1) for j in (0, 1)]
    first, second = (sum((q == label).astype(np.uint8) for q in quarters) for label in (1, 2))
    inks = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in CLASS_COLOURS])
    colours = np.zeros((5, 5, 4), dtype=np.uint8)
    for a in range(5):
        for b in range(5 - a):
            colours[a, b, :3] = (a * inks[0] + b * inks[1]) / max(1, a + b)
            colours[a, b, 3] = 255 * (a + b) / 4
    return colours[first, second]


def _label_axes(left: "Axes", right: "Axes", space: dict) -> None:
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


def _numbers(space: dict) -> str:
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


def mistakes_of(results: dict, task: str) -> dict | None:
    """The surest mistakes kept of a task, where there are any."""
    found = results["latent"].get("mistakes", {}).get(task)
    return found if found and any(found[kind]["shown"] for kind in MISTAKE_KINDS) else None


def draw_mistakes(results: dict, task: str) -> "Figure":
    """The surest false positives and false negatives of one run, each with its score."""
    found, dataset = mistakes_of(results, task) or {}, dataset_of(results, task)
    names = dataset["class_names"] if dataset else ["class 0", "class 1"]
    kinds = [kind for kind in MISTAKE_KINDS if found[kind]["shown"]]
    size, gap, row = 0.76, 0.06, 1.42
    figure, axes = canvas(TEXT_WIDTH, row * len(kinds) + 0.02)
    for i, kind in enumerate(kinds):
        label, shown = MISTAKE_KINDS.index(kind), found[kind]["shown"][:MAX_MISTAKES]
        y = i * row
        title = (
            f"{kind.replace('_', ' ').capitalize()}: labelled “{short(names[label], 24)}”, "
            f"answered “{short(names[1 - label], 24)}”"
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


def similarities(results: dict, task: str) -> dict[tuple[str, str], float]:
    """Linear CKA between the latent spaces of a task, by pair of ids, both ways round."""
    ids = {space["id"] for space in spaces_of(results, task)}
    found: dict[tuple[str, str], float] = {}
    for entry in results["latent"]["cka"]:
        if entry["a"] in ids and entry["b"] in ids:
            found[entry["a"], entry["b"]] = found[entry["b"], entry["a"]] = entry["value"]
    return found


def draw_cka(results: dict, task: str) -> "Figure":
    """Linear CKA between the latent spaces of a task, as a matrix with its numbers."""
    from matplotlib.patches import Rectangle

    spaces, values = spaces_of(results, task), similarities(results, task)
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
            value = 1.0 if i == j else values.get((a["id"], b["id"]))
            shade = 0.0 if value is None else float(np.clip(value, 0, 1))
            face = tuple(1 - shade * (1 - part) for part in (0.0, 0.27, 0.43))
            corner = (left + j * size, y)
            axes.add_patch(Rectangle(corner, size, size, facecolor=face, edgecolor="white"))
            axes.text(
                corner[0] + size / 2,
                corner[1] + size / 2,
                number(value, 2) + (_ends(results, a, b) if size > 0.5 else ""),
                ha="center",
                va="center",
                color="white" if shade > 0.55 else "black",
                fontsize=7.8,
            )
    axes.text(0.05, 0.2, "linear CKA\n(0: unlike, 1: alike)", color=GREY, va="center")
    return figure


def _ends(results: dict, a: dict, b: dict) -> str:
    """The interval of a likeness as a line of its own, where there is one."""
    for entry in results["latent"]["cka"]:
        if {entry["a"], entry["b"]} == {a["id"], b["id"]} and entry.get("low") is not None:
            return f"\n{number(entry['low'], 2)}–{number(entry['high'], 2)}"
    return ""
