"""The report says how many labels are needed, and how far that can be trusted."""

import json
import re
from pathlib import Path

import matplotlib as mpl
import pytest
from example_results import example_results
from several_methods import several_methods

from tfmed import report
from tfmed.report.deciding.figure import figures
from tfmed.report.deciding.labels import label_blocks, labels_words
from tfmed.report.figures.plotting import STYLE
from tfmed.results.deciding.learning_curves import with_learning_curves
from tfmed.results.loading import read_results


def said(blocks: list[dict]) -> str:
    return " ".join(
        span[1] for block in blocks if block["kind"] == "paragraph" for span in block["text"]
    )


@pytest.fixture
def results() -> dict:
    return with_learning_curves(example_results(latent=False), 0.9)


def test_how_often_curves_predict_the_largest_budget_is_counted(results: dict) -> None:
    tests = [curve["fit"]["held_out"] for curve in results["learning_curves"]["curves"]]
    for test, within in zip(tests, (True, True, False, True), strict=True):
        test |= {"within": within, "measured": 0.8}
        test["predicted"]["value"] = 0.81
    assert "3 of 4 curves predict what was measured there within their interval" in said(
        label_blocks(results)
    )
    assert "their medians are off by 0.010 in the mean" in said(label_blocks(results))


def test_a_row_says_what_a_strategy_needs(results: dict) -> None:
    (table,) = [block for block in label_blocks(results) if block["kind"] == "table"]
    assert "Labels to reach 0.900" in table["columns"]
    assert [row[0] for row in table["rows"]] == [
        "from scratch",
        "random, frozen",
        "frozen",
        "fine-tuned",
    ]
    del results["learning_curves"]
    (table,) = [
        block for block in label_blocks(with_learning_curves(results)) if block["kind"] == "table"
    ]
    assert not any("reach" in column for column in table["columns"])


def test_labels_are_written_to_two_digits() -> None:
    found = {"value": 1949.0, "low": 9.6, "high": None}
    assert labels_words(found) == "1,900\n[10, over a million]"


def test_with_too_few_label_budgets_nothing_is_fitted() -> None:
    few = with_learning_curves(example_results(evidence=False, latent=False))
    blocks = label_blocks(few)
    assert "only 2 label budgets were run" in said(blocks)
    assert [block["kind"] for block in blocks] == ["heading", "paragraph"]
    assert list(figures(few)) == []


def test_the_figure_says_and_lists_what_it_draws(results: dict) -> None:
    (figure,) = figures(results)
    assert figure.numbers is not None
    rows = figure.numbers().rows
    assert {row[1] for row in rows} == {"measured", "curve", "predicted by fewer labels"}
    assert "Dashed: 0.900, to be reached." in "".join(span[1] for span in figure.caption)
    assert figure.alt.count("plateau") == 4


def test_long_names_do_not_run_into_each_other() -> None:
    results = several_methods(example_results(latent=False), ("denoising", "masked", "supervised"))
    (figure,) = figures(with_learning_curves(results, 0.9))
    with mpl.rc_context(STYLE):
        drawing = figure.draw()
        drawing.draw_without_rendering()
    titles = [axes.title for axes in drawing.axes if axes.get_title()]
    assert "denoising autoencoder,\nfine-tuned" in [title.get_text() for title in titles]
    boxes = [title.get_window_extent() for title in titles] + [
        label.get_window_extent() for axes in drawing.axes for label in axes.get_xticklabels()
    ]
    for place, title in enumerate(boxes[: len(titles)]):
        assert not any(title.overlaps(other) for other in boxes[place + 1 :])


def test_a_value_to_reach_is_kept_in_the_results_that_the_report_shows(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(json.dumps(example_results(latent=False)))
    report.render(tmp_path, reach=0.85)
    kept = read_results(tmp_path / "results.json")
    assert kept["learning_curves"]["reach"] == 0.85
    page = (tmp_path / "report.html").read_text()
    assert re.search("Labels to reach 0.850", page)
    assert (tmp_path / "figures" / "learning-curves.svg").is_file()
