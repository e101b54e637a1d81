"""The difference of two pictures in diverging colours, the same ones in figure and page."""

import base64
import io
import math

import numpy as np

from tfmed.report.plotting import decode_png

DARKER, BRIGHTER = (0, 114, 178), (213, 94, 0)  # Okabe & Ito
STEP = 0.05
SHARE = 0.99


def difference_span(fit: dict) -> float:
    """The difference, of a range of 1, that takes the full colour: few pixels go beyond it.

    The 99th percentile of absolute differences over all reconstructions kept, rounded up to .05,
    so that one scale serves all of them.
    """
    pairs = [
        (decode_png(case["original"]), decode_png(case["reconstruction"]))
        for case in fit["reconstructions"]
    ]
    if not pairs:
        return STEP
    values = np.concatenate([np.abs(_difference(*pair)).ravel() for pair in pairs])
    return max(STEP, math.ceil(float(np.quantile(values, SHARE)) / STEP - 1e-9) * STEP)


def signed_difference(original: np.ndarray, reconstruction: np.ndarray, span: float) -> np.ndarray:
    """Reconstruction minus original: white for none, blue where darker, red where brighter.

    Args:
        original: uint8 (h, w, 3).
        reconstruction: uint8 (h, w, 3).
        span: the difference, of a range of 1, that takes the full colour.

    Returns:
        uint8 (h, w, 3); the mean over channels is shown.
    """
    share = np.clip(_difference(original, reconstruction) / span, -1, 1)[..., None]
    ink = np.where(share < 0, np.array(DARKER), np.array(BRIGHTER))
    return np.round(255 + np.abs(share) * (ink - 255.0)).astype(np.uint8)


def _difference(original: np.ndarray, reconstruction: np.ndarray) -> np.ndarray:
    return (reconstruction.astype(float) - original).mean(axis=-1) / 255


def as_uri(pixels: np.ndarray) -> str:
    """A uint8 picture (h, w, 3) as a PNG data URI."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
