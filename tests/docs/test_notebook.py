"""What the page on notebooks shows works, with a recorded report in place of a run."""

import inspect

import pytest
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
    assert len(eval(shown, names)) > 0
