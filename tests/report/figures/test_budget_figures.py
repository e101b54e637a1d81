"""Figures over label budgets stay readable whatever one interval comes to."""

import pytest
from example_results import example_results

from tfmed.report.figures import budgets
from tfmed.report.figures.drawing import described

TARGET, METRIC = "pneumoniamnist", "accuracy"


@pytest.fixture
def results() -> dict:
    found = example_results(latent=False)
    for row in found["summary"]:
        if row["task"] == TARGET and row[METRIC]:
            mean = row[METRIC]["mean"]
            row[METRIC] |= {"low": mean - 0.01, "high": mean + 0.01}
    return found


def wide(results: dict) -> dict:
    row = next(
        row
        for row in results["summary"]
        if (row["task"], row["strategy"], row["variant"]) == (TARGET, "frozen", "standard")
    )
    row[METRIC] |= {"low": -0.9, "high": 0.99}
    return row


def bottom(results: dict) -> float:
    drawing = budgets.draw_answer(results, TARGET)
    return min(axes.get_ylim()[0] for axes in drawing.axes if axes.lines)


def test_one_very_wide_interval_does_not_press_all_means_together(results: dict) -> None:
    calm = bottom(results)
    wide(results)
    assert calm - 0.35 < bottom(results) <= calm


def test_that_an_interval_is_cut_is_said_where_one_is(results: dict) -> None:
    words = "Intervals that leave the picture are cut."
    assert words not in str(described(results)["answer"].caption)
    wide(results)
    assert words in str(described(results)["answer"].caption)
