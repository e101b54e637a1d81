"""Reading one DICOM file: the picture that a viewer would show, or a reason why there is none.

The order is that of the standard (PS3.4, N.2): modality LUT or rescaling, then VOI LUT or window,
then inversion for MONOCHROME1. Decoding is pydicom's; JPEG and JPEG 2000 come from GDCM.

>>> print(Display())
display(modality LUT, VOI LUT or window or full range, inversion of MONOCHROME1)
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from tfmed.data.pictures.decoding import DecodingError, decoded

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

ENDINGS = (".dcm", ".dicom", ".dic", ".ima")
"""Of files that are taken for DICOM; a file of no known ending is where its bytes say so."""
MAGIC = b"DICM"
_MAGIC_AT = 128
_GREY = ("MONOCHROME1", "MONOCHROME2")


class NoPictureError(ValueError):
    """Why a DICOM file gives no picture, in the words that follow its name."""


@dataclass(frozen=True)
class Display:
    """Grey levels as a viewer shows them, from stored values and the file's own header."""

    def __call__(self, stored: np.ndarray, header: "Dataset") -> np.ndarray:
        """Grey levels.

        Args:
            stored: integers, shape (height, width).
            header: of the file.

        Returns:
            uint8 of the same shape.

        Raises:
            NoPictureError: there are no numbers, or the same one everywhere.
        """
        from pydicom.pixels import apply_modality_lut

        padding = _padding(stored, header)
        levels = np.asarray(apply_modality_lut(stored, header), dtype=np.float64)
        if not np.isfinite(levels).all():
            raise NoPictureError("holds values that are no numbers")
        share = _of_voi(levels, header)
        if share is None:
            share = _of_range(levels, padding)
        if header.PhotometricInterpretation == "MONOCHROME1":
            share = 1 - share
        share[padding] = 0.0
        return np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8)

    def __str__(self) -> str:
        """For the data set's description."""
        return "display(modality LUT, VOI LUT or window or full range, inversion of MONOCHROME1)"


def is_dicom(path: Path) -> bool:
    """Whether a file is one by its ending or its first bytes."""
    if path.suffix.lower() in ENDINGS:
        return True
    try:
        with path.open("rb") as file:
            return file.read(_MAGIC_AT + len(MAGIC))[_MAGIC_AT:] == MAGIC
    except OSError:
        return False


def why_no_image(path: Path) -> str | None:
    """Says of a report, a presentation state and their like that they hold no picture.

    Returns:
        Words such as `without a picture (Basic Text SR Storage)`; None where there is one.
    """
    try:
        with _damage_named():
            return _why_none(_header(path, stop_before_pixels=True))
    except NoPictureError:
        return None  # damaged: that is told with the others that are


def _why_none(header: "Dataset") -> str | None:
    if "Rows" in header and "Columns" in header:
        return None
    kind = header.get("SOPClassUID") or header.file_meta.get("MediaStorageSOPClassUID")
    return f"without a picture ({kind.name})" if kind else "without a picture"


def patient_id(path: Path) -> str | None:
    """The Patient ID of a file; None where it has none, or is no DICOM file that can be read."""
    try:
        with _damage_named():
            known = _header(path, stop_before_pixels=True).get("PatientID")
            return str(known or "").strip() or None
    except NoPictureError:
        return None


def read_dicom(path: Path) -> tuple[Image.Image, str]:
    """The picture of a file, and what the file held, such as `DICOM MONOCHROME2`.

    Returns:
        An image of mode L or RGB.

    Raises:
        NoPictureError: it is damaged, holds no image or several frames, or cannot be decoded.
    """
    with _damage_named():
        return _read(path)


