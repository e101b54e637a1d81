"""Learning curves hold the truth as often as they say, and say nothing of two label budgets."""

import math

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import t as student

from tfmed.evaluation.learning import EXPONENTS, PARAMETERS, Measured, fit

BUDGETS = (30, 100, 300)
LARGEST = 5000


def curve(labels: float, plateau: float = 0.95, first: float = 0.8, c: float = 0.5) -> float:
    return plateau - (plateau - first) * (BUDGETS[0] / labels) ** c


def exact(labels: int, error: float = 0.02, **parameters: float) -> Measured:
    place = logit(curve(labels, **parameters))
    low, mean, high = (float(expit(place + step * 1.959964 * error)) for step in (-1, 0, 1))
    return Measured(labels, mean, low, high)


def test_narrow_intervals_give_the_curve_back() -> None:
    found = fit([exact(n, error=0.005) for n in (30, 100, 300, 1000, 10_000)])
    plateau, c = found.plateau(), found.exponent()
    assert plateau.value == pytest.approx(0.95, abs=0.003)
    assert plateau.low <= 0.95 <= plateau.high
    assert c.value == pytest.approx(0.5, abs=0.06)
    assert found.at(3000).value == pytest.approx(curve(3000), abs=0.002)
    # b n^-c = .01 where n = 30 (.15 / .01)^2.
    needed = found.labels_to_plateau(0.01)
    assert needed.low <= 30 * 15**2 <= needed.high
    reached = found.labels_to_reach(0.9)
    assert reached.value == pytest.approx(30 * 3**2, rel=0.05)
    assert found.chance_to_reach(0.9) == 1


@pytest.mark.parametrize("value", [0.0, 0.5, 0.6])
def test_what_every_curve_reaches_is_no_more_than_certain(value: float) -> None:
    for spread in np.linspace(0.005, 0.2, 40):
        found = fit([exact(n, error=spread) for n in (30, 100, 300, 1000)])
        assert 0 <= found.chance_to_reach(value) <= 1


def test_what_no_curve_reaches_needs_infinitely_many_labels() -> None:
    found = fit([exact(n, error=0.005) for n in (30, 100, 300, 1000, 10_000)])
    never = found.labels_to_reach(0.97)
    assert never.value == never.low == math.inf
    assert found.chance_to_reach(0.97) == 0


def test_wide_intervals_leave_the_plateau_open() -> None:
    wide = fit([exact(n, error=0.4) for n in BUDGETS]).plateau()
    narrow = fit([exact(n, error=0.02) for n in BUDGETS]).plateau()
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_a_measurement_varies_more_than_the_curve() -> None:
    found = fit([exact(n, error=0.1) for n in BUDGETS])
    curve_at, measured = found.at(LARGEST), found.measured_at(LARGEST, 0.3)
    assert measured.low < curve_at.low
    assert measured.high > curve_at.high


def test_fewer_label_budgets_than_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="2 label budgets, and a curve has 3 parameters"):
        fit([exact(n) for n in BUDGETS[: PARAMETERS - 1]])


def test_the_order_of_budgets_does_not_matter_and_nothing_is_drawn() -> None:
    points = [exact(n, error=0.1) for n in BUDGETS]
    assert fit(points).at(LARGEST) == fit(points[::-1]).at(LARGEST)


def test_curves_never_fall_with_more_labels() -> None:
    falling = [Measured(n, m, m - 0.005, m + 0.005) for n, m in ((30, 0.9), (100, 0.8), (300, 0.6))]
    found = fit(falling)
    values = [found.at(n).value for n in (30, 100, 300, 5000)]
    assert values == sorted(values)
    assert np.isfinite(values).all()


@pytest.mark.parametrize("mean", [0.0, 1.0])
def test_a_metric_at_the_end_of_its_range_has_a_curve(mean: float) -> None:
    found = fit([Measured(n, mean, mean, mean) for n in BUDGETS]).at(LARGEST)
    assert found.value == pytest.approx(mean, abs=0.001)


def simulated(rng: np.random.Generator, df: int = 6) -> list[Measured]:
    """Estimates of a random power law, their intervals from estimated standard errors."""
    plateau = rng.uniform(0.85, 0.985)
    first = rng.uniform(0.6, plateau - 0.02)
    c = rng.uniform(0.1, 0.9)
    points = []
    for n in (*BUDGETS, LARGEST):
        error = rng.uniform(0.08, 0.35)
        place = logit(curve(n, plateau, first, c)) + error * rng.normal()
        half = error * np.sqrt(rng.chisquare(df) / df) * student.ppf(0.975, df)
        points.append(Measured(n, *(float(expit(place + d)) for d in (0, -half, half))))
    return points


@pytest.mark.slow
def test_the_largest_budget_lies_in_its_predicted_interval_as_often_as_it_should() -> None:
    rng, within, n = np.random.default_rng(0), 0, 300
    for _ in range(n):
        *smaller, largest = simulated(rng)
        found = fit(smaller).measured_at(LARGEST, largest.error)
        within += found.low <= largest.mean <= found.high
    # Of 95 %, three standard errors of 300 simulations are 4 points.
    assert 0.91 <= within / n <= 0.99


def test_exponents_span_what_is_published() -> None:
    assert EXPONENTS[0] <= 0.07
    assert EXPONENTS[-1] == 1
