"""Results to `report.html` and `report.pdf`, through the templates and without TensorFlow.

Both are renderings of one format-free document (`tfmed.report.content.document`). The PDF is set by
typst, which reads the document as JSON: text never passes through its markup.
"""

import datetime
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tfmed.errors import InputError
from tfmed.report.answer import answer
from tfmed.report.content import document
from tfmed.report.explorer import page_scripts
from tfmed.report.figure_data import Numbers, csv_text, figure_numbers, write_numbers
from tfmed.report.figures import draw_all
from tfmed.report.plotting import PRINTED, write_aside
from tfmed.report.theming import DARK_INK, DARK_PAPER, dark_colours, isolated, themed
from tfmed.report.wording import SYNTHETIC_MARK
from tfmed.results.loading import read_results

__all__ = ["answer", "render", "render_html", "render_pdf"]

KEYWORDS = ["self-supervised pretraining", "transfer learning", "few labels", "medical images"]
PDF_STANDARDS = ["a-2a", "ua-1"]
"""To be kept for long (PDF/A-2a) and read aloud (PDF/UA-1); typst refuses what breaks them."""


def render(out: Path, *, progress: Callable[[str], None] | None = None) -> tuple[Path, Path]:
    """Draw the figures and write both reports from `out/results.json`.

    Args:
        out: the study's report folder. `figures/*.svg` with their numbers as `figures/*.csv`,
            `report.html` and `report.pdf` are written there, each moved into place when complete.
        progress: told what is done next, in a few words.

    Returns:
        Paths of the HTML and of the PDF.

    Raises:
        InputError: `results.json` is missing, unreadable or of another version; or the folder
            can't be written to.
    """
    say = progress or (lambda _: None)
    results = read_results(out / "results.json")
    try:
        say("drawing figures")
        drawn = draw_all(results, out / "figures")
        content = document(results, drawn)
        say("writing report.html")
        html, pdf = out / "report.html", out / "report.pdf"
        numbers = figure_numbers(results, drawn)
        write_numbers(numbers, out / "figures")
        scripts = page_scripts(results, out)
        write_aside(html, render_html(content, drawn, scripts, numbers=numbers))
        say("writing report.pdf")
        write_aside(pdf, render_pdf(content, drawn))
    except OSError as error:
        where = error.filename or out
        raise InputError(
            f"{where}: can't be written ({error.strerror}); choose another --out"
        ) from error
    return html, pdf


def render_again(out: Path, *, progress: Callable[[str], None] | None = None) -> tuple[Path, Path]:
    """As `render`, for a `results.json` that anything may have happened to since it was written.

    Raises:
        InputError: as for `render`, or something in the file is not what the report needs.
    """
    try:
        return render(out, progress=progress)
    except InputError:
        raise
    except Exception as error:  # jinja2, matplotlib and typst have each their own
        raise InputError(
            f"{out / 'results.json'}: not what the report needs ({type(error).__name__}: "
            f"{str(error)[:150]}); run the study again"
        ) from error


def templates_folder() -> Path:
    """The templates: inside the installed package, else at the repository's root."""
    package = Path(__file__).parents[1]
    installed = package / "templates"
    return installed if installed.is_dir() else package.parent / "templates"


def _environment(*, autoescape: bool) -> Any:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_folder()),
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_html(
    content: dict,
    drawn: dict[str, Path],
    scripts: str = "",
    *,
    numbers: Mapping[str, Numbers] | None = None,
) -> str:
    """One self-contained page; the same content and figures give the same characters.

    Args:
        content: from `tfmed.report.content.document`.
        drawn: figure id to SVG file.
        scripts: markup for the end of the page.
        numbers: what figures show, from `tfmed.report.figure_data`; to be saved by the reader.
    """
    from markupsafe import Markup

    environment = _environment(autoescape=True)
    environment.filters["isolated"] = isolated
    templates = templates_folder()
    figures, colours = {}, set()
    for name, path in drawn.items():
        svg, used = themed(path.read_text(encoding="utf-8"))
        colours |= used
        figures[name] = {
            "svg": Markup(svg),
            "width": svg_size(svg)[0],
            "file": f"{path.parent.name}/{name}",
            "numbers": csv_text(numbers[name]) if numbers and name in numbers else None,
        }
    style, script = (
        Markup((templates / name).read_text(encoding="utf-8"))
        for name in ("style.css", "report.js")
    )
    return environment.get_template("report.html.j2").render(
        doc=content,
        figures=figures,
        style=style,
        script=script,
        scripts=Markup(scripts),
        dark={"paper": DARK_PAPER, "ink": DARK_INK, "colours": list(dark_colours(colours))},
        mark=SYNTHETIC_MARK,
    )


def svg_size(svg: str) -> tuple[float, float]:
    """Width and height of an SVG in points."""
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    if found is None:
        raise ValueError("a figure has no viewBox")
    return float(found[1]), float(found[2])


def render_pdf(content: dict, drawn: dict[str, Path]) -> bytes:
    """The PDF, set by typst with its own fonts and those of matplotlib, and none of the system.

    Args:
        content: from `tfmed.report.content.document`.
        drawn: figure id to SVG file.
    """
    import matplotlib
    import typst

    started = _date(content["date"])
    figures = {name: path.read_text(encoding="utf-8") for name, path in drawn.items()}
    data = {
        **content,
        "mark": SYNTHETIC_MARK,
        "day": [started.year, started.month, started.day],
        "keywords": KEYWORDS,
        "printed": PRINTED,
        "sizes": {name: svg_size(svg) for name, svg in figures.items()},
    }
    template = _environment(autoescape=False).get_template("report.typ.j2")
    # From memory: a folder of temporary files would outlive a process that is killed.
    files = {
        "main.typ": template.render(synthetic=content["synthetic"]),
        "document.json": json.dumps(data),
        **{f"{figure}.svg": svg for figure, svg in figures.items()},
    }
    try:
        return typst.compile(  # type: ignore[call-overload]  # its stub knows no dict of files
            {name: text.encode() for name, text in files.items()},
            font_paths=[str(Path(matplotlib.get_data_path()) / "fonts" / "ttf")],
            ignore_system_fonts=True,
            timestamp=int(started.timestamp()),
            pdf_standards=PDF_STANDARDS,
        )
    except typst.TypstError as error:
        raise InputError(
            f"the PDF can't show a text of these results ({error}); mend that text, and render the "
            "report again with --report-only"
        ) from None


def _date(started: str) -> datetime.datetime:
    """Start of the run, so that a report made again is the same file."""
    date = datetime.datetime.fromisoformat(started)
    return date if date.tzinfo else date.replace(tzinfo=datetime.UTC)
