import dataclasses
import errno
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmed.errors import InputError
from tfmed.execution.job import Job, Result, with_ancestors
from tfmed.execution.store import (
    Store,
    decode_result,
    encode_result,
    read_result,
    write_content,
    write_result,
)
from tfmed.locks import host_name

PATH = Path("x.job")
RESULT = Result({"loss": 0.5, "names": ["a"]}, {"w/000": np.arange(6.0).reshape(2, 3)})


def job(**changes):
    fields = {"kind": "run", "spec": {"seed": 0}, "data": {"task": "md5"}, "code": "c"}
    return Job(**{**fields, **changes})


def test_key_depends_on_what_the_result_depends_on_and_nothing_else():
    assert job().key == job(title="other", cost=9.0, kept=False).key
    changed = [
        job(kind="pretrain"),
        job(spec={"seed": 1}),
        job(data={"task": "other"}),
        job(code="d"),
        job(parents={"run": job(spec={"seed": 1})}),
        job(parents={"run": job(spec={"seed": 2})}),
    ]
    assert len({each.key for each in [job(), *changed]}) == 7


def test_ancestors_come_once_and_before_their_children():
    root = job()
    middle = job(spec={"seed": 1}, parents={"a": root})
    leaf = job(spec={"seed": 2}, parents={"a": root, "b": middle})
    assert with_ancestors([leaf, middle]) == [root, middle, leaf]


def test_result_comes_back_as_it_was_written(tmp_path):
    store = Store(tmp_path)
    write_result(store.path(job()), "title", RESULT)
    found = store.load(job())
    assert found.record == RESULT.record
    assert found.arrays["w/000"].tobytes() == RESULT.arrays["w/000"].tobytes()
    assert [path.name for path in tmp_path.rglob("*.job")] == [f"{job().key}.job"]
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_result_can_be_sent_as_the_content_of_its_file(tmp_path):
    path = tmp_path / "x.job"
    content = encode_result(path, "title", RESULT)
    assert decode_result(path, content).record == RESULT.record
    write_content(path, content)
    assert read_result(path).record == RESULT.record
    assert decode_result(path, content[:-1]) is None


def test_a_result_under_another_jobs_name_counts_as_not_there(tmp_path):
    write_result(tmp_path / "x.job", "title", RESULT)
    (tmp_path / "x.job").rename(tmp_path / "y.job")
    assert read_result(tmp_path / "y.job") is None
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "y.job").rename(tmp_path / "elsewhere" / "x.job")
    assert read_result(tmp_path / "elsewhere" / "x.job") is not None


def test_an_absent_result_is_none(tmp_path):
    assert Store(tmp_path).load(job()) is None


@given(position=st.integers(0, 10**6), change=st.integers(1, 255), cut=st.booleans())
def test_a_damaged_result_counts_as_not_there(tmp_path_factory, position, change, cut):
    path = tmp_path_factory.mktemp("store") / "x.job"
    write_result(path, "title", RESULT)
    content = bytearray(path.read_bytes())
    position %= len(content)
    if cut:
        del content[position:]
    else:
        content[position] ^= change
    path.write_bytes(content)
    assert read_result(path) is None


def test_a_result_of_another_format_counts_as_not_there(tmp_path):
    path = tmp_path / "x.job"
    write_result(path, "title", RESULT)
    path.write_bytes(path.read_bytes().replace(b"tfmed job 2", b"tfmed job 1"))
    assert read_result(path) is None


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, monkeypatch):
    def no_room(path, content):
        path.touch()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", no_room)
    with pytest.raises(InputError, match="No space left on device"):
        write_result(tmp_path / "x.job", "title", RESULT)
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_dead_processes_go_and_those_of_living_ones_stay(tmp_path):
    store = Store(tmp_path)
    (tmp_path / "run").mkdir()
    dead = tmp_path / "run" / f".abc.1@{host_name()}-999999999.0.tmp"
    alive = tmp_path / "run" / f".abc.1@{host_name()}-{os.getpid()}.0.tmp"
    elsewhere = tmp_path / "run" / ".abc.1@another-999999999.0.tmp"
    for path in (dead, alive, elsewhere):
        path.touch()
    store.remove_leftovers()
    assert {path.name for path in (tmp_path / "run").iterdir()} == {alive.name, elsewhere.name}


def test_every_flipped_bit_of_a_small_result_is_noticed():
    content = bytearray(encode_result(PATH, "t", Result({"loss": 0.5}, {"w": np.arange(3)})))
    for bit in range(8 * len(content)):
        content[bit // 8] ^= 1 << bit % 8
        assert decode_result(PATH, bytes(content)) is None
        content[bit // 8] ^= 1 << bit % 8
    assert decode_result(PATH, bytes(content)) is not None


def test_every_shortened_result_is_noticed():
    content = encode_result(PATH, "t", RESULT)
    assert all(decode_result(PATH, content[:length]) is None for length in range(len(content)))


def test_a_result_of_other_code_is_not_taken_for_that_of_this_code(tmp_path):
    store = Store(tmp_path)
    write_result(store.path(job(code="older")), "title", RESULT)
    assert store.load(job(code="newer")) is None


def test_a_cache_that_became_read_only_is_named_before_work_begins(tmp_path, monkeypatch):
    store = Store(tmp_path)
    (tmp_path / "run").mkdir()
    store.check_writable()
    # root may write everywhere, so the refusal is played.
    monkeypatch.setattr(os, "access", lambda path, _: path != tmp_path / "run")
    with pytest.raises(InputError, match=r"run: .*no permission.* set TFMED_CACHE"):
        store.check_writable()


def test_leftovers_in_a_read_only_cache_stop_nothing(tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / f".abc.1@{host_name()}-999999999.0.tmp").touch()
    (tmp_path / "run" / f".abc.1@{host_name()}-odd.0.tmp").touch()

    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "unlink", refuse)
    Store(tmp_path).remove_leftovers()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="TFMED_CACHE"):
        Store(tmp_path / "file" / "store")


def test_job_is_immutable():
    with pytest.raises(dataclasses.FrozenInstanceError):
        job().kind = "other"
