"""A comparison as `compare.html` and `compare.pdf`."""

from collections.abc import Callable
from pathlib import Path

from tfmed.errors import InputError
from tfmed.report.comparison.changes import Compared
from tfmed.report.comparison.figure import described, draw_all
from tfmed.report.comparison.page import document
from tfmed.report.comparison.reading import unlike_a_study
from tfmed.report.comparison.words import sentences
from tfmed.report.files import write_aside
from tfmed.report.page.html import render_html
from tfmed.report.page.pdf import render_pdf
from tfmed.report.wording import SYNTHETIC_MARK


def render(
    found: Compared, out: Path, *, progress: Callable[[str], None] | None = None
) -> tuple[Path, Path]:
    """Writes `compare.html`, `compare.pdf` and `figures/compare-*.svg`.

    Args:
        found: from `read_both`.
        out: the folder to write to, which is there.
        progress: called with what is done next, in a few words.

    Returns:
        Paths of the HTML and of the PDF.

    Raises:
        InputError: the folder can't be written to, or something in a file can't be rendered.
    """
    say = progress or (lambda _: None)
    html, pdf = out / "compare.html", out / "compare.pdf"
    try:
        say("drawing what changed")
        figures = described(found)
        drawn = draw_all(found, out / "figures")
        content = document(found, figures)
        say("writing compare.html")
        write_aside(html, render_html(content, drawn))
        say("writing compare.pdf")
        write_aside(pdf, render_pdf(content, drawn))
    except OSError as error:
        where = error.filename or out
        raise InputError(
            f"{where}: can't be written ({error.strerror}); choose another --out"
        ) from error
    except Exception as error:  # jinja2, matplotlib and typst have each their own
        raise unlike_a_study(found.a.path, found.b.path, error) from error
    return html, pdf


def summary(found: Compared) -> str:
    """What changed, in one paragraph for a terminal."""
    mark = [f"{SYNTHETIC_MARK}."] if found.synthetic else []
    return " ".join([*mark, *sentences(found)])
