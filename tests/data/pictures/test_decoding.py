import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from tfmed.data.pictures import decoding
from tfmed.data.pictures.decoding import DecodingError, decoded
from tfmed.data.pictures.dicom import NoPictureError, read_dicom

JPEG_2000 = get_testdata_file("JPEG2000.dcm", download=False)


def test_pixels_are_those_that_pydicom_gives():
    np.testing.assert_array_equal(decoded_of(JPEG_2000), pydicom.dcmread(JPEG_2000).pixel_array)


def test_errors_come_back_by_name(tmp_path):
    path = tmp_path / "a.dcm"
    path.write_bytes(b"nothing")
    with pytest.raises(DecodingError, match="AttributeError"):
        decoded_of(path)


def test_a_decoder_that_ends_its_process_is_told_and_the_next_file_is_read(monkeypatch, tmp_path):
    broken = decoding._Process()
    monkeypatch.setattr(decoding, "_PROCESS", broken)
    monkeypatch.setattr(decoding, "_WORK", "import os; os.abort()")
    with pytest.raises(NoPictureError, match=r"JPEG 2000.*the decoder broke down"):
        read_dicom(Path(JPEG_2000))
    monkeypatch.undo()
    monkeypatch.setattr(decoding, "_PROCESS", broken)
    assert decoded_of(JPEG_2000).size
    broken.stop()


def test_several_threads_ask_the_one_process():
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(decoded_of(JPEG_2000))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(np.array_equal(found[0], each) for each in found)


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")
def test_the_process_ends_with_its_parent():
    work = (
        "from tfmed.data.pictures import decoding; import os, pathlib;"
        f"decoding.decoded(pathlib.Path({JPEG_2000!r}));"
        "print(decoding._PROCESS._started.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    told = subprocess.run([sys.executable, "-c", work], capture_output=True, text=True)
    child = int(told.stdout)
    for _ in range(50):
        if not Path(f"/proc/{child}").exists():
            return
        time.sleep(0.1)
    pytest.fail("it still runs 5 s later")


def decoded_of(path):
    return decoded(Path(path))
