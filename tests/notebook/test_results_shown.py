"""A notebook shows results: their answer, and any figure of the report."""

import json
from html import escape

import pytest
from example_results import HOSTILE, example_results

from tfmed import report
from tfmed.notebook.results import Results
from tfmed.report.figures.drawing import described, styled
from tfmed.report.wording import SYNTHETIC_MARK


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return Results(tmp_path_factory.mktemp("report"), example_results())


def words_of(drawing):
    return {text.get_text() for text in drawing.findobj(lambda part: hasattr(part, "get_text"))}


def test_the_answer_is_shown_with_the_question(found):
    shown = found._repr_html_()
    assert found.data["study"]["question"] in shown
    for sentence in report.answer(found.data):
        assert sentence in shown
    assert str(found.folder / "report.html") in shown
    assert SYNTHETIC_MARK not in shown


def test_synthetic_results_say_so(found):
    assert SYNTHETIC_MARK in Results(found.folder, example_results(synthetic=True))._repr_html_()


def test_no_text_of_results_becomes_markup(found):
    shown = Results(found.folder, example_results(hostile=True))._repr_html_()
    assert "<script" not in shown
    assert "<b>" in HOSTILE
    assert "<b>" not in shown


def test_what_to_use_is_shown_where_results_say_it(found):
    first, *_ = report.decision_lines(found.data)
    assert f"<p>{escape(first)}</p>" in found._repr_html_()
    shown = found._repr_html_()
    assert shown.index(escape(first)) < shown.index(escape(report.answer(found.data)[0]))
    without = Results(found.folder, {**found.data, "decision": None})._repr_html_()
    assert escape(first) not in without


def test_figures_are_those_of_the_report(found):
    assert found.figures == tuple(described(found.data))
    assert {"answer", "differences", "roc-pneumoniamnist"} <= set(found.figures)


@pytest.mark.slow
def test_every_figure_is_drawn_as_a_picture(found):
    for name in found.figures:
        assert found.plot(name)._repr_png_().startswith(b"\x89PNG"), name


def test_a_figure_has_the_looks_of_the_report_whatever_the_notebook_s_are(found):
    import matplotlib as mpl

    drawing = found.plot("answer")
    (axes, *_) = drawing.axes
    assert {label.get_fontsize() for label in axes.get_xticklabels()} == {8}
    before = dict(mpl.rcParams)
    drawing._repr_png_()
    assert dict(mpl.rcParams) == before
    with styled():
        assert mpl.rcParams["xtick.labelsize"] == 8


def test_a_figure_of_synthetic_data_is_marked(found):
    assert SYNTHETIC_MARK not in words_of(found.plot("answer"))
    synthetic = Results(found.folder, example_results(synthetic=True))
    assert SYNTHETIC_MARK in words_of(synthetic.plot("answer"))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (None, "plot() needs the name of a figure; this report has answer, "),
        ("answr", "no figure is called 'answr'; did you mean 'answer'?; this report has answer, "),
        ("a\nb", r"no figure is called 'a\nb'; this report has answer, "),
        (3, "no figure is called 3; this report has answer, "),
    ],
)
def test_a_name_that_no_figure_has_is_answered_by_all_names_on_one_line(found, name, words):
    with pytest.raises(ValueError, match="this report has") as caught:
        found.plot(name)
    line = str(caught.value)
    assert line.startswith(words)
    assert line.isprintable()
    assert line.endswith(", ".join(found.figures))


def test_results_of_nothing_have_an_answer_still(found, tmp_path):
    empty = json.loads(json.dumps(found.data)) | {"runs": [], "summary": [], "comparisons": []}
    assert "the question stays open" in Results(tmp_path, empty)._repr_html_()
