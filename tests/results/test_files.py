"""Tests of the file that holds the results."""

import errno
import json
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from tfmed.errors import InputError
from tfmed.results import files


@pytest.fixture
def any_results(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets results be written that are only a part of some."""
    monkeypatch.setattr(files.StudyResults, "model_validate_json", lambda text: None)


def test_nothing_is_written_that_is_not_as_the_schema_says(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="study"):
        files.write({"schema_version": 3}, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("any_results")
def test_results_are_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write({"schema_version": 1}, tmp_path)
    before = (tmp_path / "results.json").read_bytes()
    whole = Path.write_text

    def no_room(path: Path, text: str, **options: str) -> int:
        whole(path, text[: len(text) // 2], **options)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", no_room)
    with pytest.raises(InputError, match=r"results\.json: .*No space left on device.*--out"):
        files.write({"schema_version": 2}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]
    assert (tmp_path / "results.json").read_bytes() == before


@pytest.mark.usefixtures("any_results")
def test_only_points_of_curves_lose_digits(tmp_path: Path) -> None:
    third = 1 / 3
    row = {"accuracy": {"mean": third}, "roc": {"low": [third, third / 1e4, None]}, "n": 5}
    path = files.write({"summary": [row], "threshold": third}, tmp_path)
    found = json.loads(path.read_text())
    assert found["threshold"] == third
    assert found["summary"][0]["accuracy"] == {"mean": third}
    assert found["summary"][0]["roc"]["low"] == [0.3333333, 0.00003333333, None]


@pytest.mark.usefixtures("any_results")
def test_results_are_written_without_layout_and_once_more_the_same(tmp_path: Path) -> None:
    results = {"runs": [{"roc_tpr": [0.1, 2 / 3], "reliability": {"count": [3, 4]}}], "name": "é"}
    first = files.write(results, tmp_path).read_text(encoding="utf-8")
    assert first == (
        '{"runs":[{"roc_tpr":[0.1,0.6666667],"reliability":{"count":[3,4]}}],"name":"é"}\n'
    )
    again = files.write(json.loads(first), tmp_path).read_text(encoding="utf-8")
    assert again == first
