"""The section on groups of test images."""

import json

import matplotlib as mpl
import pytest
from example_results import HOSTILE, example_results
from grouped_results import grouped_results

from tfmed import report
from tfmed.report.document import document
from tfmed.report.figures.drawing import described
from tfmed.report.figures.plotting import STYLE
from tfmed.report.subgroups import chosen
from tfmed.report.subgroups.section import TITLE, subgroup_blocks


@pytest.fixture(scope="module")
def clear():
    return grouped_results(worse=1.3)


@pytest.fixture(scope="module")
def unclear():
    return grouped_results()


def words_of(blocks):
    return json.dumps(blocks, ensure_ascii=False)


def rows_of(blocks, identifier):
    return next(block["rows"] for block in blocks if block.get("id") == identifier)


def test_results_without_groups_have_no_such_section():
    results = example_results()
    assert subgroup_blocks(results) == []
    assert "subgroups" not in described(results)
    sections = document(results, described(results))["sections"]
    assert TITLE not in [section["title"] for section in sections]


def test_the_section_stands_in_the_document_with_its_figure(clear):
    found = document(clear, described(clear))
    section = next(section for section in found["sections"] if section["title"] == TITLE)
    kinds = [(block["kind"], block.get("part", "main")) for block in section["blocks"]]
    assert kinds.count(("figure", "main")) == 1
    assert ("table", "main") not in kinds
    assert kinds.count(("table", "appendix")) == 2


def test_worse_is_said_of_clear_gaps_only(clear, unclear):
    said, unsaid = words_of(subgroup_blocks(clear)), words_of(subgroup_blocks(unclear))
    assert "Accuracy is clearly worse for age 65 and over than for" in said
    assert "worse for sex" not in said
    assert "clearly worse" not in unsaid
    assert "None of the 25 gaps between two groups" in unsaid
    assert "A gap that is not clear may still be there" in unsaid


def test_with_one_seed_it_says_why_no_gap_is_clear():
    said = words_of(subgroup_blocks(grouped_results(worse=1.3, n_seeds=1)))
    assert "clearly worse" not in said
    assert "With one seed no gap is called clear." in said


def test_what_is_left_out_is_named_with_its_reason(clear):
    said = words_of(subgroup_blocks(clear))
    assert "under 18 (8 images, fewer than 20)" in said
    assert "device (it has 40 values, more than 12)" in said
    assert "view not given (" in said
    assert "Ages are in four groups" in said


def test_tables_hold_the_numbers_of_the_results(clear):
    blocks = subgroup_blocks(clear)
    first = clear["decision"]["budgets"][0]
    measured = chosen.metrics_of(clear, first, "sex")["F"]
    row = rows_of(blocks, "subgroups-table")[1]
    assert row[0] == "F"
    assert row[3].startswith(f"{measured['accuracy']['mean']:.3f}\n[")
    gaps = rows_of(blocks, "gaps-table")
    of_age = [row for row in gaps[1:] if row[0].startswith("age")][:2]
    assert [row[1] for row in of_age] == ["largest", "smallest"]
    worst = chosen.gaps_of(clear, first, "age")[0]
    assert of_age[0][2].startswith(f"−{-100 * worst['difference']:.1f} [")
    assert of_age[0][5] == "clear: worse for 65 and over"


def test_the_worse_group_stands_first_also_where_lower_is_better(clear):
    assert all(gap["difference"] <= 0 for gap in chosen.gaps_of(clear))
    gap = {"metric": "mean_absolute_error", "a": "F", "b": "M", "difference": -0.2}
    turned = chosen.worse_first({**gap, "low": -0.3, "high": 0.1})
    assert (turned["a"], turned["difference"], turned["low"]) == ("M", 0.2, -0.1)


def test_nothing_measured_is_said_and_drawn_as_such(unclear):
    results = json.loads(json.dumps(unclear))
    part = results["subgroups"]
    for column in part["columns"]:
        out = [{"name": g["name"], "n": g["n"], "why": "few"} for g in column["groups"]]
        column |= {"groups": [], "left_out": out}
    part |= {"measured": [], "gaps": []}
    assert "none can be measured" in words_of(subgroup_blocks(results))
    assert "subgroups" not in described(results)


@pytest.mark.parametrize("missing", ["accuracy", None])
def test_the_figure_keeps_its_words_inside_and_has_numbers(clear, missing):
    results = json.loads(json.dumps(clear))
    for entry in results["subgroups"]["measured"][:3]:
        if missing:
            entry["metrics"][missing] = None
    figure = described(results)["subgroups"]
    with mpl.rc_context(STYLE):
        drawing = figure.draw()
        drawing.draw_without_rendering()
    for words in (*drawing.axes[0].get_yticklabels(), *(axes.title for axes in drawing.axes)):
        box = words.get_window_extent()
        assert box.x0 >= drawing.bbox.x0, words.get_text()
        assert box.y1 <= drawing.bbox.y1, words.get_text()
    assert drawing.get_size_inches()[1] < 4
    assert "age 65 and over" in figure.alt
    n_metrics = len(results["subgroups"]["measured"][0]["metrics"])
    assert len(figure.numbers().rows) == n_metrics * len(results["subgroups"]["measured"])


@pytest.mark.slow
def test_both_renderings_hold_the_section_whatever_groups_are_called(tmp_path):
    results = grouped_results(worse=1.3, hostile=HOSTILE, synthetic=True)
    (tmp_path / "results.json").write_text(json.dumps(results))
    html, pdf = report.render(tmp_path)
    text = html.read_text(encoding="utf-8")
    assert TITLE in text
    assert HOSTILE not in text
    assert pdf.stat().st_size > 10_000
