"""Labels and scores, imagined or drawn by hypothesis, for tests of metrics and intervals."""

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# Few distinct values, so that ties (also with .5) are common.
tied_scores = st.integers(0, 8).map(lambda k: k / 8)
cases = st.lists(
    st.tuples(st.integers(0, 1), tied_scores | st.floats(0, 1)), min_size=1, max_size=40
).map(lambda rows: (np.array([y for y, _ in rows]), np.array([s for _, s in rows])))
quick = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture],
)


def simulated(rng, n_seeds=3, n=200, seed_sd=0.2, mean=0.8):
    """Labels (n,) and scores (n_seeds, n) of one imagined strategy."""
    labels = rng.integers(0, 2, n)
    logits = (2 * labels - 1) * mean + rng.normal(0, 0.8, n)
    logits = logits + rng.normal(0, seed_sd, (n_seeds, 1)) + rng.normal(0, 0.4, (n_seeds, n))
    return labels, 1 / (1 + np.exp(-logits))
