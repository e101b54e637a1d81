"""Learning curves: what more labels would bring, by an inverse power law with its uncertainty.

The error with n labels is taken for a + b n^-c: a, where more labels bring nothing; b, what fewer
cost; c, how fast that falls (Cortes, Jackel, Solla, Vapnik & Denker, "Learning curves: asymptotic
values and rate of convergence", NIPS 6, 1994; to predict how many labels are needed: Figueroa,
Zeng-Treitler, Kandula & Ngo, "Predicting sample size required for classification performance", BMC
Medical Informatics and Decision Making 12:8, 2012).

Three parameters of three or four label budgets are not told apart by a best fit alone. So every
curve is weighed by how well it agrees with the measured intervals: the posterior on a grid of the
curve's value at the first and the last budget (flat in the logit, in which the intervals are
symmetric) and of c (flat). No random number is drawn: the same intervals give the same answer.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit, ndtr

PARAMETERS = 3
"""As many label budgets are needed at least."""
EXPONENTS = np.linspace(0.05, 1.0, 20)
"""Of c: measured ones lie between; 1 is that of a parametric model (Viering & Loog, "The shape of
learning curves: a review", IEEE TPAMI, 2023, section 4)."""
WIDTH, STEPS = 4.0, 41
"""The grid of a value: so many standard errors to each side, in so many steps."""
SMALLEST = 1e-4
"""What a share of 0 or 1 counts as, whose logit is infinite."""
QUANTILES = (0.5, 0.025, 0.975)
MOST_LABELS = 1e6
"""More than can be thought of: then a number of labels is not given."""
BINS = 512


@dataclass(frozen=True)
class Measured:
    """A metric with one number of labels, as a share of its range, 1 the best.

    Attributes:
        labels: seen.
        mean: over seeds.
        low: lower end of its 95 % interval.
        high: upper end.
    """

    labels: int
    mean: float
    low: float
    high: float

    @property
    def place(self) -> float:
        """Logit of the mean."""
        return float(_logit(self.mean))

    @property
    def error(self) -> float:
        """Standard deviation of the normal distribution of the logit that has the interval."""
        width = float(_logit(self.high) - _logit(self.low))
        return max(width / (2 * 1.959964), 1e-3)


@dataclass(frozen=True)
class Estimate:
    """A median with its 95 % interval; numbers of labels above `MOST_LABELS` are infinite."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Curves:
    """Curves 1 - a - b n^-c, each with its weight; the weights sum to 1.

    Attributes:
        a: (curves,) error that no number of labels takes away.
        b: (curves,) as above.
        c: (curves,) as above.
        weight: (curves,).
    """

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray
    weight: np.ndarray

    def at(self, labels: float) -> Estimate:
        """The mean of the metric with so many labels."""
        return self._estimate(self._values(labels))

    def measured_at(self, labels: float, error: float) -> Estimate:
        """What a measurement with so many labels finds, whose logit has this standard error."""
        return _noisy(_logit(self._values(labels)), self.weight, error)

    def plateau(self) -> Estimate:
        """What no number of labels exceeds."""
        return self._estimate(1 - self.a)

    def exponent(self) -> Estimate:
        """How fast the error falls."""
        return self._estimate(self.c)

    def labels_to_plateau(self, distance: float) -> Estimate:
        """Labels with which the mean is as near to its plateau as this."""
        return self._labels(np.full_like(self.a, distance))

    def labels_to_reach(self, value: float) -> Estimate:
        """Labels with which the mean is as high as this; infinite where it never is."""
        return self._labels(1 - self.a - value)

    def chance_to_reach(self, value: float) -> float:
        """Weight of the curves that reach a value with less than `MOST_LABELS` labels."""
        reaching = _needed(self.b, self.c, 1 - self.a - value) < MOST_LABELS
        return min(float(self.weight[reaching].sum()), 1.0)

    def _values(self, labels: float) -> np.ndarray:
        values: np.ndarray = 1 - self.a - self.b * labels**-self.c
        return values

    def _labels(self, left: np.ndarray) -> Estimate:
        """Labels from which b n^-c is no more than what is left."""
        return self._estimate(_needed(self.b, self.c, left))

    def _estimate(self, values: np.ndarray) -> Estimate:
        order = np.argsort(values)
        ends = np.cumsum(self.weight[order])
        at = np.searchsorted(ends, np.array(QUANTILES) * ends[-1])
        return Estimate(*(float(value) for value in values[order][at.clip(0, len(values) - 1)]))


def fit(measured: Sequence[Measured]) -> Curves:
    """The curves that agree with what was measured, weighed by how well they do.

    Args:
        measured: with `PARAMETERS` or more different numbers of labels, in any order.

    Raises:
        ValueError: there are fewer.
    """
    points = sorted(measured, key=lambda point: point.labels)
    if len({point.labels for point in points}) < PARAMETERS:
        raise ValueError(f"{len(points)} label budgets, and a curve has {PARAMETERS} parameters")
    first, last = points[0], points[-1]
    grid = np.linspace(-WIDTH, WIDTH, STEPS)
    starts, ends = (expit(point.place + point.error * grid) for point in (first, last))
    start, end, c = (axis.ravel() for axis in np.meshgrid(starts, ends, EXPONENTS, indexing="ij"))
    b = (end - start) / (first.labels**-c - last.labels**-c)
    a = 1 - end - b * last.labels**-c
    fits = (b >= 0) & (a >= 0)
    if not fits.any():  # the last budget is far below the first: no gain is what comes nearest
        return _flat(points)
    a, b, c = a[fits], b[fits], c[fits]
    misfit = np.zeros_like(a)
    for point in points:
        off = (_logit(1 - a - b * point.labels**-c) - point.place) / point.error
        misfit += off**2 / 2
    weight = np.exp(misfit.min() - misfit)
    return Curves(a, b, c, weight / weight.sum())


def _flat(points: Sequence[Measured]) -> Curves:
    """Curves of no gain, around the weighted mean of all."""
    precision = np.array([point.error**-2 for point in points])
    mean = float(np.average([point.place for point in points], weights=precision))
    grid = np.linspace(-WIDTH, WIDTH, STEPS)
    values = expit(mean + grid / math.sqrt(float(precision.sum())))
    weight = np.exp(-(grid**2) / 2)
    nothing = np.zeros_like(values)
    return Curves(1 - values, nothing, nothing + 1.0, weight / weight.sum())


def _needed(b: np.ndarray, c: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Labels n, 1 or more, from which b n^-c <= left; infinite above `MOST_LABELS`."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        labels = np.where(b > 0, (b / np.maximum(left, 0)) ** (1 / c), 0.0)
    labels = np.where(left < 0, np.inf, np.maximum(labels, 1.0))
    return np.where(labels > MOST_LABELS, np.inf, labels)


def _noisy(logits: np.ndarray, weight: np.ndarray, error: float) -> Estimate:
    """Quantiles of weighted logits, to each of which a normal error is added."""
    edges = np.linspace(logits.min() - 1e-9, logits.max() + 1e-9, BINS + 1)
    counts, _ = np.histogram(logits, edges, weights=weight)
    middles = (edges[1:] + edges[:-1]) / 2
    places = np.linspace(edges[0] - 5 * error, edges[-1] + 5 * error, 4 * BINS)
    below = ndtr((places[:, None] - middles) / error) @ counts
    return Estimate(*(float(expit(np.interp(q, below, places))) for q in QUANTILES))


def _logit(share: np.ndarray | float) -> np.ndarray:
    found: np.ndarray = logit(np.clip(share, SMALLEST, 1 - SMALLEST))
    return found
