import shutil

import pytest

from tfmed.errors import InputError
from tfmed.execution.store import Store
from tfmed.locks import host_name, working_folder
from tfmed.orchestration.folders import locked_folder, swept


def test_a_second_run_is_kept_out_of_the_first_ones_folder(tmp_path):
    with (
        locked_folder(tmp_path / "study"),
        pytest.raises(InputError, match="another run is writing"),
        locked_folder(tmp_path / "study"),
    ):
        pass
    with locked_folder(tmp_path / "study") as folder:
        (folder / "results.json").touch()
    assert [path.name for path in (tmp_path / "study").iterdir()] == ["results.json"]


def test_a_run_that_wrote_nothing_leaves_no_folder(tmp_path):
    with locked_folder(tmp_path / "study"):
        pass
    assert not (tmp_path / "study").exists()


def test_what_stopped_workers_left_is_swept_up(tmp_path):
    store, models = Store(tmp_path / "jobs"), tmp_path / "models"
    with swept(store, models):
        (store.root / "run").mkdir()
        (store.root / "run" / f".abc.1@{host_name()}-999999999.0.tmp").touch()
        (models / "m").mkdir(parents=True)
        with working_folder(models / "m", ".writing-") as living:
            shutil.copytree(living, models / "m" / ".writing-killed")
    assert list((store.root / "run").iterdir()) == []
    assert list((models / "m").iterdir()) == []
