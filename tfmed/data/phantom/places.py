"""Where the findings of phantoms are, which of real images nobody knows to the pixel."""

import numpy as np

from tfmed.data.dataset import DatasetInfo
from tfmed.data.loading import load_columns
from tfmed.data.phantom.drawing import draw_opacities
from tfmed.data.phantom.kept import domain_of

SEEN = 0.5
"""Share of the strongest opacity from which on a pixel belongs to its box."""

Box = tuple[int, int, int, int]
"""Top, left, bottom and right, in pixels; the last two lie outside."""


def opacity_boxes(info: DatasetInfo) -> list[Box | None] | None:
    """The box around the opacity of each test image of a phantom.

    It is the smallest that holds every pixel to which findings add at least half of what they add
    to the pixel that they add most to. The phantom is drawn again: a few milliseconds for a
    thousand images.

    Returns:
        None for images that show no opacity; None in all for what is no phantom, or not one that
        is drawn today.
    """
    domain = domain_of(info)
    if domain is None:
        return None
    labels, added = draw_opacities(domain, "test", info.n_images("test"), size=info.image_shape[0])
    if not np.array_equal(labels, load_columns(info, "test")):
        return None
    return [_box(one) for one in added]


def _box(added: np.ndarray) -> Box | None:
    """Of one image, from the density that findings add, (size, size)."""
    most = added.max()
    if most <= 0:
        return None
    rows, columns = (np.flatnonzero((added >= SEEN * most).any(axis=axis)) for axis in (1, 0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
