"""Figures are drawn from results alone, the same each time, and fit for one page together."""

import re
import sys
import xml.etree.ElementTree as ET
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from example_results import STRATEGIES, example_results
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.lines import Line2D
from matplotlib.text import Text
from several_methods import several_methods

from tfmed.design import Strategy
from tfmed.report.figures.drawing import described, draw_all
from tfmed.report.figures.looks import STRATEGY_COLOURS, looks_of_strategies
from tfmed.report.figures.plotting import (
    CLASS_COLOURS,
    GREY,
    PRINTED,
    RED,
    STYLE,
    decode_png,
    legend_columns,
    log_limits,
    point_picture,
    short,
    svg_text,
)
from tfmed.report.selection import space_chunks, spaces_of, task_slugs
from tfmed.report.wording import SYNTHETIC_MARK

# Viénot, Brettel and Mollon (1999), in linear RGB.
DEUTERANOPIA = np.array([[0.293, 0.707, 0.0], [0.293, 0.707, 0.0], [-0.022, 0.022, 1.0]])
PROTANOPIA = np.array([[0.112, 0.888, 0.0], [0.112, 0.888, 0.0], [0.005, -0.005, 1.0]])


def texts(svg: str) -> str:
    return " ".join("".join(node.itertext()) for node in ET.fromstring(svg).iter() if node.text)


def drawn_in(folder: Path, results: dict) -> dict[str, Path]:
    figures = described(results).values()
    return draw_all(figures, folder, synthetic=results["synthetic"])


@pytest.fixture(scope="module")
def svgs(example_report: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in example_report.glob("figures/*.svg")}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    results = example_results(hostile=True, synthetic=True, n_seeds=1, strategies=("frozen",))
    drawn = drawn_in(tmp_path_factory.mktemp("hostile"), results)
    return {name: path.read_text() for name, path in drawn.items()}


def test_every_part_of_the_study_has_its_figure(svgs: dict[str, str]) -> None:
    parts = {re.sub(r"-(pneumoniamnist|chest-nih).*", "", name) for name in svgs}
    whole = {"answer", "examples", "balance", "pretraining", "reconstructions", "errors"}
    whole |= {"differences", "budgets", "curves", "roc", "confusion", "latent", "cka", "detail"}
    whole |= {"spaces", "learning-curves"}
    assert parts == whole | {"mistakes", "losses", "dropout", "stopping", "forgetting"}


def test_ids_of_two_figures_never_collide(svgs: dict[str, str]) -> None:
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in svgs.values()]
    assert not any(a & b for a, b in combinations(ids, 2))


def test_every_reference_inside_a_figure_resolves(svgs: dict[str, str]) -> None:
    for svg in svgs.values():
        used = re.findall(r'(?:url\(#|href="#)([^")]+)', svg)
        assert set(used) <= set(re.findall(r'\bid="([^"]+)"', svg))


def test_same_results_give_the_same_bytes(svgs: dict[str, str]) -> None:
    plan = described(example_results())
    with mpl.rc_context(STYLE):
        for name in ("answer", "examples", "latent-chest-nih-1", "roc-pneumoniamnist"):
            assert svg_text(plan[name].draw(), name, synthetic=False) == svgs[name]


def test_text_stays_text_and_axes_carry_units(svgs: dict[str, str]) -> None:
    assert "mean squared error" in texts(svgs["pretraining"])
    assert "difference (points)" in texts(svgs["differences"])
    assert "accuracy" in texts(svgs["differences"])
    assert "arbitrary units" in texts(svgs["latent-chest-nih-1"])


def test_synthetic_figures_all_say_so(hostile: dict[str, str]) -> None:
    assert all(SYNTHETIC_MARK in texts(svg) for svg in hostile.values())


def test_real_figures_carry_no_synthetic_mark(svgs: dict[str, str]) -> None:
    assert not any("SYNTHETIC" in svg for svg in svgs.values())


def test_markup_in_names_is_drawn_as_it_is_written(hostile: dict[str, str]) -> None:
    assert "$x$" in texts(hostile["balance"])
    assert not any("<script" in svg for svg in hostile.values())


def test_drawing_leaves_no_pyplot_behind(svgs: dict[str, str]) -> None:
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or pyplot.get_fignums() == []


