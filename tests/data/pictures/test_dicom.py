import io
import tempfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.dataset import FileMetaDataset
from pydicom.pixels import apply_windowing
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from tfmed.data.pictures.dicom import (
    Display,
    NoPictureError,
    is_dicom,
    read_dicom,
    why_no_image,
)

FILES = sorted(
    path
    for path in (Path(pydicom.__file__).parent / "data").rglob("*")
    if path.is_file() and is_dicom(path)
)
RAMP = np.arange(-2048, 2048, 4, dtype=np.int16).reshape(32, 32)


def header(stored, colours="MONOCHROME2", **tags):
    found = pydicom.Dataset()
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    found.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.3680043.2"
    found.SOPClassUID = SecondaryCaptureImageStorage
    found.SOPInstanceUID = found.file_meta.MediaStorageSOPInstanceUID
    found.Rows, found.Columns = stored.shape
    found.SamplesPerPixel = 1
    found.BitsAllocated = found.BitsStored = stored.dtype.itemsize * 8
    found.HighBit = found.BitsStored - 1
    found.PixelRepresentation = int(stored.dtype.kind == "i")
    found.PhotometricInterpretation = colours
    found.PixelData = stored.tobytes()
    for name, value in tags.items():
        setattr(found, name, value)
    return found


def shown(stored, colours="MONOCHROME2", **tags):
    return Display()(stored, header(stored, colours, **tags))


def write(path, stored, colours="MONOCHROME2", **tags):
    header(stored, colours, **tags).save_as(path, enforce_file_format=True)
    return path


def picture_of(path):
    """What is read from a file, and why it is nothing."""
    try:
        return read_dicom(path), ""
    except NoPictureError as reason:
        return None, str(reason)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_of_pydicoms_tests_is_a_picture_or_a_reason(path):
    found, reason = picture_of(path)
    if found is None:
        assert reason
        assert "\n" not in reason
    else:
        assert found[0].mode in ("L", "RGB")
        assert found[1].startswith("DICOM ")


def test_enough_of_those_files_are_pictures():
    assert sum(picture_of(path)[0] is not None for path in FILES) > 60


@pytest.mark.parametrize("tags", [{}, {"WindowCenter": 100, "WindowWidth": 800}])
def test_an_inverted_image_of_monochrome1_is_the_same_picture(tags):
    twin = tags and {**tags, "WindowCenter": -tags["WindowCenter"]}
    negated = (-1 - RAMP.astype(int)).astype(np.int16)
    assert (shown(RAMP, **tags) == shown(negated, "MONOCHROME1", **twin)).all()


def test_full_range_is_used_where_the_header_names_no_window():
    found = shown(RAMP)
    assert (found.min(), found.max()) == (0, 255)
    assert (np.diff(found.ravel().astype(int)) >= 0).all()


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_a_window_is_that_of_the_standard_as_pydicom_has_it(function):
    tags = {"WindowCenter": 40.0, "WindowWidth": 400.0, "VOILUTFunction": function}
    theirs = apply_windowing(RAMP, header(RAMP, **tags))
    low, high = -(2**15), 2**15 - 1
    expected = 255 * (theirs - low) / (high - low)
    assert np.abs(shown(RAMP, **tags) - expected).max() <= 0.5001


def test_rescaling_comes_before_the_window():
    tags = {"RescaleSlope": 2, "RescaleIntercept": -1000, "WindowCenter": 0, "WindowWidth": 1000}
    stored = np.arange(0, 1024, dtype=np.uint16).reshape(32, 32)
    plain = {"WindowCenter": 0, "WindowWidth": 1000}
    rescaled = (2 * stored.astype(np.int16) - 1000).astype(np.int16)
    assert (shown(stored, **tags) == shown(rescaled, **plain)).all()


def table(first, bits, entries):
    found = pydicom.Dataset()
    found.LUTDescriptor = [len(entries), first, bits]
    found.LUTData = [int(entry) for entry in entries]
    return found


