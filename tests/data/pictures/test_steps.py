"""Each mode and format has one documented outcome."""

import numpy as np
import pytest
from PIL import Image

from tfmed.data.pictures.files import UnusableError, read_picture
from tfmed.data.pictures.steps import (
    Alpha,
    Channels,
    Depth,
    Mode,
    Palette,
    Resize,
    Square,
    Turn,
    applied,
    bits_of,
    last_steps,
    steps_of,
)

GREY = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4


def grey_of(image, size=8, bits=8):
    done = applied(steps_of(size) + last_steps(bits, 1), image)
    return np.asarray(done)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA"])
def test_equal_channels_and_full_opacity_change_nothing(mode):
    np.testing.assert_array_equal(grey_of(Image.fromarray(GREY).convert(mode)), GREY)


def test_black_and_white_become_0_and_255():
    image = Image.fromarray(GREY).convert("1")
    assert set(np.unique(grey_of(image))) == {0, 255}


def test_what_is_transparent_becomes_black():
    image = Image.fromarray(GREY).convert("RGBA")
    image.putalpha(Image.fromarray(np.where(GREY > 100, 255, 0).astype(np.uint8)))
    np.testing.assert_array_equal(grey_of(image), np.where(GREY > 100, GREY, 0))


def test_a_palette_gives_its_colours_and_its_transparent_index_is_black():
    image = Image.new("P", (8, 8), 1)
    image.putpalette([255, 255, 255, 10, 10, 10, 90, 90, 90])
    image.putpixel((3, 2), 2)
    shown = grey_of(image)
    assert (shown[2, 3], shown[0, 0]) == (90, 10)
    image.info["transparency"] = 2
    assert grey_of(image)[2, 3] == 0


def test_cmyk_is_read_by_the_plain_formula():
    image = Image.new("CMYK", (8, 8), (0, 0, 0, 255 - 60))
    assert set(np.unique(grey_of(image))) == {60}


def test_colours_become_luma_where_grey_is_asked_for():
    assert grey_of(Image.new("RGB", (8, 8), (200, 100, 50)))[0, 0] == 124  # .299 .587 .114


@pytest.mark.parametrize("mode", ["HSV", "LAB"])
def test_a_mode_without_a_rule_is_refused(mode):
    with pytest.raises(ValueError, match=mode):
        Mode()(Image.new(mode, (8, 8)))


@pytest.mark.parametrize(
    ("largest", "bits"), [(255, 8), (1000, 10), (4095, 12), (4096, 14), (65535, 16)]
)
def test_deep_images_are_scaled_by_the_depth_that_holds_the_whole_set(largest, bits):
    assert bits_of(largest) == bits
    image = Image.fromarray(np.full((8, 8), 2**bits - 1, np.uint16))
    assert grey_of(image, bits=bits)[0, 0] == 255
    assert Depth(bits)(Image.fromarray(GREY)).tobytes() == GREY.tobytes()


def test_neither_side_is_stretched_unless_it_is_asked_for():
    image = Image.fromarray(np.full((4, 8), 200, np.uint8))
    padded = np.asarray(Square("pad")(image))
    assert padded.shape == (8, 8)
    assert padded[:2].max() == padded[6:].max() == 0
    assert padded[2:6].min() == 200
    assert Square("crop")(image).size == (4, 4)
    assert Resize(16)(Square("stretch")(image)).size == (16, 16)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_of_exif_gives_the_upright_image(tmp_path, orientation):
    turned = {
        1: GREY,
        2: GREY[:, ::-1],
        3: GREY[::-1, ::-1],
        4: GREY[::-1],
        5: GREY.T,
        6: np.rot90(GREY),
        7: GREY[::-1, ::-1].T,
        8: np.rot90(GREY, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(turned)).save(tmp_path / "a.png", exif=exif)
    picture = read_picture(tmp_path / "a.png", (Turn(), Palette(), Alpha(), Mode()))
    np.testing.assert_array_equal(np.asarray(picture.image), GREY)


@pytest.mark.parametrize("ending", ["png", "jpg", "jpeg", "tif", "tiff", "webp", "bmp", "PNG"])
def test_every_format_is_read(tmp_path, ending):
    Image.fromarray(GREY).save(tmp_path / f"a.{ending}")
    picture = read_picture(tmp_path / f"a.{ending}", steps_of(8))
    shown = np.asarray(Channels(1)(picture.image)).astype(int)
    assert abs(shown - GREY).max() <= (0 if ending.lower() in ("png", "tif", "tiff", "bmp") else 12)


def test_a_colour_image_of_sixteen_bits_is_refused_and_not_cut_to_its_upper_byte(tmp_path):
    import struct
    import zlib

    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    rows = b"".join(b"\0" + bytes(8 * 6) for _ in range(8))
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0))
    content += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UnusableError, match="colour image of 16 bits"):
        read_picture(tmp_path / "a.png", steps_of(8))


def test_several_frames_are_refused(tmp_path):
    image = Image.fromarray(GREY)
    image.save(tmp_path / "a.tif", save_all=True, append_images=[image])
    with pytest.raises(UnusableError, match="holds 2 frames"):
        read_picture(tmp_path / "a.tif", steps_of(8))