def test_figures_no_longer_drawn_are_removed(tmp_path: Path) -> None:
    (tmp_path / "old.svg").write_text("<svg/>")
    (tmp_path / "notes.txt").write_text("mine")
    results = example_results(n_seeds=1, strategies=("frozen",), latent=False)
    drawn = drawn_in(tmp_path, results)
    assert {path.name for path in tmp_path.iterdir()} == {f"{n}.svg" for n in drawn} | {"notes.txt"}


def test_scatter_of_a_large_test_split_stays_small() -> None:
    rng = np.random.default_rng(0)
    picture = point_picture(rng.random((22433, 2)), rng.integers(0, 2, 22433), np.array([2, 1.5]))
    assert picture.shape == (300, 400, 4)
    assert (picture[..., 3] > 0).any()


@pytest.mark.parametrize("n", [1, 2, 600])
def test_points_at_the_edge_are_drawn(n: int) -> None:
    picture = point_picture(np.ones((n, 2)), np.zeros(n, dtype=int), np.array([1.0, 1.0]))
    assert picture[-1, -1, 3] == 255


HOW = ("frozen", "finetune")
OTHERS = [Strategy(name, how) for name in ("byol", "mae", "vicreg", "moco") for how in HOW]
STARTED = [Strategy(name, how) for name in ("random", "autoencoder", "simclr") for how in HOW]
ALL_LOOKS = list(looks_of_strategies(OTHERS).values())


def test_colour_and_marker_tell_the_initialisation_and_the_line_what_is_trained() -> None:
    looks = looks_of_strategies(OTHERS)
    for a, b in combinations([*OTHERS, *STARTED], 2):
        one, other = looks[str(a)], looks[str(b)]
        same = a.initialisation == b.initialisation
        assert (one.colour == other.colour) == same
        assert (one.marker == other.marker) == same
        assert ((one.line, one.filled) == (other.line, other.filled)) == (a.trained == b.trained)


def test_strategies_of_methods_that_the_report_does_not_know_have_looks_of_their_own() -> None:
    assert len(ALL_LOOKS) == len(OTHERS) + len(STARTED)
    assert len({look.colour for look in ALL_LOOKS}) == len(ALL_LOOKS) / 2
    # In grey: neither the colour of a line nor that of its marker is left.
    in_grey = {(look.marker, look.filled, str(look.line)) for look in ALL_LOOKS}
    assert len(in_grey) == len(ALL_LOOKS)


@pytest.mark.parametrize("options", [(), ("simclr",), ("simclr", "vicreg", "masked", "denoising")])
def test_legends_are_no_wider_than_their_figures(options: tuple[str, ...]) -> None:
    results = example_results(latent=False)
    plan = described(several_methods(results, options) if options else results)
    names = ("answer", "budgets-pneumoniamnist", "roc-pneumoniamnist", "differences", "probe")
    with mpl.rc_context(STYLE):
        for name in (name for name in names if name in plan):
            drawing = plan[name].draw()
            drawing.draw_without_rendering()
            (legend,) = drawing.legends
            box, page = legend.get_window_extent(), drawing.bbox
            assert page.x0 <= box.x0 < box.x1 <= page.x1, name
            labels = [text for axes in drawing.axes for text in (*axes.texts, axes.xaxis.label)]
            assert not any(box.overlaps(text.get_window_extent()) for text in labels), name


def test_a_legend_has_as_many_columns_as_fit() -> None:
    short_names, long_names = (
        [Line2D([], [], label=name)] * 6 for name in ("ab", "denoising autoencoder, fine-tuned")
    )
    assert legend_columns(short_names) == 4
    assert legend_columns(long_names) == 2


def test_a_strategy_looks_the_same_in_every_figure(svgs: dict[str, str]) -> None:
    known = {*STRATEGY_COLOURS, *CLASS_COLOURS, GREY, RED}
    for name, svg in svgs.items():
        if name.startswith(("confusion", "cka")):
            continue  # shades of one blue
        inks = set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", svg))
        assert grey_or_known(inks, known), name


def grey_or_known(inks: set[str], known: set[str]) -> bool:
    named = {ink.lower() for ink in known}
    grey = {ink for ink in inks if ink[1:3] == ink[3:5] == ink[5:7]}
    return inks - grey <= named


@pytest.mark.parametrize("weights", [(0.299, 0.587, 0.114)])
def test_strategies_of_one_lightness_differ_in_marker_and_line(weights: tuple) -> None:
    def lightness(ink: str) -> float:
        parts = (int(ink[i : i + 2], 16) for i in (1, 3, 5))
        return sum(w * part for w, part in zip(weights, parts, strict=True))

    for a, b in combinations(ALL_LOOKS, 2):
        if abs(lightness(a.colour) - lightness(b.colour)) < 40:
            assert (a.marker, a.filled, a.line) != (b.marker, b.filled, b.line)


