import base64
import io

import pytest
from example_entry import entry
from PIL import Image

from tfmed.errors import InputError
from tfmed.report.datasets.page import write_page


def example():
    buffer = io.BytesIO()
    Image.new("L", (28, 28), 90).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def whole(**changes):
    more = {"synthetic": False, "steps": ["turn(EXIF)"], "license": "CC", "file": "own.npz"}
    more |= {"md5": "0" * 32, "task": "binary", "examples": [[example()] * 6, [example()]]}
    return entry(**more | changes)


def test_the_page_holds_all_that_is_known_and_needs_no_other_file(tmp_path):
    path = tmp_path / "new" / "page.html"
    write_page(whole(), path)
    page = path.read_text("utf-8")
    for words in ("4 images of test are of patients", "a (equals b)", "Left out: 3", "turn(EXIF)"):
        assert words in page
    assert page.count("<figure") == 2
    assert 'src="http' not in page
    assert "Checked on" in page
    assert [each.name for each in path.parent.iterdir()] == ["page.html"]


def test_a_data_set_without_labels_has_a_page_of_its_images(tmp_path):
    splits = {s: {"n": 9, "counts": []} for s in ("train", "val", "test")}
    data = whole(class_names=[], splits=splits, shifts=[], examples=[[example()] * 6], steps=[])
    write_page(data, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "images without labels" in page
    assert page.count("<figure") == 1


def test_names_that_look_like_markup_stay_words(tmp_path):
    hostile = "<script>alert(1)</script>"
    data = whole(title=hostile, notes=[hostile], class_names=[hostile, "b"], file=hostile)
    write_page(data, tmp_path / "page.html")
    assert hostile not in (tmp_path / "page.html").read_text("utf-8")


def test_a_page_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="choose another --page"):
        write_page(whole(), tmp_path / "file" / "page.html")
