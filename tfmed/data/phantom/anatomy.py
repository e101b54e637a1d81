"""The anatomy of a patient: proportions, and body, lungs, heart and bones as densities."""

import math

import numpy as np

from tfmed.data.phantom.findings import FINDINGS, Signs
from tfmed.data.phantom.shapes import Floats, bell, step

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


def draw_patients(
    domain: str, signs: Signs, rng: np.random.Generator
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


def coordinates(p: dict[str, Floats], size: int) -> tuple[Floats, Floats]:
    """Coordinates x and y of every pixel's centre in the patient's frame."""
    line = ((np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1).astype(np.float32)
    u, v = line - p["shift_x"], line[:, None] - p["shift_y"]
    cos, sin = np.cos(p["tilt"]), np.sin(p["tilt"])
    return (cos * u + sin * v) * p["zoom"], (cos * v - sin * u) * p["zoom"]


def body(p: dict[str, Floats], x: Floats, y: Floats, soft: float) -> Floats:
    """Neck, shoulders and trunk, thinner towards their outline: 0 to 1."""
    side = np.abs(x)
    slope = p["shoulder"] + 0.75 * (side - 0.2).clip(0) ** 1.5
    shoulders = step(y - slope, 3 * soft + 0.03)
    neck = step(0.27 - 0.1 * (y + 0.9) - side, 2 * soft + 0.02)
    width = p["body_width"] + 0.04 * y
    trunk = step(width - side, 2 * soft) * (1 - 0.35 * (side / width).clip(0, 1) ** 4)
    return np.maximum(shoulders * trunk, 0.85 * neck * (y < -0.4))


def lung_field(
    p: dict[str, Floats], x: Floats, y: Floats, side: Floats, soft: float
) -> tuple[Floats, Floats, Floats]:
    """Outer edge, diaphragm, and the two lungs as if there were no heart."""
    t = ((y - p["lung_top"]) / (p["lung_base"] - p["lung_top"])).clip(0, 1)
    lateral = p["lung_width"] * (p["lung_taper"] + (1 - p["lung_taper"]) * t * (2 - t))
    dome = 0.9 * (side - 0.5 * p["lung_width"]) ** 2
    base = p["lung_base"] + dome
    base[x < 0] -= 0.05  # the liver lifts the right dome
    apex = p["lung_top"] + 2.2 * (side - 0.5 * p["lung_width"] * p["lung_taper"] - 0.05) ** 2
    field = step(lateral - side, soft) * step(side - p["mediastinum"], 1.5 * soft)
    field *= step(base - y, soft) * step(y - apex, 2 * soft)
    return lateral, base, field


def heart(p: dict[str, Floats], x: Floats, y: Floats, soft: float) -> Floats:
    """The heart's shadow with the aortic knob above it, 0 to 1."""
    u = (x - p["heart_shift"]) / p["heart_width"]
    v = (y - p["lung_base"] + 0.62 * p["heart_height"]) / p["heart_height"]
    heart = step(1 - np.sqrt(u**2 + v**2 - 0.7 * u * v), 5 * soft)
    knob = bell((x - p["mediastinum"]) / 0.07, (y - p["lung_top"] - 0.36) / 0.1)
    return np.maximum(heart, 0.8 * knob)


def bones(
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
    clavicle = bell((y - p["lung_top"] - 0.2 + 0.22 * side) / width, (side - 0.36) / 0.26)
    trachea = bell(x / 0.06, (y - p["lung_top"] + 0.02) / 0.26)
    return p["rib_contrast"] * ribs * (0.15 + field) + 0.09 * clavicle - 0.12 * trachea


def texture(waves: Floats, size: int, frequency: float) -> Floats:
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
