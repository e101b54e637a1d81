import pytest
from example_entry import entry

from tfmed.report.datasets import plain
from tfmed.report.datasets.words import count_rows, described, said


def test_problems_come_first_and_what_is_not_there_is_not_said():
    lines = said(entry(), briefly=False)
    assert [line.kind for line in lines] == ["problem"] * 2 + ["note"] * 6
    assert lines[1].words == (
        "images of test that are in train too: 2; their scores say nothing of new ones; such as "
        "a (equals b)"
    )
    assert [line.words for line in lines[2:]] == [
        "images of test that are nearly equal to one of train: 3",
        "images of train that equal an earlier one of it: 1",
        "images of train that are blank: 1",
        "class balance of val differs from that of train by 20.0 points, p = 0.300",
        "class balance of test differs from that of train by 20.0 points, p < 0.001",
        "left out: 3",
    ]


def test_a_report_leaves_out_shifts_that_are_small_or_by_chance():
    shifts = [
        {"split": "val", "distance": 0.01, "p": 0.0001},
        {"split": "test", "distance": 0.3, "p": 0.2},
    ]
    quiet = entry(shifts=shifts, notes=[], warnings=[], repeated=None)
    assert said(quiet, briefly=True) == []
    assert len(said(entry(), briefly=True)) == 7


def test_results_of_an_earlier_version_have_nothing_to_say():
    old = entry()
    for key in ("warnings", "notes", "repeated", "shifts"):
        del old[key]
    assert said(old, briefly=True) == []


def test_the_terminal_says_when_nothing_is_wrong():
    assert plain.NOTHING_WRONG not in plain.found(entry())
    sound = entry(warnings=[], repeated=None)
    assert plain.found(sound)[-1] == plain.NOTHING_WRONG
    assert plain.found(sound)[0].startswith("note: ")


@pytest.mark.parametrize(("n", "first"), [(2, "split"), (9, "split")])
def test_of_many_classes_each_has_a_line(n, first):
    names = [f"c{i}" for i in range(n)]
    splits = {s: {"n": n, "counts": [1] * n} for s in ("train", "val", "test")}
    rows = count_rows(entry(class_names=names, splits=splits))
    assert len(rows) == (4 if n == 2 else n + 2)
    assert rows[0][0] == first
    assert len(plain.counts(entry(class_names=names, splits=splits))) == len(rows)


def test_a_data_set_without_labels_says_so():
    words = "".join(span[1] for span in described(entry(class_names=[]))["text"])
    assert "has no labels: encoders are pretrained on it" in words
