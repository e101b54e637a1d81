"""What all commands have in common: help, usage, errors, exit codes."""

import errno
import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tfmed import cli
from tfmed.orchestration import running

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = [
    *([], ["run"], ["report"], ["compare"], ["cache"]),
    *(["data"], ["data", "check"], ["data", "import"]),
    *(["models"], ["models", "check"], ["models", "predict"]),
]


def modules_after(code):
    """Modules that a process has imported by its end."""
    code = f"import sys\ntry:\n    {code}\nexcept SystemExit: pass\nprint('MODULES', *sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split("MODULES")[-1].split())


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_fits_a_screen(words, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit, match="0"):
        cli.main([*words, "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    "code",
    [
        "from tfmed.cli import main; main(['--help'])",
        "sys.argv = ['run_all.py', '--help']; import runpy; runpy.run_path('run_all.py', "
        "run_name='__main__')",
    ],
)
def test_help_imports_neither_tensorflow_nor_matplotlib(code):
    heavy = {"tensorflow", "keras", "matplotlib", "sklearn", "pandas", "numpy", "distributed"}
    assert not heavy & modules_after(code)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "COMMAND"),
        (["walk"], "walk"),
        (["run", "--seeds", "0"], "--seeds"),
        (["run", "--seeds", "many"], "'many' is not an integer from 1 to 1000"),
        (["run", "--workers", "two"], "'two'"),
        (["run", "--workers", "-1"], "'-1'"),
        (["run", "--gpus-per-job", "2"], "'2'"),
        (["run", "--nonsense"], "--nonsense"),
        (["run", "--study", "missing.toml"], "missing.toml"),
        (["run", "--report-only", "--out", "nowhere"], "nowhere"),
        (["run", "--out", ""], "--out: the path is empty"),
        (["run", "--source", "chestmist"], "chestmnist"),
        (["run", "--source", "missing.npz"], "missing.npz"),
        (["run", "--source", "octmnist"], "octmnist"),
        (["run", "--size", "30"], "--size"),
        (["run", "--size", "64", "--target", "own.npz"], "own.npz has its own size"),
        (["run", "--size", "64", "--target", "breastmnist_128"], "names another size"),
        (["report"], "DIR"),
        (["report", "nowhere"], "nowhere"),
        (["report", "nowhere", "--check"], "nowhere"),
        (["report", "nowhere", "--reach", "much"], "'much' is not a number from -1 to 1000"),
        (["compare", "one"], "B"),
        (["compare", "one", "two"], "one"),
        (["data", "check", "missing.npz"], "missing.npz does not exist"),
        (["data", "import", "phantom"], "--out"),
        (["models", "check", "nowhere"], "nowhere: there is no such folder"),
        (["cache", "--prune", "-1"], "--prune"),
        (["cache", "--prune", "nan"], "--prune"),
        (["cache", "--prune", "x"], "--prune"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_usage_is_one_line_that_names_it_and_exit_code_2(
    words, named, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    try:
        code = cli.main(words)
    except SystemExit as stop:
        code = stop.code
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert code == 2
    assert len(error) == 1
    assert named in error[0]


def test_an_answer_of_the_system_is_one_line(capsys, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EIO, os.strerror(errno.EIO), "/disk\n/file")

    monkeypatch.setattr(running, "run", refuse)
    assert cli.main(["run"]) == 2
    assert capsys.readouterr().err == (
        "error: /disk\\n/file: Input/output error; repair the disk or its permissions and run the "
        "same command again\n"
    )


def test_a_name_in_another_encoding_is_refused_in_one_line(capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["run", "--out", os.fsdecode(b"r\xe9s")])
    said = capsys.readouterr().err
    assert said.startswith("error: out r\\udce9s: the name is not in UTF-8; rename")


def test_who_interrupts_a_fresh_run_reads_how_not_to_begin_anew(capsys, monkeypatch):
    def interrupt(_, *, listener, discarded, **__):
        if discarded:
            listener.discarded()
        raise KeyboardInterrupt

    for discarded, command in ((True, "command without --fresh"), (False, "command")):
        monkeypatch.setattr(running, "run", functools.partial(interrupt, discarded=discarded))
        assert cli.main(["run", "--fresh"]) == 130
        assert f"the same {command} goes on from there" in capsys.readouterr().err
