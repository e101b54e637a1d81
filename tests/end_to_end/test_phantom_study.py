"""A whole, tiny study on drawn images: what it writes, that it repeats, how it is broken off."""

import contextlib
import csv
import io
import json
import re
import shutil
import signal
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pytest
from conftest import Command, Done

from tfmed.design import BASELINES
from tfmed.report.wording import SYNTHETIC_MARK
from tfmed.results.schema import StudyResults

with contextlib.redirect_stdout(io.StringIO()):
    from medmnist.evaluator import getACC, getAUC

STUDY = """\
name = "tiny"
source = "phantom"
target = "phantom"
seeds = 2
encoder = {name = "plain", latent_channels = 8, base_filters = 4}
pretraining = {method = "autoencoder", repeats = 1, max_images = 300, fit.epochs = 2}
latent = {max_images = 120, perplexity = 10}

[classifiers]
head.epochs = 5
finetune.epochs = 2
search = {learning_rates = [1e-3], augment = [false]}
overtrained_epochs = 4

[source_task]
label_budgets = [40]
strategies = ["frozen"]
overtrained = true

[target_task]
label_budgets = [40]

[experiments]
losses = ["class_weighted", "focal"]
dropouts = [0.0, 0.5, 0.7]
"""
MODELS = {
    "phantom-chest_frozen_40",
    "phantom-chest_scratch_40_overtrained",
    "phantom-pneumonia_finetune_40",
    "phantom-pneumonia_frozen_40",
    "phantom-pneumonia_random_frozen_40",
    "phantom-pneumonia_scratch_40",
}
TIMES = {"started", "seconds", "command", "commit"}


def tiny(command: Command) -> list[object]:
    """Arguments that run the tiny study."""
    (command.folder / "tiny.toml").write_text(STUDY, encoding="utf-8")
    return ["--study", "tiny.toml"]


@pytest.fixture(scope="module")
def first(new_command: Callable[[], Command]) -> tuple[Command, Done]:
    """The study, run once without disturbance."""
    command = new_command()
    done = command.run(*tiny(command), "--workers", 1)
    assert done.code == 0, done.err
    return command, done


@pytest.fixture(scope="module")
def out(first: tuple[Command, Done]) -> Path:
    return first[0].folder / "reports" / "tiny"


@pytest.fixture(scope="module")
def results(out: Path) -> dict[str, Any]:
    return json.loads((out / "results.json").read_text(encoding="utf-8"))


def without_times(value: Any) -> Any:
    """Results without what differs between two runs of the same study."""
    if isinstance(value, dict):
        return {name: without_times(item) for name, item in value.items() if name not in TIMES}
    return [without_times(item) for item in value] if isinstance(value, list) else value


def test_every_output_is_there_and_nothing_half_written(
    first: tuple[Command, Done], out: Path, results: dict[str, Any]
) -> None:
    assert {path.name for path in out.iterdir()} == {
        *("report.html", "report.pdf", "appendix.pdf", "results.json"),
        *("figures", "images", "predictions"),
    }
    assert {path.suffix for path in (out / "figures").iterdir()} == {".svg", ".csv"}
    runs = {run["predictions"] for run in results["runs"]}
    assert all((out / path).is_file() for path in runs)
    assert len(runs) == len(results["runs"]) == 2 * (2 + 7 + 4 + 7 + 4)
    models = first[0].folder / "saved_models"
    assert {path.name for path in models.iterdir()} == MODELS | {"models.config", "batching.config"}
    for name in MODELS:
        held = {path.name for path in (models / name / "1").iterdir()}
        assert held >= {"saved_model.pb", "model_card.json", "gate.json", "assets.extra"}
    assert {entry["name"] for entry in results["models"]} == MODELS
    written = [*first[1].files, *first[0].cache.rglob("*")]
    assert not [path for path in written if path.name.startswith(".") or path.suffix == ".tmp"]


def test_results_keep_their_schema(results: dict[str, Any]) -> None:
    StudyResults.model_validate_json(json.dumps(results))


def test_accuracy_and_auc_are_what_medmnist_computes_from_the_predictions_files(
    out: Path, results: dict[str, Any]
) -> None:
    for run in results["runs"]:
        labels = column(out / "predictions" / f"{run['task']}_test_labels.csv")[:, None]
        scores = column(out / run["predictions"])[:, None]
        assert run["metrics"]["accuracy"] == pytest.approx(
            getACC(labels, scores, "binary-class"), abs=1e-12
        )
        assert run["metrics"]["auc"] == pytest.approx(
            getAUC(labels, scores, "binary-class"), abs=1e-12
        )


def column(path: Path) -> np.ndarray:
    with path.open(encoding="utf-8", newline="") as file:
        return np.array([float(row[1]) for row in csv.reader(file)])


def test_a_label_budget_counts_training_and_validation_labels(results: dict[str, Any]) -> None:
    sizes = {
        (run["strategy"] in map(str, BASELINES), run["n_train"], run["n_val"])
        for run in results["runs"]
    }
    assert sizes == {(False, 32, 8), (True, 40, 0)}


