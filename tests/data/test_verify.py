"""What is and what is not accepted as a file in MedMNIST's format."""

import contextlib
import io
import os
import re
import socket
import tempfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tfmed.data.verify import KEYS, binary_labels, check_readable, read_npz, verify_arrays
from tfmed.errors import InputError


def good_arrays(n=4, columns=1, size=28):
    rng = np.random.default_rng(0)
    arrays = {}
    for split in ("train", "val", "test"):
        arrays[f"{split}_images"] = rng.integers(0, 256, (n, size, size), np.uint8)
        arrays[f"{split}_labels"] = np.zeros((n, columns), np.uint8)
        arrays[f"{split}_labels"][::2, -1] = 1
    return arrays


def npz_bytes(arrays, save=np.savez):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


GOOD = {save: npz_bytes(good_arrays(), save) for save in (np.savez, np.savez_compressed)}


def line_of(call, *args, **options):
    with pytest.raises(InputError) as caught:
        call(*args, **options)
    line = str(caught.value)
    assert "\n" not in line
    # The mend follows the last colon.
    assert ": " in line
    return line


@pytest.mark.parametrize("columns", [1, 14])
@pytest.mark.parametrize("size", [28, 64, 128, 224])
def test_good_arrays_pass(columns, size):
    verify_arrays(good_arrays(2, columns, size), "own")


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.uint32, np.float32, ">i4"])
def test_labels_pass_in_any_dtype_that_holds_only_0_and_1(dtype):
    arrays = good_arrays()
    for split in ("train", "val", "test"):
        arrays[f"{split}_labels"] = arrays[f"{split}_labels"].astype(dtype)[:, 0]
    verify_arrays(arrays, "own")


def test_images_pass_with_one_or_three_channels_and_extra_keys_are_ignored():
    for channels in (1, 3):
        arrays = good_arrays() | {"notes": np.array(["x"])}
        for split in ("train", "val", "test"):
            arrays[f"{split}_images"] = np.stack([arrays[f"{split}_images"]] * channels, -1)
        verify_arrays(arrays, "own")


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("val_images", np.zeros((4, 30, 30), np.uint8), "size 30 is none of 28, 64, 128, 224"),
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
        ("val_labels", np.array(["a", "b", "c", "d"]), "which is no number"),
        ("val_labels", np.zeros((4, 1, 1)), "has shape (4, 1, 1)"),
        ("val_labels", np.zeros((4, 0)), "has shape (4, 0)"),
        ("val_labels", np.zeros(4), "only images of class 0"),
        ("val_labels", np.ones((4, 1), int), "only images of class 1"),
        ("val_labels", np.eye(2, dtype=int)[[0, 1, 0, 1]], "looks one-hot"),
        ("val_labels", np.array([[0, 0], [1, 1]] * 2), "label columns differs between splits"),
    ],
)
def test_a_wrong_array_is_named_with_its_fault(key, value, fault):
    line = line_of(verify_arrays, good_arrays() | {key: value}, "own.npz")
    assert line.startswith("own.npz")
    assert fault in line


def test_a_missing_key_is_named_with_those_that_are_there():
    arrays = good_arrays()
    del arrays["test_labels"]
    assert "lacks test_labels (it holds test_images" in line_of(verify_arrays, arrays, "own")


def test_unexpected_counts_are_named():
    expected = {"train": 4, "val": 5, "test": 4}
    line = line_of(verify_arrays, good_arrays(), "own", expected)
    assert "val split holds 4 images where 5" in line


def test_a_name_with_a_line_break_stays_on_one_line():
    assert "a\\nb" in line_of(verify_arrays, {}, "a\nb")


def test_any_finding_of_any_column_counts():
    labels = np.zeros((3, 14))
    labels[1, 13] = 1
    assert binary_labels(labels).tolist() == [0, 1, 0]
    assert binary_labels(np.array([True, False])).tolist() == [1, 0]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_read_as_numpy_reads_them(tmp_path, save):
    path = tmp_path / "own.npz"
    arrays = good_arrays() | {"train_images": np.asfortranarray(good_arrays()["train_images"])}
    save(path, **arrays)
    for key, array in read_npz(path).items():
        np.testing.assert_array_equal(array, arrays[key])
        assert array.dtype == arrays[key].dtype


def test_headers_come_without_the_values(tmp_path):
    path = tmp_path / "own.npz"
    path.write_bytes(GOOD[np.savez])
    stand_in = read_npz(path, ["train_images"], headers_of=["train_images"])["train_images"]
    assert (stand_in.shape, stand_in.dtype) == ((4, 28, 28), np.uint8)
    assert stand_in.strides == (0, 0, 0)


def test_damage_in_images_is_found_even_where_their_values_are_not_wanted(tmp_path):
    path = tmp_path / "own.npz"
    content = bytearray(GOOD[np.savez])
    content[content.index(good_arrays()["train_images"].tobytes()) + 100] ^= 1
    path.write_bytes(content)
    line = line_of(read_npz, path, headers_of=["train_images"])
    assert "train_images is damaged" in line


