"""Where an exported model looks: through its signatures, and as `tfmed models explain` says it."""

import io
import shutil

import numpy as np
import pytest
import tensorflow as tf
from example_model import NAMES, build, evidence
from PIL import Image

from tfmed.cli import main
from tfmed.data.pipelines import scale_images
from tfmed.errors import InputError
from tfmed.inspection import Inspected, grad_cam, occlusion
from tfmed.serving import explaining, export, loader
from tfmed.serving.explaining import Wanted

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def coloured(tmp_path_factory):
    """A model of colour images and four classes."""
    folder = tmp_path_factory.mktemp("coloured")
    classifier = build((28, 28, 3))
    export.write_version(classifier, folder / "chest" / "1", evidence(shape=(28, 28, 3)))
    return folder / "chest", classifier


@pytest.fixture
def files(tmp_path, images):
    paths = []
    for number in range(3):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(images[number, ..., 0]).save(paths[-1])
    return paths


def original(classifier):
    """The Keras classifier as methods of attribution see it."""

    def scores(pixels):
        positive = classifier(scale_images(pixels), training=False).numpy()[:, 0]
        return np.stack([1 - positive, positive], axis=1)

    activation = grad_cam.activation_of(classifier)
    return Inspected(
        scores, lambda pixels, numbers: activation(scale_images(pixels), numbers).numpy()
    )


@pytest.mark.parametrize("method", ["occlusion", "grad-cam"])
def test_an_exported_model_is_explained_as_its_original(example, images, files, method):
    found = dict(explaining.explain_files(example.version, files, Wanted(method)))
    for path, image in zip(files, images, strict=False):
        number = NAMES.index(found[path].class_name)
        assert found[path].label == found[path].class_name
        make = occlusion if method == "occlusion" else grad_cam
        asked = original(example.classifier), image[None], np.array([number])
        expected = make.attribution(*asked)[0]
        assert found[path].values == pytest.approx(np.asarray(expected), abs=1e-5)


def test_the_class_that_is_named_is_explained(example, files):
    both = [
        next(explaining.explain_files(example.version, files, Wanted(class_name=name)))[1]
        for name in NAMES
    ]
    assert both[0].values == pytest.approx(-both[1].values, abs=1e-6)
    assert both[0].score + both[1].score == pytest.approx(1)


def test_colour_is_explained_too(coloured, tmp_path):
    folder, classifier = coloured
    image = np.random.default_rng(5).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "colour.png")
    for method in ("occlusion", "grad-cam"):
        wanted = Wanted(method, class_name=NAMES[1])
        [(_, found)] = explaining.explain_files(folder, [tmp_path / "colour.png"], wanted)
        make = occlusion if method == "occlusion" else grad_cam
        expected = make.attribution(original(classifier), image[None], np.array([1]))[0]
        assert found.values == pytest.approx(np.asarray(expected), abs=1e-5)


def test_a_file_goes_through_the_steps_of_the_import(imported, tmp_path):
    from tfmed.data.pictures.recipe import prepared, steps_from
    from tfmed.serving.card import read_card

    pixels = np.random.default_rng(2).integers(0, 256, (60, 40), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "wide.tif")
    [(_, found)] = explaining.explain_files(imported.version, [tmp_path / "wide.tif"], Wanted())
    recipe = steps_from(read_card(imported.version)["image_steps"])
    picture = prepared(tmp_path / "wide.tif", recipe)
    shown = np.asarray(Image.open(io.BytesIO(found.picture)))
    assert np.array_equal(shown[::8, : shown.shape[1] // 2 : 8, 0], picture[..., 0])


def test_the_signature_gives_maps_of_the_encoders_size(example, images):
    numbers = np.array([0, 1, 1], "int32")
    with loader.load(example.version) as model:
        found = model.run("grad_cam", {"images": images[:3], "class_number": numbers})["map"]
    expected = grad_cam.activation_of(example.classifier)(
        scale_images(images[:3]), tf.constant(numbers)
    )
    assert found.shape == (3, 4, 4)
    assert found == pytest.approx(expected.numpy(), abs=1e-6)


def test_the_command_writes_maps_and_says_a_line_for_each_file(example, files, tmp_path, capsys):
    again = tmp_path / "again" / "0.png"
    again.parent.mkdir()
    shutil.copy(files[0], again)
    out = tmp_path / "maps"
    given = [str(example.version.parent), *map(str, (files[0], again)), "--out", str(out)]
    assert main(["models", "explain", *given]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{files[0]}  ")
    assert second.endswith(f"  {out / '0_occlusion_2.png'}")
    assert {path.name for path in out.iterdir()} == {
        *("0_occlusion.png", "0_occlusion.npy", "0_occlusion_2.png", "0_occlusion_2.npy")
    }
    assert np.load(out / "0_occlusion.npy").shape == (28, 28)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--class", "mumps"], "knows no such class; give one of normal, pneumonia"),
        (["--window", "29"], "the model's pictures have 28 pixels a side; give no more"),
        (["--window", "0"], "is not an integer"),
        (["--method", "lime"], "invalid choice"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(example, files, tmp_path, capsys, options, words):
    command = ["models", "explain", str(example.version), str(files[0]), "--out", str(tmp_path)]
    try:
        code = main([*command, *options])
    except SystemExit as stop:
        code = stop.code
    error = capsys.readouterr().err
    assert code == 2
    assert words in error
    assert error.count("\n") == 1


def test_a_bad_file_has_its_line_and_the_others_theirs(example, files, tmp_path, capsys):
    (tmp_path / "no.png").write_bytes(b"nothing")
    bad = [str(tmp_path / name) for name in ("no.png", "missing.png")]
    command = ["models", "explain", str(example.version), bad[0], str(files[0]), bad[1]]
    assert main([*command, "--out", str(tmp_path / "maps")]) == 2
    captured = capsys.readouterr()
    assert captured.out.count("\n") == 1
    first, second = captured.err.splitlines()
    assert first == f"error: {bad[0]}: is neither PNG nor JPEG"
    assert second.startswith(f"error: {bad[1]}: can't be read")


def test_a_damaged_model_and_one_without_the_signature_are_refused(spoiled, files, tmp_path):
    (spoiled / "saved_model.pb").write_bytes(b"no model")
    with pytest.raises(InputError, match=r"saved_model\.pb is not the file.*export"):
        next(explaining.explain_files(spoiled, files, Wanted()))
    with pytest.raises(InputError, match="no such folder"):
        next(explaining.explain_files(tmp_path / "none", files, Wanted()))


def test_of_two_models_in_a_folder_one_must_be_named(example, coloured, files, tmp_path):
    for number, folder in enumerate((example.version.parent, coloured[0])):
        shutil.copytree(folder, tmp_path / "models" / f"m{number}")
    with pytest.raises(InputError, match="holds several models"):
        next(explaining.explain_files(tmp_path / "models", files, Wanted()))


def test_where_nothing_can_be_written_is_said(example, files, tmp_path):
    [(_, found)] = explaining.explain_files(example.version, files[:1], Wanted())
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="choose another --out"):
        explaining.write(found, tmp_path / "file", "map")


def test_the_command_takes_every_method_there_is():
    from tfmed import inspection
    from tfmed.cli import make_parser

    for method in inspection.REGISTRY:
        words = ["models", "explain", "m", "i.png", "--out", "o", "--method", method]
        assert make_parser().parse_args(words).method == method
