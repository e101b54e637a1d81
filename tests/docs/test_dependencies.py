"""The page on dependencies says why each is there."""

import re
import tomllib

from pages import ROOT


def test_the_page_names_what_the_package_depends_on_and_nothing_else():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.match(r"[\w-]+", name)[0].lower() for name in project["dependencies"]}
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (?!package)([^|]+) \|", page, re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"[\w-]+", re.sub(r"\(.*\)", "", cell))}
    # medmnist's metadata asks for PyTorch; dask comes with distributed.
    assert {name.lower() for name in named} - {"and", "medmnist", "dask"} == declared