@contextmanager
def _damage_named() -> Iterator[None]:
    """Every way in which a damaged file fails, as one reason.

    pydicom reads values when they are first asked for, raises of every kind, and warns of values
    that break the standard.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except NoPictureError:
            raise
        except PermissionError:
            raise NoPictureError("may not be read") from None
        except Exception:
            raise NoPictureError("is no DICOM file, or damaged") from None


def _read(path: Path) -> tuple[Image.Image, str]:
    header = _header(path)
    if why := _why_none(header):
        raise NoPictureError(f"is {why}")
    frames = _first(header.get("NumberOfFrames"))
    if frames is not None and frames > 1:
        raise NoPictureError(f"holds {frames:.0f} frames; save one image a file")
    if "PixelData" not in header:
        raise NoPictureError("holds no pixels that are integers")
    kind = str(header.get("PhotometricInterpretation", "of no stated colours"))
    pixels = _decoded(path, header)
    if kind in _GREY and pixels.ndim == 2:
        pixels = Display()(pixels, header)
    elif kind == "PALETTE COLOR":
        pixels = _coloured(pixels, header)
    elif pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.dtype == np.uint8:
        pass
    else:
        raise NoPictureError(f"is of colours {kind} and type {pixels.dtype}, which are not taken")
    return Image.fromarray(np.ascontiguousarray(pixels)), f"DICOM {kind}"


def _header(path: Path, *, stop_before_pixels: bool = False) -> "Dataset":
    import pydicom

    found = pydicom.dcmread(path, stop_before_pixels=stop_before_pixels, force=True)
    if len(found) == 0 and not len(getattr(found, "file_meta", ())):
        raise NoPictureError("is no DICOM file, or damaged")
    return found


def _decoded(path: Path, header: "Dataset") -> np.ndarray:
    """Stored values as integers (height, width), or colours (height, width, 3) as RGB."""
    if "TransferSyntaxUID" not in header.file_meta:
        from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

        implicit = header.original_encoding[0]
        header.file_meta.TransferSyntaxUID = (
            ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        )
    syntax = header.file_meta.TransferSyntaxUID
    try:
        if syntax.is_compressed:
            return decoded(path)
        return np.asarray(header.pixel_array)
    except MemoryError:
        raise NoPictureError("does not fit in memory") from None
    except Exception as error:  # pydicom raises of every kind
        why = error if isinstance(error, DecodingError) else type(error).__name__
        raise NoPictureError(
            f"cannot be decoded ({syntax.name}: {why}); save it uncompressed"
        ) from None


def _coloured(indices: np.ndarray, header: "Dataset") -> np.ndarray:
    from pydicom.pixels import apply_color_lut

    try:
        colours = apply_color_lut(indices, header)
    except Exception:  # of a palette that is missing or damaged
        raise NoPictureError("has a palette that is missing or damaged") from None
    bits = header.RedPaletteColorLookupTableDescriptor[2]
    most = 255 if colours.dtype == np.uint8 else 2**bits - 1
    return np.rint(colours[..., :3] * (255 / most)).clip(0, 255).astype(np.uint8)


def _padding(stored: np.ndarray, header: "Dataset") -> np.ndarray:
    """Where there is nothing of the patient, by Pixel Padding Value and its range limit."""
    value = header.get("PixelPaddingValue")
    if not isinstance(value, int):
        return np.zeros(stored.shape, bool)
    limit = header.get("PixelPaddingRangeLimit")
    other = limit if isinstance(limit, int) else value
    found = (stored >= min(value, other)) & (stored <= max(value, other))
    return found if not found.all() else np.zeros(stored.shape, bool)


def _of_range(levels: np.ndarray, padding: np.ndarray) -> np.ndarray:
    """Linear from the smallest level to the largest, padding aside; in [0, 1]."""
    low, high = levels[~padding].min(), levels[~padding].max()
    if low == high:
        return np.zeros_like(levels)
    return (levels - low) / (high - low)


def _of_voi(levels: np.ndarray, header: "Dataset") -> np.ndarray | None:
    """By the first VOI LUT, else by the first window, in [0, 1]; None where there is neither."""
    from pydicom.pixels import apply_voi

    if header.get("VOILUTSequence"):
        try:
            bits = int(header.VOILUTSequence[0].LUTDescriptor[2])
            return np.asarray(apply_voi(levels.astype(np.int64), header), float) / (2**bits - 1)
        except Exception:  # a table that is damaged; a window may be there
            return _of_window(levels, header)
    return _of_window(levels, header)


def _of_window(levels: np.ndarray, header: "Dataset") -> np.ndarray | None:
    """The functions of PS3.3, C.11.2.1.2 and C.11.2.1.3, with 0 and 1 as their ends."""
    center, width = _first(header.get("WindowCenter")), _first(header.get("WindowWidth"))
    function = header.get("VOILUTFunction") or "LINEAR"
    if center is None or width is None or width < (1 if function == "LINEAR" else 1e-9):
        return None
    if function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (levels - center) / width, -700, 700)))
    if function == "LINEAR_EXACT":
        return np.clip((levels - center) / width + 0.5, 0, 1)
    if width == 1:
        return (levels > center - 0.5).astype(float)
    return np.clip((levels - (center - 0.5)) / (width - 1) + 0.5, 0, 1)


def _first(value: Any) -> float | None:
    """The first of one or several numbers, of which a viewer offers a choice."""
    try:
        found = float(value if isinstance(value, str | float | int) else value[0])
    except (TypeError, ValueError, IndexError):
        return None
    return found if np.isfinite(found) else None