def test_synthetic_data_is_marked_everywhere(
    first: tuple[Command, Done], out: Path, results: dict[str, Any]
) -> None:
    assert results["synthetic"] is True
    assert SYNTHETIC_MARK in (out / "report.html").read_text(encoding="utf-8")
    for name in ("report.pdf", "appendix.pdf"):
        with pypdfium2.PdfDocument(out / name) as document:
            pages = [page.get_textpage().get_text_range() for page in document]
        assert len(pages) > 3
        assert all(SYNTHETIC_MARK in page for page in pages)
    figures = [path.read_text(encoding="utf-8") for path in (out / "figures").glob("*.svg")]
    assert len(figures) > 10
    assert all("SYNTHETIC" in figure for figure in figures)
    assert "SYNTHETIC DATA" in first[1].err


class Loads(HTMLParser):
    """Addresses that a page loads when it is opened."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = ("src", "srcset", "href", "xlink:href", "data", "action", "poster")
        if tag != "a":
            self.found += [value or "" for name, value in attrs if name in names]


def test_the_page_loads_nothing_from_elsewhere(out: Path) -> None:
    html = (out / "report.html").read_text(encoding="utf-8")
    assert all(address.startswith(("#", "data:")) for address in Loads(html).found)
    # What the scripts ask for, a browser tells: tests/browser.
    markup = re.sub(r"<script.*?</script>", "", html, flags=re.S)
    assert not re.search(r"url\(\s*['\"]?(?!#|data:)|@import", markup)


def test_the_report_is_rendered_again_without_tensorflow(
    first: tuple[Command, Done], out: Path
) -> None:
    command = first[0]
    names = ("report.html", "report.pdf", "appendix.pdf")
    before = {name: (out / name).read_bytes() for name in names}
    for name in before:
        (out / name).unlink()
    done = command.run_without_tensorflow("--study", "tiny.toml", "--report-only")
    assert done.code == 0, done.err
    assert {name: (out / name).read_bytes() for name in before} == before


def test_a_second_run_computes_nothing_again(
    first: tuple[Command, Done], results: dict[str, Any]
) -> None:
    kept = finished_jobs(first[0])
    watched = ["--out", "again", "--tensorboard", "curves"]
    done = first[0].run_without_tensorflow(*tiny(first[0]), *watched)
    assert done.code == 0, done.err
    fits = [path for path in kept if path.parent.name in ("pretrain", "classify")]
    assert len(list((done.folder / "curves" / "tiny").glob("*/events.*"))) == len(fits)
    assert finished_jobs(first[0]) == kept
    again = json.loads((done.folder / "again" / "tiny" / "results.json").read_text())
    assert without_times(again) == without_times(results)
    assert {path.name for path in (done.folder / "saved_models").glob("*/*")} == {"1"}


def test_a_run_broken_off_goes_on_to_the_same_results(
    first: tuple[Command, Done], results: dict[str, Any], command: Command
) -> None:
    shutil.copytree(first[0].cache / "phantom", command.cache / "phantom")
    with command.start(*tiny(command), "--workers", 2) as process:
        wait_for(lambda: len(finished_jobs(command)) >= 3, process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "interrupted; finished work is kept" in err
    assert "Traceback" not in err
    assert not list(command.folder.rglob("results.json"))
    kept = finished_jobs(command)

    done = command.run(*tiny(command), "--workers", 1)
    assert done.code == 0, done.err
    assert kept.items() <= finished_jobs(command).items()
    resumed = json.loads((command.folder / "reports" / "tiny" / "results.json").read_text())
    assert without_times(resumed) == without_times(results)


def finished_jobs(command: Command) -> dict[Path, bytes]:
    """File of each finished job and its content, which holds the seconds that the job took."""
    return {path: path.read_bytes() for path in command.cache.glob("jobs/*/*.job")}


def wait_for(happened: Callable[[], bool], process: Any, seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)


def test_quick_without_data_or_network_says_loudly_that_it_is_synthetic(command: Command) -> None:
    started = time.monotonic()
    done = command.run("--quick", "--seeds", 1)
    assert done.code == 0, done.err
    assert "*** SYNTHETIC DATA *** chestmnist and pneumoniamnist" in done.err
    assert "SYNTHETIC DATA, no medical meaning" in done.err
    folder = command.folder / "reports" / "chest-to-pneumonia-quick"
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert results["study"]["quick"]
    assert results["synthetic"]
    assert SYNTHETIC_MARK in (folder / "report.html").read_text(encoding="utf-8")
    assert time.monotonic() - started < 400


def test_help_answers_at_once_without_tensorflow(command: Command) -> None:
    started = time.monotonic()
    done = command.run_without_tensorflow("--help")
    assert done.code == 0
    assert "--report-only" in done.out
    assert time.monotonic() - started < 5
