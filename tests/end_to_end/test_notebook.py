"""A study as a notebook runs it, in this process."""

import shutil

import pytest
from conftest import SMALL_STUDY, Command

import tfmed


def test_a_notebook_finds_what_the_command_found(
    whole: Command, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(whole.cache, command.cache)
    monkeypatch.chdir(command.folder)
    for name in ("TFMED_CACHE", "MEDMNIST_ROOT", "TFMED_MEDMNIST_URL"):
        monkeypatch.setenv(name, command.environment[name])
    (command.folder / "small.toml").write_text(SMALL_STUDY, encoding="utf-8")
    found = tfmed.run("small.toml", workers=1)
    theirs = tfmed.load_results(whole.folder / "reports" / "small")
    assert found.runs.drop(columns="seconds").equals(theirs.runs.drop(columns="seconds"))
    assert found.summary.equals(theirs.summary)
    assert (found.folder / "report.pdf").is_file()
