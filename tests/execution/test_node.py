import hashlib
import multiprocessing
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tfmed.cache import cache_folder
from tfmed.errors import InputError
from tfmed.execution import node
from tfmed.execution.job import Result
from tfmed.execution.node import Worker, compare_versions, place_file, versions
from tfmed.execution.store import decode_result, encode_result

CONTENT = np.frombuffer(b"images and labels", np.uint8)
MD5 = hashlib.md5(CONTENT.data).hexdigest()


@pytest.fixture
def absent(tmp_path):
    """Path of a file that only the command has."""
    return tmp_path / "elsewhere" / "images.npz"


def test_a_file_that_the_node_has_is_not_copied(tmp_path):
    path = tmp_path / "images.npz"
    path.write_bytes(CONTENT.data)
    assert place_file(path, MD5, "n", None) == path
    assert not (cache_folder() / "data").exists()


def test_another_file_at_the_same_path_is_not_taken_for_it(absent):
    absent.parent.mkdir()
    absent.write_bytes(b"others")
    assert place_file(absent, MD5, "n", None) is None
    assert place_file(absent, MD5, "n", lambda: CONTENT).read_bytes() == CONTENT.tobytes()
    assert absent.read_bytes() == b"others"


def test_a_damaged_copy_is_written_again(absent):
    copy = place_file(absent, MD5, "n", lambda: CONTENT)
    copy.write_bytes(b"cut")
    assert place_file(absent, MD5, "n", lambda: CONTENT).read_bytes() == CONTENT.tobytes()


def test_a_file_that_has_changed_since_is_refused(absent):
    with pytest.raises(InputError, match="has changed since the run began"):
        place_file(absent, MD5, "n", lambda: CONTENT[:-1])
    assert not list((cache_folder() / "data").iterdir())


def test_a_node_that_cannot_keep_the_data_is_named(absent):
    (cache_folder() / "data").touch()
    with pytest.raises(InputError, match=r"^node n: .*TFMED_CACHE"):
        place_file(absent, MD5, "n", lambda: CONTENT)


def _place_and_count(path, fetched):
    def fetch():
        with fetched.get_lock():
            fetched.value += 1
        return CONTENT

    place_file(path, MD5, "n", fetch)


def test_two_processes_of_a_node_write_a_file_once(absent):
    context = multiprocessing.get_context("fork")
    fetched = context.Value("i", 0)
    processes = [context.Process(target=_place_and_count, args=(absent, fetched)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert fetched.value == 1
    assert [path.name for path in (cache_folder() / "data").iterdir()] == [f"{MD5}.npz"]


def test_a_node_with_other_packages_is_refused_by_name():
    mine = versions()
    assert mine["tensorflow"][0].isdigit()
    compare_versions("n", mine, mine)
    with pytest.raises(InputError, match=r"^node n: .* has keras 1\.0, not .*; install the same"):
        compare_versions("n", {**mine, "keras": "1.0"}, mine)


@pytest.fixture
def request_(absent):
    data = {"task": {"md5": MD5, "path": str(absent)}}
    return {
        "kind": "run",
        "spec": {},
        "code": "",
        "title": "the job",
        "data": data,
        "parents": {"a": "a.job"},
        "path": "b.job",
    }


@pytest.fixture
def worker(monkeypatch):
    """A worker whose jobs give the sum of its parents' arrays and the path of its data."""

    def perform(request, parents, say):
        path = request["data"]["task"]["path"]
        return Result({"path": path}, {"sum": sum(each.arrays["x"] for each in parents.values())})

    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(get=lambda reference: reference))
    monkeypatch.setattr(node, "perform", perform)
    monkeypatch.setattr(node, "use_one_thread", lambda: None)
    return Worker("n", versions())


PARENTS = {"a": encode_result(Path("a.job"), "a", Result({}, {"x": np.arange(3)}))}


def test_a_worker_asks_for_the_files_that_its_node_lacks(worker, request_):
    assert worker.do(request_, PARENTS, {}) == {"lacking": [MD5]}
    answer = worker.do(request_, PARENTS, {MD5: CONTENT})
    assert answer["record"]["path"] == str(cache_folder() / "data" / f"{MD5}.npz")
    assert decode_result(Path("b.job"), answer["content"]).arrays["sum"].tolist() == [0, 1, 2]


def test_temporary_files_of_a_job_go_with_it(worker, request_, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def perform(*_):
        with tempfile.NamedTemporaryFile(delete=False) as file:
            return Result({"path": file.name})

    monkeypatch.setattr(node, "perform", perform)
    answer = worker.do(request_, PARENTS, {MD5: CONTENT})
    assert tmp_path in Path(answer["record"]["path"]).parents
    assert not list(tmp_path.glob("tfmed-*"))
    assert tempfile.gettempdir() == str(tmp_path)


def test_a_damaged_result_of_a_parent_is_named(worker, request_):
    answer = worker.do(request_, {"a": PARENTS["a"][:-1]}, {MD5: CONTENT})
    assert "a.job" in answer["input_error"]


def test_a_worker_with_other_packages_than_the_command_does_no_job(request_, worker):
    other = Worker("n", {**versions(), "keras": "1.0"})
    assert "not 1.0" in other.do(request_, PARENTS, {MD5: CONTENT})["input_error"]
