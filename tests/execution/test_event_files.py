import sys

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from toy_work import toy

from tfmed.errors import InputError
from tfmed.execution.curves import Curves
from tfmed.execution.job import Result

FITTED = Result(
    {
        "fit": {"history": {"loss": [0.7, 0.5, 0.25], "val_loss": [0.75, 0.5, 0.5]}},
        "probe": {"epochs": [0, 2], "auc": [0.5, 0.875]},
    }
)


def read(folder):
    found = EventAccumulator(str(folder))
    found.Reload()
    return {
        tag: [(event.step, event.value) for event in found.Scalars(tag)]
        for tag in found.Tags()["scalars"]
    }


def test_tensorboard_reads_every_epoch_of_every_curve(tmp_path):
    Curves(tmp_path / "curves").write(toy("finetune, 300 labels, seed 0"), FITTED)
    assert read(tmp_path / "curves" / "finetune, 300 labels, seed 0") == {
        "loss": [(1, pytest.approx(0.7)), (2, 0.5), (3, 0.25)],
        "val_loss": [(1, 0.75), (2, 0.5), (3, 0.5)],
        "probe_auc": [(0, 0.5), (2, 0.875)],
    }


def test_a_job_is_written_once_and_only_if_it_fitted_something(tmp_path):
    curves = Curves(tmp_path)
    for _ in range(2):
        curves.write(toy("fit"), FITTED)
    baseline = {"fit": {"history": {}}, "probe": None}
    for record in (baseline, {"probe": None}, {}):
        curves.write(toy("nothing"), Result(record))
    assert [path.parent.name for path in tmp_path.rglob("events.*")] == ["fit"]


def test_a_title_stays_inside_the_folder(tmp_path):
    Curves(tmp_path / "curves").write(toy("../../out\n" + "x" * 300), FITTED)
    (made,) = (tmp_path / "curves").iterdir()
    assert made.name.startswith(".._.._out_x")
    assert [path.name for path in tmp_path.iterdir()] == ["curves"]


def test_what_is_missing_or_refused_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file: can't be written to \(.+\); choose another"):
        Curves(tmp_path / "file")
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.record_writer", None)
    with pytest.raises(InputError, match="pip install tensorboard"):
        Curves(tmp_path)
