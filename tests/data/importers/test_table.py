"""Tables of images become data sets, or all rows that can't be used are named."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from example_folders import drawn
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmed.data.importers.npz_file import read_npz
from tfmed.data.importers.settings import ImportSettings
from tfmed.data.sources import check_spec, resolve
from tfmed.errors import InputError

NIH = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"


@pytest.fixture
def images(tmp_path):
    """`img/0.png` to `img/59.png` below the table's folder."""
    (tmp_path / "img").mkdir()
    for number in range(60):
        drawn(number).save(tmp_path / "img" / f"{number}.png")
    return tmp_path


def written(folder, header, rows, *, mark="", encoding="utf-8", name="own.csv"):
    text = "\n".join([header, *rows])
    (folder / name).write_text(mark + text + "\n", encoding=encoding)
    return str(folder / name)


def rows_of(between=",", n=60):
    split = ["train"] * 40 + ["val"] * 8 + ["test"] * 12
    return [
        between.join(
            [f"img/{i}.png", "ill" if i % 2 else "well", f"p{i // 2}", split[i], "MF"[i % 2]]
        )
        for i in range(n)
    ]


def fault_of(spec, where, **options):
    with pytest.raises(InputError) as caught:
        resolve(spec, **where, settings=ImportSettings(**options))
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize("between", [",", ";", "\t"])
@pytest.mark.parametrize(("mark", "encoding"), [("", "utf-8"), ("\ufeff", "utf-8"), ("", "utf-16")])
def test_a_table_gives_classes_patients_splits_and_subgroups(
    images, where, between, mark, encoding
):
    header = between.join(["Path", "label", "patient_id", "Split", "sex"])
    spec = written(images, header, rows_of(between), mark=mark, encoding=encoding)
    check_spec(spec)
    info = resolve(spec, **where)
    assert info.counts == {"train": (20, 20), "val": (4, 4), "test": (6, 6)}
    assert info.class_names == ("ill", "well")
    kept = read_npz(info.path, ["test_names", "test_patients", "test_group_sex"])
    assert kept["test_names"][1] == "img/49.png"
    assert kept["test_patients"][1] == "p24"
    assert kept["test_group_sex"][:3].tolist() == ["M", "F", "M"]


def test_quoted_fields_may_hold_what_stands_between_fields(images, where):
    rows = [f'"img/{i}.png","{"no, nothing" if i % 2 else "yes"}"' for i in range(60)]
    info = resolve(written(images, "file,diagnosis", rows), **where)
    assert info.class_names == ("no, nothing", "yes")
    assert info.counts["train"] == (21, 21)


def test_nih_s_table_is_taken_as_it_comes(images, where):
    findings = ["No Finding", "Cardiomegaly|Effusion", "Effusion", "No Finding"]
    rows = [f"{i}.png,{findings[i % 4]},{i},{i // 3},0{i}Y,M,PA" for i in range(60)]
    info = resolve(written(images, NIH, rows, name="Data_Entry_2017.csv"), **where)
    assert info.n_labels == 2
    assert "label columns: Cardiomegaly, Effusion" in info.notes
    kept = read_npz(
        info.path, [f"{s}_{k}" for s in ("train", "test") for k in ("labels", "patients")]
    )
    assert not {*kept["train_patients"]} & {*kept["test_patients"]}
    assert info.warnings == ()
    assert (info.task, info.class_names) == ("binary", ("no listed finding", "any finding"))
    assert info.n_images("train") == sum(info.counts["train"])


def test_columns_of_0_and_1_are_findings(images, where):
    rows = [f"img/{i}.png,{int(i % 2 == 0)},{int(i % 3 == 0)},{i * 10}" for i in range(60)]
    info = resolve(written(images, "image,fluid,nodule,dose", rows), **where)
    assert info.n_labels == 2
    labels = read_npz(info.path, ["train_labels"])["train_labels"]
    assert np.unique(labels).tolist() == [0, 1]


