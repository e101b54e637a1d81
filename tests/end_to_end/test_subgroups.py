"""A table of images with sex, age and view: what the report says of each group."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Command
from PIL import Image
from sklearn.metrics import accuracy_score, roc_auc_score

from tfmed.results.predictions import read_labels, read_predictions, read_subgroups
from tfmed.results.schema import StudyResults

SPLITS = {"train": 60, "val": 16, "test": 90}
STUDY = """\
name = "groups"
source = "own.csv"
target = "own.csv"
seeds = 2
encoder = {name = "plain", latent_channels = 4, base_filters = 2}
pretraining = {method = "autoencoder", repeats = 1, max_images = 60, fit.epochs = 1}
latent = {max_images = 50, perplexity = 10}

[classifiers]
head.epochs = 4
finetune.epochs = 1
search = {learning_rates = [1e-3], augment = [false]}

[target_task]
label_budgets = [40]
strategies = ["frozen"]
overtrained = false
baselines = true

[source_task]
label_budgets = [40]
strategies = ["frozen"]
overtrained = false
baselines = false

[experiments]
losses = []
dropouts = []
"""


def written(folder: Path) -> None:
    """Class 1 has a bright centre, which images of women show less."""
    rng, rows = np.random.default_rng(0), []
    (folder / "img").mkdir()
    for split, n in SPLITS.items():
        for i in range(n):
            label, sex, age = i % 2, "FM"[i // 2 % 2], int(rng.integers(18, 60))
            age = 5 + i if i < 4 else 70 if i % 5 == 0 else age
            image = rng.integers(0, 120, (28, 28))
            image[9:19, 9:19] += label * (30 if sex == "F" else 90)
            name = f"img/{split}{i}.png"
            Image.fromarray(image.astype(np.uint8)).save(folder / name)
            view = "" if i % 7 == 0 else "PA" if i % 3 else "AP"
            rows.append([name, ["normal", "ill"][label], split, sex, age, view])
    with (folder / "own.csv").open("w", newline="") as file:
        header = ["path", "label", "split", "Patient Sex", "age", "view_position"]
        csv.writer(file).writerows([header, *rows])


@pytest.fixture(scope="module")
def done(new_command: Callable[[], Command]) -> tuple[Command, Path, dict[str, Any]]:
    """The command, the report's folder and its results."""
    command = new_command()
    written(command.folder)
    (command.folder / "groups.toml").write_text(STUDY, encoding="utf-8")
    found = command.run("--study", "groups.toml", "--workers", 0)
    assert found.code == 0, found.err
    folder = command.folder / "reports" / "groups"
    return command, folder, json.loads((folder / "results.json").read_text("utf-8"))


def test_each_group_is_what_sklearn_makes_of_its_images(done):
    _, folder, results = done
    StudyResults.model_validate(results)
    part = results["subgroups"]
    labels = read_labels(folder / "predictions" / f"{part['task']}_test_labels.csv")
    groups = read_subgroups(folder / "predictions", part["task"], len(labels))
    assert part["measured"]
    for entry in part["measured"]:
        keys = ("task", "strategy", "variant", "label_budget")
        runs = [r for r in results["runs"] if all(r[key] == entry[key] for key in keys)]
        inside = groups[entry["column"]] == entry["group"]
        scores = [read_predictions(folder / run["predictions"])[inside] for run in runs]
        auc = np.mean([roc_auc_score(labels[inside], row) for row in scores])
        accuracy = np.mean([accuracy_score(labels[inside], row > 0.5) for row in scores])
        assert entry["metrics"]["auc"]["mean"] == pytest.approx(auc)
        assert entry["metrics"]["accuracy"]["mean"] == pytest.approx(accuracy)


def test_small_groups_are_named_and_gaps_corrected(done):
    _, _, results = done
    sex, age, view = results["subgroups"]["columns"]
    assert [column["name"] for column in (sex, age, view)] == ["sex", "age", "view"]
    assert [group["name"] for group in sex["groups"]] == ["F", "M"]
    (young, old) = age["left_out"]
    assert (young["name"], young["why"]) == ("under 18", "4 images, fewer than 20")
    assert old["name"] == "65 and over"
    assert view["not_given"] == 13
    gaps = results["subgroups"]["gaps"]
    assert len(gaps) == 3 * len(results["decision"]["budgets"])
    assert {gap["family"] for gap in gaps} == {len(gaps)}


def test_the_report_says_it_and_its_numbers_are_checked_from_files(done):
    command, folder, _ = done
    page = (folder / "report.html").read_text("utf-8")
    assert "For whom does it work?" in page
    checked = command.tfmed("report", folder, "--check")
    assert checked.code == 0, checked.out
    assert "all agree" in checked.out


def test_checking_the_data_says_which_groups_there_are(done):
    command, _, _ = done
    checked = command.tfmed("data", "check", "own.csv")
    assert checked.code == 0, checked.err
    assert "note: groups of test images by sex: F (46), M (44)" in checked.out
    assert "under 18 (4), 18–39 (43), 40–64 (26), 65 and over (17)" in checked.out