def encrypted_npz():
    content = bytearray(GOOD[np.savez])
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        for match in re.finditer(re.escape(signature), content):
            content[match.start() + offset] |= 1
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is empty (0 bytes)"),
        (b"hello", "is not an .npz file"),
        (GOOD[np.savez][:5000], "is cut short or damaged"),
        (encrypted_npz(), "is encrypted"),
        (npz_bytes({}), "lacks train_images"),
        (npz_bytes({key: np.array([None]) for key in KEYS}), "holds Python objects"),
    ],
)
def test_a_file_that_is_no_good_npz_is_named_with_its_fault(tmp_path, content, fault):
    path = tmp_path / "own.npz"
    path.write_bytes(content)
    line = line_of(read_npz, path)
    assert line.startswith(str(path))
    assert fault in line


def test_a_header_that_promises_more_than_the_file_holds_allocates_nothing(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (10**15, 28, 28)}
    )
    path = tmp_path / "own.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train_images.npy", header.getvalue())
    assert "train_images is damaged" in line_of(read_npz, path, ["train_images"])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_table_of_contents_that_promises_more_than_the_file_holds_allocates_nothing(
    tmp_path, save
):
    claim = 2**31
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (claim,)}
    )
    file = io.BytesIO()
    method = zipfile.ZIP_STORED if save is np.savez else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("train_labels.npy", header.getvalue())
    content = bytearray(file.getvalue())
    length = content.index(b"PK\x01\x02") + 24
    content[length : length + 4] = (len(header.getvalue()) + claim).to_bytes(4, "little")
    path = tmp_path / "own.npz"
    path.write_bytes(content)
    tracemalloc.start()
    assert "train_labels is damaged" in line_of(read_npz, path, ["train_labels"])
    assert tracemalloc.get_traced_memory()[1] < 40 << 20
    tracemalloc.stop()


def test_zeros_that_shrink_a_thousandfold_are_read(tmp_path):
    path = tmp_path / "own.npz"
    np.savez_compressed(path, zeros=np.zeros(10**7, np.uint8))
    assert read_npz(path, ["zeros"])["zeros"].shape == (10**7,)


def test_what_is_no_readable_file_is_named(tmp_path, monkeypatch):
    assert "does not exist" in line_of(check_readable, tmp_path / "none.npz")
    assert "is a folder" in line_of(check_readable, tmp_path)
    assert "null byte" in line_of(check_readable, Path("a\0b.npz"))
    assert "cannot be read" in line_of(check_readable, tmp_path / ("x" * 300))
    os.mkfifo(tmp_path / "pipe.npz")
    assert "is not a regular file" in line_of(check_readable, tmp_path / "pipe.npz")
    (tmp_path / "own.npz").write_bytes(b"x")
    (tmp_path / "own.npz").chmod(0)
    # root may read everything, so its refusal is played.
    monkeypatch.setattr(Path, "open", _refuse)
    assert "may not be read" in line_of(check_readable, tmp_path / "own.npz")


def _refuse(*_args, **_options):
    raise PermissionError(13, "Permission denied")


def test_verifying_needs_no_network(tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "socket", _refuse)
    (tmp_path / "own.npz").write_bytes(GOOD[np.savez])
    verify_arrays(read_npz(tmp_path / "own.npz"), "own")


FUZZ = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FUZZ
@given(
    save=st.sampled_from([np.savez, np.savez_compressed]),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=3),
    at_structure=st.booleans(),
    keep=st.floats(0, 1),
    truncate=st.booleans(),
)
def test_mutated_bytes_give_the_same_arrays_or_one_clear_line(
    save, flips, at_structure, keep, truncate
):
    content = bytearray(GOOD[save])
    # Most bytes are pixels, so half of the flips aim at headers and the table of contents.
    structure = [m.start() + i for m in re.finditer(b"PK|NUMPY", content) for i in range(80)]
    structure = [place for place in structure if place < len(content)]
    for share, mask in flips:
        places = structure if at_structure else range(len(content))
        content[places[int(share * len(places))]] ^= mask
    if truncate:
        content = content[: int(keep * len(content))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own.npz"
        path.write_bytes(content)
        try:
            arrays = read_npz(path)
            verify_arrays(arrays, "own")
        except InputError as error:
            one_line = str(error).splitlines()
        else:
            for key, array in good_arrays().items():
                np.testing.assert_array_equal(arrays[key], array)
            return
    assert len(one_line) == 1


@FUZZ
@given(st.binary(max_size=120), st.integers(0, 130), st.sampled_from([b"", b"\x93NUMPY\x01\x00"]))
def test_a_foreign_header_with_a_right_checksum_is_an_array_or_one_clear_line(
    foreign, place, start
):
    whole = io.BytesIO()
    np.save(whole, np.array([[0], [1]]))
    content = start + whole.getvalue()[len(start) : place] + foreign + whole.getvalue()[place:]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own.npz"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("train_labels.npy", content)
        with contextlib.suppress(InputError):
            assert isinstance(read_npz(path, ["train_labels"])["train_labels"], np.ndarray)


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
        verify_arrays(arrays, "own")
    except InputError as error:
        one_line = str(error).splitlines()
    else:
        for split in ("train", "val", "test"):
            assert set(binary_labels(arrays[f"{split}_labels"])) == {0, 1}
        return
    assert len(one_line) == 1
