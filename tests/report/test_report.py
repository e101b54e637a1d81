"""The report says what the results say, in two formats, whatever the names in them."""

import errno
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import pypdfium2
import pytest
from example_results import HOSTILE, example_results
from hypothesis import given
from hypothesis import strategies as st

from tfmed import report
from tfmed.errors import InputError
from tfmed.report import wording
from tfmed.report.blocks import APPENDIX, MAIN, part_of
from tfmed.report.document import document
from tfmed.report.figures.drawing import described
from tfmed.report.figures.looks import looks_of
from tfmed.report.wording import SYNTHETIC_MARK
from tfmed.results import loading
from tfmed.results.schema import StudyResults

ROOT = Path(__file__).parents[2]
VARIANTS: list[dict[str, Any]] = [
    {},
    {"synthetic": True, "n_seeds": 1, "strategies": ("finetune",)},
    {"hostile": True, "latent": False, "comparisons": False},
]


class Page(HTMLParser):
    """Text, tags, ids and addresses of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(html)
        self.text = " ".join(self.words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name in ("src", "srcset", "href", "xlink:href", "data", "action", "poster"):
                (self.links if tag == "a" else self.loads).append(value or "")

    def handle_data(self, data: str) -> None:
        self.words.append(data)


class Rendered(NamedTuple):
    html: str
    page: Page
    pdf: bytes
    pdf_pages: list[str]
    appendix: bytes
    appendix_pages: list[str]


def write_results(out: Path, results: dict) -> Path:
    (out / "results.json").write_text(json.dumps(results))
    return out


def rendered(out: Path, results: dict) -> Rendered:
    report.render(write_results(out, results))
    return opened(out)


def opened(out: Path) -> Rendered:
    text = (out / "report.html").read_text(encoding="utf-8")
    pdf, appendix = out / "report.pdf", out / "appendix.pdf"
    printed = pdf.read_bytes(), pages_of(pdf), appendix.read_bytes(), pages_of(appendix)
    return Rendered(text, Page(text), *printed)


def pages_of(pdf: Path) -> list[str]:
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.get_textpage().get_text_range() for page in document]


@pytest.fixture(scope="module")
def real(example_report: Path) -> Rendered:
    return opened(example_report)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    results = example_results(
        synthetic=True, hostile=True, n_seeds=1, strategies=("frozen", "finetune"), latent=False
    )
    return rendered(tmp_path_factory.mktemp("hostile"), results)


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    results = example_results(n_seeds=1, strategies=("finetune",), latent=False)
    return rendered(tmp_path_factory.mktemp("single"), results)


def squeezed(text: str) -> str:
    """Text without spaces, invisible characters and line ends, which a PDF sets as it likes."""
    return re.sub(r"[\s\u200b\u200e\u200f\ufffe\x02-]+", "", text)


def test_both_formats_open_with_the_answer(real: Rendered) -> None:
    for sentence in report.answer(example_results()):
        assert sentence in real.page.text
        assert squeezed(sentence) in squeezed(real.pdf_pages[0])


def test_both_formats_have_the_same_figures_and_tables(real: Rendered) -> None:
    captions = re.compile(r"(?:Figure|Table) A?\d+\.")
    main, left = (captions.findall(" ".join(p)) for p in (real.pdf_pages, real.appendix_pages))
    own_main = {label for label in main if "A" not in label}
    own_left = {label for label in left if "A" in label}
    labels = set(captions.findall(real.page.text))
    assert labels == own_main | own_left
    assert len(labels) > 25
    assert len(own_main) < len(own_left)


def test_every_figure_and_table_is_in_the_main_part_or_the_appendix_once(real: Rendered) -> None:
    results = example_results()
    sections = document(results, described(results))["sections"]
    whole, main, left = (
        [b["id"] for section in found for b in section["blocks"] if "id" in b]
        for found in (sections, part_of(sections, MAIN), part_of(sections, APPENDIX))
    )
    assert sorted(whole) == sorted([*main, *left])
    assert len(set(whole)) == len(whole)
    for identifier in whole:
        assert real.page.ids.count(f"item-{identifier}") == 1


@pytest.mark.parametrize("options", VARIANTS)
def test_no_heading_is_left_alone_in_a_part(options: dict) -> None:
    results = example_results(**options)
    sections = document(results, described(results))["sections"]
    for part in (MAIN, APPENDIX):
        for section in part_of(sections, part):
            kinds = [block["kind"] for block in section["blocks"]]
            assert ("heading", "heading") not in itertools.pairwise([*kinds, "heading"])


def test_every_metric_of_every_strategy_is_in_the_table(real: Rendered) -> None:
    for row in example_results()["summary"]:
        for metric in wording.METRIC_NAMES:
            assert wording.interval(row[metric]).partition(" ")[2] in real.page.text


def test_every_model_has_a_card_that_says_why_it_is_not_stable(real: Rendered) -> None:
    (model,) = example_results()["models"]
    rare = 100 * model["card"]["class_balance"]["shift"][0]["accuracy"]
    said = [
        *(model["path"], *model["reasons"], *model["card"]["not_for"]),
        *("+1.5 points [−2.0, +5.0]", f"5 %: accuracy {rare:.0f} %"),
        model["card"]["call"]["command"],
    ]
    printed = squeezed(" ".join([*real.pdf_pages, *real.appendix_pages]))
    for words in said:
        assert words in real.page.text
        assert squeezed(words) in printed


def test_html_asks_for_nothing_from_outside(real: Rendered, hostile: Rendered) -> None:
    for made in (real, hostile):
        assert all(load.startswith(("data:", "#")) for load in made.page.loads)
        # What the scripts ask for, a browser tells: tests/browser.
        markup = re.sub(r"<script.*?</script>", "", made.html, flags=re.S)
        assert not re.search(r"url\(\s*['\"]?(?!#|data:)|@import", markup)
    beside = r"figures/[a-z0-9-]+\.(svg|csv)"
    for address in real.page.links:
        assert address.startswith(("#", "https://")) or re.fullmatch(beside, address)


def test_html_ids_are_unique_and_its_links_resolve(real: Rendered) -> None:
    assert len(set(real.page.ids)) == len(real.page.ids)
    inner = {address[1:] for address in real.page.links if address.startswith("#")}
    assert inner <= set(real.page.ids)


def test_html_has_language_title_charset_and_labelled_figures(real: Rendered) -> None:
    assert '<html lang="en">' in real.html
    assert '<meta charset="utf-8">' in real.html
    assert f"<title>{example_results()['study']['title']}" in real.html
    assert real.html.count('role="img"') == real.page.tags.count("figure")


def test_hostile_names_come_out_as_text(hostile: Rendered) -> None:
    assert squeezed(HOSTILE) in squeezed(hostile.page.text)
    assert "<script>alert(1)</script>" in hostile.page.text
    whole = squeezed("".join(hostile.pdf_pages))
    assert squeezed('#1 *bold* _it_ $x$ `c` @ref <b>"q"</b> \\') in whole
    assert "<script>alert(1)</script>" in whole


def test_every_page_of_a_synthetic_report_says_so(hostile: Rendered) -> None:
    assert all(SYNTHETIC_MARK in page for page in hostile.pdf_pages)
    assert all(SYNTHETIC_MARK in page for page in hostile.appendix_pages)
    assert SYNTHETIC_MARK in hostile.page.text
    assert '<p class="mark"' in hostile.html


def test_a_real_report_carries_no_synthetic_mark(real: Rendered) -> None:
    assert "SYNTHETIC" not in real.html
    assert "SYNTHETIC" not in "".join([*real.pdf_pages, *real.appendix_pages])


def test_no_pdf_page_but_the_last_is_nearly_empty(real: Rendered) -> None:
    assert all(len(page) > 100 for page in [*real.pdf_pages, *real.appendix_pages])


def test_one_strategy_and_one_seed_make_a_report(single: Rendered) -> None:
    assert "whether pretraining helps cannot be said" in single.page.text
    assert "With one seed" in single.page.text


@pytest.mark.slow
def test_same_results_give_the_same_files(tmp_path: Path, single: Rendered) -> None:
    results = example_results(n_seeds=1, strategies=("finetune",), latent=False)
    again = rendered(tmp_path, results)
    assert again.html == single.html
    assert again.pdf == single.pdf
    assert again.appendix == single.appendix
    assert not list(tmp_path.rglob("*.part"))


def test_a_bare_study_still_makes_a_report(tmp_path: Path) -> None:
    results = example_results(n_seeds=1, latent=False)
    results |= {"pretraining": [], "runs": [], "summary": [], "comparisons": [], "models": []}
    for dataset in results["datasets"]:
        dataset["examples"] = [[], []]
    StudyResults.model_validate_json(json.dumps(results))
    assert "No classifier was trained" in rendered(tmp_path, results).page.text


def test_metrics_that_are_not_defined_are_dashes_with_a_reason(tmp_path: Path) -> None:
    results = example_results(n_seeds=1, strategies=("scratch",), latent=False)
    for row in results["summary"]:
        row |= {"auc": None, "roc": None}
    for run in results["runs"]:
        run["metrics"]["auc"] = None
        run |= {"undefined": {"auc": "one class only"}, "roc_tpr": None, "history": {}}
    assert "AUC: one class only" in rendered(tmp_path, results).page.text


def test_missing_results_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"results\.json: not found; run the study"):
        report.render(tmp_path)


def test_results_of_another_version_are_refused(tmp_path: Path) -> None:
    write_results(tmp_path, {**example_results(latent=False), "schema_version": 0})
    with pytest.raises(InputError, match="schema version 0, this tfmed reads 3"):
        report.render(tmp_path)


@pytest.mark.parametrize("key", ["latent", "class_names"])
def test_results_without_a_part_are_refused_in_one_line(tmp_path: Path, key: str) -> None:
    results = example_results(n_seeds=1, strategies=("scratch",), latent=False)
    results.pop(key, None)
    results["datasets"][0].pop(key, None)
    with pytest.raises(InputError, match=key) as error:
        report.render_again(write_results(tmp_path, results))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "report.html").exists()


@given(content=st.binary(max_size=200))
def test_results_of_any_bytes_are_refused_and_not_crashed_on(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "junk.json"
    path.write_bytes(content)
    with pytest.raises(InputError):
        loading.read_results(path)


@pytest.mark.parametrize("text", ['{"x": NaN}', "[" * 10**5, '{"x": -1.5e999}'])
def test_what_python_reads_and_json_has_not_is_refused_in_one_line(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(InputError, match="can't be read") as error:
        loading.read_results(tmp_path / "results.json")
    assert str(error.value).isprintable()


def test_true_is_no_schema_version(tmp_path: Path) -> None:
    results = {**example_results(latent=False), "schema_version": True}
    with pytest.raises(InputError, match="schema version True"):
        loading.read_results(write_results(tmp_path, results) / "results.json")


@pytest.mark.parametrize("path", ["provenance", "study", "latent", "runs"])
def test_parts_of_another_kind_are_refused_in_one_line(tmp_path: Path, path: str) -> None:
    results = example_results(n_seeds=1, strategies=("scratch",), latent=False)
    with pytest.raises(InputError, match=rf"not a study's results \({path}: ") as error:
        report.render_again(write_results(tmp_path, {**results, path: "W\n" * 2000}))
    assert len(str(error.value)) <= 400
    assert str(error.value).isprintable()
    assert not (tmp_path / "report.html").exists()


def test_a_disk_that_fills_up_is_named_and_no_half_file_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes

    def no_room(path: Path, data: bytes) -> int:
        if path.name.startswith(".report.pdf"):
            write(path, data[:100])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", no_room)
    results = example_results(n_seeds=1, strategies=("finetune",), latent=False)
    with pytest.raises(InputError, match=r"report\.pdf.*No space left on device.*--out"):
        report.render_again(write_results(tmp_path, results))
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]


def test_rendering_needs_no_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    results = example_results(n_seeds=1, strategies=("finetune",), latent=False)
    assert rendered(tmp_path, results).pdf


def test_the_report_needs_no_tensorflow() -> None:
    code = (
        "import sys, tfmed.report; "
        "print(sorted({'tensorflow', 'keras', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


NEW = {"frozen": "simclr:frozen", "finetune": "simclr:finetune"}
"""Strategies of a method that reconstructs nothing, in place of the autoencoder's."""


