"""Variance over seeds, pretrainings and test cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t
from simulation import simulated

from tfmed.evaluation.case_values import case_values
from tfmed.evaluation.intervals import compare, mean_interval, seeds_interval
from tfmed.evaluation.metrics import summarise
from tfmed.evaluation.spread import Spread, spread_of, variance_of_runs

GRID = np.array([[0.80, 0.84, 0.86], [0.76, 0.81, 0.83], [0.84, 0.86, 0.87], [0.78, 0.83, 0.87]])
"""4 seeds × 3 pretrainings."""


def anova(grid):
    """Mean squares of seeds, pretrainings and their interaction, summed cell by cell."""
    seeds, pretrainings = grid.shape
    of_seed = [sum(row) / pretrainings for row in grid]
    of_pretraining = [sum(column) / seeds for column in grid.T]
    mean = sum(of_seed) / seeds
    between_seeds = pretrainings * sum((each - mean) ** 2 for each in of_seed)
    between_pretrainings = seeds * sum((each - mean) ** 2 for each in of_pretraining)
    rest = sum(
        (grid[i, j] - of_seed[i] - of_pretraining[j] + mean) ** 2
        for i in range(seeds)
        for j in range(pretrainings)
    )
    return (
        between_seeds / (seeds - 1),
        between_pretrainings / (pretrainings - 1),
        rest / ((seeds - 1) * (pretrainings - 1)),
    )


def test_the_variance_of_crossed_runs_is_that_of_a_two_way_analysis_of_variance():
    seeds, pretrainings, both = anova(GRID)
    variance, freedom = variance_of_runs(GRID)
    assert seeds + pretrainings - both > max(seeds, pretrainings)
    assert variance == pytest.approx((seeds + pretrainings - both) / 12)
    lost = seeds**2 / 3 + pretrainings**2 / 2 + both**2 / 6
    assert freedom == pytest.approx(max((seeds + pretrainings - both) ** 2 / lost, 2))
    assert variance_of_runs(GRID.T) == pytest.approx((variance, freedom))


def test_mean_squares_of_a_grid_that_can_be_reckoned_in_the_head():
    grid = np.array([[1.0, 3.0], [2.0, 8.0]])  # means 2, 5 and 1.5, 5.5; interaction ± 1
    variance, freedom = variance_of_runs(grid)
    assert variance == (9 + 16 - 4) / 4
    assert freedom == pytest.approx(21**2 / (9**2 + 16**2 + 4**2))


def test_a_part_that_comes_out_negative_leaves_the_larger_mean_square_alone():
    grid = np.array([[0.0, 2.0, 1.0], [2.0, 0.0, 1.9]])
    seeds, pretrainings, both = anova(grid)
    assert both > seeds > pretrainings
    assert variance_of_runs(grid) == (pytest.approx(seeds / 6), 1.0)
    assert variance_of_runs(grid.T) == (pytest.approx(seeds / 6), 1.0)


def plain(estimates, covariance, n_cases):
    """Spread where each seed has one run: `s² / S + max(c, 0)`, never less than of cases alone."""
    n, freedom = len(estimates), max(n_cases - 1, 1)
    alone = max(float(covariance.sum()) / n**2, 0.0)
    of_seeds = float(estimates.var(ddof=1)) / n if n > 1 else 0.0
    variance = of_seeds
    if n > 1:
        common = float((covariance.sum() - np.trace(covariance)) / (n * (n - 1)))
        variance += max(common, 0.0)
    total = max(variance, alone)
    share = of_seeds / total if total > 0 else 0.0
    return Spread(total, share, max(n - 1, 1), freedom, agreeing=variance <= alone)


@settings(max_examples=50)
@given(st.integers(1, 6), st.integers(0, 99), st.sampled_from([0.0, 0.05, 0.6]))
def test_with_one_pretraining_the_spread_is_the_plain_formula_to_the_last_bit(
    n_seeds, number, seed_sd
):
    labels, scores = simulated(np.random.default_rng(number), n_seeds, 60, seed_sd)
    for metric in ("accuracy", "auc"):
        values = case_values(metric, labels, scores, np.full(n_seeds, 0.5))
        expected = plain(values.estimates, values.covariance(), values.n_cases)
        assert spread_of(values.estimates, values.covariance(), values.n_cases) == expected


@given(st.integers(2, 6), st.integers(0, 99))
def test_one_seed_of_several_pretrainings_is_as_as_many_seeds_of_one(n, number):
    labels, scores = simulated(np.random.default_rng(number), n, 60)
    values = case_values("auc", labels, scores, np.full(n, 0.5))
    given = values.estimates, values.covariance(), values.n_cases
    assert spread_of(*given, pretrainings=n) == spread_of(*given)


def test_the_cases_part_is_the_covariance_of_runs_that_share_neither_seed_nor_pretraining():
    seed, number = np.divmod(np.arange(12), 3)
    covariance = np.full((12, 12), 4e-4)
    covariance[seed[:, None] == seed] += 1e-4
    covariance[number[:, None] == number] += 2e-4
    covariance += 3e-4 * np.eye(12)
    found = spread_of(GRID.ravel(), covariance, 500, pretrainings=3)
    of_runs, freedom = variance_of_runs(GRID)
    assert found.variance == pytest.approx(of_runs + 4e-4)
    assert found.seed_share == pytest.approx(of_runs / found.variance)
    assert (found.seed_freedom, found.case_freedom, found.agreeing) == (freedom, 499, False)


def test_pretrainings_that_agree_by_chance_do_not_hide_the_variance_of_the_test_cases():
    seed, number = np.divmod(np.arange(6), 3)
    covariance = 1e-4 * (1 + (seed[:, None] == seed) + (number[:, None] == number) + np.eye(6))
    found = spread_of(np.full(6, 0.8), covariance, 300, pretrainings=3)
    assert found.agreeing
    assert found.variance == pytest.approx(covariance.sum() / 36)
    assert found.seed_share == pytest.approx(0)


def test_pretrainings_that_differ_widen_the_interval_more_than_as_many_seeds_would():
    labels, scores = simulated(np.random.default_rng(1), n_seeds=15, n=624, seed_sd=0.05)
    logits = np.log(scores / (1 - scores)).reshape(5, 3, -1)
    shaken = logits + 0.5 * (2 * labels - 1) * np.array([-1, 0, 1])[:, None]
    scores = 1 / (1 + np.exp(-shaken.reshape(15, -1)))
    as_seeds, crossed = (mean_interval(labels, scores, "auc", pretrainings=each) for each in (1, 3))
    assert as_seeds["mean"] == crossed["mean"]
    assert crossed["high"] - crossed["low"] > 2.5 * (as_seeds["high"] - as_seeds["low"])


def test_a_quantity_without_test_cases_has_students_interval_of_the_crossed_variance():
    found = seeds_interval(GRID.ravel(), pretrainings=3)
    variance, freedom = variance_of_runs(GRID)
    assert found["mean"] == pytest.approx(GRID.mean())
    assert found["high"] - found["mean"] == pytest.approx(t.ppf(0.975, freedom) * variance**0.5)
    assert seeds_interval(GRID[0])["high"] == seeds_interval(GRID[0], pretrainings=3)["high"]


def test_a_summary_of_several_pretrainings_has_bands_and_bins_of_the_same_model():
    labels, scores = simulated(np.random.default_rng(2), n_seeds=6, n=120)
    plainly, crossed = (summarise(labels, scores, [0.5] * 6, pretrainings=each) for each in (1, 2))
    assert crossed["auc"]["mean"] == plainly["auc"]["mean"]
    for curve, height in (("roc", "tpr"), ("pr", "precision"), ("reliability", "share")):
        assert crossed[curve][height] == plainly[curve][height]
        assert crossed[curve]["low"] != plainly[curve]["low"]


def test_a_comparison_of_crossed_runs_counts_seeds_and_pretrainings():
    labels, scores = simulated(np.random.default_rng(3), n_seeds=8, n=120)
    # One strategy from random weights: the same run of a seed beside each of its pretrainings.
    a, b = scores[:6], np.repeat(scores[6:], 3, axis=0)
    found = compare(labels, a, b, "auc", pretrainings=3)
    assert (found["n_seeds"], found["n_pretrainings"]) == (2, 3)
    assert found["seed_df"] >= 1
    turned = compare(labels, b, a, "auc", pretrainings=3)
    assert turned["difference"] == -found["difference"]
    assert turned["p_value"] == pytest.approx(found["p_value"])


@pytest.mark.parametrize(
    ("n_seeds", "n_pretrainings", "of_seeds", "of_pretrainings", "of_cases"),
    [
        (5, 3, 1.0, 1.0, 1.0),
        (5, 3, 0.1, 2.0, 0.2),  # pretraining makes nearly all of the variance
        (5, 3, 0.3, 0.3, 3.0),
        (10, 3, 0.1, 2.0, 1.0),
        (5, 5, 2.0, 0.1, 1.0),
    ],
)
def test_intervals_of_crossed_runs_hold_the_truth_about_95_times_in_100(
    n_seeds, n_pretrainings, of_seeds, of_pretrainings, of_cases
):
    rng, simulations, n_cases = np.random.default_rng(0), 1000, 200
    seed, number = np.divmod(np.arange(n_seeds * n_pretrainings), n_pretrainings)
    same_seed, same_number = seed[:, None] == seed, number[:, None] == number
    # Of a run's variance due to its cases, a part is shared by all, by its seed's, by its
    # pretraining's, and by no other run.
    covariance = of_cases**2 * (
        1 + 0.04 * same_seed + 0.04 * same_number + 0.09 * np.eye(len(seed))
    )
    root = np.linalg.cholesky(covariance)
    held = 0
    for _ in range(simulations):
        estimates = (
            rng.normal(0, of_seeds, (n_seeds, 1))
            + rng.normal(0, of_pretrainings, n_pretrainings)
            + rng.normal(0, 0.3, (n_seeds, n_pretrainings))
        ).ravel() + root @ rng.normal(size=len(seed))
        drawn = root @ rng.normal(size=(len(seed), n_cases))
        spread = spread_of(estimates, np.cov(drawn), n_cases, n_pretrainings)
        held += abs(estimates.mean()) <= spread.half_width
    assert 0.93 <= held / simulations <= 0.97
