"""What the pages tell people to type is understood."""

import importlib.util
import re
import shlex

import numpy as np
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


OF_STUDIES = [
    page
    for where in ("study-file.md", "methods/*.md", "encoders/*.md")
    for page in sorted((ROOT / "docs").glob(where))
]


@pytest.mark.parametrize("page", OF_STUDIES, ids=lambda page: page.stem)
def test_the_study_files_of_a_page_are_sound(tmp_path, page):
    for text in blocks(page, "toml"):
        of_views = "[pretraining.views]" in text
        start = f"pretraining.method = '{page.stem}'\n" if of_views else ""
        path = tmp_path / "study.toml"
        path.write_text(start + text, encoding="utf-8")
        read_study(path)


def test_the_folders_and_the_table_of_the_page_are_taken(tmp_path):
    """As the page draws them, with more images."""
    from PIL import Image

    from tfmed.data.importers.settings import ImportSettings
    from tfmed.data.sources import resolve

    page = ROOT / "docs" / "your-own-images.md"
    (table,) = blocks(page, "csv")
    header, *rows = table.splitlines()
    settings = ImportSettings(size=64)
    lines, places = [header], ["train", "val", "test"]
    for number in range(30):
        split, label = places[number % 3], ("normal", "pneumonia")[number % 2]
        for file in (f"all/{label}/{number}.png", f"{split}/{label}/{number}.png"):
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng(number).integers(0, 256, (70, 50), np.uint8)
            Image.fromarray(noise).save(tmp_path / file)
        lines.append(f"{split}/{label}/{number}.png,{label},P{number},{split},F")
    assert all(len(row.split(",")) == len(header.split(",")) for row in rows)
    (tmp_path / "my_table.csv").write_text("\n".join(lines), encoding="utf-8")
    for spec in (tmp_path / "all", tmp_path, tmp_path / "my_table.csv"):
        info = resolve(
            str(spec),
            data_root=tmp_path,
            cache_dir=tmp_path / "c",
            role="target",
            settings=settings,
        )
        assert info.class_names == ("normal", "pneumonia")
        assert info.image_shape == (64, 64, 1)
        assert min(min(counts) for counts in info.counts.values()) > 0


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
