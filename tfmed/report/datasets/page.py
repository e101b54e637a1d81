"""A data set as one self-contained HTML page, in the report's form."""

import datetime
import tempfile
from collections.abc import Mapping
from pathlib import Path

import tfmed
from tfmed.errors import InputError
from tfmed.report.blocks import (
    Block,
    bullets,
    code,
    definitions,
    figure,
    heading,
    number_blocks,
    paragraph,
    table,
    text,
)
from tfmed.report.datasets.words import (
    SPLIT_NAMES,
    bullet_list,
    count_rows,
    described,
    said,
)
from tfmed.report.figures import data as data_figures
from tfmed.report.figures.description import Figure, with_figures
from tfmed.report.figures.drawing import draw_all
from tfmed.report.files import write_aside
from tfmed.report.page.html import render_html
from tfmed.report.selection import Entry
from tfmed.report.wording import MISSING, p_value


def write_page(data: Entry, path: Path) -> None:
    """Writes the page of a data set.

    Args:
        data: an entry of `datasets`, of the form of `results.json`.
        path: of the page; its folder is made if absent.

    Raises:
        InputError: it can't be written.
    """
    figures = {each.id: each for each in data_figures.figures({"datasets": [data]})}
    synthetic = data["synthetic"]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            drawn = draw_all(figures.values(), Path(folder), synthetic=synthetic)
            page = render_html(document(data, figures), drawn)
        write_aside(path, page)
    except OSError as error:
        raise InputError(
            f"{path}: can't be written ({error.strerror}); choose another --page"
        ) from None


def document(data: Entry, figures: Mapping[str, Figure]) -> dict:
    """A data set as plain data, of the form of `tfmed.report.document.document`.

    Args:
        data: an entry of `datasets`.
        figures: the figures there are, by id.
    """
    problems = [line for line in said(data, briefly=False) if line.kind == "problem"]
    wrong = bullet_list(problems, marked=False) or [paragraph("Nothing is wrong with it.")]
    sections = [
        ("counts", "What is in it", _count_blocks(data)),
        ("problems", "What is wrong with it", wrong),
        ("met", "What was met and found", _met_blocks(data)),
        ("images", "Some training images", [figure("examples")]),
        ("file", "The file", _file_blocks(data)),
    ]
    return {
        "title": data["title"],
        "question": "What is in this data set, and what is wrong with it?",
        "name": "data check",
        "quick": False,
        "synthetic": data["synthetic"],
        "made": "Checked on",
        "date": datetime.date.today().isoformat(),
        "version": tfmed.__version__,
        "sections": number_blocks(
            [
                {"id": name, "title": title, "blocks": with_figures(blocks, figures)}
                for name, title, blocks in sections
                if blocks
            ]
        ),
    }


def _count_blocks(data: Entry) -> list[Block]:
    titles, *rows = count_rows(data)
    caption = text("Images of each split and class.")
    blocks = [described(data), table("counts", caption, titles, rows)]
    if not data["shifts"]:
        return blocks
    shifts = [
        [
            SPLIT_NAMES[shift["split"]],
            f"{100 * shift['distance']:.1f}",
            MISSING if shift["p"] is None else p_value(shift["p"]),
        ]
        for shift in data["shifts"]
    ]
    about = text(
        "Class balance against that of the training split. Distance: of how many images of a "
        "hundred the class would have to be another for the balance to be the same (total "
        "variation distance; of several findings the largest difference of their shares). p: of "
        "the chi-squared test, as if images were independent."
    )
    columns = ["Split", "Distance (points)", "p"]
    return [*blocks, figure("balance"), table("shifts", about, columns, shifts)]


def _met_blocks(data: Entry) -> list[Block]:
    notes = [line for line in said(data, briefly=True) if line.kind == "note"]
    blocks = bullet_list(notes, marked=False)
    if data["steps"]:
        steps = bullets(text(code(step)) for step in data["steps"])
        blocks += [heading("Steps that made the images, in this order"), steps]
    return blocks


def _file_blocks(data: Entry) -> list[Block]:
    rows = [("File", text(code(data["file"]))), ("MD5", text(code(data["md5"])))]
    if data["license"]:
        rows.append(("Terms", text(data["license"])))
    return [definitions(rows)]