@pytest.mark.parametrize("matrix", [DEUTERANOPIA, PROTANOPIA], ids=["deuteranopia", "protanopia"])
def test_strategies_stay_apart_for_the_colour_blind(matrix: np.ndarray) -> None:
    def seen(ink: str) -> np.ndarray:
        srgb = np.array([int(ink[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
        return np.clip(matrix @ linear, 0, 1)

    for a, b in combinations(dict.fromkeys(look.colour for look in ALL_LOOKS), 2):
        assert np.abs(seen(a) - seen(b)).max() > 0.08


def test_text_is_at_least_seven_points_high_in_print(svgs: dict[str, str]) -> None:
    for name, svg in svgs.items():
        sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", svg)]
        assert PRINTED * min(sizes) >= 7, name


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"n_seeds": 1, "hostile": True}])
def test_no_text_leaves_its_figure(options: dict) -> None:
    plan = described(example_results(**options))
    with mpl.rc_context(STYLE):
        for name, figure in plan.items():
            if name.startswith("latent") and "hostile" in options:
                continue  # a title of capitals alone is wider than its column
            drawing = figure.draw()
            edge = drawing.bbox.expanded(1.004, 1.004)
            drawing.draw_without_rendering()
            for words in drawing.findobj(Text):
                # Ticks outside of an axis are never drawn.
                if words.get_visible() and words.get_text() and words.axes is not None:
                    box = words.get_window_extent()
                    assert box.x0 >= edge.x0, (name, words.get_text())
                    assert box.x1 <= edge.x1, (name, words.get_text())


def test_figures_write_minus_signs(svgs: dict[str, str]) -> None:
    for name, svg in svgs.items():
        assert not re.search(r"(?<![\w–])-\d", texts(svg)), name


def test_every_seed_is_seen_over_the_label_budgets() -> None:
    results = example_results()
    with mpl.rc_context(STYLE):
        left = described(results)["budgets-pneumoniamnist"].draw().axes[0]
    dots = sum(len(line.get_xdata()) for line in left.lines if line.get_marker() == ".")
    runs = [r for r in results["runs"] if r["task"] == "pneumoniamnist"]
    assert dots == sum(r["variant"] == "standard" and r["strategy"] in STRATEGIES for r in runs)


def test_one_figure_holds_all_latent_spaces_of_the_target_alone() -> None:
    results = example_results()
    figures = described(results)
    assert [name for name in figures if name.startswith("spaces")] == ["spaces-pneumoniamnist"]
    with mpl.rc_context(STYLE):
        drawing = figures["spaces-pneumoniamnist"].draw()
    said = {text.get_text().replace("\n", " ") for axes in drawing.axes for text in axes.texts}
    for space in spaces_of(results, "pneumoniamnist"):
        assert f"{space['title']} 10-NN accuracy {space['knn_accuracy']:.3f}" in said
    assert len(said) == len(spaces_of(results, "pneumoniamnist"))
    assert len(drawing.axes) == 2 * len(said)


def test_latent_spaces_share_out_evenly_and_none_is_lost() -> None:
    results = example_results()
    chunks = space_chunks(results, "pneumoniamnist")
    assert [len(chunk) for chunk in chunks] == [2, 2, 2]


def test_tasks_with_like_names_get_files_of_their_own() -> None:
    results = example_results(latent=False)
    for row in results["summary"]:
        row["task"] = {"chest_nih": "A b", "pneumoniamnist": "a/B"}[row["task"]]
    assert len(set(task_slugs(results).values())) == 2
    assert all("/" not in name for name in described(results))


@given(st.text(max_size=80))
def test_a_name_of_any_kind_fits(name: str) -> None:
    lines = short(name, 20, 2).split("\n")
    assert len(lines) <= 2
    assert all(len(line) <= 20 for line in lines)


@given(st.text(max_size=60))
def test_what_is_no_png_is_refused(junk: str) -> None:
    with pytest.raises(ValueError, match="not a PNG"):
        decode_png("data:image/png;base64," + junk)


@given(st.lists(st.floats(-1, 1e6)))
def test_logarithmic_limits_are_positive_and_in_order(values: list[float]) -> None:
    low, high = log_limits(values)
    assert 0 < low < high
