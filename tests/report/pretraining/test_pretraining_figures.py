"""The figures of pretraining show every method, and every one of its repeats."""

import matplotlib as mpl
import pytest
from example_results import example_results
from several_methods import several_methods

from tfmed.report.figures.drawing import described
from tfmed.report.figures.plotting import STYLE
from tfmed.report.pretraining.views import viewed


@pytest.fixture(scope="module")
def results() -> dict:
    return several_methods(example_results(latent=False), ("simclr", "vicreg"))


def test_losses_have_a_panel_for_each_method_and_a_line_for_each_pretraining(
    results: dict,
) -> None:
    with mpl.rc_context(STYLE):
        drawing = described(results)["pretraining"].draw()
    axes = drawing.axes
    legend = [words.get_text() for each in drawing.legends for words in each.get_texts()]
    assert legend == ["training images", "images held out", "epoch kept", "training stopped"]
    titles = [each.get_title() for each in axes]
    assert titles == [f"{name}, 3 pretrainings" for name in ("autoencoder", "SimCLR", "VICReg")]
    marked = [line for line in axes[0].lines if line.get_marker() == "o"]
    assert len(marked) == 3


def test_probes_are_thin_for_each_pretraining_and_thick_for_their_mean(results: dict) -> None:
    figure = described(results)["probe"]
    with mpl.rc_context(STYLE):
        (axes,) = figure.draw().axes
    thick = [line for line in axes.lines if line.get_linewidth() > 1]
    assert len(thick) == 3
    assert len(axes.lines) - len(thick) == 9
    assert thick[1].get_ydata()[-1] == pytest.approx(0.942)
    caption = figure.caption[0][1]
    assert "labelled training images of PneumoniaMNIST" in caption
    assert "These labels choose nothing" in caption
    assert len(figure.numbers().rows) == 9 * 4


def test_a_probe_without_an_auc_is_no_line(results: dict) -> None:
    bare = example_results(latent=False)
    bare["pretraining"][0]["probe"] = {
        **results["pretraining"][0]["probe"],
        "epochs": [0, 6],
        "auc": [None, 0.9],
    }
    with mpl.rc_context(STYLE):
        (axes,) = described(bare)["probe"].draw().axes
    assert [list(line.get_xdata()) for line in axes.lines] == [[6]]


def test_views_are_of_the_methods_that_see_images_changed(results: dict) -> None:
    assert list(viewed(results)) == ["simclr", "vicreg"]
    figure = described(results)["views"]
    assert "What SimCLR and VICReg see" in figure.caption[0][1]
    with mpl.rc_context(STYLE):
        (axes,) = figure.draw().axes
    assert len(axes.images) == 2 * 4 * 2
