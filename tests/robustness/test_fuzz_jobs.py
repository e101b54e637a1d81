"""Damaged files of finished jobs count as not there."""

from pathlib import Path

import numpy as np
from mutations import cases, damaged

from tfmed.execution.job import Result
from tfmed.execution.store import read_result, write_result

RESULT = Result(
    {"loss": 0.5, "names": ["a", "é"], "none": None},
    {
        "w/000": np.arange(600.0, dtype="float32").reshape(20, 30),
        "scores": np.linspace(0, 1, 50),
        "empty": np.zeros((0, 3), np.uint8),
    },
)


def test_damaged_job_files(tmp_path: Path) -> None:
    path = tmp_path / "x.job"
    write_result(path, "title", RESULT)
    whole = path.read_bytes()
    for rng in cases(3000):
        content = damaged(rng, whole, rng.choice((None, list(range(200)))))
        path.write_bytes(content)
        found = read_result(path)
        assert (found is None) == (content != whole)
    path.write_bytes(whole)
    found = read_result(path)
    assert found is not None
    assert found.record == RESULT.record
    assert {k: v.tobytes() for k, v in found.arrays.items()} == {
        k: v.tobytes() for k, v in RESULT.arrays.items()
    }
