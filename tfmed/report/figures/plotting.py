"""One look for every figure, and figures saved as small, deterministic SVG."""

import base64
import io
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfmed.report.wording import SYNTHETIC_MARK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# For what is not a strategy: a main line, and what stands out on it.
LINE_COLOUR, MARK_COLOUR = "#009E73", "#D55E00"
CLASS_COLOURS = ("#E69F00", "#0072B2")
# From dark to light, so that classes can still be told apart in grey; as viridis.
MANY_CLASS_COLOURS = (
    *("#414487", "#3a548c", "#32648e", "#2c728e", "#26818e", "#21908d", "#1f9e89"),
    *("#25ac82", "#38b977", "#54c568", "#75d054", "#9bd93c", "#c5e021", "#ece51b"),
)
GREY = "#6b6b6b"
RED = "#B00020"
# Black and white on a face whose colour is the same on light and on dark paper.
FIXED_INKS = ("#010101", "#fefefe")
TEXT_WIDTH = 6.7
PRINTED = 0.9
"""Figures are drawn for the full width; a little smaller, more of them share a printed page."""
POINTS_DPI = 200
MARK_HEIGHT = 0.28
LEGEND_ROW = 0.18
LEGEND_HANDLE = 0.57
"""Inches beside the words of an entry: its line and the gaps."""
LETTER = 0.07
"""Inches that a letter of a legend takes, rather too many than too few."""
SMALLEST = 1e-300  # of positive numbers that keep their digits when divided
TILE = 112
STYLE: Any = {
    "font.family": ["DejaVu Sans"],
    "font.size": 8.5,
    "axes.titlesize": 8.5,
    # A fixed height spares matplotlib a search over all labels of every axes.
    "axes.titley": 1.03,
    "axes.labelsize": 8.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#444444",
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.3,
    "svg.fonttype": "none",
    # Names come from files; a dollar sign in one is not a formula.
    "text.parse_math": False,
}


def class_colours(n: int) -> tuple[str, ...]:
    """A colour for each of n classes; of more than 14, colours come again."""
    if n <= len(CLASS_COLOURS):
        return CLASS_COLOURS[:n]
    most = len(MANY_CLASS_COLOURS)
    if n > most:
        return tuple(MANY_CLASS_COLOURS[i % most] for i in range(n))
    return tuple(MANY_CLASS_COLOURS[round(i * (most - 1) / (n - 1))] for i in range(n))


def ink_on(label: int, n: int) -> str:
    """Black or white, whichever can be read on the colour of a class."""
    return FIXED_INKS[label] if n <= len(CLASS_COLOURS) else FIXED_INKS[2 * label < n]


def panels(
    rows: int,
    columns: int,
    *,
    height: float,
    width: float = TEXT_WIDTH,
    margins: tuple[float, float, float, float] = (0.6, 0.1, 0.3, 0.5),
    gaps: tuple[float, float] = (0.35, 0.4),
    widths: Sequence[float] | None = None,
) -> "tuple[Figure, list[list[Axes]]]":
    """A grid of axes placed in inches, which is far quicker than a layout engine.

    Args:
        rows: rows of axes.
        columns: columns of axes.
        height: height of one row of axes, in inches.
        width: width of the figure, in inches.
        margins: left, right, top and bottom, in inches.
        gaps: between columns and between rows, in inches.
        widths: relative widths of the columns.

    Returns:
        The figure and its axes, row by row.
    """
    from matplotlib.figure import Figure

    left, right, top, bottom = margins
    total = top + bottom + rows * height + (rows - 1) * gaps[1]
    figure = Figure(figsize=(width, total))
    shares = np.array(widths if widths is not None else [1.0] * columns, dtype=float)
    sizes = shares / shares.sum() * (width - left - right - (columns - 1) * gaps[0])
    grid = []
    for row in range(rows):
        y = total - top - (row + 1) * height - row * gaps[1]
        x = left
        axes = []
        for size in sizes:
            axes.append(figure.add_axes((x / width, y / total, size / width, height / total)))
            x += size + gaps[0]
        grid.append(axes)
    return figure, grid


