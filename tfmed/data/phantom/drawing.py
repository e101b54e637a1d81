"""The phantom: chest-like images drawn by a seeded procedure, for when no real data is at hand.

Every image is a sum of smooth shapes in normalised coordinates (x and y from -1 to 1; y grows
downwards and the heart lies on the viewer's right), so it can be drawn at any size. Two domains
share the anatomy and differ in its proportions, in exposure and in what the label means:

* `chest`, after ChestMNIST: adults, 14 columns of findings, mostly too subtle to see;
* `pneumonia`, after PneumoniaMNIST: children in a tighter frame, one column, opacities of the
  lungs against none.

Difficulty comes from overlap: many signs are faint, and what imitates disease (a high diaphragm,
soft tissue, veiling, exposure) is drawn without regard to the label.

The images do not simulate radiography and carry no medical information.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tfmed.data.dataset import SPLITS
from tfmed.data.phantom import anatomy
from tfmed.data.phantom.findings import FINDINGS, FIRST_FINDING, Frame, Signs, drawn_signs
from tfmed.data.phantom.shapes import Floats, bell, step
from tfmed.errors import InputError

Domain = Literal["chest", "pneumonia"]

DEFAULT_COUNTS: dict[str, dict[str, int]] = {
    "chest": {"train": 4000, "val": 500, "test": 1000},
    "pneumonia": {"train": 2000, "val": 250, "test": 624},
}
MIN_SIZE, MAX_SIZE = 16, 1024

# (positives, images) of one block of labels: the balance of ChestMNIST's "any finding" and of
# PneumoniaMNIST, whose test split holds fewer positives than its train and val splits.
_BALANCE: dict[str, dict[str, tuple[int, int]]] = {
    "chest": dict.fromkeys(SPLITS, (43, 100)),
    "pneumonia": {"train": (37, 50), "val": (37, 50), "test": (5, 8)},
}

_SECOND_FINDING_RATE = 0.03  # per column, so 1.4 findings per image with any

# The signs that a child with pneumonia may show and their shares.
_PNEUMONIA_SIGNS = {"pneumonia": 0.4, "consolidation": 0.25, "infiltration": 0.35}
# Smallest and largest severity, a factor on what the findings' functions draw; set so that the
# difficulty at 28 px is near that of the real sets.
_SEVERITY: dict[str, tuple[float, float]] = {"chest": (0.4, 2.3), "pneumonia": (1.0, 4.6)}
_PIXELS_PER_CHUNK = 1 << 18  # about 1 MiB per temporary array, which stays in the cache


def draw_phantom(
    domain: Domain, *, counts: dict[str, int] | None = None, size: int = 28, seed: int = 0
) -> dict[str, np.ndarray]:
    """Draws the phantom data set of one domain in MedMNIST's format.

    The same arguments give the same bytes on the same machine and versions. Splits are
    independent draws. Fewer images of a split are a prefix of more of them, and another size
    shows the same patients with the same labels.

    Args:
        domain: `chest` (source) or `pneumonia` (target).
        counts: images per split; a split left out has its default count (`DEFAULT_COUNTS`).
        size: height and width in pixels, 16 to 1024.
        seed: fixes everything that is drawn; not negative.

    Returns:
        For each split of train, val and test: `<split>_images`, uint8 of shape (n, size, size),
        and `<split>_labels`, uint8 of 0 and 1, of shape (n, 14) in the order of `FINDINGS` for
        `chest` and (n, 1) for `pneumonia`.

    Raises:
        InputError: unknown domain or split, or a count, size or seed out of range.
    """
    _check(domain, counts, size, seed)
    counts = DEFAULT_COUNTS[domain] | (counts or {})
    arrays = {}
    for split in SPLITS:
        labels, scenes, noise_rng = _drawn(domain, split, counts[split], size, seed)
        images = [_exposed(scene, noise_rng) for scene in scenes]
        arrays[f"{split}_images"] = np.concatenate(images)
        arrays[f"{split}_labels"] = labels
    return arrays


def draw_opacities(
    domain: Domain, split: str, count: int, *, size: int = 28, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """What the findings add to the images that `draw_phantom` draws of one split.

    Findings that deform the patient instead (cardiomegaly, emphysema) are not in it. Arguments and
    errors as there.

    Returns:
        Labels uint8 (n, columns), and the density that findings add, float32 (n, size, size), 0
        where there is none and below 0 where they let more through.
    """
    _check(domain, {split: count}, size, seed)
    labels, scenes, _ = _drawn(domain, split, count, size, seed)
    return labels, np.concatenate([scene.added for scene in scenes])


def _check(domain: str, counts: dict[str, int] | None, size: int, seed: int) -> None:
    if domain not in DEFAULT_COUNTS:
        raise InputError(f"phantom: unknown domain {domain!r}; use one of {list(DEFAULT_COUNTS)}")
    for split, count in (counts or {}).items():
        if split not in SPLITS:
            raise InputError(f"phantom: unknown split {split!r}; use one of {list(SPLITS)}")
        if count < 1:
            raise InputError(f"phantom: split {split!r} of {count} images; ask for 1 or more")
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise InputError(f"phantom: size {size} px; choose {MIN_SIZE} to {MAX_SIZE}")
    if seed < 0:
        raise InputError(f"phantom: seed {seed} is negative; choose 0 or more")


def _draw_labels(domain: str, split: str, n: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Labels whose balance is exact in every whole block, in random order within it."""
    positives, block = _BALANCE[domain][split]
    blocks = np.tile(np.arange(block) < positives, (-(-n // block), 1))
    positive = rng.permuted(blocks, axis=1).ravel()[:n, None]
    if domain == "pneumonia":
        return positive.astype(np.uint8)
    u = rng.spawn(1)[0].random((n, 1 + len(FINDINGS)))
    weights = np.cumsum(list(FIRST_FINDING.values()))
    first = np.searchsorted(weights / weights[-1], u[:, 0], "right")
    findings = (u[:, 1:] < _SECOND_FINDING_RATE) | (first[:, None] == np.arange(len(FINDINGS)))
    return (findings & positive).astype(np.uint8)


def _draw_signs(domain: str, labels: NDArray[np.uint8], rng: np.random.Generator) -> Signs:
    """What each image shows of its labels, and where; the severity leans to the subtle."""
    u = rng.random((len(labels), len(FINDINGS), 6), dtype=np.float32)
    if domain == "chest":
        present = labels.astype(bool)
    else:
        shares = np.array([_PNEUMONIA_SIGNS.get(name, 0.0) for name in FINDINGS])
        kind = np.searchsorted(np.cumsum(shares), u[:, :1, 5], "right")
        # One sign in any case, and at times another of the kinds.
        present = (kind == np.arange(len(FINDINGS))) | (u[:, :, 4] < 0.4 * shares)
        present &= labels.astype(bool)
    low, high = _SEVERITY[domain]
    severity = (low + (high - low) * u[:, :, 0] ** 1.3).astype(np.float32)
    return Signs(present, severity, u[:, :, 1:5])


@dataclass(frozen=True)
class _Scene:
    """Some patients before the exposure.

    Attributes:
        patients: name to (n, 1, 1).
        density: what the rays meet, (n, size, size).
        added: the part of it that findings add.
    """

    patients: dict[str, Floats]
    density: Floats
    added: Floats


def _drawn(
    domain: Domain, split: str, count: int, size: int, seed: int
) -> tuple[NDArray[np.uint8], Iterator[_Scene], np.random.Generator]:
    """Labels of a split, its patients a chunk at a time, and the generator of their noise."""
    number = SPLITS.index(split)
    root = np.random.SeedSequence([seed, list(DEFAULT_COUNTS).index(domain), number])
    label_rng, sign_rng, patient_rng, noise_rng = map(np.random.default_rng, root.spawn(4))
    labels = _draw_labels(domain, split, count, label_rng)
    signs = _draw_signs(domain, labels, sign_rng)
    patients, waves = anatomy.draw_patients(domain, signs, patient_rng)
    return labels, _scenes(patients, signs, waves, size), noise_rng


def _scenes(
    patients: dict[str, Floats], signs: Signs, waves: Floats, size: int
) -> Iterator[_Scene]:
    """A chunk of patients at a time, to bound the memory."""
    step = max(1, _PIXELS_PER_CHUNK // size**2)
    for start in range(0, len(waves), step):
        rows = slice(start, start + step)
        chunk = {name: values[rows, None, None] for name, values in patients.items()}
        chunk_signs = Signs(signs.present[rows], signs.severity[rows], signs.place[rows])
        yield _Scene(chunk, *_density(chunk, chunk_signs, waves[rows], size))


def _exposed(scene: _Scene, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Images of shape (n, size, size)."""
    density, patients = scene.density, scene.patients
    # Automatic exposure makes up for much of what a dense chest swallows.
    middle = 0.5 + 0.6 * (density.mean(axis=(1, 2), keepdims=True) - 0.5)
    grey = patients["exposure"] + patients["contrast"] * (density - middle)
    # The film's shoulder and foot: bright and dark ends are compressed, not cut off.
    grey = 0.5 + 0.5 * np.tanh(1.9 * (grey - 0.5))
    grey += patients["noise"] * rng.standard_normal(grey.shape, dtype=np.float32)
    return (255 * grey.clip(0, 1)).round().astype(np.uint8)


def _density(p: dict[str, Floats], signs: Signs, waves: Floats, size: int) -> tuple[Floats, Floats]:
    """What the rays meet on their way, 0 for air, about 1 for the densest tissue; and findings'."""
    pixel = 2.0 / size
    soft = 0.025 + 0.3 * pixel
    x, y = anatomy.coordinates(p, size)
    side = np.abs(x)
    lateral, base, field = anatomy.lung_field(p, x, y, side, soft)
    heart = anatomy.heart(p, x, y, soft)
    lung = field * (1 - 0.92 * heart)
    fine, patchy = anatomy.texture(waves[:, 0], size, 9.0), anatomy.texture(waves[:, 1], size, 4.5)

    body = anatomy.body(p, x, y, soft)
    hilum = bell((side - 0.21) / 0.17, (y + 0.1) / 0.25)
    density = 0.62 + 0.08 * y + 0.09 * heart + 0.14 * bell(x / 0.16, 0 * y)
    density += p["abdomen"] * (0.6 + 0.4 * y) * step(y - base, 2.5 * soft)
    frame = Frame(x, y, lung, lateral, base, patchy, soft)
    air = p["aeration"] * lung * (0.75 + 0.4 * side / p["lung_width"])
    density -= air
    density += p["vessels"] * lung * (0.5 * fine + 1.6 * hilum * (1 + 0.3 * fine))
    density += anatomy.bones(p, x, y, side, 0.4 * field + 0.6 * lung, pixel)
    # From here on, what imitates disease: drawn whatever the label.
    density += p["soft_tissue"] * 2 * bell((side - 0.42) / 0.22, (y - p["lung_base"] + 0.02) / 0.2)
    density += p["veil"] * (0.6 + x * np.sign(p["shift_x"]) + 0.3 * patchy) * field
    # Filled air spaces are about as dense as soft tissue, however many signs coincide.
    room = 1.05 * np.maximum(air, 0.08)
    added = room * np.tanh(drawn_signs(signs, frame) / room)
    density += added
    return density * body - 0.12 * (1 - body), added * body
