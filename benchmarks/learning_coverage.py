"""How often learning curves of tfmed hold what a larger label budget then measures.

A strategy's metric follows a known curve of the number of labels. At each label budget its mean is
measured with a normal error in the logit, part of which all budgets share (they have the same test
cases), and its interval comes from a standard error that is itself estimated. Curves are fitted to
the smaller budgets and predict the largest. Beside a power law of several exponents stand two
curves that are none: one that stops rising, and one whose exponent doubles half-way. Run from the
repository: `OMP_NUM_THREADS=1 python -m benchmarks.learning_coverage`.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import t as student

from tfmed.evaluation.learning import Measured, fit

SMALLER, LARGEST = (30, 100, 300), 5000
FAR = 10**9
"""Labels that stand for the plateau."""


@dataclass(frozen=True)
class Case:
    """What is simulated.

    Attributes:
        name: for people.
        gain: what is left to gain with n labels, as a share of what 30 labels leave.
        smaller: label budgets that the curve is fitted to.
        errors: smallest and largest standard error in the logit.
        df: degrees of freedom of a standard error.
        shared: share of the squared standard error that all budgets have in common.
    """

    name: str
    gain: Callable[[float, float], float]
    smaller: tuple[int, ...] = SMALLER
    errors: tuple[float, float] = (0.08, 0.35)
    df: int = 6
    shared: float = 0.0


def power(labels: float, c: float) -> float:
    """A power law."""
    return float((SMALLER[0] / labels) ** c)


def of_exponent(c: float) -> Callable[[float, float], float]:
    """A power law of one exponent."""
    return lambda labels, _: power(labels, c)


def stopping(labels: float, c: float) -> float:
    """Rises by a power law to 500 labels, and then no more."""
    return power(min(labels, 500), c)


def bent(labels: float, c: float) -> float:
    """A power law whose exponent doubles from 300 labels on."""
    return power(min(labels, 300), c) * float((300 / max(labels, 300)) ** (2 * c))


CASES = (
    Case("c from .1 to .9", power),
    Case("c = .07", of_exponent(0.07)),
    Case("c = .3", of_exponent(0.3)),
    Case("c = .5", of_exponent(0.5)),
    Case("c = 1", of_exponent(1.0)),
    Case("four smaller budgets", power, (30, 100, 300, 1000)),
    Case("small errors", power, errors=(0.02, 0.06)),
    Case("large errors", power, errors=(0.3, 0.6)),
    Case("two seeds: 1 degree of freedom", power, df=1),
    Case("errors shared by half", power, shared=0.5),
    Case("stops rising at 500", stopping),
    Case("bent at 300", bent),
)


def simulate(case: Case, rng: np.random.Generator) -> tuple[list[Measured], float, float]:
    """What is measured with each number of labels, the true mean with the most, and the plateau."""
    c, plateau = rng.uniform(0.1, 0.9), rng.uniform(0.85, 0.985)
    first = rng.uniform(0.6, plateau - 0.02)
    common, points = rng.normal(), []

    def true(labels: float) -> float:
        return float(plateau - (plateau - first) * case.gain(labels, c))

    for labels in (*case.smaller, LARGEST):
        error = rng.uniform(*case.errors)
        noise = np.sqrt(case.shared) * common + np.sqrt(1 - case.shared) * rng.normal()
        place = logit(true(labels)) + error * noise
        half = error * np.sqrt(rng.chisquare(case.df) / case.df) * student.ppf(0.975, case.df)
        points.append(Measured(labels, *(float(expit(place + d)) for d in (0, -half, half))))
    return points, true(LARGEST), true(FAR)


def row_of(case: Case, simulations: int, rng: np.random.Generator) -> str:
    """Shares that were held, the width of a prediction, and how far its median is off."""
    held = np.zeros((simulations, 3))
    widths, off = np.zeros(simulations), np.zeros(simulations)
    for i in range(simulations):
        (*smaller, largest), truth, plateau = simulate(case, rng)
        curves = fit(smaller)
        estimates = (
            curves.measured_at(LARGEST, largest.error),
            curves.at(LARGEST),
            curves.plateau(),
        )
        for j, (found, value) in enumerate(
            zip(estimates, (largest.mean, truth, plateau), strict=True)
        ):
            held[i, j] = found.low <= value <= found.high
        widths[i], off[i] = estimates[0].high - estimates[0].low, estimates[0].value - largest.mean
    shares = "  ".join(f"{100 * share:8.1f}%" for share in held.mean(axis=0))
    return f"{case.name:32} {shares}  {np.median(widths):8.3f}  {np.abs(off).mean():8.3f}"


def main() -> None:
    """Prints a row for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=400)
    simulations = parser.parse_args().simulations
    began, rng = time.process_time(), np.random.default_rng(0)
    print(f"share of 95 % intervals that hold what is true, {simulations} simulations a row")
    heads = ("measured", "the mean", "plateau", "width", "off")
    print(f"{'':32} " + "  ".join(f"{head:>9}" for head in heads))
    for case in CASES:
        print(row_of(case, simulations, rng), flush=True)
    print(f"{time.process_time() - began:.0f} s of processor time")


if __name__ == "__main__":
    main()
