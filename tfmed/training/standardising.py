"""Mean and variance that features are standardised with, from training examples only."""

import numpy as np

_COLUMNS = 64  # at a time: in float64 all of a large budget at once would be most of the memory


def statistics(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of each feature.

    A feature that is (almost) silent on few training examples would be blown up on the first test
    example that wakes it, so no standard deviation counts as less than a tenth of the features'
    root mean square deviation.

    Args:
        features: float array (n, d).

    Returns:
        Two float64 arrays (d,).
    """
    blocks = [features[:, i : i + _COLUMNS] for i in range(0, features.shape[1], _COLUMNS)]
    mean = np.concatenate([block.mean(axis=0, dtype=np.float64) for block in blocks])
    variance = np.concatenate([block.var(axis=0, dtype=np.float64) for block in blocks])
    floor = 0.01 * variance.mean()
    return mean, np.maximum(variance, floor if floor > 0 else 1.0)
