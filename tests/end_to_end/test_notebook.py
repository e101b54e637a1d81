"""The notebooks of the pages run as they are, and find what the command line finds."""

import json
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from conftest import ROOT, SMALL_STUDY, Command
from nbclient import NotebookClient

import tfmed

NOTEBOOKS = ROOT / "docs" / "notebooks"
LESSON = ROOT / "docs" / "lesson" / "01-first-classifier.ipynb"
ITS_STUDY = 'study = tfmed.Study(source="phantom", target="phantom").quickened()'


@pytest.fixture
def kernel(command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """A folder for a notebook, and the environment of kernels, without a server to load from."""
    for name in ("TFMED_CACHE", "MEDMNIST_ROOT", "TFMED_MEDMNIST_URL", "TF_CPP_MIN_LOG_LEVEL"):
        monkeypatch.setenv(name, command.environment[name])
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return command


def executed(notebook: Any, folder: Path) -> Any:
    """The notebook with its outputs; an error in a cell is one of the test."""
    resources = {"metadata": {"path": str(folder)}}
    return NotebookClient(notebook, timeout=600, resources=resources).execute()


def outputs(notebook: Any) -> list[list[dict[str, Any]]]:
    """What each cell of code shows, by kind; what is written to streams left out."""
    return [
        [output["data"] for output in cell.outputs if "data" in output]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def test_a_notebook_finds_what_the_command_found(whole: Command, kernel: Command) -> None:
    shutil.copytree(whole.cache, kernel.cache)
    (kernel.folder / "small.toml").write_text(SMALL_STUDY, encoding="utf-8")
    notebook = nbformat.read(NOTEBOOKS / "study.ipynb", as_version=4)
    (cell,) = (cell for cell in notebook.cells if ITS_STUDY in cell.source)
    cell.source = cell.source.replace(ITS_STUDY, 'study = "small.toml"')
    first, summary, comparisons, figure = outputs(executed(notebook, kernel.folder))

    bar, answer = first
    assert bar["text/plain"].endswith("  done")
    assert "Of the question" in answer["text/html"]
    assert "<table" in summary[0]["text/html"]
    assert "<table" in comparisons[0]["text/html"]
    assert "image/png" in figure[0]

    found = tfmed.load_results(kernel.folder / "reports" / "small")
    theirs = tfmed.load_results(whole.folder / "reports" / "small")
    assert found.runs.drop(columns="seconds").equals(theirs.runs.drop(columns="seconds"))
    assert found.summary.equals(theirs.summary)
    assert found.comparisons.equals(theirs.comparisons)
    assert (found.folder / "report.pdf").is_file()


def test_the_lesson_runs_as_it_stands(kernel: Command) -> None:
    folder = kernel.folder / "docs" / "lesson"
    folder.mkdir(parents=True)
    shutil.copytree(ROOT / "docs" / "example", folder.parent / "example")
    notebook = nbformat.read(LESSON, as_version=4)
    shown = [kinds for cell in outputs(executed(notebook, folder)) for kinds in cell]
    assert sum("image/png" in kinds for kinds in shown) == cells_with(notebook, "found.plot(")
    found = tfmed.load_results(folder / "reports" / "lesson-1")
    assert set(found.runs.query("strategy == 'scratch'").label_budget) == {100, "full"}


def cells_with(notebook: Any, call: str) -> int:
    """How many cells of code make a call."""
    return sum(cell.cell_type == "code" and call in cell.source for cell in notebook.cells)


def test_the_lesson_says_of_the_example_what_its_numbers_say() -> None:
    summary = tfmed.load_results(ROOT / "docs" / "example").summary
    which = "task == 'pneumoniamnist' and label_budget == 'full' and strategy == 'pixels_logistic'"
    (row,) = summary.query(which).itertuples()
    assert row.accuracy_low < 0.85 < row.accuracy_high
    assert row.specificity < 0.8 < row.sensitivity


@pytest.mark.parametrize("path", sorted(ROOT.glob("docs/**/*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs(path: Path) -> None:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