def test_a_voi_lut_is_applied_before_any_window():
    stored = np.arange(64, dtype=np.uint16).reshape(8, 8)
    entries = 1023 - 16 * np.arange(64)
    tags = {"WindowCenter": 5, "WindowWidth": 2, "VOILUTSequence": [table(0, 10, entries)]}
    expected = np.rint(entries.reshape(8, 8) * (255 / 1023))
    assert (shown(stored, **tags) == expected).all()


def test_a_modality_lut_is_applied_before_the_window():
    stored = np.arange(64, dtype=np.uint16).reshape(8, 8)
    entries = 40 * np.arange(64)[::-1]
    window = {"WindowCenter": 1260, "WindowWidth": 2000, "VOILUTFunction": "LINEAR_EXACT"}
    found = shown(stored, ModalityLUTSequence=[table(0, 16, entries)], **window)
    direct = shown(entries.astype(np.uint16).reshape(8, 8), **window)
    assert (found == direct).all()


def test_padding_is_black_and_does_not_narrow_the_range():
    stored = RAMP.copy()
    stored[0] = -32768
    found = shown(stored, PixelPaddingValue=-32768)
    assert (found[0] == 0).all()
    assert (found[1:] == shown(RAMP[1:])).all()


def test_a_ct_slice_keeps_its_contrast():
    found = np.asarray(read_dicom(Path(get_testdata_file("CT_small.dcm")))[0])
    low, high = np.percentile(found, [5, 95])
    assert len(np.unique(found[(found >= low) & (found <= high)])) >= 64


def test_colours_are_rgb_whatever_the_file_stores():
    same = {}
    for name in ("SC_rgb_rle.dcm", "SC_ybr_full_422_uncompressed.dcm", "SC_rgb_jpeg_dcmtk.dcm"):
        image = np.asarray(read_dicom(Path(get_testdata_file(name)))[0]).astype(int)
        same[name] = image[5, 50]
    first = same.pop("SC_rgb_rle.dcm")
    assert all(np.abs(other - first).max() <= 2 for other in same.values()), same


def test_a_file_without_an_ending_is_known_by_its_first_bytes(tmp_path):
    path = write(tmp_path / "IM0001", RAMP)
    assert is_dicom(path)
    (tmp_path / "other").write_bytes(b"not one")
    assert not is_dicom(tmp_path / "other")
    assert not is_dicom(tmp_path / "missing")


def test_a_report_is_no_image(tmp_path):
    assert "Storage" in why_no_image(Path(get_testdata_file("reportsi.dcm")))
    assert why_no_image(write(tmp_path / "a.dcm", RAMP)) is None


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"NumberOfFrames": 2}, "holds 2 frames"),
        ({"PixelData": b"\0\0"}, "cannot be decoded"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "palette that is missing"),
    ],
)
def test_what_gives_no_picture_is_told_with_its_reason(tmp_path, tags, words):
    path = write(tmp_path / "a.dcm", RAMP.astype(np.uint16), **tags)
    with pytest.raises(NoPictureError, match=words):
        read_dicom(path)


def test_a_file_cut_anywhere_gives_a_picture_or_a_reason_and_no_words_of_pydicom(tmp_path, capfd):
    buffer = io.BytesIO()
    header(RAMP[:8, :8].copy()).save_as(buffer, enforce_file_format=True)
    content, path = buffer.getvalue(), tmp_path / "a.dcm"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert "\n" not in picture_of(path)[1]
        why_no_image(path)
    assert capfd.readouterr() == ("", "")


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_changed_bytes_give_a_picture_or_a_reason(data):
    buffer = io.BytesIO()
    header(RAMP[:8, :8].copy()).save_as(buffer, enforce_file_format=True)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    length = data.draw(st.integers(0, len(content)))
    with tempfile.NamedTemporaryFile(suffix=".dcm") as file:
        file.write(content[:length])
        file.flush()
        _, reason = picture_of(Path(file.name))
        assert "\n" not in reason
