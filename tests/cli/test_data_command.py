import numpy as np
import pytest

from tfmed import cli
from tfmed.data.importers.npz_file import read_npz


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Pages go to the test's folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def own(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {}
    for split in ("train", "val", "test"):
        arrays[f"{split}_images"] = rng.integers(0, 256, (12, 28, 28), np.uint8)
        arrays[f"{split}_labels"] = (np.arange(36, dtype=np.uint8).reshape(12, 3) % 9 == 0) * 1
    path = tmp_path / "own.npz"
    np.savez(path, **arrays)
    return path


def test_check_describes_a_sound_data_set(own, capsys):
    assert cli.main(["data", "check", str(own)]) == 0
    said = capsys.readouterr().out
    assert f"own: {own}" in said
    assert "28 × 28 pixels, 1 channel; task binary of 3 label columns" in said
    assert "train      12" in said
    assert "nothing is wrong with it" in said


def test_check_writes_a_page_and_says_where(own, tmp_path, capsys):
    assert cli.main(["data", "check", str(own)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "page: reports/data/own.html"
    assert "What is wrong with it" in (tmp_path / "reports" / "data" / "own.html").read_text()
    assert cli.main(["data", "import", str(own), "--out", "x.npz", "--page", "x.html"]) == 0
    assert (tmp_path / "x.html").is_file()


def test_check_counts_images_that_are_in_two_splits(own, capsys):
    arrays = dict(np.load(own))
    arrays["test_images"][:2] = arrays["train_images"][3]
    np.savez(own, **arrays)
    assert cli.main(["data", "check", str(own)]) == 0
    said = capsys.readouterr().out
    assert "problem: images of test that are in train too: 2" in said
    assert "note: images of test that equal an earlier one of it: 1" in said
    assert "nothing is wrong" not in said


def test_check_names_what_is_wrong(own, capsys):
    own.write_bytes(own.read_bytes()[:-100])
    assert cli.main(["data", "check", str(own)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert "own.npz" in said.err


def test_import_writes_the_same_arrays_with_every_label_column(own, tmp_path):
    out = tmp_path / "new" / "copy.npz"
    assert cli.main(["data", "import", str(own), "--out", str(out)]) == 0
    before, after = read_npz(own), read_npz(out)
    assert all(np.array_equal(before[key], after[key]) for key in before)
    assert [path.name for path in out.parent.iterdir()] == ["copy.npz"]


@pytest.mark.parametrize(
    ("out", "words"), [("own.npz", "is there already"), ("x.csv", "end it with .npz")]
)
def test_import_refuses_a_file_that_is_there_or_is_no_npz(own, out, words, capsys):
    assert cli.main(["data", "import", str(own), "--out", str(own.with_name(out))]) == 2
    assert words in capsys.readouterr().err


def test_a_folder_without_images_is_refused_in_one_line(own, capsys):
    assert cli.main(["data", "import", str(own.parent) + "/", "--out", "x.npz"]) == 2
    said = capsys.readouterr().err
    assert "holds no image that can be read" in said
    assert ".npz 1" in said
    assert said.count("\n") == 1
