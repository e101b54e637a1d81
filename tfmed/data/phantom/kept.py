"""Phantoms that were drawn once are kept as files, under a key of all that shapes them."""

import contextlib
import hashlib
import inspect
import json
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tfmed.cache import mark_used, writing
from tfmed.data.dataset import DatasetInfo
from tfmed.data.importers.medmnist import SIZES
from tfmed.data.importers.npz import Words, describe
from tfmed.data.phantom import anatomy, drawing, findings, shapes
from tfmed.data.phantom.drawing import Domain
from tfmed.errors import InputError

NAME = "phantom"
"""What a user names as source or target; with a size as in `phantom_64`."""
DOMAINS: dict[Literal["source", "target"], Domain] = {"source": "chest", "target": "pneumonia"}
"""The domain that a phantom is drawn from, by its role in a study."""


def size_of(spec: str) -> int | None:
    """Side in pixels of the phantom that a user names; None where it is another name."""
    return {name_at(size): size for size in SIZES}.get(spec)


def name_at(size: int) -> str:
    """What a user calls the phantom of a size."""
    return NAME if size == SIZES[0] else f"{NAME}_{size}"


def domain_of(info: DatasetInfo) -> Domain | None:
    """The domain that a data set was drawn from; None where it is no phantom."""
    size = info.image_shape[0]
    drawn = (domain for domain in DOMAINS.values() if info.name == _words(domain, size).name)
    return next(drawn, None) if info.synthetic else None


def resolve_phantom(
    role: Literal["source", "target"],
    cache_dir: Path,
    counts: dict[str, int] | None = None,
    size: int = SIZES[0],
    task: str | None = None,
) -> DatasetInfo:
    """A phantom, drawn if it is not there yet.

    Args:
        role: which of the two domains it is drawn from.
        cache_dir: folder under which phantoms are kept.
        counts: images per split; None for `drawing.DEFAULT_COUNTS`.
        size: side in pixels.
        task: what its labels are for; None for what they say.

    Raises:
        InputError: it cannot be written, or the task cannot be made of it.
    """
    domain = DOMAINS[role]
    path = _path(domain, cache_dir, counts, size)
    try:
        info = describe(path, _words(domain, size), task=task)
        mark_used(path)
    except InputError:
        # Never drawn, or the cache was damaged: drawing again costs seconds.
        _write(domain, path, counts, size)
        info = describe(path, _words(domain, size), task=task)
    return info


def _words(domain: Domain, size: int) -> Words:
    is_usual = size == SIZES[0]
    return Words(
        name=f"phantom-{domain}" if is_usual else f"phantom-{domain}_{size}",
        title=f"Phantom {domain} (synthetic{'' if is_usual else f', {size} × {size}'})",
        description="Synthetic images drawn by tfmed's seeded generator; no patient's X-rays.",
        license="drawn by tfmed; free of terms",
        class_names=("normal", "pneumonia") if domain == "pneumonia" else None,
        synthetic=True,
        label_names=findings.FINDINGS if domain == "chest" else (),
    )


def _path(domain: Domain, cache_dir: Path, counts: dict[str, int] | None, size: int) -> Path:
    """Where a phantom is kept; another generator, NumPy or size of splits is another file."""
    generator = [inspect.getsource(module) for module in (anatomy, drawing, findings, shapes)]
    settings = json.dumps([domain, counts, size, np.__version__, generator], sort_keys=True)
    key = hashlib.sha256(settings.encode()).hexdigest()[:16]
    return cache_dir.absolute() / "phantom" / f"phantom-{domain}-{key}.npz"


def _write(domain: Domain, path: Path, counts: dict[str, int] | None, size: int) -> None:
    """Draw a phantom into `path`, which appears only when it is whole."""
    with writing(path) as part:
        with contextlib.suppress(InputError):
            describe(path, _words(domain, size))
            return  # another process drew it meanwhile
        arrays: dict[str, Any] = drawing.draw_phantom(domain, counts=counts, size=size)
        with part.open("wb") as file:
            # np.savez dates its members 1980-01-01, so equal arrays give an equal MD5.
            np.savez(file, **arrays)
