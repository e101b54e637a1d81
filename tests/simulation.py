"""Scores of an imagined strategy, for tests of metrics and intervals."""

import numpy as np


def simulated(rng, n_seeds=3, n=200, seed_sd=0.2, mean=0.8):
    """Labels (n,) and scores (n_seeds, n) of one imagined strategy."""
    labels = rng.integers(0, 2, n)
    logits = (2 * labels - 1) * mean + rng.normal(0, 0.8, n)
    logits = logits + rng.normal(0, seed_sd, (n_seeds, 1)) + rng.normal(0, 0.4, (n_seeds, n))
    return labels, 1 / (1 + np.exp(-logits))
