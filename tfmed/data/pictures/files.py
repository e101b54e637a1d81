"""Reading one image file: whatever bytes it holds, a picture or a reason why there is none."""

import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tfmed.data.pictures import dicom
from tfmed.data.pictures.steps import DEEP, Resize, Step

FORMATS = {
    ".png": ("PNG",),
    ".jpg": ("JPEG", "MPO"),
    ".jpeg": ("JPEG", "MPO"),
    ".tif": ("TIFF",),
    ".tiff": ("TIFF",),
    ".webp": ("WEBP",),
    ".bmp": ("BMP",),
}
"""Ending to what a file of it may hold, by Pillow's names."""
ENDINGS = (*FORMATS, *dicom.ENDINGS)
"""Of all files that are taken; DICOM files need none."""

_BITS_PER_SAMPLE = 258  # a tag of TIFF


class UnusableError(ValueError):
    """Why a file gives no picture, in the words that follow its name."""


@dataclass(frozen=True)
class Picture:
    """One file after the first steps.

    Attributes:
        image: square; of mode L, RGB or F (more than 8 bits).
        kind: what the file held, such as `JPEG RGB`.
        size: (width, height) of the file, in pixels.
        largest: grey level, as stored; 255 where there are no more than 8 bits.
        coloured: whether its channels differ somewhere.
        changed: the steps that changed it, resizing aside.
    """

    image: Image.Image
    kind: str
    size: tuple[int, int]
    largest: int
    coloured: bool
    changed: tuple[Step, ...] = ()


def is_image(path: Path) -> bool:
    """Whether a file is to be read as an image: by its ending, or as DICOM by its first bytes."""
    return path.suffix.lower() in FORMATS or dicom.is_dicom(path)


def read_picture(path: Path, steps: tuple[Step, ...]) -> Picture:
    """Decodes a file and does the first steps.

    Raises:
        UnusableError: it is no whole image of the format that its ending says.
    """
    if path.suffix.lower() not in FORMATS:
        return _read_dicom(path, steps)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large images and odd metadata
            with Image.open(path) as opened:
                _check(path, opened)
                opened.load()
                return _picture(opened, steps)
    except UnusableError:
        raise
    except Image.UnidentifiedImageError:
        raise UnusableError("is no image, or damaged") from None
    except Image.DecompressionBombError:
        raise UnusableError("has too many pixels; save it smaller") from None
    except PermissionError:
        raise UnusableError("may not be read") from None
    except MemoryError:
        raise UnusableError("does not fit in memory") from None
    except Exception:  # decoders raise of every kind on bytes that are not theirs
        raise UnusableError("is cut short or damaged") from None


def _read_dicom(path: Path, steps: tuple[Step, ...]) -> Picture:
    try:
        image, kind = dicom.read_dicom(path)
    except dicom.NoPictureError as fault:
        raise UnusableError(str(fault)) from None
    return _finished(image, kind, 255, steps)


def _check(path: Path, opened: Image.Image) -> None:
    ending = path.suffix.lower()
    if opened.format not in FORMATS[ending]:
        raise UnusableError(f"is a {opened.format} file named {ending}; rename it")
    if opened.format != "MPO" and (frames := getattr(opened, "n_frames", 1)) > 1:
        raise UnusableError(f"holds {frames} frames; save one image a file")
    if _loses_bits(path, opened):
        raise UnusableError("is a colour image of 16 bits; save it with 8 bits a channel")


def _loses_bits(path: Path, opened: Image.Image) -> bool:
    """Whether Pillow would read the upper byte of 16 bits only."""
    if opened.mode in DEEP:
        return False
    if opened.format == "PNG":
        with path.open("rb") as file:
            head = file.read(26)
        return struct.unpack(">B", head[24:25])[0] == 16
    if opened.format == "TIFF":
        tags = getattr(opened, "tag_v2", {})
        return max(tags.get(_BITS_PER_SAMPLE, (8,))) > 8
    return False


def _picture(opened: Image.Image, steps: tuple[Step, ...]) -> Picture:
    largest = 255
    if opened.mode in DEEP:
        levels = np.asarray(opened)
        if levels.min() < 0:
            raise UnusableError("holds negative grey levels; shift them to start at 0")
        largest = max(largest, int(levels.max()))
    elif opened.mode == "F":
        raise UnusableError("holds numbers with fractions; save grey levels as integers")
    return _finished(opened, f"{opened.format} {opened.mode}", largest, steps)


def _finished(opened: Image.Image, kind: str, largest: int, steps: tuple[Step, ...]) -> Picture:
    image, changed = opened, []
    try:
        for step in steps:
            before, image = image, step(image)
            if not isinstance(step, Resize) and _differ(before, image):
                changed.append(step)
    except ValueError as error:
        raise UnusableError(str(error)) from None
    coloured = False
    if image.mode == "RGB":
        red, *others = (np.asarray(channel) for channel in image.split())
        coloured = any(not np.array_equal(red, other) for other in others)
    return Picture(image, kind, opened.size, largest, coloured, tuple(changed))


def _differ(a: Image.Image, b: Image.Image) -> bool:
    return a is not b and (a.mode != b.mode or a.size != b.size or a.tobytes() != b.tobytes())
