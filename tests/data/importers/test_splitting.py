"""Splits that tfmed draws: stratified, by patient, the same each time."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from example_arrays import good_arrays
from example_folders import folder_of
from hypothesis import given
from hypothesis import strategies as st

from tfmed.data.importers.listing import Item, natural
from tfmed.data.importers.settings import ImportSettings
from tfmed.data.importers.splitting import drawn, with_patients
from tfmed.data.sources import resolve
from tfmed.errors import InputError


def items_of(patients, labels):
    return [
        Item(Path(f"{n}.png"), f"{n}.png", None, (label,), patient)
        for n, (patient, label) in enumerate(zip(patients, labels, strict=True))
    ]


@given(st.lists(st.integers(1, 6), min_size=40, max_size=120), st.integers(0, 5))
def test_no_patient_is_in_two_splits_and_each_class_has_its_share(sizes, seed):
    patients = [f"p{n}" for n, size in enumerate(sizes) for _ in range(size)]
    labels = [n % 2 for n, size in enumerate(sizes) for _ in range(size)]
    done = drawn(items_of(patients, labels), ("a", "b"), "own", seed)
    assert done == drawn(items_of(patients, labels), ("a", "b"), "own", seed)
    splits = {}
    for item in done:
        splits.setdefault(item.patient, set()).add(item.split)
    assert all(len(each) == 1 for each in splits.values())
    for label in (0, 1):
        counts = Counter(item.split for item in done if item.labels == (label,))
        total = sum(counts.values())
        for split, share in (("train", 0.7), ("val", 0.1), ("test", 0.2)):
            assert abs(counts[split] - share * total) <= 6
            assert counts[split] > 0


def test_another_seed_draws_other_splits():
    items = items_of([None] * 60, [0, 1] * 30)
    first, second = (drawn(items, ("a", "b"), "own", seed) for seed in (0, 1))
    assert first != second


def test_a_class_of_too_few_patients_is_named():
    items = items_of([*"aabbccd", "e", "e"], [0] * 7 + [1, 1])
    with pytest.raises(InputError, match="class 'ill' is of 1 patients"):
        drawn(items, ("well", "ill"), "own", 0)


def test_all_groups_of_a_pattern_are_the_patient_and_the_rest_their_own():
    names = ["person1_virus_1.png", "person1_bacteria_2.png", "person1_virus_3.png", "x.png"]
    items = [Item(Path("/a") / name, name, None, (0,)) for name in names]
    done, note = with_patients(items, r"person(\d+)_(bacteria|virus)")
    assert [item.patient for item in done] == ["1 virus", "1 bacteria", "1 virus", "x.png"]
    assert "patients: 3" in note
    assert "its own: 1" in note


@pytest.mark.parametrize(
    ("pattern", "fault"), [("(", "no regular expression"), ("zzz", "matches none")]
)
def test_a_pattern_that_finds_no_patient_is_refused(tmp_path, where, pattern, fault):
    root = folder_of(tmp_path / "own")
    with pytest.raises(InputError, match=fault):
        resolve(str(root), **where, settings=ImportSettings(patient_pattern=pattern))


def test_shared_patients_are_reported_and_resplit_parts_them(tmp_path, where):
    root = folder_of(tmp_path / "own", n=8)
    pattern = r"_(\d)\.png"  # 0 to 7 in each split and class
    renamed = root / "test" / "ill" / "p40_0.png"
    renamed.rename(renamed.with_name("x_9.png"))
    info = resolve(str(root), **where, settings=ImportSettings(patient_pattern=pattern))
    assert "15 of 16 images of test are of patients with images in train too" in info.warnings[1]
    settings = ImportSettings(patient_pattern=pattern, resplit=True)
    info = resolve(str(root), **where, settings=settings)
    assert info.warnings == ()
    assert any("drawn by patient" in note for note in info.notes)


def test_a_test_split_of_patients_in_train_is_refused(tmp_path, where):
    root = folder_of(tmp_path / "own")
    with pytest.raises(InputError, match="every image of test is of a patient"):
        resolve(str(root), **where, settings=ImportSettings(patient_pattern=r"_(\d)\.png"))


def test_patients_of_an_npz_are_looked_at(tmp_path, where):
    arrays = good_arrays()
    arrays |= {f"{s}_patients": np.arange(4) + n for n, s in enumerate(("train", "val", "test"))}
    np.savez(tmp_path / "own.npz", **arrays)
    info = resolve(str(tmp_path / "own.npz"), **where)
    assert [line.split(" are")[0] for line in info.warnings] == [
        "3 of 4 images of val",
        "2 of 4 images of test",
        "3 of 4 images of test",
    ]
    arrays["val_patients"] = np.arange(3)
    np.savez(tmp_path / "own.npz", **arrays)
    with pytest.raises(InputError, match="val_patients is not one integer or text"):
        resolve(str(tmp_path / "own.npz"), **where)


def test_an_npz_gets_other_splits_by_its_patients(tmp_path, where):
    arrays = good_arrays(n=40)
    for split in ("train", "val", "test"):
        arrays[f"{split}_labels"][:, 0] = np.arange(40) % 2
        arrays[f"{split}_patients"] = np.arange(40)
    np.savez(tmp_path / "own.npz", **arrays)
    with pytest.raises(InputError, match="every image of test is of a patient"):
        resolve(str(tmp_path / "own.npz"), **where)
    settings = ImportSettings(resplit=True)
    info = resolve(str(tmp_path / "own.npz"), **where, settings=settings)
    assert info.counts == {"train": (42, 42), "val": (6, 6), "test": (12, 12)}
    assert (info.name, info.warnings) == ("own", ())
    assert "splits: drawn by patient" in info.notes[0]
    assert resolve(str(tmp_path / "own.npz"), **where, settings=settings) == info


@given(st.lists(st.text(max_size=6)))
def test_natural_order_is_an_order(names):
    ordered = sorted(names, key=natural)
    assert sorted(ordered, key=natural) == ordered
    assert sorted(["10", "9", "a10", "a9"], key=natural) == ["9", "10", "a9", "a10"]
