"""How far maps of attribution agree with each other, and with a place that is known."""

import numpy as np

from tfmed.data.phantom.places import Box


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Spearman's correlation of the pixels of two maps of one size; None where one is constant.

    Between the map of a trained classifier and that of one with random weights it should be near 0:
    a method whose maps do not depend on what was learned shows edges of the image, not reasons
    (Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018).
    """
    from scipy.stats import rankdata

    first, second = (rankdata(values.ravel()) for values in (a, b))
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(np.corrcoef(first, second)[0, 1])


def share_inside(values: np.ndarray, box: Box) -> float | None:
    """Share of the attribution above 0 that lies inside a box; None where none is above 0."""
    positive = np.clip(values, 0, None)
    top, left, bottom, right = box
    total = positive.sum()
    return float(positive[top:bottom, left:right].sum() / total) if total > 0 else None


def area_share(shape: tuple[int, ...], box: Box) -> float:
    """Share of the image that a box takes, which a map without any place would have inside."""
    top, left, bottom, right = box
    return (bottom - top) * (right - left) / (shape[0] * shape[1])
