"""An exported model's answers to images, and to bytes that are not images; some are hostile."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from example_model import NAMES, STEPS, THRESHOLD
from PIL import Image

from tfmed.data.pictures.recipe import steps_from
from tfmed.serving import gate
from tfmed.serving.pictures.headers import MAX_PIXELS, MAX_SIDE
from tfmed.serving.signatures import decode_image
from tfmed.training import fitting

pytestmark = pytest.mark.slow

GREY, RGB = (28, 28, 1), (28, 28, 3)
RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (28, 28, 3), dtype=np.uint8)
MEGABYTES = 200


def file_of(image: Image.Image, kind="PNG", **more) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **more)
    return buffer.getvalue()


def decoded(content: bytes, shape=GREY) -> np.ndarray:
    return decode(tf.constant(content), shape).numpy()


@tf.function(reduce_retracing=True)
def decode(content, shape):
    return decode_image(content, tf.constant(0), shape)


@tf.function(reduce_retracing=True)
def decode_imported(content):
    return decode_image(content, tf.constant(0), GREY, steps_from(STEPS))


def png_header(width: int, height: int) -> bytes:
    """A PNG that says it is of this size and holds almost nothing."""
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(100))),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in chunks)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_packed_chunk(kind: bytes) -> bytes:
    """A sound PNG with a chunk that unpacks to 300 MB."""
    packed = zlib.compress(bytes(300_000_000), 9)
    small = file_of(Image.fromarray(COLOURS))
    return small[:33] + chunk(kind, b"name\0\0" + packed) + small[33:]


def jpeg_header(width: int, height: int) -> bytes:
    """A JPEG whose frame header says it is of this size."""
    small = bytearray(file_of(Image.fromarray(COLOURS), "JPEG"))
    frame = small.index(b"\xff\xc0")
    small[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(small)


HOSTILE = {
    "nothing": (b"", "neither PNG nor JPEG"),
    "text": (b"<html>not an image</html>" * 20, "neither PNG nor JPEG"),
    "gif": (file_of(Image.fromarray(COLOURS), "GIF"), "neither PNG nor JPEG"),
    "bmp": (file_of(Image.fromarray(COLOURS), "BMP"), "neither PNG nor JPEG"),
    "truncated png": (file_of(Image.fromarray(COLOURS))[:-400], "PNG"),
    "png of a signature alone": (b"\x89PNG\r\n\x1a\n", "cut short"),
    "png without a header": (b"\x89PNG\r\n\x1a\n" + bytes(80), "without a header"),
    "truncated jpeg": (file_of(Image.fromarray(COLOURS), "JPEG")[:-200], "JPEG|[Jj]peg"),
    "jpeg of a signature alone": (b"\xff\xd8\xff", "JPEG|[Jj]peg"),
    "huge png": (png_header(10_000, 10_000), f"larger than {MAX_SIDE}"),
    "png of most pixels": (png_header(2**31 - 1, 2**31 - 1), f"larger than {MAX_SIDE}"),
    "png of no pixels": (png_header(0, 5), "empty"),
    "huge jpeg": (jpeg_header(10_000, 10_000), f"larger than {MAX_SIDE}"),
    "cmyk jpeg": (file_of(Image.fromarray(COLOURS).convert("CMYK"), "JPEG"), "CMYK"),
    "png of an image cut off in its header": (png_header(3000, 3000), "PNG"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_bytes_that_are_not_an_image_are_an_error_that_names_the_cause(name):
    content, words = HOSTILE[name]
    for way in (decoded, decode_imported):
        with pytest.raises(tf.errors.InvalidArgumentError, match=words):
            way(tf.constant(content) if way is decode_imported else content)


def test_images_of_the_models_size_come_through_unchanged():
    grey = COLOURS[..., 0]
    assert (decoded(file_of(Image.fromarray(grey)))[..., 0] == grey).all()
    assert (decoded(file_of(Image.fromarray(COLOURS)), RGB) == COLOURS).all()


def test_colour_becomes_grey_as_in_pillow_and_grey_becomes_three_equal_channels():
    picture = Image.fromarray(COLOURS)
    assert (decoded(file_of(picture))[..., 0] == np.asarray(picture.convert("L"))).all()
    grey = file_of(picture.convert("L"))
    assert (decoded(grey, RGB) == np.asarray(picture.convert("L"))[..., None]).all()


def test_of_sixteen_bits_the_upper_eight_are_kept():
    deep = RNG.integers(0, 2**16, (28, 28)).astype(np.uint16)
    assert (decoded(file_of(Image.fromarray(deep)))[..., 0] == deep >> 8).all()


def test_transparency_is_dropped_and_palettes_are_resolved():
    clear = np.dstack([COLOURS, np.zeros((28, 28), np.uint8)])
    assert (decoded(file_of(Image.fromarray(clear)), RGB) == COLOURS).all()
    palette = Image.fromarray(COLOURS).quantize(16)
    assert (decoded(file_of(palette), RGB) == np.asarray(palette.convert("RGB"))).all()


def test_a_jpeg_is_decoded_as_pillow_does():
    content = file_of(Image.fromarray(COLOURS).resize((56, 56)).convert("L"), "JPEG", quality=90)
    pillow = np.asarray(Image.open(io.BytesIO(content))).reshape(28, 2, 28, 2).mean(axis=(1, 3))
    assert np.abs(decoded(content)[..., 0] - pillow).max() <= 1


def test_the_centred_square_of_a_long_image_is_what_counts():
    wide = np.zeros((56, 100), np.uint8)
    wide[:, 22:78] = np.arange(56, dtype=np.uint8)[:, None] * 4
    expected = wide[:, 22:78].reshape(28, 2, 28, 2).mean(axis=(1, 3))
    for image in (wide, wide.T.copy()):
        found = decoded(file_of(Image.fromarray(image)))[..., 0]
        found = found if image is wide else found.T
        assert np.abs(found - expected).max() <= 0.5


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is read from /proc")
@pytest.mark.slow
@pytest.mark.parametrize("model", ["example", "imported"])
def test_hostile_bytes_take_little_memory_and_the_model_goes_on_answering(model, request):
    version = request.getfixturevalue(model).version
    run = tf.saved_model.load(str(version)).signatures["serve_image_bytes"]
    good = file_of(Image.fromarray(COLOURS))
    run(image_bytes=tf.constant([good]))
    for kind, progressive in (("PNG", False), ("JPEG", False), ("JPEG", True)):
        # The largest that is let in: it may take memory, within the limit, however many there are.
        side = int(MAX_PIXELS**0.5)
        picture = Image.new("RGB", (side, side), (90, 80, 70))
        largest = tf.constant([file_of(picture, kind, progressive=progressive)] * 3)
        growth = peak_growth(lambda files=largest: run(image_bytes=files))
        assert growth < MEGABYTES, (kind, progressive)
    for kind in (b"zTXt", b"iCCP"):
        bomb = with_packed_chunk(kind)
        assert peak_growth(lambda content=bomb: run(image_bytes=tf.constant([content]))) < MEGABYTES
    for content, _ in HOSTILE.values():

        def refused(content=content):
            with pytest.raises(tf.errors.InvalidArgumentError):
                run(image_bytes=tf.constant([good, content]))

        assert peak_growth(refused) < MEGABYTES
    assert len(run(image_bytes=tf.constant([good] * 3))["label"]) == 3


def peak_growth(action) -> float:
    """Megabytes by which an action raises this process's memory at its highest."""
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    action()
    return status("VmHWM") - before


def status(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def test_both_signatures_give_what_the_original_and_the_threshold_say(example, images):
    expected = fitting.scores(example.classifier, images, "binary")
    loaded = tf.saved_model.load(str(example.version))
    answers = [
        loaded.signatures["serving_default"](images=tf.constant(images)),
        loaded.signatures["serve_image_bytes"](
            image_bytes=tf.constant(gate.as_png_files(images).tolist())
        ),
    ]
    embedding = fitting.embed(example.classifier.get_layer("encoder"), images)
    for answer in answers:
        assert np.abs(answer["probabilities"][:, 1] - expected).max() < 1e-6
        assert np.abs(answer["probabilities"].numpy().sum(axis=1) - 1).max() < 1e-6
        labels = [name.decode() for name in answer["label"].numpy()]
        assert labels == [NAMES[int(score > THRESHOLD)] for score in expected]
        assert np.allclose(answer["embedding"], embedding.reshape(len(images), -1), atol=1e-5)
