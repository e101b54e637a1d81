"""Results to `report.html` and `report.pdf`, through the templates and without TensorFlow.

Both are renderings of one format-free document (`tfmed.report.document`).
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tfmed.errors import InputError
from tfmed.report.blocks import APPENDIX
from tfmed.report.document import document
from tfmed.report.figures.description import figure_numbers, write_numbers
from tfmed.report.figures.drawing import described, draw_all
from tfmed.report.files import write_aside
from tfmed.report.page.explorer import page_scripts
from tfmed.report.page.html import render_html
from tfmed.report.page.pdf import render_pdf
from tfmed.results import files
from tfmed.results.deciding.decision import with_decision
from tfmed.results.deciding.learning_curves import with_learning_curves
from tfmed.results.loading import read_results

APPENDIX_FILE = "appendix.pdf"


def render(
    out: Path, *, progress: Callable[[str], None] | None = None, reach: float | None = None
) -> tuple[Path, Path]:
    """Draw the figures and write both reports from `out/results.json`.

    Args:
        out: the study's report folder. `figures/*.svg` with their numbers as `figures/*.csv`,
            `report.html`, `report.pdf` and `appendix.pdf` are written there, each moved into place
            when complete.
        progress: called with what is done next, in a few words.
        reach: value of the primary metric for which labels are counted; `results.json` is written
            again, so that it holds what the report says.

    Returns:
        Paths of the HTML and of the PDF, whose appendix lies beside it.

    Raises:
        InputError: `results.json` is missing, unreadable or of another version; or the folder
            can't be written to.
    """
    say = progress or (lambda _: None)
    results = read_results(out / "results.json")
    results = with_learning_curves(with_decision(results), reach)
    if reach is not None:
        files.write(results, out)
    try:
        say("drawing figures")
        figures = described(results)
        synthetic = results["synthetic"]
        drawn = draw_all(figures.values(), out / "figures", synthetic=synthetic)
        content = document(results, figures)
        html, pdf = out / "report.html", out / "report.pdf"
        # typst leaves Python alone while it sets a PDF, so the page is made meanwhile.
        with ThreadPoolExecutor(2) as threads:
            printed = threads.submit(render_pdf, content, drawn)
            left = threads.submit(render_pdf, content, drawn, part=APPENDIX)
            say("writing report.html")
            numbers = figure_numbers(figures.values(), synthetic=synthetic)
            write_numbers(numbers, out / "figures")
            scripts = page_scripts(results, out)
            write_aside(html, render_html(content, drawn, scripts, numbers=numbers))
            say("writing report.pdf")
            write_aside(pdf, printed.result())
            write_aside(out / APPENDIX_FILE, left.result())
    except OSError as error:
        where = error.filename or out
        raise InputError(
            f"{where}: can't be written ({error.strerror}); choose another --out"
        ) from error
    return html, pdf


def render_again(
    out: Path, *, progress: Callable[[str], None] | None = None, reach: float | None = None
) -> tuple[Path, Path]:
    """As `render`, for a `results.json` that anything may have happened to since it was written.

    Raises:
        InputError: as for `render`, or something in the file is not what the report needs.
    """
    try:
        return render(out, progress=progress, reach=reach)
    except InputError:
        raise
    except Exception as error:  # jinja2, matplotlib and typst have each their own
        raise InputError(
            f"{out / 'results.json'}: not what the report needs ({type(error).__name__}: "
            f"{str(error)[:150]}); run the study again"
        ) from error
