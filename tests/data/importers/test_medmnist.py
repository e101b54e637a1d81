"""The files that MedMNIST publishes."""

import os
import subprocess
import sys
from pathlib import Path

from tfmed.data.importers import medmnist

ROOT = Path(__file__).parents[3]


def test_sizes_have_their_own_name_title_and_address(monkeypatch):
    monkeypatch.delenv("TFMED_MEDMNIST_URL", raising=False)
    official = medmnist.find("breastmnist_128", also="", otherwise="")
    assert (official.name, official.title) == ("breastmnist_128", "BreastMNIST (128 × 128)")
    assert "breastmnist_128.npz" in official.url


def test_the_catalogue_is_that_of_medmnist(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    from medmnist.info import INFO

    assert medmnist.catalogue() == INFO


def test_names_are_looked_up_without_importing_medmnist_or_making_its_folder(tmp_path):
    code = (
        "import sys; from tfmed.data import sources; sources.check_spec('chestmnist');"
        "print({'medmnist', 'pandas', 'torch', 'tensorflow'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "set()\n"
    assert list(tmp_path.iterdir()) == []
