"""The report as a PDF, set by typst.

typst reads the document as JSON: text never passes through its markup.
"""

import datetime
import json
from pathlib import Path

from tfmed.errors import InputError
from tfmed.report.blocks import APPENDIX, MAIN, labels_words, part_of
from tfmed.report.figures.plotting import PRINTED, svg_size
from tfmed.report.page.templates import environment
from tfmed.report.wording import SYNTHETIC_MARK

KEYWORDS = ["self-supervised pretraining", "transfer learning", "few labels", "medical images"]
PDF_STANDARDS = ["a-2a", "ua-1"]
"""To be kept for long (PDF/A-2a) and read aloud (PDF/UA-1); typst refuses what breaks them."""


def render_pdf(content: dict, drawn: dict[str, Path], *, part: str = MAIN) -> bytes:
    """A part as a PDF, set by typst with its own fonts and matplotlib's, and none of the system.

    Args:
        content: from `tfmed.report.document.document`.
        drawn: figure id to SVG file.
        part: `MAIN`, which says what the appendix holds, or `APPENDIX`.
    """
    import matplotlib
    import typst

    started = _date(content["date"])
    sections = part_of(content["sections"], part)
    shown = {block["id"] for section in sections for block in section["blocks"] if "id" in block}
    figures = {n: path.read_text(encoding="utf-8") for n, path in drawn.items() if n in shown}
    left = part_of(content["sections"], APPENDIX) if part == MAIN else []
    data = {
        **content,
        "sections": sections,
        "part": part,
        "items": sorted(shown),
        "left": {section["id"]: labels_words(section["blocks"]) for section in left},
        "only_left": [s["title"] for s in left if s["id"] not in {own["id"] for own in sections}],
        "mark": SYNTHETIC_MARK,
        "day": [started.year, started.month, started.day],
        "keywords": KEYWORDS,
        "printed": PRINTED,
        "sizes": {name: svg_size(svg) for name, svg in figures.items()},
    }
    template = environment(autoescape=False).get_template("report.typ.j2")
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
            f"the PDF can't show a text of these results ({error}); change that text, and render "
            "the report again with tfmed report"
        ) from None


def _date(started: str) -> datetime.datetime:
    """Start of the run, so that a report made again is the same file."""
    date = datetime.datetime.fromisoformat(started)
    return date if date.tzinfo else date.replace(tzinfo=datetime.UTC)
