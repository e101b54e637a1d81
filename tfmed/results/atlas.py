"""The test images shown in the latent spaces as one picture a task: an atlas of small tiles.

A report with tens of thousands of images in it has room for one picture, not for one each.
"""

import base64
import contextlib
import hashlib
import io
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tfmed.errors import InputError

MANY_IMAGES = 5000
"""Images from which on tiles are small."""
LARGE_TILE, SMALL_TILE = 56, 28
QUALITIES = (90, 80, 65, 50, 35, 20)
MOST_BYTES = 5_000_000
MOST_PIXELS = 16383  # a side of a WebP picture


def write_atlas(
    folder: Path, task: str, chunks: Iterable[np.ndarray], rows: np.ndarray
) -> dict[str, Any]:
    """Write `<folder>/<task>.webp`: tile i, counted row by row, is the image of `rows[i]`.

    Tiles are the images as they are, or reduced to at most 56 pixels a side (28 from 5,000 images
    on). Lossy: its quality is the best of a few that keep the file below 5 MB, or the last of them.

    Args:
        folder: made if absent; the file is moved into place when complete.
        task: the data set's name.
        chunks: consecutive images of the test split, uint8 (k, h, w, 1 or 3).
        rows: ascending rows of that split, (n,).

    Returns:
        `path` relative to the folder's parent, `columns`, `tile` (width, height), `sha256`.

    Raises:
        InputError: the folder can't be written to, or the task's name can't be a file's.
    """
    if re.search(r"[/\\]", task):
        raise InputError(f"{task!r} can't be a file's name: leave out '/' and '\\'")
    data, columns, tile = encode_atlas(chunks, rows)
    path, aside = folder / f"{task}.webp", folder / f".{task}.webp.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(data)
        aside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise InputError(
            f"{path}: can't be written ({error.strerror}); make room or choose another --out"
        ) from None
    return {
        "path": f"{folder.name}/{path.name}",
        "columns": columns,
        "tile": list(tile),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def encode_atlas(
    chunks: Iterable[np.ndarray], rows: np.ndarray
) -> tuple[bytes, int, tuple[int, int]]:
    """A WebP picture of the chosen images, its columns, and the width and height of a tile.

    Args:
        chunks: consecutive images, uint8 (k, h, w, 1 or 3); no more than one is held.
        rows: ascending rows to show, (n,), at least one.
    """
    from PIL import Image

    picture, tile, start, place = None, (0, 0), 0, 0
    columns = math.ceil(math.sqrt(len(rows)))
    for chunk in chunks:
        if picture is None:
            tile = _tile_size(chunk.shape[2], chunk.shape[1], len(rows))
            size = (columns * tile[0], math.ceil(len(rows) / columns) * tile[1])
            picture = Image.new("L" if chunk.shape[-1] == 1 else "RGB", size)
        for row in rows[(rows >= start) & (rows < start + len(chunk))] - start:
            y, x = divmod(place, columns)
            picture.paste(_tile(chunk[row], tile), (x * tile[0], y * tile[1]))
            place += 1
        start += len(chunk)
    if picture is None or place < len(rows):
        raise InputError(f"the test split has {start} images, too few for the {len(rows)} to show")
    data = b""
    for quality in QUALITIES if len(rows) < MANY_IMAGES else QUALITIES[1:]:
        buffer = io.BytesIO()
        picture.save(buffer, format="WEBP", quality=quality, method=4)
        data = buffer.getvalue()
        if len(data) <= MOST_BYTES:
            break
    return data, columns, tile


def _tile_size(width: int, height: int, n: int) -> tuple[int, int]:
    """Width and height of a tile that keeps the image's shape and all tiles in one picture."""
    longest = LARGE_TILE if n < MANY_IMAGES else SMALL_TILE
    longest = min(longest, MOST_PIXELS // math.ceil(math.sqrt(n)))
    scale = min(1.0, longest / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _tile(image: np.ndarray, size: tuple[int, int]) -> Any:
    from PIL import Image

    pixels = image[..., 0] if image.shape[-1] == 1 else image
    tile = Image.fromarray(np.ascontiguousarray(pixels))
    return tile if tile.size == size else tile.resize(size, Image.Resampling.BOX)


def as_png(image: np.ndarray) -> str:
    """A uint8 image (h, w, c) as a PNG data URI."""
    from PIL import Image

    buffer = io.BytesIO()
    pixels = image[..., 0] if image.shape[-1] == 1 else image
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def read_atlas(out: Path, entry: dict[str, Any] | None) -> bytes | None:
    """The atlas named in `results.json`, or None where it is gone or not the one it was.

    Args:
        out: the report's folder.
        entry: what `write_atlas` returned, or None.
    """
    if entry is None:
        return None
    path = (out / entry["path"]).resolve()
    try:
        if not path.is_relative_to(out.resolve()):
            return None
        data = path.read_bytes()
    except OSError:
        return None
    return data if hashlib.sha256(data).hexdigest() == entry["sha256"] else None
