"""Sections of a study file whose settings come from registries, with a member more than tfmed's."""

import json
import subprocess
import sys

import pytest

TOY = """
from typing import Literal
from pydantic import Field
from tfmed.pretraining import PretrainingSettings
from tfmed.training.settings import FitSettings

class Settings(PretrainingSettings):
    method: Literal["mean_image"] = "mean_image"
    fit: FitSettings = FitSettings(epochs=9, batch_size=16, learning_rate=1e-3, patience=0)
    blur: float = Field(default=1.5, gt=0)
"""
READ = """
import json, sys
from pathlib import Path
from tfmed import pretraining
pretraining.REGISTRY["mean_image"] = "mean_image"
from tfmed.config.reading import read_study
from tfmed.errors import InputError
try:
    print(json.dumps(read_study(Path(sys.argv[1])).settings()))
except InputError as error:
    print(json.dumps(str(error)))
"""


def read(text, folder):
    (folder / "mean_image.py").write_text(TOY)
    (folder / "study.toml").write_text(text)
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); {READ}"
    command = [sys.executable, "-c", code.replace("; \n", "\n"), str(folder / "study.toml")]
    return json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def test_a_method_more_has_its_own_defaults_and_strategies(tmp_path):
    found = read("[pretraining]\nmethod = 'mean_image'\nfit.epochs = 4", tmp_path)
    assert found["pretraining"]["method"] == "mean_image"
    assert found["pretraining"]["blur"] == 1.5
    assert found["pretraining"]["fit"]["epochs"] == 4
    assert found["pretraining"]["fit"]["batch_size"] == 16
    own = ["scratch", "random_frozen", "mean_image:frozen", "mean_image:finetune"]
    assert found["source_task"]["strategies"] == found["target_task"]["strategies"] == own


def test_the_default_stays_the_default_beside_another(tmp_path):
    found = read("[pretraining]\nmax_images = 70", tmp_path)
    assert found["pretraining"]["method"] == "autoencoder"
    assert found["target_task"]["strategies"][3] == "finetune"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("method = 'mean_imag'", "did you mean 'mean_image'?"),
        ("method = 3", "pretraining.method = 3 must be one of"),
        ("method = 'mean_image'\nblur = 0", "pretraining.blur = 0 is out of range; it must be ab"),
        ("method = 'mean_image'\nblurr = 1", "'pretraining.blurr'; did you mean 'blur'?"),
        ("method = 'mean_image'\nfit.epochs = 0", "pretraining.fit.epochs = 0 is out of range"),
        ("blur = 1.0", "unknown setting 'pretraining.blur'"),
    ],
)
def test_a_mistake_in_a_section_of_a_registry_is_named_in_one_line(tmp_path, text, line):
    assert line in read(f"[pretraining]\n{text}", tmp_path)


def test_several_methods_have_a_table_each_and_their_strategies(tmp_path):
    tables = (
        "[[pretraining]]\nmethod = 'simclr'\n[[pretraining]]\nmethod = 'mean_image'\nblur = 2.0"
    )
    found = read(tables, tmp_path)
    assert [each["method"] for each in found["pretraining"]] == ["simclr", "mean_image"]
    assert found["pretraining"][1]["fit"]["epochs"] == 9
    bare, own = ["scratch", "random_frozen"], ["simclr", "mean_image"]
    started = [f"{method}:{trained}" for method in own for trained in ("frozen", "finetune")]
    assert found["target_task"]["strategies"] == bare + started


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[[pretraining]]\n[[pretraining]]\nseed = 3", "'autoencoder' is there twice; give each"),
        ("pretraining = []", "pretraining has no table; leave it out, or write [pretraining]"),
        ("pretraining = [3]", "pretraining must be a table"),
        ("[[pretraining]]\nmethod = 'vicreg'\nviews.blur = 3.0", "pretraining.views.blur = 3.0 is"),
        (
            "[[pretraining]]\nmethod = 'simclr'\nprojection = [0]",
            "pretraining.projection = 0 is out",
        ),
        ("[pretraining]\nmethod = 'simclr'\nprojection = []", "pretraining.projection"),
        ("[pretraining]\nimages = 'targets'", "did you mean 'target'?"),
    ],
)
def test_a_mistake_in_a_list_of_methods_is_named_in_one_line(tmp_path, text, line):
    found = read(text, tmp_path)
    assert line in found
    assert "\n" not in found
