"""How often the 95 % intervals of `tfmed.evaluation` hold the truth.

Two strategies are simulated whose true accuracy, AUC and difference are known in closed form. A
case's logit is its class's mean plus a seed's effects (shift and separation) plus the case's own
difficulty (shared by both strategies), the strategy's, and what is left; seeds, cases and their
labels are drawn anew each time. Run from the repository: `python benchmarks/interval_coverage.py`.
"""

import argparse
import time

import numpy as np
from scipy.special import expit, ndtr
from scipy.stats import norm

from tfmed.evaluation import compare, mean_interval

N_TEST, SHARE_OF_CLASS_1 = 624, 0.625
# Standard deviations in logits of: case, case by strategy, case by strategy by seed.
CASE, CASE_STRATEGY, RESIDUAL = 0.8, 0.4, 0.4
MEANS = (1.05, 1.0)
NOISE = CASE**2 + CASE_STRATEGY**2 + RESIDUAL**2


def truth(mean: float, seed_sd: float, metric: str) -> float:
    """Expected metric over seeds and cases; a seed's shift does not move the AUC."""
    if metric == "accuracy":
        return float(ndtr(mean / np.sqrt(NOISE + 2 * seed_sd**2)))
    return float(ndtr(2 * mean / np.sqrt(2 * NOISE + 4 * seed_sd**2)))


def draw(rng: np.random.Generator, n_seeds: int, seed_sd: float) -> tuple[np.ndarray, list]:
    """Labels (n,) and each strategy's scores (n_seeds, n)."""
    labels = (rng.random(N_TEST) < SHARE_OF_CLASS_1).astype(int)
    side = 2 * labels - 1
    case = rng.normal(0, CASE, N_TEST)
    scores = []
    for mean in MEANS:
        shift, separation = rng.normal(0, seed_sd, (2, n_seeds, 1))
        strategy = rng.normal(0, CASE_STRATEGY, N_TEST)
        residual = rng.normal(0, RESIDUAL, (n_seeds, N_TEST))
        scores.append(expit(side * (mean + separation) + shift + case + strategy + residual))
    return labels, scores


def coverage(metric: str, n_seeds: int, seed_sd: float, n: int) -> tuple[float, float, float]:
    """Share of means and of differences held by their interval, and the mean interval's width."""
    rng = np.random.default_rng([n_seeds, int(1000 * seed_sd)])
    wanted = [truth(mean, seed_sd, metric) for mean in MEANS]
    means = differences = width = 0.0
    for _ in range(n):
        labels, (a, b) = draw(rng, n_seeds, seed_sd)
        interval = mean_interval(labels, a, metric)
        means += interval["low"] <= wanted[0] <= interval["high"]
        width += interval["high"] - interval["low"]
        difference = compare(labels, a, b, metric)
        differences += difference["low"] <= wanted[0] - wanted[1] <= difference["high"]
    return means / n, differences / n, width / n


def main() -> None:
    """Print one row per metric, number of seeds and strength of the seeds' effect."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=1000)
    n = parser.parse_args().simulations
    started = time.perf_counter()
    error = norm.ppf(0.975) * np.sqrt(0.95 * 0.05 / n)
    print(
        f"{n} simulations a row, {N_TEST} cases; ± {100 * error:.1f} points of luck in each share"
    )
    print("metric    seeds  seed sd (logits)   mean  difference  width of the mean's interval")
    for metric in ("accuracy", "auc"):
        for n_seeds in (3, 5):
            for seed_sd in (0.02, 0.06, 0.15):
                means, differences, width = coverage(metric, n_seeds, seed_sd, n)
                print(
                    f"{metric:<9} {n_seeds:>5} {seed_sd:>17.2f} {means:>6.1%} {differences:>11.1%}"
                    f" {width:>29.4f}",
                    flush=True,
                )
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
