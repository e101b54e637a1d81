"""DICOM files are images of a folder or a table like any other."""

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from example_folders import folder_of
from pydicom.data import get_testdata_file

from tfmed.data.dataset import SPLITS
from tfmed.data.importers.npz_file import read_npz
from tfmed.data.importers.settings import ImportSettings
from tfmed.data.loading import load_split
from tfmed.data.pictures.dicom import read_dicom
from tfmed.data.sources import resolve
from tfmed.errors import InputError

CT = Path(get_testdata_file("CT_small.dcm"))
REPORT = Path(get_testdata_file("reportsi.dcm"))


@pytest.fixture
def mixed(tmp_path):
    """PNG files, a DICOM file without an ending in `train/ill`, and a report."""
    root = folder_of(tmp_path / "own")
    shutil.copy(CT, root / "train" / "ill" / "IM1")
    shutil.copy(REPORT, root / "train" / "ill" / "report.dcm")
    return root


def test_dicom_files_are_taken_and_what_holds_no_picture_is_counted(mixed, where):
    info = resolve(str(mixed), **where)
    assert info.counts["train"] == (3, 4)
    assert "display(modality LUT, VOI LUT or window or full range" in info.description
    assert "formats: PNG L 18, DICOM MONOCHROME2 1" in info.notes
    [left_out] = [note for note in info.notes if note.startswith("left out")]
    assert left_out == "left out: 1 DICOM file without a picture (Basic Text SR Storage)"


def test_the_picture_is_the_one_that_is_displayed(mixed, where):
    info = resolve(str(mixed), **where)
    expected = read_dicom(CT)[0].resize((28, 28), 2)
    images = load_split(info, "train").images[..., 0]
    assert any(np.array_equal(image, np.asarray(expected)) for image in images)


def test_a_damaged_dicom_file_is_named_with_the_others(mixed, where):
    (mixed / "val" / "ill" / "cut.dcm").write_bytes(CT.read_bytes()[:9000])
    with pytest.raises(InputError, match=r"val/ill/cut\.dcm cannot be decoded"):
        resolve(str(mixed), **where)


def dicoms(root, patients):
    """A folder of CT slices of these patients, unlike each other."""
    for number, patient in enumerate(patients):
        header = pydicom.dcmread(CT)
        header.PatientID = patient
        stored = header.pixel_array.copy()
        stored[number] = 2000
        header.PixelData = stored.tobytes()
        place = root / ("ill" if number % 2 else "well")
        place.mkdir(parents=True, exist_ok=True)
        header.save_as(place / f"{number}.dcm")
    return root


def patients_of(info):
    keys = [f"{split}_patients" for split in SPLITS]
    return [set(found.tolist()) for found in read_npz(info.path, (), optional=keys).values()]


def test_patients_are_those_of_the_headers_and_no_id_leaves_its_file(tmp_path, where):
    names = [f"secret{number // 4}" for number in range(120)]
    info = resolve(str(dicoms(tmp_path / "own", [*names, "", " "])), **where)
    assert (
        "patients: 30, by the Patient ID of DICOM files; files without one, each a patient of its "
        "own: 2" in info.notes
    )
    train, val, test = patients_of(info)
    assert not train & val | train & test | val & test
    assert train | val | test == {
        *(f"patient {n}" for n in range(1, 31)),
        *("well/120.dcm", "ill/121.dcm"),
    }
    assert b"secret" not in info.path.read_bytes()


def test_one_patient_id_for_all_is_said_and_not_used(tmp_path, where):
    info = resolve(str(dicoms(tmp_path / "own", ["anonymous"] * 40)), **where)
    assert any(
        "the Patient ID of all 40 DICOM files that have one is the same" in n for n in info.notes
    )
    assert patients_of(info) == []


def test_a_pattern_goes_before_patient_ids(tmp_path, where):
    root = dicoms(tmp_path / "own", [f"p{number % 7}" for number in range(60)])
    chosen = ImportSettings(patient_pattern=r"(\d+)\.dcm")
    info = resolve(str(root), **where, settings=chosen)
    assert any(note.startswith("patients: 60, by the pattern") for note in info.notes)


def test_a_table_names_dicom_files(tmp_path, where):
    rows = ["path,label,split"]
    for number in range(18):
        name = f"{number}.dcm" if number % 2 else f"{number}"
        content = bytearray(CT.read_bytes())
        start = 10_000 + 1000 * number
        content[start : start + 1000] = bytes(1000)
        (tmp_path / name).write_bytes(content)
        rows.append(
            f"{name},{'ill' if number % 3 else 'well'},{('train', 'val', 'test')[number // 6]}"
        )
    (tmp_path / "table.csv").write_text("\n".join(rows))
    info = resolve(str(tmp_path / "table.csv"), **where)
    assert info.n_images("train") == 6
