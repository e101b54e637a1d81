"""What a task can be made of, and what is said about the rest."""

from dataclasses import replace

import numpy as np
import pytest
from example_arrays import good_arrays
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfmed.data.checks import (
    find_duplicates,
    known_duplicates,
    known_patients,
    shifts,
    verify_arrays,
)
from tfmed.data.checks.balance import p_of_homogeneity
from tfmed.data.dataset import SPLITS
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
    assert found.named["val", "test"] == (("test image 2", "val image 1"),)
    assert found.named["train", "val"][0] == ("val image 0", "train image 1")


def test_equal_images_are_named_by_the_names_that_a_file_holds(tmp_path, where):
    arrays = good_arrays(n=5)
    arrays["test_images"][2] = arrays["val_images"][1]
    arrays |= {f"{s}_names": np.array([f"{s}{n}.png" for n in range(5)]) for s in SPLITS}
    np.savez(tmp_path / "own.npz", **arrays)
    found = find_duplicates(resolve(str(tmp_path / "own.npz"), **where))
    assert found.named["val", "test"] == (("test2.png", "val1.png"),)


def test_what_was_found_is_kept_and_what_is_damaged_is_found_again(tmp_path, where):
    np.savez(tmp_path / "own.npz", **good_arrays(n=5))
    info = resolve(str(tmp_path / "own.npz"), **where)
    found = known_duplicates(info, where["cache_dir"])
    assert found == find_duplicates(info)
    (kept,) = where["cache_dir"].rglob("*.json")
    for content in ("[]", "{", '{"within": 3}', "null", "", '{"across": [[1]]}'):
        kept.write_text(content)
        assert known_duplicates(info, where["cache_dir"]) == found


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_split_that_lies_wholly_in_train_is_refused(tmp_path, where, split):
    arrays = good_arrays(n=5)
    arrays[f"{split}_images"] = arrays["train_images"][[1, 0, 4, 4, 2]]
    np.savez(tmp_path / "own.npz", **arrays)
    line = line_of(resolve, str(tmp_path / "own.npz"), **where)
    assert f"own.npz: every image of {split} is in train too" in line


def test_blank_images_are_counted_and_nothing_but_blank_ones_is_refused(tmp_path, where):
    arrays = good_arrays(n=5)
    arrays["val_images"][2:] = 7
    np.savez(tmp_path / "own.npz", **arrays)
    found = find_duplicates(resolve(str(tmp_path / "own.npz"), **where))
    assert found.blank == {"train": 0, "val": 3, "test": 0}
    for number, split in enumerate(SPLITS):
        arrays[f"{split}_images"][:] = 40 * number
    np.savez(tmp_path / "own.npz", **arrays)
    assert "every image is blank" in line_of(resolve, str(tmp_path / "own.npz"), **where)


def test_a_shift_of_class_balance_has_its_distance_and_p_value():
    assert p_of_homogeneity([[50, 50], [50, 50]]) == 1
    assert p_of_homogeneity([[500, 500], [400, 600]]) == pytest.approx(7.2e-6, rel=0.05)
    assert p_of_homogeneity([[9, 0], [4, 0]]) is None
    few = p_of_homogeneity([[300, 5], [9, 3]])
    assert few == pytest.approx(0.0027, abs=0.0015)  # Fisher's exact test: .0028


def test_each_split_is_held_against_train(tmp_path, where):
    arrays = good_arrays(columns=1, n=40)
    arrays["test_labels"][:30] = 0
    np.savez(tmp_path / "own.npz", **arrays)
    info = resolve(str(tmp_path / "own.npz"), **where)
    val, test = shifts(info)
    share = info.counts["train"][1] / 40  # .975
    assert (val.split, test.split) == ("val", "test")
    assert val.distance == 0
    assert test.distance == pytest.approx(share - 0.25)
    assert test.p is not None
    assert test.p < 0.01


def test_of_several_findings_the_one_that_differs_most_counts(tmp_path, where):
    np.savez(tmp_path / "own.npz", **good_arrays(columns=1, n=40))
    info = resolve(str(tmp_path / "own.npz"), **where)
    counts = {"train": (10, 10, 30), "val": (10, 10, 30), "test": (10, 25, 28)}
    info = replace(info, counts=counts, sizes=dict.fromkeys(SPLITS, 40))
    val, test = shifts(info)
    assert (val.distance, val.p) == (0, 1)
    assert test.distance == pytest.approx(15 / 40)
    assert test.p == pytest.approx(3 * p_of_homogeneity([[10, 30], [25, 15]]))


@pytest.mark.parametrize("dtype", [np.int16, np.uint64, "U3", "S3"])
def test_patients_of_any_type_are_one_value_an_image(tmp_path, where, dtype):
    arrays = good_arrays(n=5)
    for number, split in enumerate(SPLITS):
        arrays[f"{split}_patients"] = np.arange(5 * number, 5 * number + 5).astype(dtype)
    np.savez(tmp_path / "own.npz", **arrays)
    assert resolve(str(tmp_path / "own.npz"), **where).warnings == ()
    known = known_patients(arrays, "own")
    assert [known[split].shape for split in SPLITS] == [(5,)] * 3
    arrays["test_patients"][0] = arrays["train_patients"][0]
    np.savez(tmp_path / "own.npz", **arrays)
    (warning,) = resolve(str(tmp_path / "own.npz"), **where).warnings
    assert warning.startswith("1 of 5 images of test are of patients with images in train")