def of_a_new_method(results: dict, *, beside: bool) -> dict:
    """The same results for `simclr`, alone or beside the autoencoder's."""

    def renamed(found: Any) -> Any:
        if isinstance(found, list):
            return [renamed(item) for item in found]
        if not isinstance(found, dict):
            return found
        named = {key: renamed(value) for key, value in found.items()}
        return named | (
            {"strategy": NEW.get(found["strategy"], found["strategy"])}
            if "strategy" in found
            else {}
        )

    for part in ("runs", "summary", "comparisons"):
        new = renamed(results[part])
        old = results[part] if beside else []
        results[part] = old + [entry for entry in new if entry not in old]
    (fit,) = results["pretraining"]
    new_fit = fit | {"id": "simclr-0", "method": "simclr", "parameters": {"encoder": 10, "head": 5}}
    new_fit |= {"test": None, "detail": None, "mse_quantiles": [], "reconstructions": []}
    results["pretraining"] = [fit, new_fit] if beside else [new_fit]
    return results


@pytest.mark.parametrize("beside", [False, True])
def test_a_pretraining_method_that_is_new_to_the_report_is_named_and_drawn(
    beside: bool, tmp_path: Path
) -> None:
    results = of_a_new_method(
        example_results(n_seeds=2, latent=False, evidence=False), beside=beside
    )
    made = rendered(tmp_path, results)
    for words in ("SimCLR, frozen", "SimCLR, fine-tuned", "the head 5"):
        assert words in made.page.text
    assert ("autoencoder, frozen" in made.page.text) == beside
    drawing = (tmp_path / "figures" / "answer.svg").read_text()
    for name in NEW.values():
        assert looks_of(results)[name].colour.lower() in drawing
    assert ("pretrained strategy with the highest mean" in report.answer(results)[0]) == beside


MOST_PAGES = 12


@pytest.mark.slow
def test_the_main_part_of_the_default_study_has_few_pages(tmp_path: Path) -> None:
    results = json.loads((ROOT / "docs" / "example" / "results.json").read_text(encoding="utf-8"))
    made = rendered(tmp_path, results)
    assert len(made.pdf_pages) <= MOST_PAGES
    assert len(made.appendix_pages) > MOST_PAGES
    assert all(len(page) > 500 for page in made.pdf_pages)
