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

from tfmed.report.figures import draw_all, planned_figures, task_slugs
from tfmed.report.figures_latent import point_picture, space_chunks
from tfmed.report.plotting import (
    COLOURS,
    LINES,
    MARKERS,
    STYLE,
    decode_png,
    log_limits,
    short,
    svg_text,
)
from tfmed.report.wording import SYNTHETIC_MARK


def texts(svg: str) -> str:
    return " ".join("".join(node.itertext()) for node in ET.fromstring(svg).iter() if node.text)


@pytest.fixture(scope="module")
def svgs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("figures")
    drawn = draw_all(example_results(), folder)
    return {name: path.read_text() for name, path in drawn.items()}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    results = example_results(hostile=True, synthetic=True, n_seeds=1, strategies=("frozen",))
    drawn = draw_all(results, tmp_path_factory.mktemp("hostile"))
    return {name: path.read_text() for name, path in drawn.items()}


def test_every_part_of_the_study_has_its_figure(svgs: dict[str, str]) -> None:
    parts = {re.sub(r"-(pneumoniamnist|chest-nih).*", "", name) for name in svgs}
    whole = {"answer", "examples", "balance", "pretraining", "reconstructions", "errors"}
    whole |= {"differences", "budgets", "curves", "roc", "confusion", "latent", "cka", "detail"}
    assert parts == whole | {"mistakes", "losses", "dropout", "stopping", "forgetting"}


def test_ids_of_two_figures_never_collide(svgs: dict[str, str]) -> None:
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in svgs.values()]
    assert not any(a & b for a, b in combinations(ids, 2))


def test_every_reference_inside_a_figure_resolves(svgs: dict[str, str]) -> None:
    for svg in svgs.values():
        used = re.findall(r'(?:url\(#|href="#)([^")]+)', svg)
        assert set(used) <= set(re.findall(r'\bid="([^"]+)"', svg))


def test_same_results_give_the_same_bytes(svgs: dict[str, str]) -> None:
    plan = planned_figures(example_results())
    with mpl.rc_context(STYLE):
        for name in ("answer", "examples", "latent-chest-nih-1", "roc-pneumoniamnist"):
            assert svg_text(plan[name](), name, synthetic=False) == svgs[name]


def test_text_stays_text_and_axes_carry_units(svgs: dict[str, str]) -> None:
    assert "mean squared error" in texts(svgs["pretraining"])
    assert "difference in accuracy (points)" in texts(svgs["differences"])
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
    drawn = draw_all(results, tmp_path)
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


def test_strategies_differ_in_colour_marker_and_line() -> None:
    for looks in (COLOURS, MARKERS, LINES):
        assert len({str(looks[strategy]) for strategy in STRATEGIES}) == len(STRATEGIES)


def test_latent_spaces_share_out_evenly_and_none_is_lost() -> None:
    results = example_results()
    chunks = space_chunks(results, "pneumoniamnist")
    assert [len(chunk) for chunk in chunks] == [2, 1, 2]


def test_tasks_with_like_names_get_files_of_their_own() -> None:
    results = example_results(latent=False)
    for row in results["summary"]:
        row["task"] = {"chest_nih": "A b", "pneumoniamnist": "a/B"}[row["task"]]
    assert len(set(task_slugs(results).values())) == 2
    assert all("/" not in name for name in planned_figures(results))


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
