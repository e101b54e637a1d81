"""The forest plot names every pair once, and stays on a page."""

import matplotlib as mpl
import pytest
from example_results import example_results
from several_methods import several_methods

from tfmed.report.figures.drawing import described
from tfmed.report.figures.plotting import STYLE

MANY = ("simclr", "vicreg", "masked", "denoising")


@pytest.mark.parametrize(
    ("methods", "titles", "lines"),
    [(("simclr",), ["AUC", "accuracy"], 24), (MANY, ["300 labels", "all 1,160 labels"], 33)],
)
def test_panels_are_metrics_or_of_many_pairs_label_budgets(
    methods: tuple[str, ...], titles: list[str], lines: int
) -> None:
    results = several_methods(example_results(latent=False), methods)
    with mpl.rc_context(STYLE):
        drawing = described(results)["differences"].draw()
        drawing.draw_without_rendering()
    assert [axes.get_title() for axes in drawing.axes] == titles
    left = drawing.axes[0]
    assert len(left.get_yticks()) == lines
    assert drawing.get_size_inches()[1] < 9
    for words in (*left.get_yticklabels(), *(axes.title for axes in drawing.axes)):
        box = words.get_window_extent()
        assert box.x0 >= drawing.bbox.x0, words.get_text()
        assert box.y1 <= drawing.bbox.y1, words.get_text()


def test_a_pair_of_one_method_names_it_once() -> None:
    results = several_methods(example_results(latent=False))
    with mpl.rc_context(STYLE):
        left = described(results)["differences"].draw().axes[0]
    names = [words.get_text() for words in left.get_yticklabels()]
    assert "SimCLR, fine-tuned − frozen" in names
    assert "SimCLR, frozen − random, frozen" in names
    assert "SimCLR, fine-tuned − autoencoder, fine-tuned" in names


@pytest.mark.parametrize("methods", [("simclr",), MANY])
def test_what_is_clear_is_counted_in_each_metric_that_is_drawn(methods: tuple[str, ...]) -> None:
    results = several_methods(example_results(latent=False), methods)
    for entry in results["comparisons"]:
        entry["clear"] = entry["metric"] == "auc"
    caption = str(described(results)["differences"].caption)
    lines = 66 if methods == MANY else 24
    drawn = f"{lines} of {lines} in AUC" + (f" and 0 of {lines} in accuracy" * (methods != MANY))
    assert f"of those shown {drawn} are clear" in caption


def test_no_detectable_difference_of_more_than_all_points_is_named() -> None:
    results = several_methods(example_results(latent=False))
    for entry in results["comparisons"]:
        entry["detectable"] = 4.5
    assert "(AUC: below any size)" in str(described(results)["differences"].caption)