def test_findings_are_asked_for_one_by_one_where_that_is_chosen(images, where):
    findings = ["No Finding", "Cardiomegaly|Effusion", "Effusion", "No Finding"]
    rows = [f"{i}.png,{findings[i % 4]},{i},{i // 3},0{i}Y,M,PA" for i in range(60)]
    spec = written(images, NIH, rows, name="Data_Entry_2017.csv")
    merged = resolve(spec, **where)
    info = resolve(spec, **where, settings=ImportSettings(task="multilabel"))
    assert info.task == "multilabel"
    assert info.class_names == ("Cardiomegaly", "Effusion")
    assert (info.path, info.md5) == (merged.path, merged.md5)  # no image is read again
    assert sum(map(info.n_images, info.counts)) == 60
    assert np.sum(list(info.counts.values()), axis=0).tolist() == [15, 30]
    assert info.notes == merged.notes


def test_one_label_an_image_is_no_multilabel_data(images, where):
    spec = written(images, "Path,label,patient_id,Split,sex", rows_of())
    fault = fault_of(spec, where, task="multilabel")
    assert fault.startswith(f"{spec}: train_labels has one column")


def test_all_rows_that_cannot_be_used_are_named_with_their_lines(images, where):
    rows = rows_of()
    rows[2] = rows[2].replace("2.png", "gone.png")
    rows[5] = rows[5].replace("train", "training set")
    rows.append("img/7.png,well,p3,train,F")
    rows.append("img/8.png,well,p4,train")
    line = fault_of(written(images, "path,label,patient,split,sex", rows), where)
    assert "4 of 62 rows can't be used" in line
    assert "line 4 img/gone.png does not exist" in line
    assert "line 7 has the split 'training set' and not train, val, test" in line
    assert "line 62 differs from line 9 on img/7.png" in line
    assert "line 63 has 4 fields and not 5" in line


def test_a_row_that_repeats_another_is_left_out_and_counted(images, where):
    rows = [*rows_of(), rows_of()[4]]
    info = resolve(written(images, "path,label,patient,split,sex", rows), **where)
    assert "rows that repeat an earlier one, left out: 1" in info.notes
    assert info.n_images("train") == 40


@pytest.mark.parametrize(
    ("header", "change", "fault"),
    [
        ("where,label,patient,split,sex", lambda row: row, "has no column of image files"),
        ("path,what,patient,split,sex", lambda row: row, "has no column of labels"),
        ("path,label,patient,split,sex", lambda row: row.replace("ill", "well"), "one class only"),
        (
            "path,label,patient,split,sex",
            lambda row: row.replace("val", "test"),
            "no image is of val",
        ),
        ("path,label,patient,split,sex", lambda row: "", "holds no rows"),
        ("path,label,patient,split,sex", lambda row: row.replace(".png", ".dcm"), "60 of 60 rows"),
    ],
)
def test_a_table_that_is_none_is_refused_in_one_line(images, where, header, change, fault):
    rows = [change(row) for row in rows_of()]
    assert fault in fault_of(written(images, header, rows), where)


def test_a_class_that_a_split_lacks_is_named(images, where):
    rows = [row.replace("ill", "well") if ",val," in row else row for row in rows_of()]
    spec = written(images, "path,label,patient,split,sex", rows)
    assert "'ill' has none in val" in fault_of(spec, where)
    assert resolve(spec, **where, settings=ImportSettings(resplit=True)).counts["val"][0] > 0


def test_a_name_that_is_there_twice_below_is_refused(images, where):
    (images / "other").mkdir()
    drawn(99).save(images / "other" / "3.png")
    rows = [f"{i}.png,{i % 2}" for i in range(60)]
    assert "3.png is there 2 times below" in fault_of(written(images, "file,class", rows), where)


FIELDS = st.sampled_from(
    ["a.png", "b.png", "path", "label", "split", "x|y", "0", "1", "train", '"']
)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.lists(st.lists(FIELDS, max_size=4), max_size=8)))
def test_any_table_gives_a_data_set_or_one_clear_line(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own.csv"
        drawn(0).save(path.with_name("a.png"))
        drawn(1).save(path.with_name("b.png"))
        if isinstance(content, list):
            content = "\n".join(",".join(row) for row in content).encode()
        path.write_bytes(content)
        try:
            line = resolve(
                str(path), data_root=path, cache_dir=path.parent / "c", role="source"
            ).title
        except InputError as error:
            line = str(error)
    assert line
    assert "\n" not in line
