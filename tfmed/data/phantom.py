"""The phantom: chest-like images drawn by a seeded procedure, for when no real data is at hand.

Every image is a sum of smooth shapes in normalised coordinates (x and y from -1 to 1; y grows
downwards and the heart lies on the viewer's right), so it can be drawn at any size. Two domains
share the anatomy and differ in its proportions, in exposure and in what the label means:

* `chest`, after ChestMNIST: adults, 14 columns of findings, mostly too subtle to see;
* `pneumonia`, after PneumoniaMNIST: children in a tighter frame, one column, opacities of the
  lungs against none.

Difficulty comes from overlap: many signs are faint, and what imitates disease (a high diaphragm,
soft tissue, veiling, exposure) is drawn without regard to the label.

The images are no simulation of radiography and carry no medical information.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tfmed.data import SPLITS
from tfmed.errors import InputError

Domain = Literal["chest", "pneumonia"]
Floats = NDArray[np.floating]

# Weight of each finding among the first findings of an image, in ChestMNIST's order; as in NIH
# ChestX-ray14, but with the rare ones raised so that each occurs in each default split.
_FIRST_FINDING: dict[str, int] = {
    "atelectasis": 14,
    "cardiomegaly": 6,
    "effusion": 14,
    "infiltration": 20,
    "mass": 6,
    "nodule": 8,
    "pneumonia": 4,
    "pneumothorax": 7,
    "consolidation": 6,
    "edema": 3,
    "emphysema": 4,
    "fibrosis": 4,
    "pleural": 4,
    "hernia": 2,
}
FINDINGS: tuple[str, ...] = tuple(_FIRST_FINDING)
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

# Mean and standard deviation over patients. Lengths are in half-widths of the image, the taper is
# the lungs' width at the apex over that at the base, `rib_contrast` to `veil` are densities, and
# `exposure` is the grey level of a middling density as a share of white.
_PATIENT: dict[str, dict[str, tuple[float, float]]] = {
    "zoom": {"chest": (1.0, 0.07), "pneumonia": (0.9, 0.06)},
    "shift_x": {"chest": (0.0, 0.05), "pneumonia": (0.02, 0.06)},
    "shift_y": {"chest": (0.0, 0.06), "pneumonia": (0.03, 0.07)},
    "tilt": {"chest": (0.0, 0.035), "pneumonia": (0.0, 0.06)},  # radians
    "body_width": {"chest": (0.96, 0.07), "pneumonia": (0.98, 0.05)},
    "shoulder": {"chest": (-0.88, 0.06), "pneumonia": (-1.02, 0.08)},
    "lung_width": {"chest": (0.66, 0.045), "pneumonia": (0.74, 0.045)},
    "lung_taper": {"chest": (0.62, 0.05), "pneumonia": (0.42, 0.06)},
    "lung_top": {"chest": (-0.78, 0.05), "pneumonia": (-0.8, 0.06)},
    "lung_base": {"chest": (0.36, 0.1), "pneumonia": (0.46, 0.09)},
    "mediastinum": {"chest": (0.15, 0.02), "pneumonia": (0.17, 0.035)},
    "heart_width": {"chest": (0.31, 0.035), "pneumonia": (0.38, 0.04)},
    "heart_height": {"chest": (0.34, 0.03), "pneumonia": (0.36, 0.04)},
    "heart_shift": {"chest": (0.1, 0.025), "pneumonia": (0.11, 0.04)},
    "rib_pitch": {"chest": (0.17, 0.012), "pneumonia": (0.205, 0.015)},
    "rib_contrast": {"chest": (0.035, 0.012), "pneumonia": (0.045, 0.015)},
    "aeration": {"chest": (0.5, 0.07), "pneumonia": (0.4, 0.06)},
    "vessels": {"chest": (0.055, 0.02), "pneumonia": (0.06, 0.02)},
    "abdomen": {"chest": (0.16, 0.05), "pneumonia": (0.1, 0.05)},
    "soft_tissue": {"chest": (0.03, 0.05), "pneumonia": (0.0, 0.03)},
    "veil": {"chest": (0.0, 0.05), "pneumonia": (0.0, 0.07)},
    "exposure": {"chest": (0.56, 0.11), "pneumonia": (0.56, 0.085)},
    "contrast": {"chest": (1.12, 0.2), "pneumonia": (0.88, 0.14)},  # grey level per density
    "noise": {"chest": (0.008, 0.003), "pneumonia": (0.009, 0.003)},  # share of white
}
_WAVES = 10  # plane waves per texture
_PIXELS_PER_CHUNK = 1 << 18  # about 1 MiB per temporary array, which stays in the cache


@dataclass(frozen=True)
class _Signs:
    """The findings that are drawn, each with its severity and place.

    Attributes:
        present: bool of shape (n, 14).
        severity: float32 of shape (n, 14).
        place: float32 of shape (n, 14, 4), uniform on [0, 1): height, depth, extent, side.
    """

    present: NDArray[np.bool_]
    severity: Floats
    place: Floats


@dataclass(frozen=True)
class _Frame:
    """What a sign is drawn on; all arrays broadcast to (n, size, size).

    Attributes:
        x, y: coordinates in the patient's frame.
        lung: share of lung at a pixel, 0 to 1.
        lateral: x of the lung's outer edge at this height.
        base: height of the diaphragm under this pixel.
        texture: patchy field of mean 0 and standard deviation 1.
        soft: half-width of an edge.
    """

    x: Floats
    y: Floats
    lung: Floats
    lateral: Floats
    base: Floats
    texture: Floats
    soft: float

    def rows(self, index: NDArray[np.intp]) -> "_Frame":
        """The same for some of the images."""
        return _Frame(
            x=self.x[index],
            y=self.y[index],
            lung=self.lung[index],
            lateral=self.lateral[index],
            base=self.base[index],
            texture=self.texture[index],
            soft=self.soft,
        )


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
    for number, split in enumerate(SPLITS):
        root = np.random.SeedSequence([seed, list(DEFAULT_COUNTS).index(domain), number])
        label_rng, sign_rng, patient_rng, noise_rng = map(np.random.default_rng, root.spawn(4))
        labels = _draw_labels(domain, split, counts[split], label_rng)
        signs = _draw_signs(domain, labels, sign_rng)
        patients, waves = _draw_patients(domain, signs, patient_rng)
        chunks = _render(patients, signs, waves, size, noise_rng)
        arrays[f"{split}_images"] = np.concatenate(list(chunks))
        arrays[f"{split}_labels"] = labels
    return arrays


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
    weights = np.cumsum(list(_FIRST_FINDING.values()))
    first = np.searchsorted(weights / weights[-1], u[:, 0], "right")
    findings = (u[:, 1:] < _SECOND_FINDING_RATE) | (first[:, None] == np.arange(len(FINDINGS)))
    return (findings & positive).astype(np.uint8)


def _draw_signs(domain: str, labels: NDArray[np.uint8], rng: np.random.Generator) -> _Signs:
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
    return _Signs(present, severity, u[:, :, 1:5])


def _draw_patients(
    domain: str, signs: _Signs, rng: np.random.Generator
) -> tuple[dict[str, Floats], Floats]:
    """Anatomy and exposure, name to (n,), with the findings that deform it; and texture waves.

    The waves are (n, 2, waves, 3): two textures of plane waves, each with three standard
    normal numbers.
    """
    z = rng.standard_normal((len(signs.present), len(_PATIENT) + 6 * _WAVES), dtype=np.float32)
    z, waves = z[:, : len(_PATIENT)].clip(-2.5, 2.5), z[:, len(_PATIENT) :]
    patients: dict[str, Floats] = {}
    for i, (name, spread) in enumerate(_PATIENT.items()):
        mean, deviation = spread[domain]
        patients[name] = mean + deviation * z[:, i]
    dose = dict(zip(FINDINGS, (signs.present * signs.severity).T, strict=True))
    patients["heart_width"] *= 1 + 0.25 * dose["cardiomegaly"]
    patients["heart_shift"] += 0.03 * dose["cardiomegaly"]
    patients["lung_base"] += 0.10 * dose["emphysema"] - 0.06 * dose["atelectasis"]
    patients["aeration"] *= 1 + 0.15 * dose["emphysema"]
    patients["heart_width"] *= 1 - 0.10 * dose["emphysema"]
    return patients, waves.reshape(-1, 2, _WAVES, 3)


def _render(
    patients: dict[str, Floats],
    signs: _Signs,
    waves: Floats,
    size: int,
    rng: np.random.Generator,
) -> Iterator[NDArray[np.uint8]]:
    """Images of shape (chunk, size, size), a chunk of patients at a time to bound the memory."""
    step = max(1, _PIXELS_PER_CHUNK // size**2)
    for start in range(0, len(waves), step):
        rows = slice(start, start + step)
        chunk = {name: values[rows, None, None] for name, values in patients.items()}
        chunk_signs = _Signs(signs.present[rows], signs.severity[rows], signs.place[rows])
        density = _density(chunk, chunk_signs, waves[rows], size)
        # Automatic exposure makes up for much of what a dense chest swallows.
        middle = 0.5 + 0.6 * (density.mean(axis=(1, 2), keepdims=True) - 0.5)
        grey = chunk["exposure"] + chunk["contrast"] * (density - middle)
        # The film's shoulder and foot: bright and dark ends are compressed, not cut off.
        grey = 0.5 + 0.5 * np.tanh(1.9 * (grey - 0.5))
        grey += chunk["noise"] * rng.standard_normal(grey.shape, dtype=np.float32)
        yield (255 * grey.clip(0, 1)).round().astype(np.uint8)


def _density(p: dict[str, Floats], signs: _Signs, waves: Floats, size: int) -> Floats:
    """What the rays meet on their way: 0 for air, about 1 for the densest tissue."""
    pixel = 2.0 / size
    soft = 0.025 + 0.3 * pixel
    x, y = _coordinates(p, size)
    side = np.abs(x)
    lateral, base, field = _lung_field(p, x, y, side, soft)
    heart = _heart(p, x, y, soft)
    lung = field * (1 - 0.92 * heart)
    fine, patchy = _texture(waves[:, 0], size, 9.0), _texture(waves[:, 1], size, 4.5)

    body = _body(p, x, y, soft)
    hilum = _bell((side - 0.21) / 0.17, (y + 0.1) / 0.25)
    density = 0.62 + 0.08 * y + 0.09 * heart + 0.14 * _bell(x / 0.16, 0 * y)
    density += p["abdomen"] * (0.6 + 0.4 * y) * _step(y - base, 2.5 * soft)
    frame = _Frame(x, y, lung, lateral, base, patchy, soft)
    air = p["aeration"] * lung * (0.75 + 0.4 * side / p["lung_width"])
    density -= air
    density += p["vessels"] * lung * (0.5 * fine + 1.6 * hilum * (1 + 0.3 * fine))
    density += _bones(p, x, y, side, 0.4 * field + 0.6 * lung, pixel)
    # From here on, what imitates disease: drawn whatever the label.
    density += p["soft_tissue"] * 2 * _bell((side - 0.42) / 0.22, (y - p["lung_base"] + 0.02) / 0.2)
    density += p["veil"] * (0.6 + x * np.sign(p["shift_x"]) + 0.3 * patchy) * field
    # Filled air spaces are about as dense as soft tissue, however many signs coincide.
    room = 1.05 * np.maximum(air, 0.08)
    density += room * np.tanh(_drawn_signs(signs, frame) / room)
    return density * body - 0.12 * (1 - body)


def _drawn_signs(signs: _Signs, frame: _Frame) -> Floats:
    """The sum of all findings that are drawn as densities, each on the images that have it."""
    density = np.zeros(frame.x.shape, dtype=np.float32)
    for number, name in enumerate(FINDINGS):
        rows = np.flatnonzero(signs.present[:, number])
        if name in _DRAW and len(rows):
            severity = signs.severity[rows, number, None, None]
            place = signs.place[rows, number].T[..., None, None]
            density[rows] += severity * _DRAW[name](frame.rows(rows), place)
    return density


def _coordinates(p: dict[str, Floats], size: int) -> tuple[Floats, Floats]:
    """Coordinates x and y of every pixel's centre in the patient's frame."""
    line = ((np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1).astype(np.float32)
    u, v = line - p["shift_x"], line[:, None] - p["shift_y"]
    cos, sin = np.cos(p["tilt"]), np.sin(p["tilt"])
    return (cos * u + sin * v) * p["zoom"], (cos * v - sin * u) * p["zoom"]


def _body(p: dict[str, Floats], x: Floats, y: Floats, soft: float) -> Floats:
    """Neck, shoulders and trunk, thinner towards their outline: 0 to 1."""
    side = np.abs(x)
    slope = p["shoulder"] + 0.75 * (side - 0.2).clip(0) ** 1.5
    shoulders = _step(y - slope, 3 * soft + 0.03)
    neck = _step(0.27 - 0.1 * (y + 0.9) - side, 2 * soft + 0.02)
    width = p["body_width"] + 0.04 * y
    trunk = _step(width - side, 2 * soft) * (1 - 0.35 * (side / width).clip(0, 1) ** 4)
    return np.maximum(shoulders * trunk, 0.85 * neck * (y < -0.4))


def _lung_field(
    p: dict[str, Floats], x: Floats, y: Floats, side: Floats, soft: float
) -> tuple[Floats, Floats, Floats]:
    """Outer edge, diaphragm, and the two lungs as if there were no heart."""
    t = ((y - p["lung_top"]) / (p["lung_base"] - p["lung_top"])).clip(0, 1)
    lateral = p["lung_width"] * (p["lung_taper"] + (1 - p["lung_taper"]) * t * (2 - t))
    dome = 0.9 * (side - 0.5 * p["lung_width"]) ** 2
    base = p["lung_base"] + dome
    base[x < 0] -= 0.05  # the liver lifts the right dome
    apex = p["lung_top"] + 2.2 * (side - 0.5 * p["lung_width"] * p["lung_taper"] - 0.05) ** 2
    field = _step(lateral - side, soft) * _step(side - p["mediastinum"], 1.5 * soft)
    field *= _step(base - y, soft) * _step(y - apex, 2 * soft)
    return lateral, base, field


def _heart(p: dict[str, Floats], x: Floats, y: Floats, soft: float) -> Floats:
    """The heart's shadow with the aortic knob above it, 0 to 1."""
    u = (x - p["heart_shift"]) / p["heart_width"]
    v = (y - p["lung_base"] + 0.62 * p["heart_height"]) / p["heart_height"]
    heart = _step(1 - np.sqrt(u**2 + v**2 - 0.7 * u * v), 5 * soft)
    knob = _bell((x - p["mediastinum"]) / 0.07, (y - p["lung_top"] - 0.36) / 0.1)
    return np.maximum(heart, 0.8 * knob)


