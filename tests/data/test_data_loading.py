import functools
import os

import numpy as np
import pytest
from example_arrays import good_arrays

from tfmed.data import loading
from tfmed.data.checks import images_of_shared
from tfmed.data.integrity import file_md5
from tfmed.data.loading import (
    load,
    load_labels,
    load_patients,
    load_patients_of_splits,
    load_rows,
    load_split,
    stream_split,
)
from tfmed.data.sources import resolve
from tfmed.errors import InputError


def verified(tmp_path, **settings):
    path = tmp_path / "own.npz"
    np.savez(path, **good_arrays(**{"columns": 14, **settings}))
    return resolve(str(path), data_root=tmp_path, cache_dir=tmp_path / "cache", role="source")


def test_loading_one_split_does_not_read_the_others(tmp_path, monkeypatch):
    info = verified(tmp_path)
    asked = []

    def spy(path, keys):
        asked.extend(keys)
        return read(path, keys)

    read = loading.read_npz
    monkeypatch.setattr(loading, "read_npz", spy)
    assert len(load_split(info, "train")) == 4
    assert asked == ["train_images", "train_labels"]
    with pytest.raises(KeyError):
        load_split(info, "all")


def test_patients_are_numbers_that_say_nothing_of_their_names(tmp_path):
    assert load_patients(verified(tmp_path), "test") is None
    named = {"test": ["zoe", "zoe", "ann", "bob"], "train": [9, 8, 8, 7], "val": list("abcd")}
    arrays = good_arrays() | {f"{split}_patients": np.array(n) for split, n in named.items()}
    np.savez(tmp_path / "named.npz", **arrays)
    info = resolve(
        str(tmp_path / "named.npz"),
        data_root=tmp_path,
        cache_dir=tmp_path / "cache",
        role="source",
    )
    assert load_patients(info, "test").tolist() == [0, 0, 1, 2]
    assert load_patients(info, "train").tolist() == [0, 1, 1, 2]


def test_patients_of_all_splits_have_the_same_numbers(tmp_path):
    assert load_patients_of_splits(verified(tmp_path)) == {}
    named = {"test": ["zoe", "zoe", "ann", "d"], "train": list("efga"), "val": list("abcd")}
    arrays = good_arrays() | {f"{split}_patients": np.array(n) for split, n in named.items()}
    np.savez(tmp_path / "named.npz", **arrays)
    where = {"data_root": tmp_path, "cache_dir": tmp_path / "cache", "role": "source"}
    found = load_patients_of_splits(resolve(str(tmp_path / "named.npz"), **where))
    assert found["train"].tolist() == [0, 1, 2, 3]
    assert found["val"].tolist() == [3, 4, 5, 6]
    assert found["test"].tolist() == [7, 7, 8, 6]
    shared = {("train", "val"): 1, ("train", "test"): 0, ("val", "test"): 1}
    assert images_of_shared(found) == shared


def readings(info):
    yield lambda: load(info)
    yield lambda: load_split(info, "train")
    yield lambda: load_labels(info, "test")
    yield lambda: load_rows(info, "val", np.array([0]))
    yield lambda: list(stream_split(info, "train"))


@pytest.mark.parametrize("limit", [0, 2**40])
@pytest.mark.parametrize("same_shapes", [True, False])
def test_a_file_replaced_after_it_was_verified_is_refused(
    tmp_path, monkeypatch, limit, same_shapes
):
    monkeypatch.setattr("tfmed.data.dataset.IN_MEMORY_LIMIT", limit)
    info = verified(tmp_path)
    for reading in readings(info):
        reading()
    np.savez(info.path, **good_arrays(n=4 if same_shapes else 5, seed=1))
    for reading in readings(info):
        with pytest.raises(InputError, match=r"own\.npz changed after it was verified"):
            reading()
    info.path.unlink()
    for reading in readings(info):
        with pytest.raises(InputError, match=r"own\.npz can't be read any more"):
            reading()


def test_a_file_replaced_while_it_is_read_is_refused(tmp_path, monkeypatch):
    info = verified(tmp_path)
    read = loading.read_npz

    def slow(path, keys):
        np.savez(path, **good_arrays(seed=1))
        return read(path, keys)

    monkeypatch.setattr(loading, "read_npz", slow)
    with pytest.raises(InputError, match="changed after it was verified"):
        load_split(info, "train")


def test_a_file_touched_or_put_back_as_it_was_is_taken(tmp_path):
    info = verified(tmp_path)
    whole = load_split(info, "train")
    content = info.path.read_bytes()
    os.utime(info.path, (1, 1))
    load_split(info, "train")
    info.path.write_bytes(b"other")
    info.path.write_bytes(content)
    np.testing.assert_array_equal(load_split(info, "train").images, whole.images)
    assert info.md5 == file_md5(info.path)


@pytest.mark.parametrize("limit", [0, 2**40])
def test_rows_and_chunks_are_those_of_the_whole_split(tmp_path, monkeypatch, limit):
    monkeypatch.setattr("tfmed.data.dataset.IN_MEMORY_LIMIT", limit)
    small = functools.partial(loading.stream_npz, chunk_bytes=3 * 28 * 28)
    monkeypatch.setattr(loading, "stream_npz", small)
    info = verified(tmp_path, n=10)
    whole = load_split(info, "train")
    rows = load_rows(info, "train", np.array([9, 0, 4]))
    np.testing.assert_array_equal(rows.images, whole.images[[0, 4, 9]])
    np.testing.assert_array_equal(rows.labels, whole.labels[[0, 4, 9]])
    chunks = list(stream_split(info, "train"))
    assert len(chunks) == (1 if limit else 4)
    np.testing.assert_array_equal(np.concatenate(chunks), whole.images)
    np.testing.assert_array_equal(load_labels(info, "train"), whole.labels)
