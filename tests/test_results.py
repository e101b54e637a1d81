import errno
import os
from pathlib import Path

import pytest

from tfmed import predictions, results
from tfmed.errors import InputError


def fill_the_disk(monkeypatch):
    """Lets half a file be written, and then no more."""
    write = Path.write_text

    def no_room(path, text, **options):
        write(path, text[: len(text) // 2], **options)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", no_room)


def test_results_are_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    results.write({"schema_version": 1}, tmp_path)
    before = (tmp_path / "results.json").read_bytes()
    fill_the_disk(monkeypatch)
    with pytest.raises(InputError, match=r"results\.json: .*No space left on device.*--out"):
        results.write({"schema_version": 2}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]
    assert (tmp_path / "results.json").read_bytes() == before


def test_predictions_of_a_full_disk_are_named_and_leave_nothing(tmp_path, monkeypatch):
    fill_the_disk(monkeypatch)
    with pytest.raises(InputError, match="No space left on device"):
        predictions.write_predictions(tmp_path, "set", [0, 1], [0.2, 0.9], "run")
    assert list(tmp_path.iterdir()) == []


def test_what_killed_writers_of_predictions_left_is_removed(tmp_path):
    (tmp_path / ".set_test_labels.csv.999.partial").touch()
    (tmp_path / "set_test_labels.csv").touch()
    predictions.remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["set_test_labels.csv"]
