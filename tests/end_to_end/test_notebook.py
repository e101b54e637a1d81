"""The notebooks of the pages run as they are, and find what the command line finds."""

import json
import re
import shutil
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
from conftest import ROOT, SMALL_STUDY, Command
from nbclient import NotebookClient

import tfmed

NOTEBOOKS = ROOT / "docs" / "notebooks"
LESSONS = ROOT / "docs" / "lesson"
LESSON_SECONDS = 300
FIGURE = re.compile(r"^(figure|(found|real)\.plot\(.*\)|show\(.*\))$")
"""Last line of a cell that shows a figure."""
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


@pytest.fixture
def classroom(kernel: Command) -> Path:
    """The folder of the lessons, without the lessons."""
    folder = kernel.folder / "docs" / "lesson"
    folder.mkdir(parents=True)
    shutil.copytree(ROOT / "docs" / "example", folder.parent / "example")
    return folder


def taught(name: str, folder: Path, *holds: str) -> None:
    """Runs a lesson as it stands, in its time; then, in its kernel, what holds of its names."""
    notebook = nbformat.read(LESSONS / f"{name}.ipynb", as_version=4)
    figures = sum(
        bool(FIGURE.match(cell.source.splitlines()[-1]))
        for cell in notebook.cells
        if cell.cell_type == "code"
    )
    notebook.cells += [nbformat.v4.new_code_cell(f"assert {each}") for each in holds]
    start = time.monotonic()
    shown = [kinds for cell in outputs(executed(notebook, folder)) for kinds in cell]
    assert time.monotonic() - start < LESSON_SECONDS
    assert sum("image/png" in kinds for kinds in shown) == figures > 2


def test_the_first_lesson_runs_as_it_stands(classroom: Path) -> None:
    taught("01-first-classifier", classroom)
    found = tfmed.load_results(classroom / "reports" / "lesson-1")
    assert set(found.runs.query("strategy == 'scratch'").label_budget) == {100, "full"}


def test_the_other_lessons_run_one_after_the_other(classroom: Path) -> None:
    """The third takes its models from the study of the second."""
    taught(
        "02-luck-or-effect",
        classroom,
        "by_seed.shape == (5, 6) and not by_seed.isna().any(axis=None)",
        "[row['encoder moved'] for row in rows] == [False, True]",
        "abs(within.mean() - table.difference[f'{a} - {b}']) < 1e-9",
        "abs(corrected - table.p_adjusted[p.index]).max() < 1e-6",
        "0.4 < excludes_zero.any(axis=1).mean() < 0.5",
    )
    taught(
        "03-from-model-to-service",
        classroom,
        "abs((alarm == ill).mean() - measured) < 1e-9",
        "verdict['stage'] == 'stable'",
        "'unservable' in terminal('models', 'check', damaged)",
        "[each['label'] == disease for each in predictions] == alarm[:2].tolist()",
    )


def test_the_third_lesson_has_the_study_of_the_second() -> None:
    second, third = (
        next(cell.source for cell in notebook.cells if "tfmed.Study(" in cell.source)
        for name in ("02-luck-or-effect", "03-from-model-to-service")
        for notebook in [nbformat.read(LESSONS / f"{name}.ipynb", as_version=4)]
    )
    assert second == third


def test_the_first_lesson_says_of_the_example_what_its_numbers_say() -> None:
    summary = tfmed.load_results(ROOT / "docs" / "example").summary
    which = "task == 'pneumoniamnist' and label_budget == 'full' and strategy == 'pixels_logistic'"
    (row,) = summary.query(which).itertuples()
    assert row.accuracy_low < 0.85 < row.accuracy_high
    assert row.specificity < 0.8 < row.sensitivity


def test_the_other_lessons_say_of_the_example_what_its_numbers_say() -> None:
    example = tfmed.load_results(ROOT / "docs" / "example")
    runs = example.runs.query(
        "task == 'pneumoniamnist' and variant == 'standard' and label_budget == 'full'"
    )
    tuned, frozen = (
        runs[runs.strategy == name].accuracy.to_numpy() for name in ("finetune", "frozen")
    )
    assert len(tuned) == len(frozen) == 15
    assert set(runs.n_test) == {624}
    assert abs(tuned.mean() - frozen.mean()) < 0.01  # "their means hardly differ"
    assert (abs(tuned[:, None] - tuned) >= 0.03).mean() > 0.1
    claims = {claim["id"]: claim for claim in example.data["claims"]}
    assert claims["finetune_accuracy"]["verdict"] == "undecided"
    assert claims["finetune_accuracy"]["needed"]["of"].startswith("test images")

    stages = {model["name"]: model["stage"] for model in example.data["models"]}
    of_nih = {stage for name, stage in stages.items() if name.startswith("chest_nih")}
    assert of_nih == {"candidate", "stable"}
    fall = {
        (entry["strategy"], each["kind"]): entry["clean"]["auc"] - each["metrics"]["auc"]
        for entry in example.data["robustness"]
        if entry["task"] == "pneumoniamnist"
        for each in entry["corruptions"]
        if each["strength"] == 3
    }
    for kind in ("brightness", "contrast", "noise"):
        for strategy in ("simclr:frozen", "simclr:finetune"):
            assert fall[strategy, kind] < fall["scratch", kind]


@pytest.mark.parametrize("path", sorted(ROOT.glob("docs/**/*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs(path: Path) -> None:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
