"""The repository's example is made from a finished report, with its images' sources credited."""

import io
import json
import os
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from example_results import HOSTILE, example_results
from PIL import Image

from tfmed.report import answer, example
from tfmed.report.selection import cell_order
from tfmed.report.wording import SYNTHETIC_MARK, interval

NAMED = {
    "scratch": "from scratch",
    "random_frozen": "random, frozen",
    "frozen": "autoencoder, frozen",
    "finetune": "autoencoder, fine-tuned",
    "simclr:frozen": "SimCLR, frozen",
    "simclr:finetune": "SimCLR, fine-tuned",
    "pixels_logistic": "logistic regression on pixels",
    "majority": "majority class",
}
"""Rows of the tables in docs/what-it-found.md."""


def write_report(folder: Path, results: dict) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1))
    with pypdfium2.PdfDocument.new() as pdf:
        pdf.new_page(595, 842)
        for name in example.PDFS:
            pdf.save(folder / name)
    return folder


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return write_report(tmp_path / "report", example_results(evidence=False, latent=False))


def test_the_example_holds_pdf_results_picture_and_credits(report: Path, tmp_path: Path) -> None:
    out = tmp_path / "docs" / "example"
    assert example.main([str(report), str(out)]) == 0
    assert {path.name for path in out.iterdir()} == {
        "report.pdf",
        "appendix.pdf",
        "results.json",
        "report.png",
        "README.md",
    }
    for name in example.PDFS:
        assert (out / name).read_bytes() == (report / name).read_bytes()
    text = (out / "results.json").read_text()
    assert text.count("\n") == 1
    found, before = json.loads(text), json.loads((report / "results.json").read_text())
    assert found["claims"] == before["claims"]
    assert [row["accuracy"] for row in found["summary"]] == [
        row["accuracy"] for row in before["summary"]
    ]
    with Image.open(out / "report.png") as picture:
        assert picture.width == example.PICTURE_WIDTH


def test_the_readme_names_run_versions_commands_data_and_sources() -> None:
    results = example_results(evidence=False, latent=False)
    words = example.readme(results)
    provenance = results["provenance"]
    for part in (
        provenance["command"],
        provenance["commit"],
        "keras 3.15.1",
        "python -m tfmed.report.example reports/chest-to-pneumonia docs/example",
        *(dataset["md5"] for dataset in results["datasets"]),
        "Terms: CC BY 4.0",
        "NIH Clinical Center; Wang et al.",
        "https://nihcc.app.box.com/v/ChestXray-NIHCC",
        "Kermany et al.",
        "not a medical device",
    ):
        assert part in words
    assert SYNTHETIC_MARK not in words
    assert SYNTHETIC_MARK in example.readme(example_results(synthetic=True, evidence=False))


def test_names_from_files_are_no_markup_in_the_readme() -> None:
    results = example_results(hostile=True, evidence=False, latent=False, comparisons=False)
    results["study"]["title"] = "<script>\n# *bold* `code`"
    words = example.readme(results)
    assert words.startswith("# An example: \\<script\\>\\\\n\\# \\*bold\\* \\`code\\`\n")
    assert HOSTILE not in words
    assert "<b>" not in words.replace("\\<b\\>", "").split("```")[0]


def test_making_the_example_again_changes_nothing(report: Path, tmp_path: Path) -> None:
    first = {path.name: path.read_bytes() for path in example.make_example(report, tmp_path / "a")}
    again = example.make_example(tmp_path / "a", tmp_path / "a")
    assert {path.name: path.read_bytes() for path in again} == first


def test_the_picture_keeps_the_colours_of_lines() -> None:
    page = np.full((40, 60, 3), 255, np.uint8)
    page[10:20, 30:40] = (0, 114, 178)
    shown = example.trimmed(page, border=4)
    assert shown.shape == (18, 18, 3)
    assert (shown[4:14, 4:14] == (0, 114, 178)).all()
    blank = np.full((5, 5, 3), 255, np.uint8)
    assert (example.trimmed(blank, 1) == blank).all()


def spoil_pdf(report: Path) -> None:
    (report / "report.pdf").write_text("no pdf")


def remove_pdf(report: Path) -> None:
    (report / "report.pdf").unlink()


def remove_appendix(report: Path) -> None:
    (report / "appendix.pdf").unlink()


def remove_results(report: Path) -> None:
    (report / "results.json").unlink()


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (spoil_pdf, "is not a PDF"),
        (remove_pdf, "tfmed report"),
        (remove_appendix, "tfmed report"),
        (remove_results, "not found"),
    ],
)
def test_an_incomplete_report_is_one_line_and_exit_code_2(
    spoil: object, named: str, report: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    spoil(report)  # type: ignore[operator]
    assert example.main([str(report), str(tmp_path / "out")]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ")
    assert named in error
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(
    report: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "out").mkdir(mode=0o500)
    assert example.main([str(report), str(tmp_path / "out")]) == 2
    assert "can't be written" in capsys.readouterr().err


@pytest.mark.slow
def test_a_real_first_page_becomes_the_picture(tmp_path: Path) -> None:
    from tfmed.report import render

    folder = write_report(tmp_path, example_results(evidence=False, latent=False))
    _, pdf = render(folder)
    with Image.open(io.BytesIO(example.first_page(pdf))) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert pixels.shape[1] == example.PICTURE_WIDTH
    assert pixels.shape[0] > 600
    assert (pixels < 100).all(axis=2).mean() > 0.002


ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "example" / "results.json"


def test_the_docs_say_what_the_example_found() -> None:
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "what-it-found.md").read_text(encoding="utf-8")
    said = page.partition("<!-- results -->")[2].partition("<!-- /results -->")[0]
    for sentence in answer(results):
        assert f"> {sentence}\n" in said
    for claim in results["claims"]:
        assert f"| {claim['claim']} | {claim['verdict'].replace('_', ' ')} |\n" in said
    target, source = results["study"]["target"], results["study"]["source"]
    tables = said.split("| accuracy |")[1:]
    for task, table in zip((target, source), tables, strict=True):
        rows = [row for row in results["summary"] if row["task"] == task]
        for strategy, name in NAMED.items():
            accuracies = [
                interval(row["accuracy"])
                for row in sorted(rows, key=cell_order)
                if (row["strategy"], row["variant"]) == (strategy, "standard")
            ]
            assert f"| {name} | {' | '.join(accuracies)} |\n" in table
