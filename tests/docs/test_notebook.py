"""What the page on notebooks shows works, with a recorded report in place of a run."""

import inspect
import re

import pytest
from matplotlib.figure import Figure
from pages import ROOT, blocks

import tfmed


@pytest.mark.parametrize("code", blocks(ROOT / "docs" / "notebook.md", "python"))
def test_every_block_runs(code, monkeypatch):
    signature = inspect.signature(tfmed.run)

    def recorded(*given, **named):
        signature.bind(*given, **named)
        return tfmed.load_results("docs/example")

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(tfmed, "run", recorded)
    *statements, shown = code.strip().splitlines()
    names: dict = {}
    exec("\n".join(statements), names)
    value = eval(shown, names)
    assert len(value.axes if isinstance(value, Figure) else value) > 0


def test_the_page_names_all_that_is_public():
    page = (ROOT / "docs" / "notebook.md").read_text(encoding="utf-8")
    results = [f"found.{name}" for name in dir(tfmed.Results) if not name.startswith("_")]
    arguments = [name for name in inspect.signature(tfmed.run).parameters if name != "study"]
    public = [f"tfmed.{name}" for name in tfmed.__all__]
    for name in (*public, *results, "found.data", "found.folder", *arguments):
        assert re.search(rf"^\|.*`{re.escape(name)}\b.*\|.*\|$", page, re.MULTILINE), name
