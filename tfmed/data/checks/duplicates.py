"""Images that are in a data set twice: equal to the last byte, or nearly so.

They are looked for once and kept in the cache under the file's MD5.
"""

import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfmed.cache import CHECKED, mark_used, writing
from tfmed.data.dataset import SPLITS, DatasetInfo
from tfmed.data.importers.npz_file import read_npz
from tfmed.data.loading import stream_split
from tfmed.data.pictures import likeness
from tfmed.errors import InputError, printable

NAMED = 3
"""Pairs of equal images that are named, of each two splits."""
_RULES = 1  # another number looks again

Pair = tuple[str, str]


@dataclass(frozen=True)
class Duplicates:
    """Images that are equal to the last byte, or nearly so (`likeness.near`).

    Attributes:
        within: per split, how many of its images equal an earlier one of it.
        across: per pair of splits, how many images of the second equal one of the first.
        near: the same, of those that are nearly equal and not equal.
        named: per pair of splits the first few of `across`: names of the image of the second and of
            that of the first.
        blank: per split, how many images are of one grey level or colour.
    """

    within: dict[str, int]
    across: dict[Pair, int]
    near: dict[Pair, int]
    named: dict[Pair, tuple[Pair, ...]]
    blank: dict[str, int]


def find_duplicates(info: DatasetInfo) -> Duplicates:
    """Equal and nearly equal images within and across the splits of a resolved data set.

    Reads every image once, in bounded memory; about 100 bytes are kept of each.

    Raises:
        InputError: the file changed since it was verified, or cannot be read any more.
    """
    seen: dict[str, dict[bytes, int]] = {}
    hashes: dict[str, np.ndarray] = {}
    found = Duplicates({}, {}, {}, {}, {})
    for split in SPLITS:
        digests: list[bytes] = []
        kept = []
        found.blank[split] = 0
        for images in stream_split(info, split):
            found.blank[split] += _n_blank(images)
            digests += map(_digest, images)
            kept.append(likeness.difference_hashes(images))
        hashes[split] = np.concatenate(kept)
        for earlier, known in seen.items():
            equal = np.array([digest in known for digest in digests])
            alike = likeness.near(hashes[split], hashes[earlier])
            pair = earlier, split
            found.across[pair] = int(equal.sum())
            found.near[pair] = int((alike & ~equal).sum())
            rows = np.flatnonzero(equal)[:NAMED].tolist()
            found.named[pair] = _named(info, pair, [(n, known[digests[n]]) for n in rows])
        seen[split] = {digest: row for row, digest in reversed(list(enumerate(digests)))}
        found.within[split] = len(digests) - len(seen[split])
    return found


def known_duplicates(info: DatasetInfo, cache_dir: Path) -> Duplicates:
    """As `find_duplicates`, kept below a cache folder; what can't be kept is found again.

    Raises:
        InputError: as for `find_duplicates`.
    """
    path = cache_dir.absolute() / CHECKED / f"{info.md5}-{_RULES}.json"
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        kept = _read(json.loads(path.read_text("utf-8")))
        mark_used(path)
        return kept
    found = find_duplicates(info)
    with contextlib.suppress(InputError), writing(path) as part:
        part.write_text(json.dumps(_written(found)), "utf-8")
    return found


def refuse_useless(info: DatasetInfo, found: Duplicates) -> None:
    """Refuse a data set whose images are all blank, or whose test or val split is wholly in train.

    Raises:
        InputError: they are, or every image of one of the two equals one of train.
    """
    if all(found.blank[split] == info.n_images(split) for split in SPLITS):
        raise InputError(every_blank(printable(info.path)))
    for split in ("test", "val"):
        if found.across["train", split] == info.n_images(split):
            raise InputError(test_in_train(printable(info.path), split))


def test_in_train(name: str, split: str) -> str:
    """The line about a split that is wholly in train."""
    return (
        f"{name}: every image of {split} is in train too, so its scores would say nothing of new "
        f"images: give other {split} images, or let --resplit draw the splits"
    )


def every_blank(name: str) -> str:
    """The line about images that show nothing."""
    return f"{name}: every image is blank: give images that show something"


def _n_blank(images: np.ndarray) -> int:
    """Images of one grey level or colour; most are known not to be by a few of their pixels."""
    corner = images[:, :1, :1]
    maybe = (images[:, ::7, ::7] == corner).all(axis=(1, 2, 3))
    return int((images[maybe] == corner[maybe]).all(axis=(1, 2, 3)).sum())


def _digest(image: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()


def _named(info: DatasetInfo, pair: Pair, rows: Sequence[tuple[int, int]]) -> tuple[Pair, ...]:
    """Names of images by their rows in the second and in the first split."""
    if not rows:
        return ()
    earlier, split = pair
    keys = {each: f"{each}_names" for each in pair}
    names = read_npz(info.path, (), optional=keys.values())

    def name(of: str, row: int) -> str:
        known = names.get(keys[of])
        if known is None or known.shape != (info.n_images(of),):
            return f"{of} image {row}"
        return printable(str(known[row]))

    return tuple((name(split, row), name(earlier, other)) for row, other in rows)


def _written(found: Duplicates) -> dict[str, object]:
    """As JSON values; pairs of splits become lists."""
    rows = {
        name: [[*pair, value] for pair, value in getattr(found, name).items()]
        for name in ("across", "near", "named")
    }
    return {"within": found.within, "blank": found.blank, **rows}


def _read(values: dict) -> Duplicates:
    def pairs(name: str) -> dict:
        return {(a, b): value for a, b, value in values[name]}

    named = {pair: tuple((a, b) for a, b in rows) for pair, rows in pairs("named").items()}
    within, blank = dict(values["within"]), dict(values["blank"])
    return Duplicates(within, pairs("across"), pairs("near"), named, blank)
