"""How often the 95 % intervals and the corrected comparisons of tfmed are right.

Two strategies are simulated whose true metrics are known. A case's logit is its class's mean plus a
seed's effects (shift and separation) plus the case's own difficulty (shared by all strategies), the
strategy's, and what is left; seeds, cases and their labels are drawn anew each time. The truth is
the expectation over seeds of the metric at infinitely many cases. The closed form of
`tfmed.evaluation.intervals` stands beside a hierarchical bootstrap (percentiles; seeds, then
cases). Run from the repository: `OMP_NUM_THREADS=1 python -m benchmarks.interval_coverage`; with
`--part pretrainings` for several pretrainings, each with every seed; with `--part patients` for
patients with several images and for several classes (`benchmarks.patient_coverage`).
"""

import argparse
import time
from collections.abc import Iterator

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, ndtr
from scipy.stats import norm

from benchmarks.patient_coverage import print_patients
from tfmed.evaluation.case_values import case_values
from tfmed.evaluation.intervals import compare, corrected, difference_of, interval_of

SHARE_OF_CLASS_1 = 0.625
# Standard deviations in logits of: case, case by strategy, case by strategy by seed.
CASE, CASE_STRATEGY, RESIDUAL = 0.8, 0.4, 0.4
MEANS = (1.05, 1.0)
NOISE = CASE**2 + CASE_STRATEGY**2 + RESIDUAL**2
METRICS = ("accuracy", "auc", "average_precision", "balanced_accuracy")
CROSSED_METRICS = ("accuracy", "auc")
CROSSED = (
    # seeds, pretrainings; standard deviations in logits: of a seed, a pretraining, a run
    (5, 3, 0.05, 0.05, 0.05),
    (5, 3, 0.15, 0.05, 0.05),
    (5, 3, 0.15, 0.15, 0.05),
    (5, 3, 0.05, 0.15, 0.05),
    (5, 3, 0.05, 0.30, 0.05),  # the pretraining makes most of the variance
    (3, 3, 0.15, 0.15, 0.05),
    (3, 3, 0.05, 0.30, 0.05),
    (10, 3, 0.05, 0.30, 0.05),
    (5, 2, 0.05, 0.30, 0.05),
    (5, 5, 0.05, 0.30, 0.05),
    (5, 5, 0.15, 0.15, 0.05),
)
DRAWS = 300
BOOTSTRAPPED = 4  # resampling is slow: only a fourth of the simulations have it
FAMILY_STRATEGIES, FAMILY_BUDGETS = 5, 2  # 10 pairs at each of 2 budgets: 20 comparisons


def truth(mean: float, seed_sd: float, metric: str) -> float:
    """Expected metric over seeds at infinitely many cases; a shift does not move the ranking."""
    if metric == "auc":
        return float(ndtr(2 * mean / np.sqrt(2 * NOISE + 4 * seed_sd**2)))
    if metric == "average_precision":
        nodes, weights = np.polynomial.hermite_e.hermegauss(21)
        values = [average_precision(mean + seed_sd * node) for node in nodes]
        return float(np.dot(weights, values) / weights.sum())
    # Both classes have the same share of right answers, so that balancing changes nothing.
    return float(ndtr(mean / np.sqrt(NOISE + 2 * seed_sd**2)))


def average_precision(separation: float) -> float:
    """Mean precision over the positives of two normal populations of scores."""
    sd = np.sqrt(NOISE)
    cuts = separation + sd * norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    hits = SHARE_OF_CLASS_1 * norm.sf((cuts - separation) / sd)
    alarms = (1 - SHARE_OF_CLASS_1) * norm.sf((cuts + separation) / sd)
    return float(np.mean(hits / (hits + alarms)))