def canvas(width: float, height: float) -> "tuple[Figure, Axes]":
    """A figure with one bare axes that fills it, in inches, y growing downwards."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    return figure, axes


def short(name: str, width: int = 28, lines: int = 1) -> str:
    """A name cut to fit a figure, wrapped over up to `lines` lines."""
    wrapped = textwrap.wrap(" ".join(name.split()), width) or [""]
    if len(wrapped) > lines:
        wrapped = [*wrapped[: lines - 1], wrapped[lines - 1][: width - 1] + "…"]
    return "\n".join(wrapped)


def legend_below(
    figure: "Figure", handles: Sequence[Any], *, y: float = 0.0, **kwargs: Any
) -> None:
    """A legend centred at the foot of the figure, `y` inches above its edge."""
    width, height = figure.get_size_inches()
    kwargs.setdefault("ncol", legend_columns(handles, width))
    figure.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, y / height), **kwargs)


def legend_columns(handles: Sequence[Any], width: float = TEXT_WIDTH) -> int:
    """The most columns, four at most, of a legend that fits into so many inches."""
    lengths = [len(handle.get_label()) for handle in handles]
    for columns in range(min(4, len(lengths)), 1, -1):
        # As matplotlib does: columns are filled one after the other, the first ones with more.
        parts = np.array_split(lengths, columns)
        if sum(LEGEND_HANDLE + LETTER * max(part) for part in parts) <= width:
            return columns
    return 1


def taller_legend(handles: Sequence[Any], rows: int, width: float = TEXT_WIDTH) -> float:
    """Inches that a legend below a figure needs beyond its usual rows."""
    return LEGEND_ROW * max(0, -(-len(handles) // legend_columns(handles, width)) - rows)


def log_limits(values: Iterable[float]) -> tuple[float, float]:
    """Limits of a logarithmic axis that holds the values; what is not above 0 does not count."""
    positive = [value for value in values if value > SMALLEST] or [0.1, 1.0]
    # Below a ten-thousandth of the largest there is nothing to read.
    return max(min(positive), max(positive) * 1e-4) / 1.15, max(positive) * 1.15


def log_scale(
    axes: "Axes", which: str, limits: tuple[float, float], *, labels: bool = True
) -> None:
    """Make an axis (`x` or `y`) logarithmic, with plain numbers at some of 1, 2, 3 and 5."""
    low, high = limits
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    span = high / low
    steps = (1,) if span > 300 else (1, 3) if span > 20 else (1, 2, 3, 5)
    ticks = [s * 10.0**d for d in decades for s in steps if low <= s * 10.0**d <= high]
    axes.set(**{f"{which}scale": "log", f"{which}lim": limits})
    names = [f"{tick:.6g}" if labels else "" for tick in ticks]
    axes.set(**{f"{which}ticks": ticks, f"{which}ticklabels": names})
    axes.minorticks_off()


def decode_png(uri: str) -> np.ndarray:
    """Pixels of a PNG data URI.

    Args:
        uri: `data:image/png;base64,…`.

    Returns:
        uint8 array of shape (height, width, 3).

    Raises:
        ValueError: the URI holds no readable PNG.
    """
    from PIL import Image

    try:
        data = base64.b64decode(uri.partition(",")[2], validate=True)
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            return np.asarray(image.convert("RGB"))
    except (ValueError, OSError, SyntaxError) as error:
        raise ValueError(f"an image in results.json is not a PNG ({error})") from error


def put_images(
    axes: "Axes", pictures: Sequence[np.ndarray], x: float, y: float, size: float, gap: float
) -> None:
    """Draw uint8 RGB pictures as a row of squares, its upper left corner at (x, y).

    One picture for the whole row: SVG writers and readers take their time over each.
    """
    from PIL import Image

    between = np.zeros((TILE, round(TILE * gap / size), 4), dtype=np.uint8)
    parts: list[np.ndarray] = []
    for pixels in pictures:
        # Enlarged without smoothing, since viewers smooth small pictures each in its own way.
        tile = Image.fromarray(pixels).resize((TILE, TILE), Image.Resampling.NEAREST)
        parts += [np.asarray(tile.convert("RGBA")), between]
    row = np.hstack(parts[:-1])
    right = x + row.shape[1] / TILE * size
    extent = (x, right, y + size, y)
    axes.imshow(row, extent=extent, interpolation="none", aspect="auto")


def svg_text(figure: "Figure", name: str, *, synthetic: bool) -> str:
    """The figure as an SVG element without prolog, comments or metadata.

    Ids are kept only where something refers to them and begin with the figure's name, so that
    several figures can stand in one page. Text stays text.

    Args:
        figure: drawn under `STYLE`.
        name: unique among the figures of a page; letters, digits, `-` and `_`.
        synthetic: write the mark of synthetic data above the figure.

    Returns:
        The same characters for the same figure.
    """
    import matplotlib as mpl

    if synthetic:
        mark_synthetic(figure)
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", metadata=nothing, dpi=200)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r"<style type=\"text/css\">.*?</style>", "", svg, flags=re.S)
    svg = svg.replace("<svg ", '<svg style="stroke-linejoin: round; stroke-linecap: butt" ', 1)
    svg = svg.replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif")
    svg = svg.replace("image-rendering:crisp-edges;image-rendering:pixelated", "")
    used = set(re.findall(r"(?:url\(#|href=\"#)([^\")]+)", svg))
    svg = re.sub(r' id="([^"]+)"', lambda m: _own_id(m[1], name) if m[1] in used else "", svg)
    return re.sub(r"(url\(#|href=\"#)", rf"\g<1>{name}-", svg)


def _own_id(identifier: str, name: str) -> str:
    return f' id="{name}-{identifier}"'


def mark_synthetic(figure: "Figure") -> None:
    """Make room above the figure and write the mark there."""
    width, height = figure.get_size_inches()
    taller = height + MARK_HEIGHT
    for axes in figure.axes:
        box = axes.get_position()
        axes.set_position(
            (box.x0, box.y0 * height / taller, box.width, box.height * height / taller)
        )
    for legend in figure.legends:
        anchor = legend.get_bbox_to_anchor().transformed(figure.transFigure.inverted())
        legend.set_bbox_to_anchor((anchor.x0, anchor.y0 * height / taller), figure.transFigure)
    figure.set_size_inches(width, taller)
    y = 1 - 0.12 / taller
    size = min(9.0, 2.05 * width)
    figure.text(
        0.5, y, SYNTHETIC_MARK, ha="center", va="center", color=RED, weight="bold", fontsize=size
    )


def svg_size(svg: str) -> tuple[float, float]:
    """Width and height of an SVG in points."""
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    if found is None:
        raise ValueError("a figure has no viewBox")
    return float(found[1]), float(found[2])


def point_picture(
    points: np.ndarray,
    labels: np.ndarray,
    inches: np.ndarray,
    colours: tuple[str, ...] = CLASS_COLOURS,
) -> np.ndarray:
    """Draw points as discs in an order mixed once and for all, so that no class hides.

    Args:
        points: float of shape (n, 2), x and y from 0 to 1.
        labels: integers of shape (n,), places in `colours`.
        inches: width and height of the picture.
        colours: of the classes.

    Returns:
        uint8 RGBA of shape (height, width, 4) at `POINTS_DPI`, clear where no point is, row 0
        lowest.
    """
    width, height = (2 * np.round(inches * POINTS_DPI)).astype(int)
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
    return _halved(picture, colours)


def _halved(picture: np.ndarray, colours: tuple[str, ...]) -> np.ndarray:
    """Class pictures (0 clear, 1, 2, …) at twice the size to smooth RGBA."""
    inks = np.array([[0, 0, 0], *([int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colours)])
    quarters = [picture[i::2, j::2] for i in (0, 1) for j in (0, 1)]
    inked = sum((q > 0).astype(int) for q in quarters)
    found = np.zeros((*quarters[0].shape, 4), dtype=np.uint8)
    total = sum(inks[q] for q in quarters)
    found[..., :3] = total // np.maximum(inked, 1)[..., None]
    found[..., 3] = 255 * inked // 4
    return found
