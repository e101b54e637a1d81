import errno
import os
import sys
import time
from pathlib import Path

import pytest

from tfmed import cache, cli
from tfmed.cache import cache_folder, contents, mark_used
from tfmed.execution.job import Job, Result
from tfmed.execution.store import Store, write_result


def finished_job(seed):
    """The file of a finished job."""
    path = Store(cache_folder() / "jobs").path(Job("run", {"seed": seed}, {}))
    write_result(path, "title", Result({}))
    return path


def one_of_each():
    """A file or folder of every kind that a cache holds, by kind."""
    root = cache_folder()
    records = root / "records" / "medmnist_records" / "chest-0123abcd" / "1.0.0"
    found = {
        "run": finished_job(0),
        "drawn phantoms": root / "phantom" / "phantom-chest-0.npz",
        "records of large images": records,
        "imported images": root / "imported" / "0.npz",
        "lists of bad files": root / "imported" / "files-0.bad.txt",
        "equal images": root / "checked" / "0-1.json",
        "data files from the command": root / "data" / "0.npz",
        "unfinished files": root / "imported" / ".1.npz.part",
    }
    records.mkdir(parents=True)
    for path in (records / "dataset_info.json", records / "x-train.tfrecord-00000-of-00001"):
        path.write_bytes(b"1234")
    for kind in set(found) - {"run", "records of large images"}:
        found[kind].parent.mkdir(exist_ok=True)
        found[kind].write_bytes(b"1234")
    return found


def used(path, when):
    os.utime(path / "dataset_info.json" if path.is_dir() else path, (when, when))


def test_all_that_is_kept_is_shown_with_its_size(capsys):
    kept = one_of_each()
    assert {each.kind: each.path for each in contents(cache_folder())} == kept
    sizes = {each.kind: each.size for each in contents(cache_folder())}
    assert sizes["records of large images"] == 8
    assert cli.main(["cache"]) == 0
    shown = capsys.readouterr().out
    assert all(kind in shown for kind in kept)
    assert shown.count("1 kept") == 8


@pytest.mark.parametrize("kind", cache.CONTENTS)
def test_what_was_not_used_for_a_while_is_pruned_and_nothing_else(kind, capsys):
    kept = one_of_each()
    old = kept["run" if kind == "jobs" else kind]
    used(old, 0)
    assert cli.main(["cache", "--prune", "30"]) == 0
    assert capsys.readouterr().out.count("1 removed") == 1
    assert [path for path in kept.values() if not path.exists()] == [old]


def test_using_a_file_keeps_it_and_its_time_of_modification():
    path = finished_job(0)
    used(path, 0)
    mark_used(path)
    cli.main(["cache", "--prune", "30"])
    assert path.stat().st_mtime == 0


@pytest.mark.parametrize("now", [0.0, 4e9])
def test_a_clock_that_jumps_loses_no_result_and_stops_no_pruning(monkeypatch, now):
    paths = [finished_job(seed) for seed in range(3)]
    for path, when in zip(paths, (0, 1.7e9, 4.1e9), strict=True):
        used(path, when)
    monkeypatch.setattr(time, "time", lambda: now)
    cli.main(["cache", "--prune", "30"])
    left = [path.exists() for path in paths]
    assert left == ([True, True, True] if now == 0 else [False, False, True])


def test_pruning_goes_on_where_another_process_prunes(monkeypatch, capsys):
    path = finished_job(0)
    monkeypatch.setattr(Path, "glob", lambda *_: [path, path.with_name("gone.job")])
    monkeypatch.setattr(cache, "CONTENTS", {"jobs": "*"})
    assert cli.main(["cache", "--prune", "30"]) == 0
    assert "1 kept" in capsys.readouterr().out


def test_pruning_a_read_only_cache_is_refused_in_one_line(monkeypatch, capsys):
    path = finished_job(0)
    used(path, 0)

    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "unlink", refuse)
    assert cli.main(["cache", "--prune", "30"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {path}: can't be removed")


def test_a_file_in_the_place_of_the_cache_is_named(monkeypatch, tmp_path, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TFMED_CACHE", str(tmp_path / "file"))
    assert cli.main(["cache"]) == 2
    assert "file is not a folder; set TFMED_CACHE" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other folders")
def test_the_cache_is_where_linux_keeps_caches(monkeypatch, tmp_path):
    monkeypatch.delenv("TFMED_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "tfmed"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "tfmed"
