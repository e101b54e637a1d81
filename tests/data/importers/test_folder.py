"""Folders of images become data sets, or one line says why not."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from example_folders import drawn, folder_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tfmed.data.dataset import SPLITS
from tfmed.data.importers import canonical, folder
from tfmed.data.importers.npz_file import read_npz
from tfmed.data.importers.settings import ImportSettings
from tfmed.data.loading import load_split
from tfmed.data.sources import check_spec, resolve, sized
from tfmed.errors import InputError
from tfmed.tasks import UNLABELLED


def fault_of(path, where, **options):
    with pytest.raises(InputError) as caught:
        resolve(str(path), **where, settings=ImportSettings(**options))
    line = str(caught.value)
    assert "\n" not in line
    assert ": " in line
    return line


def test_folders_of_splits_keep_their_splits_classes_and_names(tmp_path, where):
    info = resolve(str(folder_of(tmp_path / "own")), **where)
    assert info.counts == dict.fromkeys(("train", "val", "test"), (3, 3))
    assert (info.class_names, info.task) == (("healthy", "ill"), "binary")
    assert (info.name, info.title, info.image_shape) == ("own", "own", (28, 28, 1))
    assert "square(pad), resize(28), channels(grey)" in info.description
    assert "formats: PNG L 18" in info.notes
    assert "label 1 is 'ill': 'healthy' is the name of a healthy class" in info.notes
    names = read_npz(info.path, ["val_names"])["val_names"]
    assert names[0] == "val/healthy/p6_0.png"


def test_a_folder_without_splits_gets_some(tmp_path, where):
    info = resolve(str(folder_of(tmp_path / "own", splits=(), n=20)), **where)
    assert info.counts == {"train": (14, 14), "val": (2, 2), "test": (4, 4)}


def test_a_folder_is_named_without_a_separator_too_but_a_name_wins(tmp_path, where, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder_of(tmp_path / "own")
    folder_of(tmp_path / "chestmnist")
    check_spec("own")
    assert sized("own", 100) == "own"
    assert folder.takes("own")
    assert folder.takes("./chestmnist")
    assert not folder.takes("chestmnist")


def test_an_unchanged_folder_is_decoded_once(tmp_path, where, monkeypatch):
    root = folder_of(tmp_path / "own")
    first = resolve(str(root), **where)
    read = []
    monkeypatch.setattr(canonical, "read_picture", lambda *given: read.append(given))
    assert resolve(str(root), **where) == first
    assert not read
    monkeypatch.undo()
    drawn(99).save(root / "train" / "ill" / "p3_0.png")
    assert resolve(str(root), **where).md5 != first.md5


def test_classes_are_in_natural_order_and_two_say_which_is_label_1(tmp_path, where):
    info = resolve(str(folder_of(tmp_path / "a", classes=("grade 10", "grade 2"))), **where)
    assert info.class_names == ("grade 2", "grade 10")
    assert any("it is the second in order" in note for note in info.notes)
    info = resolve(str(folder_of(tmp_path / "b", classes=("cancer", "Normal"))), **where)
    assert info.class_names == ("Normal", "cancer")


def test_names_in_any_script_and_with_spaces_are_taken(tmp_path, where):
    info = resolve(
        str(folder_of(tmp_path / "röntgen 胸部", classes=("здоров", "больной ×"))), **where
    )
    assert info.class_names == ("больной ×", "здоров")


def test_files_of_systems_are_ignored_and_others_left_out_each_counted(tmp_path, where):
    root = folder_of(tmp_path / "own")
    (root / "__MACOSX").mkdir()
    for name in (".DS_Store", "train/ill/._p.png", "train/ill/Thumbs.db", "train/ill/notes.txt"):
        (root / name).write_bytes(b"x")
    info = resolve(str(root), **where)
    assert any(note.startswith("ignored, as files of the system: 4 ") for note in info.notes)
    assert any(".txt 1" in note and "train/ill/notes.txt" in note for note in info.notes)


def test_what_lies_beside_the_folders_of_classes_is_counted_once_and_for_what_it_is(
    tmp_path, where
):
    root = folder_of(tmp_path / "own", splits=(), n=20)
    (root / "__MACOSX").mkdir()
    (root / ".DS_Store").write_bytes(b"x")
    (root / "notes.txt").write_bytes(b"x")
    image = next(root.rglob("*.png"))
    image.rename(root / "stray.png")
    notes = resolve(str(root), **where).notes
    assert any(note.startswith("ignored, as files of the system: 2 ") for note in notes)
    beside = "left out, as images beside the folders of classes: 1 (.png 1), such as stray.png"
    assert any(note.startswith(beside) for note in notes)
    assert any(note.startswith("left out, as no images that can be read: 1 ") for note in notes)


def test_all_bad_files_are_named_not_the_first_alone(tmp_path, where):
    root = folder_of(tmp_path / "own", n=4)
    for name in ("train/ill/p4_0.png", "val/ill/p12_0.png", "test/ill/p20_0.png"):
        (root / name).write_bytes((root / name).read_bytes()[:-200])
    drawn(5).save(root / "bmp", "BMP")
    (root / "bmp").rename(root / "train" / "ill" / "b.jpg")
    line = fault_of(root, where)
    assert "4 of 25 files can't be used" in line
    for name in ("p4_0.png is cut short", "p12_0.png is cut", "p20_0.png", "a BMP file named .jpg"):
        assert name in line


def test_many_bad_files_are_listed_in_a_file(tmp_path, where):
    root = folder_of(tmp_path / "own", n=12)
    for path in root.rglob("*.png"):
        path.write_bytes(b"nothing")
    line = fault_of(root, where)
    assert "72 of 72 files" in line
    (listed,) = where["cache_dir"].rglob("*.bad.txt")
    assert len(listed.read_text("utf-8").splitlines()) == 72


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda root: shutil.rmtree(root / "val" / "ill"), "'ill' has none in val"),
        (lambda root: shutil.rmtree(root / "val"), "lacks a folder val"),
        (lambda root: [shutil.rmtree(p) for p in root.glob("*/ill")], "one class only ('healthy')"),
        (lambda root: [shutil.rmtree(p) for p in root.glob("*")], "holds no image"),
        (lambda root: [p.rename(p.with_suffix(".gif")) for p in root.rglob("*.png")], ".gif 18"),
        (lambda root: (root / "train" / "empty").mkdir(), "'empty' has no image"),
        (lambda root: [drawn(0).save(p) for p in root.rglob("*.png")], "all images are the same"),
        (
            lambda root: [Image.new("L", (9, 9), 7).save(p) for p in root.rglob("*.png")],
            "every image is blank",
        ),
        (
            lambda root: (
                shutil.rmtree(root / "test"),
                shutil.copytree(root / "train", root / "test"),
            ),
            "every image of test is in train too",
        ),
        (
            lambda root: [shutil.copytree(p / "ill", p / "very ill") for p in root.glob("*")],
            "no task for more than two yet",
        ),
    ],
)
def test_what_cannot_be_a_data_set_is_refused_in_one_line(tmp_path, where, spoil, fault):
    from tfmed import tasks

    if "multiclass" in tasks.REGISTRY and "more than two" in fault:
        pytest.skip("there is a task for more than two classes")
    root = folder_of(tmp_path / "own")
    spoil(root)
    assert fault in fault_of(root, where)


def test_images_without_folders_of_classes_are_a_data_set_without_labels(tmp_path, where):
    root = tmp_path / "own"
    root.mkdir()
    for number in range(20):
        drawn(number).save(root / f"{number}.png")
    (root / "notes.txt").write_text("x")
    info = resolve(str(root), **where)
    assert (info.task, info.class_names, info.labelled) == (UNLABELLED, (), False)
    assert [info.n_images(split) for split in SPLITS] == [14, 2, 4]
    assert load_split(info, "test").images.shape == (4, 28, 28, 1)
    assert "no labels: a source only" in info.notes
    assert any(note.startswith("left out") and ".txt 1" in note for note in info.notes)
    again = resolve(str(info.path), **where)
    assert (again.task, again.md5) == (UNLABELLED, info.md5)


def test_too_few_images_without_labels_are_refused(tmp_path, where):
    drawn(0).save(tmp_path / "a.png")
    assert "too few for three splits" in fault_of(tmp_path, where)


def test_what_the_steps_changed_is_counted(tmp_path, where):
    root = folder_of(tmp_path / "own")
    drawn(70, "RGB", size=(28, 28)).save(root / "train" / "ill" / "colour.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    drawn(71).save(root / "train" / "ill" / "turned.jpg", exif=turned)
    info = resolve(str(root), **where, settings=ImportSettings(grey=True))
    assert (
        "converted, files that a step changed: turn(EXIF) 1, square(pad) 19, channels(grey) 1"
        in info.notes
    )


def test_a_val_split_that_lies_wholly_in_train_is_refused_too(tmp_path, where):
    root = folder_of(tmp_path / "own")
    shutil.rmtree(root / "val")
    shutil.copytree(root / "train", root / "val")
    assert "every image of val is in train too" in fault_of(root, where)


def test_colours_stay_unless_grey_is_asked_for(tmp_path, where):
    root = folder_of(tmp_path / "own")
    drawn(77, "RGB").save(root / "train" / "ill" / "c.png")
    info = resolve(str(root), **where)
    assert info.image_shape == (28, 28, 3)
    assert load_split(info, "val").images.shape == (6, 28, 28, 3)
    grey = resolve(str(root), **where, settings=ImportSettings(grey=True, size=50))
    assert grey.image_shape == (50, 50, 1)


def test_twelve_bits_in_files_of_sixteen_become_eight_for_the_whole_set(tmp_path, where):
    root = folder_of(tmp_path / "own")
    levels = np.full((28, 28), 2048, np.uint16)
    levels[0] = 4095
    for number, path in enumerate(root.rglob("*.png")):
        levels[3] = number
        Image.fromarray(levels).save(path)
    drawn(3).save(root / "train" / "ill" / "eight.png")
    info = resolve(str(root), **where)
    assert "depth(12 bits to 8)" in info.description
    image = load_split(info, "test").images[0, ..., 0]
    assert (image[0, 0], image[8, 8]) == (255, 128)


def test_grey_levels_of_test_images_change_no_image_of_train(tmp_path, where):
    root = folder_of(tmp_path / "own")
    levels = np.full((28, 28), 1000, np.uint16)
    for number, path in enumerate(sorted(root.rglob("*.png"))):
        levels[3] = number
        Image.fromarray(levels).save(path)
    before = load_split(resolve(str(root), **where), "train").images
    levels[:] = 60_000
    levels[3] = 0
    Image.fromarray(levels).save(next((root / "test" / "ill").glob("*.png")))
    info = resolve(str(root), **where)
    assert "depth(10 bits to 8)" in info.description
    assert (load_split(info, "train").images == before).all()
    assert load_split(info, "test").images.max() == 255


def test_folders_inside_a_class_belong_to_it_and_loops_are_not_followed(tmp_path, where):
    root = folder_of(tmp_path / "own")
    inner = root / "train" / "ill" / "patient 7"
    inner.mkdir()
    drawn(50).save(inner / "a.png")
    (inner / "loop").symlink_to(root)
    info = resolve(str(root), **where)
    assert info.counts["train"] == (3, 4)


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    files=st.lists(
        st.tuples(
            st.lists(st.sampled_from(["train", "val", "test", "a", "b", "c"]), max_size=3),
            NAMES,
            st.sampled_from([".png", ".jpg", ".tif", ".bmp", ".webp", ".txt", ""]),
            st.sampled_from(["png", "bytes", "cut"]),
        ),
        max_size=12,
    ),
    resplit=st.booleans(),
)
def test_any_folder_gives_a_data_set_or_one_clear_line(files, resplit):
    with tempfile.TemporaryDirectory() as parent:
        root = Path(parent) / "own"
        root.mkdir()
        for number, (folders, name, ending, content) in enumerate(files):
            path = root.joinpath(*folders, f"{name}{ending}")
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                drawn(number).save(path, "PNG")
            except OSError:
                continue  # a name that no file can have here
            if content == "bytes":
                path.write_bytes(bytes(range(number)))
            if content == "cut":
                path.write_bytes(path.read_bytes()[:50])
        try:
            info = resolve(
                str(root),
                data_root=root,
                cache_dir=Path(parent) / "cache",
                role="source",
                settings=ImportSettings(resplit=resplit),
            )
        except InputError as error:
            line = str(error)
        else:
            line = info.title
    assert line
    assert "\n" not in line
