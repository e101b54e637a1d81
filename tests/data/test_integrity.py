"""A file can be read, or its fault is named."""

import os
from pathlib import Path

import pytest

from tfmed.data.integrity import check_readable
from tfmed.errors import InputError


def line_of(call, *args, **options):
    with pytest.raises(InputError) as caught:
        call(*args, **options)
    line = str(caught.value)
    assert "\n" not in line
    # The remedy follows the last colon.
    assert ": " in line
    return line


def test_what_is_no_readable_file_is_named(tmp_path, monkeypatch):
    assert "does not exist" in line_of(check_readable, tmp_path / "none.npz")
    assert "is a folder" in line_of(check_readable, tmp_path)
    assert "null byte" in line_of(check_readable, Path("a\0b.npz"))
    assert "cannot be read" in line_of(check_readable, tmp_path / ("x" * 300))
    os.mkfifo(tmp_path / "pipe.npz")
    assert "is not a regular file" in line_of(check_readable, tmp_path / "pipe.npz")
    (tmp_path / "own.npz").write_bytes(b"x")
    (tmp_path / "own.npz").chmod(0)
    # root may read everything, so its refusal is played.
    monkeypatch.setattr(Path, "open", _refuse)
    assert "may not be read" in line_of(check_readable, tmp_path / "own.npz")


def _refuse(*_args, **_options):
    raise PermissionError(13, "Permission denied")
