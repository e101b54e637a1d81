"""What the pages tell people to type is understood."""

import importlib.util
import re
import shlex

import pytest
from pages import PAGES, ROOT, blocks

from tfmed.cli import make_parser
from tfmed.config.reading import read_study

COMMANDS = sorted(
    {
        command.strip()
        for page in PAGES
        for text in blocks(page, "sh")
        for line in text.splitlines()
        for command in line.split(" && ")
    }
)

IN_TABLES = sorted(
    {
        command
        for page in PAGES
        for command in re.findall(r"^\| `(tfmed [^`…]+)` \|", page.read_text("utf-8"), re.MULTILINE)
    }
)
"""First cells of tables, such as `tfmed compare A B`."""


def words_after(command: str, name: str) -> list[str]:
    words = shlex.split(command, comments=True)
    places = [n for n, word in enumerate(words) if word.rpartition("/")[2] == name]
    return words[places[0] + 1 :] if places else []


@pytest.mark.parametrize("command", [text for text in COMMANDS if "run_all.py" in text])
def test_every_command_of_run_all_is_one_that_it_takes(command):
    make_parser().parse_args(["run", *words_after(command, "run_all.py")])


@pytest.mark.parametrize("command", [text for text in COMMANDS if words_after(text, "tfmed")])
def test_every_command_of_tfmed_is_one_that_it_takes(command):
    make_parser().parse_args(words_after(command, "tfmed"))


@pytest.mark.parametrize("command", IN_TABLES)
def test_every_command_in_a_table_is_one_that_it_takes(command):
    make_parser().parse_args(words_after(command, "tfmed"))


@pytest.mark.parametrize("command", [text for text in COMMANDS if "python -m " in text])
def test_every_module_that_is_run_exists(command):
    assert importlib.util.find_spec(words_after(command, "-m")[0])


def test_the_study_file_is_sound(tmp_path):
    (text,) = blocks(ROOT / "docs" / "study-file.md", "toml")
    path = tmp_path / "study.toml"
    path.write_text(text, encoding="utf-8")
    assert f"name = {read_study(path).name!r}".replace("'", '"') in text


def test_the_file_that_the_snippet_makes_is_taken(tmp_path, monkeypatch):
    from tfmed.data.sources import resolve

    monkeypatch.chdir(tmp_path)
    (text,) = blocks(ROOT / "docs" / "your-own-images.md", "python")
    exec(text, {})
    info = resolve("my_images.npz", data_root=tmp_path, cache_dir=tmp_path, role="target")
    assert {split: sum(counts) for split, counts in info.counts.items()} == {
        "train": 600,
        "val": 100,
        "test": 200,
    }
    assert min(min(counts) for counts in info.counts.values()) > 20