def draw(
    rng: np.random.Generator, n: int, n_seeds: int, seed_sd: float, means: tuple[float, ...]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Labels (n,) and each strategy's scores (n_seeds, n)."""
    labels = (rng.random(n) < SHARE_OF_CLASS_1).astype(int)
    side = 2 * labels - 1
    case = rng.normal(0, CASE, n)
    scores = []
    for mean in means:
        shift, separation = rng.normal(0, seed_sd, (2, n_seeds, 1))
        strategy = rng.normal(0, CASE_STRATEGY, n)
        residual = rng.normal(0, RESIDUAL, (n_seeds, n))
        scores.append(expit(side * (mean + separation) + shift + case + strategy + residual))
    return labels, scores


def weighted_metrics(
    labels: np.ndarray, scores: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Every metric (n_seeds, draws) of cases taken `weights` (draws, n) times each; no ties."""
    right = (scores > 0.5) == labels
    positive = labels == 1
    n_positive, n_negative = weights[:, positive].sum(axis=1), weights[:, ~positive].sum(axis=1)
    true_positive = right[:, positive] @ weights[:, positive].T
    true_negative = right[:, ~positive] @ weights[:, ~positive].T
    aucs, averages = [], []
    for row in scores:
        order = np.argsort(-row)
        of_positives = weights[:, order] * positive[order]
        of_negatives = weights[:, order] - of_positives
        hits, alarms = np.cumsum(of_positives, axis=1), np.cumsum(of_negatives, axis=1)
        aucs.append((of_negatives * hits).sum(axis=1) / (n_positive * n_negative))
        precision = hits / np.maximum(hits + alarms, 1)
        averages.append((of_positives * precision).sum(axis=1) / n_positive)
    return {
        "accuracy": (true_positive + true_negative) / (n_positive + n_negative),
        "auc": np.array(aucs),
        "average_precision": np.array(averages),
        "balanced_accuracy": (true_positive / n_positive + true_negative / n_negative) / 2,
    }


def hierarchical_bootstrap(
    rng: np.random.Generator, labels: np.ndarray, scores: list[np.ndarray]
) -> list[dict[str, np.ndarray]]:
    """Percentile intervals (2,) of the first strategy's mean and of the difference, per metric."""
    n_seeds, n = scores[0].shape
    weights = rng.multinomial(n, np.full(n, 1 / n), DRAWS).astype(np.float32)
    seeds = rng.integers(0, n_seeds, (n_seeds, DRAWS))
    of_strategy = [
        {
            metric: np.take_along_axis(values, seeds, axis=0).mean(axis=0)
            for metric, values in weighted_metrics(labels, each, weights).items()
        }
        for each in scores
    ]
    first, second = of_strategy
    ends = [2.5, 97.5]
    means = {metric: np.percentile(first[metric], ends) for metric in METRICS}
    differences = {
        metric: np.percentile(first[metric] - second[metric], ends) for metric in METRICS
    }
    return [means, differences]


def coverage(
    n: int, n_seeds: int, seed_sd: float, simulations: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Per metric the shares held: mean and difference by the closed form, both by the bootstrap."""
    rng = np.random.default_rng([n, n_seeds, int(1000 * seed_sd)])
    wanted = {metric: [truth(mean, seed_sd, metric) for mean in MEANS] for metric in METRICS}
    held = {metric: np.zeros(4) for metric in METRICS}
    resampled = simulations // BOOTSTRAPPED
    for number in range(simulations):
        labels, scores = draw(rng, n, n_seeds, seed_sd, MEANS)
        if number < resampled:
            means, differences = hierarchical_bootstrap(rng, labels, scores)
        for metric, (of_a, of_b) in wanted.items():
            a, b = (case_values(metric, labels, each, np.full(n_seeds, 0.5)) for each in scores)
            interval, compared = interval_of(a), difference_of(a.minus(b))
            held[metric][:2] += [
                interval["low"] <= of_a <= interval["high"],
                compared["low"] <= of_a - of_b <= compared["high"],
            ]
            if number < resampled:
                held[metric][2:] += [
                    means[metric][0] <= of_a <= means[metric][1],
                    differences[metric][0] <= of_a - of_b <= differences[metric][1],
                ]
    counts = np.array([simulations] * 2 + [resampled] * 2)
    yield from ((metric, shares / counts) for metric, shares in held.items())


def draw_crossed(
    rng: np.random.Generator,
    n: int,
    n_seeds: int,
    n_pretrainings: int,
    sds: tuple[float, float, float],
    means: tuple[float, ...],
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Labels (n,) and scores (n_seeds × n_pretrainings, n): of two pretrained strategies, and of
    one that is not and has the same run of a seed beside each pretraining.
    """
    labels = (rng.random(n) < SHARE_OF_CLASS_1).astype(int)
    side, case = 2 * labels - 1, rng.normal(0, CASE, n)
    of_seed, of_pretraining, of_run = sds
    scores = []
    for pretrained, mean in zip((True, True, False), means, strict=True):
        number = n_pretrainings if pretrained else 1
        shift, separation = (
            rng.normal(0, of_seed, (n_seeds, 1, 1))
            + rng.normal(0, of_pretraining * pretrained, (number, 1))
            + rng.normal(0, of_run * pretrained, (n_seeds, number, 1))
            for _ in range(2)
        )
        # Half of what is left of a case belongs to its pretraining, where there is one.
        left = RESIDUAL * np.sqrt(0.5)
        own = rng.normal(0, CASE_STRATEGY, n)
        residual = rng.normal(0, left, (number, n)) + rng.normal(0, left, (n_seeds, number, n))
        logits = side * (mean + separation) + shift + case + own + residual
        each = np.broadcast_to(logits, (n_seeds, n_pretrainings, n))
        scores.append(expit(each.reshape(-1, n)))
    return labels, scores


def crossed_coverage(
    n: int,
    n_seeds: int,
    n_pretrainings: int,
    sds: tuple[float, float, float],
    simulations: int,
) -> Iterator[tuple[str, np.ndarray]]:
    """Per metric the shares held: of a mean, of the difference of two pretrained strategies, of
    that from one without pretraining; and of the mean with each run taken for a seed.
    """
    rng = np.random.default_rng([n, n_seeds, n_pretrainings, *(int(1000 * sd) for sd in sds)])
    means = (*MEANS, MEANS[1])
    pretrained = float(np.sqrt(np.square(sds).sum()))
    every = (pretrained, pretrained, sds[0])
    held = {metric: np.zeros(4) for metric in CROSSED_METRICS}
    wanted = {
        metric: [truth(mean, sd, metric) for mean, sd in zip(means, every, strict=True)]
        for metric in CROSSED_METRICS
    }
    for _ in range(simulations):
        labels, scores = draw_crossed(rng, n, n_seeds, n_pretrainings, sds, means)
        for metric, (of_a, of_b, of_c) in wanted.items():
            half = np.full(n_seeds * n_pretrainings, 0.5)
            a, b, c = (case_values(metric, labels, each, half) for each in scores)
            found = (
                (interval_of(a, n_pretrainings), of_a),
                (difference_of(a.minus(b), 1, n_pretrainings), of_a - of_b),
                (difference_of(a.minus(c), 1, n_pretrainings), of_a - of_c),
                (interval_of(a), of_a),
            )
            held[metric] += [each["low"] <= true <= each["high"] for each, true in found]
    yield from ((metric, shares / simulations) for metric, shares in held.items())


def print_crossed(simulations: int, n: int = 624) -> None:
    """A row per setting and metric."""
    print("share of 95 % intervals that hold the truth, where every seed has every pretraining")
    print(f"{n} cases; 'as seeds': the mean's, were each run taken for a seed of its own\n")
    print(
        "metric    seeds  pretrainings  seed sd  pretraining sd   mean  a - b  a - scratch"
        "  as seeds"
    )
    for n_seeds, n_pretrainings, *sds in CROSSED:
        for metric, shares in crossed_coverage(n, n_seeds, n_pretrainings, tuple(sds), simulations):
            mean, between, from_scratch, as_seeds = shares
            print(
                f"{metric:<9} {n_seeds:>5} {n_pretrainings:>13} {sds[0]:>8.2f} {sds[1]:>15.2f}"
                f" {mean:>6.1%} {between:>6.1%} {from_scratch:>12.1%} {as_seeds:>9.1%}",
                flush=True,
            )


def family_errors(
    metric: str, n: int, n_seeds: int, seed_sd: float, simulations: int
) -> tuple[float, float]:
    """Share of families without any true difference that show one: uncorrected, and corrected."""
    rng = np.random.default_rng([n, n_seeds, int(1000 * seed_sd), 1])
    raw = wrong = 0
    for _ in range(simulations):
        # One draw for all budgets: they have their test cases in common, and nothing else.
        means = MEANS[:1] * (FAMILY_STRATEGIES * FAMILY_BUDGETS)
        labels, scores = draw(rng, n, n_seeds, seed_sd, means)
        family = []
        for budget in range(FAMILY_BUDGETS):
            sides = scores[budget * FAMILY_STRATEGIES : (budget + 1) * FAMILY_STRATEGIES]
            for i, a in enumerate(sides):
                family += [{"metric": metric, **compare(labels, a, b, metric)} for b in sides[:i]]
        family = corrected(family)
        raw += any(entry["p_value"] < 0.05 for entry in family)
        wrong += any(entry["clear"] for entry in family)
    return raw / simulations, wrong / simulations


def power(n: int, n_seeds: int, seed_sd: float, simulations: int) -> tuple[float, float]:
    """Accuracy's mean detectable difference, and how often a true one of that size is found."""
    rng = np.random.default_rng([n, n_seeds, int(1000 * seed_sd), 2])

    def compared(means: tuple[float, ...]) -> dict:
        labels, (a, b) = draw(rng, n, n_seeds, seed_sd, means)
        return compare(labels, a, b, "accuracy")

    detectable = np.mean([compared(MEANS)["detectable"] for _ in range(simulations)])
    goal = truth(MEANS[0], seed_sd, "accuracy") - detectable
    lower = brentq(lambda mean: truth(mean, seed_sd, "accuracy") - goal, 0.0, MEANS[0])
    found = [compared((MEANS[0], lower))["p_value"] < 0.05 for _ in range(simulations)]
    return float(detectable), float(np.mean(found))


def print_coverage(simulations: int, seeds: tuple[int, ...] = (3, 5, 10)) -> None:
    """A row per number of seeds, number of cases, strength of the seeds' effect and metric."""
    print("share of 95 % intervals that hold the truth      closed form        bootstrap")
    print("metric             seeds  cases  seed sd      mean  difference   mean  difference")
    for n_seeds in seeds:
        for n in (200, 624):
            for seed_sd in (0.05, 0.15):
                for metric, shares in coverage(n, n_seeds, seed_sd, simulations):
                    mean, difference, *other = shares
                    print(
                        f"{metric:<18} {n_seeds:>5} {n:>6} {seed_sd:>8.2f} {mean:>9.1%}"
                        f" {difference:>11.1%} {other[0]:>6.1%} {other[1]:>11.1%}",
                        flush=True,
                    )


def print_families(simulations: int) -> None:
    """A row per metric, number of seeds and strength of their effect."""
    print("\nfamilies of 20 comparisons without any true difference that show one")
    print("metric             seeds  cases  seed sd  uncorrected  corrected")
    for metric in ("accuracy", "auc"):
        for n_seeds in (3, 5):
            for seed_sd in (0.05, 0.15):
                raw, wrong = family_errors(metric, 624, n_seeds, seed_sd, simulations)
                print(
                    f"{metric:<18} {n_seeds:>5} {624:>6} {seed_sd:>8.2f} {raw:>12.1%}"
                    f" {wrong:>10.1%}",
                    flush=True,
                )


def print_power(simulations: int) -> None:
    """A row per number of seeds and strength of their effect."""
    print("\nhow often a true difference in accuracy of the detectable size is found")
    print("seeds  cases  seed sd  detectable  found")
    for n_seeds in (3, 5, 10):
        for seed_sd in (0.05, 0.15):
            detectable, found = power(624, n_seeds, seed_sd, simulations)
            print(f"{n_seeds:>5} {624:>6} {seed_sd:>8.2f} {detectable:>11.4f} {found:>6.1%}")


def main() -> None:
    """Print coverage, errors of families, and power."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=2000, help="for coverage")
    parser.add_argument("--part", choices=("seeds", "pretrainings", "patients"), default="seeds")
    asked = parser.parse_args()
    n, started = asked.simulations, time.perf_counter()
    error = 100 * norm.ppf(0.975) * np.sqrt(0.95 * 0.05 / n)
    if asked.part != "seeds":
        print(f"{n} simulations a row: ± {error:.1f} points of sampling error\n")
        {"pretrainings": print_crossed, "patients": print_patients}[asked.part](n)
        print(f"\n{time.perf_counter() - started:.0f} s")
        return
    print(f"{n} simulations a row, {n // BOOTSTRAPPED} of them resampled; half as many below")
    print(f"± {error:.1f} points of sampling error in each share of the closed form\n")
    print_coverage(n)
    print_families(n // 2)
    print_power(n // 2)
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
