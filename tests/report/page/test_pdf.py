"""The PDF is whole on paper: nothing leaves a page, and every figure is spoken of."""

from pathlib import Path
from typing import Any, NamedTuple

import pypdfium2
import pytest
from example_results import example_results
from pypdfium2 import raw

from tfmed.errors import InputError
from tfmed.report.blocks import (
    APPENDIX,
    MAIN,
    appendix,
    figure,
    heading,
    number_blocks,
    paragraph,
    part_of,
    ref,
    table,
)
from tfmed.report.document import document
from tfmed.report.figures.drawing import described, draw_all
from tfmed.report.page.pdf import render_pdf

pytestmark = pytest.mark.slow

VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "small": {"synthetic": True, "evidence": False, "comparisons": False},
    "single": {"n_seeds": 1, "strategies": ("finetune",), "latent": False, "evidence": False},
    "hostile": {"n_seeds": 1, "hostile": True, "synthetic": True, "evidence": False},
}
FILES = {MAIN: "report.pdf", APPENDIX: "appendix.pdf"}
POINTS_PER_MM = 72 / 25.4
FOOTER = 20 * POINTS_PER_MM
DESCENDER = 6


class Char(NamedTuple):
    text: str
    left: float
    bottom: float
    right: float
    top: float


def made(results: dict, folder: Path, part: str = MAIN) -> bytes:
    figures = described(results)
    drawn = draw_all(figures.values(), folder, synthetic=results["synthetic"])
    return render_pdf(document(results, figures), drawn, part=part)


@pytest.fixture(scope="module", params=(MAIN, APPENDIX))
def part(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module", params=VARIANTS)
def pdf(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    example_report: Path,
    part: str,
) -> Any:
    content = (example_report / FILES[part]).read_bytes()
    if options := VARIANTS[request.param]:
        results = example_results(**options)
        content = made(results, tmp_path_factory.mktemp(request.param), part)
    with pypdfium2.PdfDocument(content) as opened:
        yield opened


def chars(page: Any) -> list[Char]:
    words = page.get_textpage()
    found = [
        Char(words.get_text_range(i, 1), *words.get_charbox(i)) for i in range(words.count_chars())
    ]
    return [char for char in found if char.text.strip()]


def test_no_text_leaves_the_page_box(pdf: Any) -> None:
    for page in pdf:
        width, height = page.get_size()
        for char in chars(page):
            assert 0 <= char.left <= char.right <= width
            assert 0 <= char.bottom <= char.top <= height


def test_only_the_page_number_stands_in_the_footer(pdf: Any) -> None:
    for number, page in enumerate(pdf, 1):
        low = [char for char in chars(page) if char.bottom < FOOTER - DESCENDER]
        assert "".join(char.text for char in low) == f"{number}/{len(pdf)}"
        assert all(char.top < FOOTER for char in low)


def test_every_font_is_embedded(pdf: Any) -> None:
    for page in pdf:
        for found in page.get_objects(filter=[raw.FPDF_PAGEOBJ_TEXT], max_depth=15):
            font = raw.FPDFTextObj_GetFont(found.raw)
            assert raw.FPDFFont_GetIsEmbedded(font) == 1


def test_bookmarks_name_every_section(pdf: Any, part: str) -> None:
    titles = [mark.get_title() for mark in pdf.get_toc(max_depth=1)]
    for named in {MAIN: ("The answer", "Limits"), APPENDIX: ("Provenance", "metric")}[part]:
        assert any(named in title for title in titles)


def test_contents_on_the_title_page_hold_every_section(pdf: Any) -> None:
    pages = [page.get_textpage().get_text_range() for page in pdf]
    opening = " ".join(pages[:2])
    for mark in pdf.get_toc(max_depth=1):
        assert mark.get_title() in opening


def test_metadata_say_what_it_is(pdf: Any) -> None:
    found = pdf.get_metadata_dict()
    assert found["Title"]
    assert found["Author"].startswith("tfmed")
    assert found["Subject"]
    assert found["Keywords"]
    started = example_results()["provenance"]["started"]
    assert found["CreationDate"].startswith(f"D:{started[:10].replace('-', '')}")


def test_the_file_is_tagged_and_says_its_standards(tmp_path: Path, part: str) -> None:
    results = example_results(**VARIANTS["single"])
    data = made(results, tmp_path, part)
    assert b"<pdfaid:part>2</pdfaid:part>" in data
    assert b"<pdfuaid:part>1</pdfuaid:part>" in data
    with pypdfium2.PdfDocument(data) as opened:
        assert raw.FPDFCatalog_IsTagged(opened.raw)


@pytest.mark.parametrize("options", VARIANTS.values(), ids=list(VARIANTS))
def test_every_figure_and_table_is_referred_to(options: dict) -> None:
    results = example_results(**options)
    sections = document(results, described(results))["sections"]
    shown = {b["id"] for s in sections for b in s["blocks"] if b["kind"] in ("figure", "table")}
    assert shown == set(referred(sections)) - {None}


def referred(found: Any) -> list[str]:
    """Targets of all reference spans, wherever they stand."""
    if isinstance(found, dict):
        return [name for value in found.values() for name in referred(value)]
    if not isinstance(found, list):
        return []
    if found and found[0] == "ref":
        return [found[2]]
    return [name for value in found for name in referred(value)]


def test_a_figure_nobody_mentions_is_mentioned_in_the_paragraph_above() -> None:
    blocks = [paragraph("Losses fall."), figure("a"), figure("b")]
    (section,) = number_blocks([{"blocks": blocks}])
    said = "".join(span[1] for span in section["blocks"][0]["text"])
    assert said == "Losses fall. See Figure 1 and Figure 2."


def test_a_figure_below_a_heading_gets_a_sentence_of_its_own() -> None:
    (section,) = number_blocks([{"blocks": [heading("Losses"), figure("a")]}])
    kinds = [block["kind"] for block in section["blocks"]]
    assert kinds == ["heading", "paragraph", "figure"]


def test_the_appendix_is_numbered_by_itself_and_comes_last() -> None:
    left = appendix(heading("More"), paragraph("Here."), table("c", [], ["a"], []))
    blocks = [*left, paragraph("See ", ref("c"), "."), table("a", [], ["a"], []), figure("b")]
    sections = number_blocks([{"id": "one", "blocks": blocks}])
    labels = {b["id"]: b["label"] for b in sections[0]["blocks"] if "id" in b}
    assert labels == {"a": "Table 1", "b": "Figure 1", "c": "Table A1"}
    (main,), (rest,) = (part_of(sections, part) for part in (MAIN, APPENDIX))
    assert [b["kind"] for b in main["blocks"]] == ["paragraph", "table", "figure"]
    assert [b["kind"] for b in rest["blocks"]] == ["heading", "paragraph", "table"]
    assert main["blocks"][0]["text"][1][1] == "Table A1"


def test_a_text_that_no_pdf_can_show_is_one_line(tmp_path: Path) -> None:
    results = example_results(evidence=False, latent=False, comparisons=False)
    results["study"]["title"] = "\0"
    with pytest.raises(InputError, match=r"the PDF can't show a text .*; change that text"):
        made(results, tmp_path)
