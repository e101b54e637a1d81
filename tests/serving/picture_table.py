"""The table of image files: what each holds, and who makes the import's picture of it.

`GRAPH` is who takes it by `serve_image_bytes`, or part of its refusal. Whatever is imported the
client prepares too; what the import refuses, the client refuses with the same words (`REFUSED`).
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 53, 37
RNG = np.random.default_rng(7)
COLOURS = np.asarray(
    Image.fromarray(RNG.integers(0, 256, (9, 13, 3), dtype=np.uint8)).resize((WIDTH, HEIGHT))
).copy()
COLOURS[::5, ::3] = RNG.integers(0, 256, COLOURS[::5, ::3].shape)
GREY = COLOURS[..., 1].copy()
ALPHA = RNG.integers(0, 256, GREY.shape, dtype=np.uint8)
TWELVE = (RNG.integers(0, 4096, GREY.shape)).astype(np.uint16)
DEEP_ROWS = TWELVE.astype(">u2")
SIXTEEN = TWELVE.copy()
SIXTEEN[:, ::9] *= 16


@dataclass(frozen=True)
class Row:
    """One kind of file.

    Attributes:
        name: of the file.
        make: gives its bytes.
        graph: empty where the graph takes it; else part of the message of its refusal.
        refused: part of the import's and the client's refusal; empty where they take it.
    """

    name: str
    make: Callable[[], bytes]
    graph: str = ""
    refused: str = ""


def saved(image: Image.Image, kind: str, **more: object) -> Callable[[], bytes]:
    def make() -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, format=kind, **more)
        return buffer.getvalue()

    return make


def of(array: np.ndarray, mode: str | None = None) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(array))
    return image.convert(mode) if mode else image


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(array: np.ndarray, bits: int, colours: int, *chunks: bytes) -> bytes:
    """A PNG of any depth; `array` holds whole rows of bytes."""
    head = struct.pack(">IIBBBBB", WIDTH, len(array), bits, colours, 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in array)
    body = chunk(b"IHDR", head) + b"".join(chunks) + chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def packed(levels: np.ndarray, bits: int) -> np.ndarray:
    """Rows of bytes of levels below 2**bits."""
    spread = np.unpackbits(levels.astype(np.uint8)[..., None], axis=-1)[..., 8 - bits :]
    return np.packbits(spread.reshape(len(levels), -1), axis=1)


def oriented(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def xmp(orientation: int) -> bytes:
    return b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="%d"/></x:xmpmeta>' % (
        orientation
    )


def little_endian_exif(orientation: int) -> bytes:
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + bytes(4)


CMYK = Image.fromarray(COLOURS).convert("CMYK")
PALETTE = Image.fromarray(COLOURS).quantize(64)
FEW = Image.fromarray(COLOURS).quantize(4)
NOT_BYTES = "neither PNG nor JPEG"
TURN = "may be turned by its EXIF"
MANY = "colour image of 16 bits"

ROWS = (
    Row("png_l.png", saved(of(GREY), "PNG")),
    Row("png_la.png", saved(of(np.dstack([GREY, ALPHA]), None), "PNG")),
    Row("png_rgb.png", saved(of(COLOURS), "PNG")),
    Row("png_rgba.png", saved(of(np.dstack([COLOURS, ALPHA])), "PNG")),
    Row("png_interlaced.png", lambda: _interlaced()),
    Row("png_p.png", saved(PALETTE, "PNG")),
    Row("png_p_2_bits.png", saved(FEW, "PNG", bits=2)),
    Row("png_p_2_bits_clear.png", saved(FEW, "PNG", bits=2, transparency=2)),
    Row("png_p_clear.png", saved(PALETTE, "PNG", transparency=3)),
    Row("png_p_alpha.png", saved(PALETTE, "PNG", transparency=bytes(range(0, 256, 4)))),
    Row("png_1.png", saved(of(GREY, "1"), "PNG")),
    Row("png_grey_2_bits.png", lambda: png(packed(GREY // 64, 2), 2, 0)),
    Row("png_grey_4_bits.png", lambda: png(packed(GREY // 16, 4), 4, 0)),
    Row(
        "png_grey_4_bits_clear.png",
        lambda: png(packed(GREY // 16, 4), 4, 0, chunk(b"tRNS", b"\0\x03")),
        graph="partly transparent",
    ),
    Row("png_l_clear.png", saved(of(GREY), "PNG", transparency=int(GREY[3, 4]))),
    Row("png_rgb_clear.png", saved(of(COLOURS), "PNG", transparency=tuple(COLOURS[3, 4].tolist()))),
    Row("png_i16_12.png", saved(of(TWELVE), "PNG")),
    Row("png_i16_16.png", saved(of(SIXTEEN), "PNG")),
    Row("png_i16_8.png", saved(of(GREY.astype(np.uint16)), "PNG")),
    Row(
        "png_i16_clear.png",
        lambda: png(DEEP_ROWS, 16, 0, chunk(b"tRNS", DEEP_ROWS[1, 1].tobytes())),
    ),
    Row(
        "png_rgb_16.png",
        lambda: png((COLOURS.reshape(HEIGHT, -1).astype(">u2") * 257), 16, 2),
        graph=MANY,
        refused=MANY,
    ),
    Row(
        "png_la_16.png",
        lambda: png((np.dstack([GREY, ALPHA]).reshape(HEIGHT, -1).astype(">u2") * 257), 16, 4),
        graph=MANY,
        refused=MANY,
    ),
    Row(
        "png_frames.png",
        saved(of(COLOURS), "PNG", save_all=True, append_images=[of(COLOURS[::-1])]),
        graph="several frames",
        refused="holds 2 frames",
    ),
    *(
        Row(
            f"png_exif_{n}.png",
            saved(of(COLOURS), "PNG", exif=oriented(n)),
            graph=TURN if n > 1 else "",
        )
        for n in range(1, 9)
    ),
    Row("png_xmp_6.png", lambda: _with_xmp(6, compressed=False), graph=TURN),
    Row("png_xmp_6_packed.png", lambda: _with_xmp(6, compressed=True), graph=TURN),
    Row("jpeg_l.jpg", saved(of(GREY), "JPEG", quality=90)),
    *(
        Row(
            f"jpeg_rgb_{sub.replace(':', '')}_{'progressive' if progressive else 'baseline'}.jpg",
            saved(of(COLOURS), "JPEG", quality=80, subsampling=sub, progressive=progressive),
        )
        for sub in ("4:4:4", "4:2:2", "4:2:0")
        for progressive in (False, True)
    ),
    Row("jpeg_rgb_kept.jpg", saved(of(COLOURS), "JPEG", keep_rgb=True)),
    Row("jpeg_cmyk.jpg", saved(CMYK, "JPEG"), graph="CMYK"),
    *(
        Row(
            f"jpeg_exif_{n}.jpg",
            saved(of(COLOURS), "JPEG", exif=oriented(n)),
            graph=TURN if n > 1 else "",
        )
        for n in range(1, 9)
    ),
    Row(
        "jpeg_exif_6_little.jpg",
        saved(of(COLOURS), "JPEG", exif=little_endian_exif(6)),
        graph=TURN,
    ),
    Row("jpeg_exif_1_little.jpg", saved(of(COLOURS), "JPEG", exif=little_endian_exif(1))),
    Row("jpeg_xmp_8.jpg", saved(of(COLOURS), "JPEG", xmp=xmp(8)), graph=TURN),
    Row("jpeg_xmp_1.jpg", saved(of(COLOURS), "JPEG", xmp=xmp(1))),
    *(
        Row(f"{kind}_{mode.lower()}{ending}", saved(image, kind.upper()), graph=NOT_BYTES)
        for kind, ending, modes in (
            ("tiff", ".tif", ("L", "LA", "RGB", "RGBA", "P", "1", "I;16", "CMYK")),
            ("webp", ".webp", ("RGB", "RGBA")),
            ("bmp", ".bmp", ("L", "RGB", "P", "1")),
        )
        for mode in modes
        for image in [
            {
                "L": of(GREY),
                "LA": of(np.dstack([GREY, ALPHA])),
                "RGB": of(COLOURS),
                "RGBA": of(np.dstack([COLOURS, ALPHA])),
                "P": PALETTE,
                "1": of(GREY, "1"),
                "I;16": of(TWELVE),
                "CMYK": CMYK,
            }[mode]
        ]
    ),
    Row(
        "tiff_turned.tif",
        saved(of(COLOURS), "TIFF", tiffinfo={0x0112: 6}),
        graph=NOT_BYTES,
    ),
    Row("dicom_grey.dcm", lambda: dicom_of(TWELVE, "MONOCHROME2"), graph=NOT_BYTES),
    Row("dicom_inverted.dcm", lambda: dicom_of(TWELVE, "MONOCHROME1"), graph=NOT_BYTES),
)


def _interlaced() -> bytes:
    """Adam7, which Pillow does not write."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
    rows = b"".join(
        b"\0" + row.tobytes()
        for x, y, dx, dy in (*passes, (0, 1, 1, 2))
        for row in COLOURS[y::dy, x::dx]
    )
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 1)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _with_xmp(orientation: int, *, compressed: bool) -> bytes:
    text = xmp(orientation)
    data = b"XML:com.adobe.xmp\0" + (b"\1\0" if compressed else b"\0\0") + b"\0\0"
    data += zlib.compress(text) if compressed else text
    return png(COLOURS.reshape(HEIGHT, -1), 8, 2, chunk(b"iTXt", data))


def dicom_of(stored: np.ndarray, kind: str) -> bytes:
    """A file of 12-bit values, uint16 (height, width) and a window."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    scan = Dataset()
    scan.file_meta = FileMetaDataset()
    scan.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    scan.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    scan.SOPClassUID = SecondaryCaptureImageStorage
    scan.SOPInstanceUID = scan.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    scan.Rows, scan.Columns = stored.shape
    scan.SamplesPerPixel, scan.PhotometricInterpretation = 1, kind
    scan.BitsAllocated, scan.BitsStored, scan.HighBit, scan.PixelRepresentation = 16, 12, 11, 0
    scan.WindowCenter, scan.WindowWidth = 2000, 3000
    scan.PixelData = stored.tobytes()
    buffer = io.BytesIO()
    scan.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
