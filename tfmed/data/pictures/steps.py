"""The steps from an image file to a picture: each is small, can be printed, and has one rule.

>>> print(" | ".join(map(str, steps_of(64))))
turn(EXIF) | palette(to colours) | alpha(over black) | mode(grey or RGB) | square(pad) | resize(64)
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from PIL import Image, ImageOps

Aspect = Literal["pad", "crop", "stretch"]

DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I")
"""Pillow's modes of more than 8 bits that are taken."""
_TAKEN = ("1", "L", "RGB", "CMYK", "YCbCr", *DEEP)


class Step(Protocol):
    """Makes an image of an image."""

    def __call__(self, image: Image.Image) -> Image.Image:
        """The changed image; the given one stays as it is."""


@dataclass(frozen=True)
class Turn:
    """Turns and mirrors an image as its EXIF orientation (1 to 8) says."""

    def __call__(self, image: Image.Image) -> Image.Image:
        """Upright."""
        return ImageOps.exif_transpose(image)

    def __str__(self) -> str:
        """For the data set's description."""
        return "turn(EXIF)"


@dataclass(frozen=True)
class Palette:
    """Replaces indices into a palette by their colours, transparent ones included."""

    def __call__(self, image: Image.Image) -> Image.Image:
        """Of mode RGB or RGBA where it had a palette."""
        if image.mode not in ("P", "PA"):
            return image
        clear = image.mode == "PA" or "transparency" in image.info
        return image.convert("RGBA" if clear else "RGB")

    def __str__(self) -> str:
        """For the data set's description."""
        return "palette(to colours)"


@dataclass(frozen=True)
class Alpha:
    """Lays what is transparent over black, the background of X-rays."""

    def __call__(self, image: Image.Image) -> Image.Image:
        """Without alpha."""
        if image.mode in ("1", "L", "RGB") and "transparency" in image.info:
            image = image.convert("RGBA" if image.mode == "RGB" else "LA")
        if image.mode == "La":
            image = image.convert("LA")
        if image.mode == "RGBa":
            image = image.convert("RGBA")
        if image.mode not in ("LA", "RGBA"):
            return image
        opaque = "L" if image.mode == "LA" else "RGB"
        black = Image.new(opaque, image.size)
        return Image.composite(image.convert(opaque), black, image.getchannel("A"))

    def __str__(self) -> str:
        """For the data set's description."""
        return "alpha(over black)"


@dataclass(frozen=True)
class Mode:
    """Black and white become 0 and 255; CMYK and YCbCr become RGB by Pillow's plain formulas.

    Colour profiles are not applied. Grey levels of more than 8 bits stay whole until `Depth`.
    """

    def __call__(self, image: Image.Image) -> Image.Image:
        """Of mode L, RGB, or F where it had more than 8 bits.

        Raises:
            ValueError: there is no rule for its mode.
        """
        if image.mode not in _TAKEN:
            raise ValueError(f"is of Pillow's mode {image.mode}; save it as grey or RGB")
        if image.mode in DEEP:
            return Image.fromarray(np.asarray(image).astype(np.float32))
        return image.convert("L" if image.mode in ("1", "L") else "RGB")

    def __str__(self) -> str:
        """For the data set's description."""
        return "mode(grey or RGB)"


@dataclass(frozen=True)
class Square:
    """Makes an image square: black bars on the short sides, or the centre, or stretched."""

    aspect: Aspect = "pad"

    def __call__(self, image: Image.Image) -> Image.Image:
        """Square, but where it is to be stretched, which `Resize` does."""
        width, height = image.size
        if self.aspect == "stretch" or width == height:
            return image
        side = max(width, height) if self.aspect == "pad" else min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        return image.crop((left, top, left + side, top + side))  # what is outside is black

    def __str__(self) -> str:
        """For the data set's description."""
        return f"square({self.aspect})"


@dataclass(frozen=True)
class Resize:
    """Brings an image to `size` × `size` pixels: bilinear, with anti-aliasing where it shrinks.

    First the width, then the height: left to itself, Pillow takes tall images the other way round
    from version 13 on, which rounds differently.
    """

    size: int

    def __call__(self, image: Image.Image) -> Image.Image:
        """Of the size."""
        narrowed = image.resize((self.size, image.height), Image.Resampling.BILINEAR)
        return narrowed.resize((self.size, self.size), Image.Resampling.BILINEAR)

    def __str__(self) -> str:
        """For the data set's description."""
        return f"resize({self.size})"


@dataclass(frozen=True)
class Depth:
    """Scales grey levels of more than 8 bits: 0 to 0, 2**bits - 1 to 255, rounded.

    `bits` is that of the training images (see `bits_of`); what is brighter elsewhere becomes 255.
    So a 12-bit image in a file of 16 bits does not become nearly black, and images keep their
    brightness among each other.
    """

    bits: int

    @property
    def factor(self) -> float:
        """What a grey level is multiplied by."""
        return 255 / (2**self.bits - 1)

    def __call__(self, image: Image.Image) -> Image.Image:
        """Of mode L where it was of mode F."""
        if image.mode != "F":
            return image
        levels = np.asarray(image, np.float64) * self.factor
        return Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))

    def __str__(self) -> str:
        """For the data set's description."""
        return f"depth({self.bits} bits to 8)"


@dataclass(frozen=True)
class Channels:
    """Grey (ITU-R 601 luma of colours, the one channel where all are equal) or RGB."""

    number: Literal[1, 3]

    def __call__(self, image: Image.Image) -> Image.Image:
        """Of mode L or RGB."""
        return image.convert("L" if self.number == 1 else "RGB")

    def __str__(self) -> str:
        """For the data set's description."""
        return "channels(grey)" if self.number == 1 else "channels(RGB)"


def steps_of(size: int, aspect: Aspect = "pad") -> tuple[Step, ...]:
    """The steps that need to know nothing of other images; `last_steps` follow."""
    return (Turn(), Palette(), Alpha(), Mode(), Square(aspect), Resize(size))


def last_steps(bits: int | None, number: Literal[1, 3]) -> tuple[Step, ...]:
    """The steps that a data set's images must share.

    Args:
        bits: of its deepest training image; None where no image has more than 8 bits.
        number: of channels.
    """
    return (*((Depth(bits),) if bits else ()), Channels(number))


def bits_of(largest: int) -> int:
    """The fewest of 8, 10, 12, 14, 16, 24 and 32 bits that hold a grey level."""
    return next(bits for bits in (8, 10, 12, 14, 16, 24, 32) if largest < 2**bits)


def applied(steps: tuple[Step, ...], image: Image.Image) -> Image.Image:
    """The image after all steps."""
    for step in steps:
        image = step(image)
    return image
