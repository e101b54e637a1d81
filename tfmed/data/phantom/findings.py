"""The fourteen findings: what each looks like on a lung, and how they are drawn together."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfmed.data.phantom.shapes import Floats, bell, step

# Weight of each finding among the first findings of an image, in ChestMNIST's order; as in NIH
# ChestX-ray14, but with the rare ones raised so that each occurs in each default split.
FIRST_FINDING: dict[str, int] = {
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
FINDINGS: tuple[str, ...] = tuple(FIRST_FINDING)


@dataclass(frozen=True)
class Signs:
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
class Frame:
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

    def rows(self, index: NDArray[np.intp]) -> "Frame":
        """The same for some of the images."""
        return Frame(
            x=self.x[index],
            y=self.y[index],
            lung=self.lung[index],
            lateral=self.lateral[index],
            base=self.base[index],
            texture=self.texture[index],
            soft=self.soft,
        )


def drawn_signs(signs: Signs, frame: Frame) -> Floats:
    """The sum of all findings that are drawn as densities, each on the images that have it."""
    density = np.zeros(frame.x.shape, dtype=np.float32)
    for number, name in enumerate(FINDINGS):
        rows = np.flatnonzero(signs.present[:, number])
        if name in _DRAW and len(rows):
            severity = signs.severity[rows, number, None, None]
            place = signs.place[rows, number].T[..., None, None]
            density[rows] += severity * _DRAW[name](frame.rows(rows), place)
    return density


def _side(place: Floats, right: float) -> Floats:
    """-1 for the patient's right lung, with this probability, else 1."""
    return np.copysign(np.float32(1), place[3] - right)


def _lung_point(place: Floats, low: float, high: float) -> tuple[Floats, Floats]:
    """A point in one of the lungs, its height between shares of the way from top to bottom."""
    return _side(place, 0.55) * (0.24 + 0.3 * place[1]), -0.6 + 0.95 * (
        low + (high - low) * place[0]
    )


def _blob(f: Frame, place: Floats, radius: Floats | float, low: float, high: float) -> Floats:
    cx, cy = _lung_point(place, low, high)
    return bell((f.x - cx) / radius, (f.y - cy) / radius)


def _atelectasis(f: Frame, place: Floats) -> Floats:
    cx, cy = _lung_point(place, 0.6, 1.0)
    slant = f.y - cy + (place[2] - 0.5) * (f.x - cx)
    return 0.3 * f.lung * bell((f.x - cx) / 0.22, slant / (0.05 + f.soft))


def _effusion(f: Frame, place: Floats) -> Floats:
    here = (_side(place, 0.4) * f.x > 0) | (place[3] > 0.8)
    side = np.abs(f.x)
    # A meniscus: the fluid's level climbs towards the chest wall.
    level = f.base - 0.08 - 0.2 * place[0] - 0.9 * (side - 0.35).clip(0) ** 2
    return 0.45 * f.lung * here * step(f.y - level, 2 * f.soft + 0.03)


def _infiltration(f: Frame, place: Floats) -> Floats:
    spot = _blob(f, place, 0.3 + 0.2 * place[2], 0.2, 1.0)
    return 0.3 * f.lung * spot * (0.7 + 0.6 * f.texture).clip(0)


def _mass(f: Frame, place: Floats) -> Floats:
    cx, cy = _lung_point(place, 0.1, 0.9)
    radius = np.hypot(f.x - cx, f.y - cy)
    return 0.36 * f.lung * step(0.09 + 0.07 * place[2] - radius, 1.5 * f.soft)


def _nodule(f: Frame, place: Floats) -> Floats:
    width = 0.035 + 0.03 * place[2]
    # A sign smaller than a pixel keeps its mass, not its height.
    seen = np.hypot(width, np.float32(0.7 * f.soft))
    return 0.5 * (width / seen) ** 2 * f.lung * _blob(f, place, seen, 0.0, 1.0)


def _pneumonia(f: Frame, place: Floats) -> Floats:
    near = _blob(f, place, 0.32 + 0.2 * place[2], 0.3, 1.0)
    far = bell((np.abs(f.x) - 0.3) / 0.3, (f.y - 0.05) / 0.5)
    return f.lung * (0.28 * near + 0.14 * far) * (1 + 0.4 * f.texture).clip(0)


def _pneumothorax(f: Frame, place: Floats) -> Floats:
    sign = _side(place, 0.5)
    depth = 0.08 + 0.12 * place[2]
    edge = f.lateral - sign * f.x - depth * (0.6 - f.y)  # the collapsed lung's outer edge
    line = bell(edge / (0.015 + 0.5 * f.soft), 0 * f.y)
    return f.lung * (sign * f.x > 0) * (0.08 * line - 0.2 * step(-edge, f.soft))


def _consolidation(f: Frame, place: Floats) -> Floats:
    cx, cy = _lung_point(place, 0.1, 1.0)
    lobe = (f.x - cx) ** 2 / (0.25 + 0.1 * place[2]) ** 2 + (f.y - cy) ** 2 / 0.24**2
    return 0.36 * f.lung * step(1 - lobe + 0.25 * f.texture, 0.35)


def _edema(f: Frame, place: Floats) -> Floats:
    wings = bell((np.abs(f.x) - 0.24) / 0.22, (f.y + 0.05) / (0.3 + 0.2 * place[2]))
    return 0.24 * f.lung * wings * (1 + 0.3 * f.texture)


def _fibrosis(f: Frame, place: Floats) -> Floats:
    low = step(f.y + 0.1 - 0.4 * place[0], 0.25)
    net = np.sin(29 * f.x + 7 * f.texture) * np.sin(29 * f.y - 6 * f.texture + 6 * place[1])
    return f.lung * low * (0.06 + 0.09 * net)


def _pleural(f: Frame, place: Floats) -> Floats:
    sign = _side(place, 0.5)
    rim = bell(
        (f.lateral - sign * f.x - 0.02) / (0.05 + f.soft), (f.y + 0.7 * place[0] - 0.2) / 0.4
    )
    return 0.3 * rim


def _hernia(f: Frame, place: Floats) -> Floats:
    cx, cy = 0.05 + 0.1 * (place[1] - 0.5), f.base - 0.12
    radius = np.hypot(f.x - cx, f.y - cy)
    size = 0.17 + 0.07 * place[2]
    return 0.2 * step(size - radius, 2 * f.soft) - 0.28 * step(0.6 * size - radius, 2 * f.soft)


# Cardiomegaly and emphysema are drawn by deforming the patient.
_DRAW: dict[str, Callable[[Frame, Floats], Floats]] = {
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
