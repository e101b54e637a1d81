"""What tests of data sets share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def where(tmp_path):
    """Folders of its own for a test, and a role."""
    return {"data_root": tmp_path / "data", "cache_dir": tmp_path / "cache", "role": "source"}


@pytest.fixture
def real_data():
    """Folder of the real files; skips where they are not."""
    folder = Path(os.environ.get("TFMED_REAL_DATA", ROOT.parent / "shared" / "data"))
    for name in ("pneumoniamnist.npz", "chest_nih.npz"):
        if not (folder / name).is_file():
            pytest.skip(f"no {name} in {folder} (set TFMED_REAL_DATA)")
    return folder
