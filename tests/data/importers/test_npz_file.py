"""Arrays are read from any bytes, or their fault is named."""

import contextlib
import io
import re
import socket
import tempfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from example_arrays import good_arrays
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfmed.data.checks import verify_arrays
from tfmed.data.importers.npz_file import KEYS, read_npz, stream_npz
from tfmed.errors import InputError
from tfmed.tasks import task_of

BINARY = task_of("binary")


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
    # The remedy follows the last colon.
    assert ": " in line
    return line


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


def _refuse(*_args, **_options):
    raise PermissionError(13, "Permission denied")


def test_verifying_needs_no_network(tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "socket", _refuse)
    (tmp_path / "own.npz").write_bytes(GOOD[np.savez])
    verify_arrays(read_npz(tmp_path / "own.npz"), "own", BINARY)


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
            verify_arrays(arrays, "own", BINARY)
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


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.integers(0, 9), width=st.integers(1, 5), chunk=st.integers(1, 40))
def test_pieces_of_an_array_of_the_file_join_to_the_array(tmp_path, save, rows, width, chunk):
    array = np.arange(rows * width, dtype=np.uint16).reshape(rows, width)
    save(tmp_path / "a.npz", a=array)
    pieces = list(stream_npz(tmp_path / "a.npz", "a", chunk_bytes=chunk))
    assert all(piece.nbytes <= max(chunk, 2 * width) for piece in pieces)
    assert np.array_equal(np.concatenate([array[:0], *pieces]), array)


def test_an_array_in_fortran_order_cannot_be_streamed(tmp_path):
    np.savez(tmp_path / "f.npz", a=np.asfortranarray(np.zeros((4, 3))))
    with pytest.raises(InputError, match=r"a is too large .* np\.ascontiguousarray"):
        list(stream_npz(tmp_path / "f.npz", "a"))


def test_a_damaged_array_is_named_when_its_end_is_reached(tmp_path):
    path = tmp_path / "d.npz"
    np.savez(path, a=np.zeros((50, 4), np.uint8))
    content = bytearray(path.read_bytes())
    content[250] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="a is damaged"):
        list(stream_npz(path, "a", chunk_bytes=16))
