"""Columns of groups in files of MedMNIST's format."""

import numpy as np
import pytest
from example_arrays import good_arrays

from tfmed.data.importers.npz_file import read_npz
from tfmed.data.importers.settings import ImportSettings
from tfmed.data.loading import load_subgroups
from tfmed.data.sources import resolve
from tfmed.errors import InputError


def described(tmp_path, where, arrays, **options):
    np.savez(tmp_path / "own.npz", **arrays)
    return resolve(str(tmp_path / "own.npz"), **where, settings=ImportSettings(**options))


def test_columns_of_a_file_are_found_by_their_names(tmp_path, where):
    arrays = good_arrays() | {
        "test_group_sex": np.array(["F", "M", "", "M"]),
        "test_group_age": np.array([3.0, np.nan, 44, 70]),
        "train_group_sex": np.array(["F"] * 4),
        "test_group_": np.zeros(9),
        "grouping": np.zeros(2),
    }
    info = described(tmp_path, where, arrays)
    found = load_subgroups(info, "test")
    assert [*found] == ["sex", "age"]
    assert found["sex"].tolist() == ["F", "M", "", "M"]
    assert [*load_subgroups(info, "val")] == []


def test_a_file_without_columns_has_none(tmp_path, where):
    assert load_subgroups(described(tmp_path, where, good_arrays()), "test") == {}


@pytest.mark.parametrize(
    "values", [np.array(["F", "M", "M"]), np.zeros((4, 2)), np.zeros(4, complex)]
)
def test_a_column_of_another_length_or_kind_is_refused_in_one_line(tmp_path, where, values):
    with pytest.raises(InputError) as caught:
        described(tmp_path, where, good_arrays() | {"test_group_sex": values})
    line = str(caught.value)
    assert "test_group_sex is not one number or text for each of 4 images of test" in line
    assert "\n" not in line


def test_drawn_splits_take_columns_of_all_splits_along(tmp_path, where):
    arrays = good_arrays(n=20)
    for split in ("train", "val", "test"):
        arrays[f"{split}_labels"] = np.arange(20)[:, None] % 2
        arrays[f"{split}_group_sex"] = np.where(np.arange(20) % 2, "M", "F")
    arrays["test_group_view"] = np.full(20, "AP")
    info = described(tmp_path, where, arrays, resplit=True)
    labels = read_npz(info.path, ["test_labels"])["test_labels"][:, 0]
    assert {*load_subgroups(info, "test")} == {"sex"}
    assert load_subgroups(info, "test")["sex"].tolist() == np.where(labels, "M", "F").tolist()
