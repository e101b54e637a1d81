"""The soft shapes that every phantom image is a sum of."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def step(distance: Floats, soft: float) -> Floats:
    """A soft edge: 0 far outside, 1 far inside."""
    return 0.5 + 0.5 * np.tanh(distance / soft)


def bell(u: Floats, v: Floats) -> Floats:
    """A round bell of height 1."""
    return np.exp(-(u**2 + v**2))
