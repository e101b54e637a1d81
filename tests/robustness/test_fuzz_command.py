"""Odd files given to the command itself: exit code 2 and one line."""

import json
from pathlib import Path

import pytest
from mutations import cases, damaged
from test_fuzz_npz import GOOD, rebuilt, spliced
from test_fuzz_npz import look as is_taken_npz
from test_fuzz_results import odd_content
from test_fuzz_study import look as is_taken_study
from test_fuzz_study import odd_text

from tfmed import cli
from tfmed.errors import InputError
from tfmed.report import rendering
from tfmed.results.loading import read_results


def expect_refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> None:
    assert cli.main(["run", *(str(argument) for argument in arguments)]) == 2
    said = capsys.readouterr()
    errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, said.err
    assert said.err.endswith(f"{errors[0]}\n")
    assert "Traceback" not in said.err
    assert said.out == ""


@pytest.mark.filterwarnings("ignore")  # two members of one name
def test_odd_data_sets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "own.npz"
    for rng in cases(24):
        path.write_bytes(rng.choice((rebuilt, spliced, lambda r: damaged(r, GOOD[0])))(rng))
        if not is_taken_npz(path):
            expect_refused(capsys, rng.choice(("--source", "--target")), path)
    assert not (tmp_path / "reports" / "chest-to-pneumonia").exists()


def test_odd_study_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "own.toml"
    for rng in cases(24):
        path.write_bytes(odd_text(rng))
        if not is_taken_study(path):
            expect_refused(capsys, "--study", path)
            expect_refused(capsys, "--report-only", "--study", path)


def test_odd_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "draw_all", lambda *_, **__: {})  # no page comes of it
    path = tmp_path / "results.json"
    for rng in cases(24):
        path.write_bytes(odd_content(rng))
        try:
            read_results(path)
        except InputError:
            expect_refused(capsys, "--report-only", "--out", tmp_path)
            continue
        path.write_text(json.dumps({**read_results(path), "runs": "odd"}), encoding="utf-8")
        expect_refused(capsys, "--report-only", "--out", tmp_path)
