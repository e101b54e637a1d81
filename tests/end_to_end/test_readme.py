"""What the README tells people to type is understood."""

import re
import shlex

import pytest
from conftest import ROOT

from tfmed.cli.arguments import make_parser
from tfmed.config.study import read_study

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = [
    command
    for language, text in BLOCKS
    if language == "sh"
    for line in text.splitlines()
    for command in line.split(" && ")
]


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


@pytest.mark.parametrize("command", [text for text in COMMANDS if "run_all.py" in text])
def test_every_command_is_one_that_the_program_takes(command):
    words = shlex.split(command, comments=True)
    make_parser().parse_args(words[words.index("run_all.py") + 1 :])


@pytest.mark.parametrize("command", [text for text in COMMANDS if "tfmed.serving" in text])
def test_every_command_of_models_in_service_is_one_that_it_takes(command):
    from tfmed.serving.__main__ import _parser as serving_parser

    words = shlex.split(command, comments=True)
    serving_parser().parse_args(words[words.index("tfmed.serving") + 1 :])


def test_the_study_file_is_sound(tmp_path):
    (text,) = blocks("toml")
    path = tmp_path / "study.toml"
    path.write_text(text, encoding="utf-8")
    assert f"name = {read_study(path).name!r}".replace("'", '"') in text


def test_the_file_that_the_snippet_makes_is_taken(tmp_path, monkeypatch):
    from tfmed.data.sources import resolve

    monkeypatch.chdir(tmp_path)
    (text,) = blocks("python")
    exec(text, {})
    info = resolve("my_images.npz", data_root=tmp_path, cache_dir=tmp_path, role="target")
    assert {split: sum(counts) for split, counts in info.counts.items()} == {
        "train": 600,
        "val": 100,
        "test": 200,
    }
    assert min(min(counts) for counts in info.counts.values()) > 20


def test_every_file_that_is_linked_exists():
    linked = re.findall(r'\]\(([^)#:]+)\)|src="([^":]+)"', README)
    assert len(linked) >= 4
    assert all((ROOT / (link or image)).is_file() for link, image in linked)
