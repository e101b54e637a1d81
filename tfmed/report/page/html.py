"""The report as one self-contained HTML page."""

from collections.abc import Mapping
from pathlib import Path

from tfmed.report.blocks import APPENDIX, MAIN, labels_words, part_of
from tfmed.report.figures.description import Numbers, csv_text
from tfmed.report.figures.plotting import svg_size
from tfmed.report.page.templates import environment, templates_folder
from tfmed.report.page.theming import DARK_INK, DARK_PAPER, dark_colours, isolated, themed
from tfmed.report.wording import SYNTHETIC_MARK


def render_html(
    content: dict,
    drawn: dict[str, Path],
    scripts: str = "",
    *,
    numbers: Mapping[str, Numbers] | None = None,
) -> str:
    """One self-contained page; the same content and figures give the same characters.

    Args:
        content: from `tfmed.report.document.document`.
        drawn: figure id to SVG file.
        scripts: markup for the end of the page.
        numbers: what figures show, to be saved by the reader.
    """
    from markupsafe import Markup

    filled = environment(autoescape=True)
    filled.filters["isolated"] = isolated
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
    opened, folded = (
        {section["id"]: section["blocks"] for section in part_of(content["sections"], part)}
        for part in (MAIN, APPENDIX)
    )
    return filled.get_template("report.html.j2").render(
        doc=content,
        opened=opened,
        folded=folded,
        holds={name: labels_words(blocks) for name, blocks in folded.items()},
        figures=figures,
        style=style,
        script=script,
        scripts=Markup(scripts),
        dark={"paper": DARK_PAPER, "ink": DARK_INK, "colours": list(dark_colours(colours))},
        mark=SYNTHETIC_MARK,
    )
