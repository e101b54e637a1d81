"""What a task can be made of, and what is said about the rest."""

import numpy as np
import pytest
from example_arrays import good_arrays
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfmed.data.checks import find_duplicates, verify_arrays
from tfmed.data.importers.npz_file import KEYS
from tfmed.data.sources import resolve
from tfmed.errors import InputError
from tfmed.tasks import task_of

BINARY = task_of("binary")


def line_of(call, *args, **options):
    with pytest.raises(InputError) as caught:
        call(*args, **options)
    line = str(caught.value)
    assert "\n" not in line
    # The remedy follows the last colon.
    assert ": " in line
    return line


@pytest.mark.parametrize("columns", [1, 14])
@pytest.mark.parametrize("size", [8, 28, 33, 224])
def test_good_arrays_pass(columns, size):
    verify_arrays(good_arrays(columns, n=2, size=size), "own", BINARY)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.uint32, np.float32, ">i4"])
def test_labels_pass_in_any_dtype_that_holds_only_0_and_1(dtype):
    arrays = good_arrays()
    for split in ("train", "val", "test"):
        arrays[f"{split}_labels"] = arrays[f"{split}_labels"].astype(dtype)[:, 0]
    verify_arrays(arrays, "own", BINARY)


def test_images_pass_with_one_or_three_channels_and_extra_keys_are_ignored():
    for channels in (1, 3):
        arrays = good_arrays() | {"notes": np.array(["x"])}
        for split in ("train", "val", "test"):
            arrays[f"{split}_images"] = np.stack([arrays[f"{split}_images"]] * channels, -1)
        verify_arrays(arrays, "own", BINARY)


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("val_images", np.zeros((4, 7, 7), np.uint8), "is 7 pixels wide"),
        ("val_images", np.zeros((4, 28, 30), np.uint8), "is not square (28 × 30 pixels)"),
        ("val_images", np.zeros((4, 28), np.uint8), "has shape (4, 28)"),
        ("val_images", np.zeros((4, 28, 28, 28), np.uint8), "has 28 channels"),
        ("val_images", np.zeros((4, 28, 28), np.float32), "has dtype float32"),
        ("val_images", np.zeros((0, 28, 28), np.uint8), "val_images is empty"),
        ("val_images", np.zeros((3, 28, 28), np.uint8), "3 images and val_labels 4 labels"),
        ("val_images", np.zeros((4, 64, 64), np.uint8), "image shape differs between splits"),
        ("val_labels", np.zeros((0, 1), np.uint8), "val_labels is empty"),
        ("val_labels", np.array([0, 1, 7, 1]), "holds 7 (row 2)"),
        ("val_labels", np.array([[0], [1], [-1], [1]]), "holds -1 (row 2, column 0)"),
        ("val_labels", np.array([0, 1, np.nan, np.nan]), "holds NaN in 2 of 4 places"),
        ("val_labels", np.array([0, 1, 0.5, 1]), "holds 0.5 (row 2)"),
        ("val_labels", np.array(["a", "b", "c", "d"]), "which is not numeric"),
        ("val_labels", np.zeros((4, 1, 1)), "has shape (4, 1, 1)"),
        ("val_labels", np.zeros((4, 0)), "has shape (4, 0)"),
        ("val_labels", np.zeros(4), "only images of class 0"),
        ("val_labels", np.ones((4, 1), int), "only images of class 1"),
        ("val_labels", np.eye(2, dtype=int)[[0, 1, 0, 1]], "looks one-hot"),
        ("val_labels", np.array([[0, 0], [1, 1]] * 2), "label columns differs between splits"),
    ],
)
def test_a_wrong_array_is_named_with_its_fault(key, value, fault):
    line = line_of(verify_arrays, good_arrays() | {key: value}, "own.npz", BINARY)
    assert line.startswith("own.npz")
    assert fault in line


def test_a_missing_key_is_named_with_those_that_are_there():
    arrays = good_arrays()
    del arrays["test_labels"]
    assert "lacks test_labels (it holds test_images" in line_of(
        verify_arrays, arrays, "own", BINARY
    )


def test_unexpected_counts_are_named():
    expected = {"train": 4, "val": 5, "test": 4}
    line = line_of(verify_arrays, good_arrays(), "own", BINARY, expected)
    assert "val split holds 4 images where 5" in line


def test_a_name_with_a_line_break_stays_on_one_line():
    assert "a\\nb" in line_of(verify_arrays, {}, "a\nb", BINARY)


FUZZ = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


ANY_ARRAY = hnp.arrays(
    dtype=st.one_of(
        hnp.integer_dtypes(),
        hnp.floating_dtypes(),
        hnp.boolean_dtypes(),
        hnp.unicode_string_dtypes(),
    ),
    shape=st.one_of(
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
        st.sampled_from([(4,), (4, 1), (4, 2), (4, 28, 28)]),
    ),
)


@FUZZ
@given(st.dictionaries(st.sampled_from([*KEYS, "other"]), ANY_ARRAY, max_size=4))
def test_random_arrays_pass_or_give_one_clear_line(replaced):
    arrays = good_arrays() | replaced
    try:
        verify_arrays(arrays, "own", BINARY)
    except InputError as error:
        one_line = str(error).splitlines()
    else:
        for split in ("train", "val", "test"):
            assert set(BINARY.labels_of(arrays[f"{split}_labels"])) == {0, 1}
        return
    assert len(one_line) == 1


def test_equal_images_are_counted_within_and_across_splits(tmp_path, where):
    arrays = good_arrays(n=5)
    arrays["train_images"][3] = arrays["train_images"][1]
    arrays["val_images"][[0, 4]] = arrays["train_images"][1]
    arrays["test_images"][2] = arrays["val_images"][1]
    np.savez(tmp_path / "own.npz", **arrays)
    found = find_duplicates(resolve(str(tmp_path / "own.npz"), **where))
    assert found.within == {"train": 1, "val": 1, "test": 0}
    assert found.across == {("train", "val"): 2, ("train", "test"): 0, ("val", "test"): 1}