def _bones(
    p: dict[str, Floats], x: Floats, y: Floats, side: Floats, field: Floats, pixel: float
) -> Floats:
    """Ribs, clavicles and the trachea's air between them."""
    back = y - p["lung_top"] + 0.2 * side - 0.75 * side**2 - 0.06 * x
    front = y - p["lung_top"] + 0.55 * side
    wave = 2 * np.pi / p["rib_pitch"]
    # A pixel averages over its width, so that ribs fade at small sizes in place of aliasing.
    blur = np.sinc(pixel * p["zoom"] / p["rib_pitch"])
    ribs = (np.cos(wave * back) + 0.45 * np.cos(0.93 * wave * front)) * blur
    width = math.hypot(0.03, 0.35 * pixel)
    clavicle = _bell((y - p["lung_top"] - 0.2 + 0.22 * side) / width, (side - 0.36) / 0.26)
    trachea = _bell(x / 0.06, (y - p["lung_top"] + 0.02) / 0.26)
    return p["rib_contrast"] * ribs * (0.15 + field) + 0.09 * clavicle - 0.12 * trachea


def _texture(waves: Floats, size: int, frequency: float) -> Floats:
    """Sums of plane waves, (n, size, size), standard deviation 1.

    A plane wave is separable, cos(a + b) = cos a cos b - sin a sin b, which turns the sum over
    waves into a matrix product.

    Args:
        waves: (n, waves, 3) of standard normal numbers.
        size: pixels.
        frequency: standard deviation of the angular frequency in radians per half image.
    """
    line = (np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1
    across, down = (frequency * waves[:, :, k, None] * line for k in (0, 1))
    down = down + 10 * waves[:, :, 2, None]
    left = np.concatenate([np.cos(down), -np.sin(down)], axis=1)
    right = np.concatenate([np.cos(across), np.sin(across)], axis=1)
    return np.float32(np.sqrt(2 / waves.shape[1])) * (left.transpose(0, 2, 1) @ right)


def _step(distance: Floats, soft: float) -> Floats:
    """A soft edge: 0 far outside, 1 far inside."""
    return 0.5 + 0.5 * np.tanh(distance / soft)


def _bell(u: Floats, v: Floats) -> Floats:
    """A round bell of height 1."""
    return np.exp(-(u**2 + v**2))


def _side(place: Floats, right: float) -> Floats:
    """-1 for the patient's right lung, with this probability, else 1."""
    return np.copysign(np.float32(1), place[3] - right)


def _lung_point(place: Floats, low: float, high: float) -> tuple[Floats, Floats]:
    """A point in one of the lungs, its height between shares of the way from top to bottom."""
    return _side(place, 0.55) * (0.24 + 0.3 * place[1]), -0.6 + 0.95 * (
        low + (high - low) * place[0]
    )


def _blob(f: _Frame, place: Floats, radius: Floats | float, low: float, high: float) -> Floats:
    cx, cy = _lung_point(place, low, high)
    return _bell((f.x - cx) / radius, (f.y - cy) / radius)


def _atelectasis(f: _Frame, place: Floats) -> Floats:
    cx, cy = _lung_point(place, 0.6, 1.0)
    slant = f.y - cy + (place[2] - 0.5) * (f.x - cx)
    return 0.3 * f.lung * _bell((f.x - cx) / 0.22, slant / (0.05 + f.soft))


def _effusion(f: _Frame, place: Floats) -> Floats:
    here = (_side(place, 0.4) * f.x > 0) | (place[3] > 0.8)
    side = np.abs(f.x)
    # A meniscus: the fluid's level climbs towards the chest wall.
    level = f.base - 0.08 - 0.2 * place[0] - 0.9 * (side - 0.35).clip(0) ** 2
    return 0.45 * f.lung * here * _step(f.y - level, 2 * f.soft + 0.03)


def _infiltration(f: _Frame, place: Floats) -> Floats:
    spot = _blob(f, place, 0.3 + 0.2 * place[2], 0.2, 1.0)
    return 0.3 * f.lung * spot * (0.7 + 0.6 * f.texture).clip(0)


def _mass(f: _Frame, place: Floats) -> Floats:
    cx, cy = _lung_point(place, 0.1, 0.9)
    radius = np.hypot(f.x - cx, f.y - cy)
    return 0.36 * f.lung * _step(0.09 + 0.07 * place[2] - radius, 1.5 * f.soft)


def _nodule(f: _Frame, place: Floats) -> Floats:
    width = 0.035 + 0.03 * place[2]
    # A sign smaller than a pixel keeps its mass, not its height.
    seen = np.hypot(width, np.float32(0.7 * f.soft))
    return 0.5 * (width / seen) ** 2 * f.lung * _blob(f, place, seen, 0.0, 1.0)


def _pneumonia(f: _Frame, place: Floats) -> Floats:
    near = _blob(f, place, 0.32 + 0.2 * place[2], 0.3, 1.0)
    far = _bell((np.abs(f.x) - 0.3) / 0.3, (f.y - 0.05) / 0.5)
    return f.lung * (0.28 * near + 0.14 * far) * (1 + 0.4 * f.texture).clip(0)


def _pneumothorax(f: _Frame, place: Floats) -> Floats:
    sign = _side(place, 0.5)
    depth = 0.08 + 0.12 * place[2]
    edge = f.lateral - sign * f.x - depth * (0.6 - f.y)  # the collapsed lung's outer edge
    line = _bell(edge / (0.015 + 0.5 * f.soft), 0 * f.y)
    return f.lung * (sign * f.x > 0) * (0.08 * line - 0.2 * _step(-edge, f.soft))


def _consolidation(f: _Frame, place: Floats) -> Floats:
    cx, cy = _lung_point(place, 0.1, 1.0)
    lobe = (f.x - cx) ** 2 / (0.25 + 0.1 * place[2]) ** 2 + (f.y - cy) ** 2 / 0.24**2
    return 0.36 * f.lung * _step(1 - lobe + 0.25 * f.texture, 0.35)


def _edema(f: _Frame, place: Floats) -> Floats:
    wings = _bell((np.abs(f.x) - 0.24) / 0.22, (f.y + 0.05) / (0.3 + 0.2 * place[2]))
    return 0.24 * f.lung * wings * (1 + 0.3 * f.texture)


def _fibrosis(f: _Frame, place: Floats) -> Floats:
    low = _step(f.y + 0.1 - 0.4 * place[0], 0.25)
    net = np.sin(29 * f.x + 7 * f.texture) * np.sin(29 * f.y - 6 * f.texture + 6 * place[1])
    return f.lung * low * (0.06 + 0.09 * net)


def _pleural(f: _Frame, place: Floats) -> Floats:
    sign = _side(place, 0.5)
    rim = _bell(
        (f.lateral - sign * f.x - 0.02) / (0.05 + f.soft), (f.y + 0.7 * place[0] - 0.2) / 0.4
    )
    return 0.3 * rim


def _hernia(f: _Frame, place: Floats) -> Floats:
    cx, cy = 0.05 + 0.1 * (place[1] - 0.5), f.base - 0.12
    radius = np.hypot(f.x - cx, f.y - cy)
    size = 0.17 + 0.07 * place[2]
    return 0.2 * _step(size - radius, 2 * f.soft) - 0.28 * _step(0.6 * size - radius, 2 * f.soft)


# Cardiomegaly and emphysema are drawn by deforming the patient.
_DRAW: dict[str, Callable[[_Frame, Floats], Floats]] = {
    "atelectasis": _atelectasis,
    "effusion": _effusion,
    "infiltration": _infiltration,
    "mass": _mass,
    "nodule": _nodule,
    "pneumonia": _pneumonia,
    "pneumothorax": _pneumothorax,
    "consolidation": _consolidation,
    "edema": _edema,
    "fibrosis": _fibrosis,
    "pleural": _pleural,
    "hernia": _hernia,
}
