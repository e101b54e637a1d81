"""Variance of a mean over seeds, pretrainings and test cases, and the quantiles that fit it.

The model is that of `tfmed.evaluation.intervals`.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import nctdtrinc, stdtr, stdtrit

LEVEL = 0.05
POWER = 0.8
SMALLEST_P = 1e-12


@dataclass(frozen=True)
class Spread:
    """Variance of a mean over seeds and test cases, and how well it is known.

    Attributes:
        variance: of the mean.
        seed_share: share of it that is estimated from seeds (and pretrainings), 0 to 1; the rest is
            from cases.
        seed_freedom: degrees of freedom of that part.
        case_freedom: degrees of freedom of the cases' part.
        agreeing: the seeds agree more than their cases allow, and the variance is that of the
            cases.
    """

    variance: float
    seed_share: float
    seed_freedom: float
    case_freedom: int
    agreeing: bool = False

    def quantile(self, level: float = LEVEL) -> float:
        """Multiple of the standard error whose interval errs at this two-sided level.

        With two variances of unlike degrees of freedom no exact quantile exists. Satterthwaite's
        (1946) is too small where seeds are few and make most of the variance, the more so the
        further out in the tail; adding the squared half-widths of the two parts (Howe 1974) is a
        little too large at 5 % and right in the tail, where corrected comparisons are judged. So
        Howe's is weighted by the seeds' share at 5 %, and by ever more below. Agreeing seeds leave
        the quantile of the cases at 5 %, and they too count by ever more below.
        `benchmarks/interval_coverage.py` measures what comes of it.
        """
        share, of_cases = self.seed_share, -stdtrit(self.case_freedom, level / 2)
        if share == 0:
            return float(of_cases)
        of_seeds = -stdtrit(self.seed_freedom, level / 2)
        howe = math.sqrt(share * of_seeds**2 + (1 - share) * of_cases**2)
        near = min(level / LEVEL, 1.0)
        if self.agreeing:
            return near * float(of_cases) + (1 - near) * howe
        freedom = 1 / (share**2 / self.seed_freedom + (1 - share) ** 2 / self.case_freedom)
        weight = (1 - share) * near
        return weight * float(-stdtrit(freedom, level / 2)) + (1 - weight) * howe

    @property
    def half_width(self) -> float:
        """Of the 95 % interval."""
        return self.quantile() * math.sqrt(self.variance)

    def freedom(self) -> float:
        """Degrees of freedom of the t distribution that has this 97.5 % quantile."""
        fewest, most = self._outermost()
        goal = self.quantile()
        if stdtrit(fewest, 1 - LEVEL / 2) <= goal:
            return float(fewest)
        return float(brentq(lambda df: stdtrit(df, 1 - LEVEL / 2) - goal, fewest, most))

    def detectable(self, level: float = LEVEL) -> float:
        """Smallest true difference found with 80 % power at this two-sided level.

        From the noncentral t distribution. It is as good as the standard error, which is itself an
        estimate: with 3 seeds that make most of the variance the power is overstated.
        """
        noncentrality = nctdtrinc(self.freedom(), 1 - POWER, self.quantile(level))
        return float(noncentrality) * math.sqrt(self.variance)

    def p_value(self, difference: float) -> float:
        """Smallest level whose interval around the difference leaves out 0.

        Smaller ones than 1e-12 are given as that. Without any spread it is 0, or 1 where there is
        no difference.
        """
        if self.variance == 0:
            return float(difference == 0)
        distance = abs(difference) / math.sqrt(self.variance)
        # Student's p-values of the fewest and the most degrees of freedom enclose it.
        highest, lowest = (
            max(2 * float(stdtr(df, -distance)), SMALLEST_P) for df in self._outermost()
        )
        if self.seed_share == 0:
            return max(2 * float(stdtr(self.case_freedom, -distance)), SMALLEST_P)

        def excess(log_level: float) -> float:
            return self.quantile(math.exp(log_level)) - distance

        if excess(math.log(highest)) >= 0:
            return highest
        if excess(math.log(lowest)) <= 0:
            return lowest
        return math.exp(brentq(excess, math.log(lowest), math.log(highest), xtol=1e-10))

    def _outermost(self) -> tuple[float, float]:
        return (
            min(self.seed_freedom, self.case_freedom),
            self.seed_freedom + self.case_freedom,
        )


def spread_of(
    estimates: np.ndarray, covariance: np.ndarray, n_cases: int, pretrainings: int = 1
) -> Spread:
    """Spread of the mean over seeds, never smaller than the cases alone make it.

    Few seeds may agree by chance. The test cases alone still leave the mean over these very seeds
    uncertain: where the variance found is smaller than that, it is taken instead.

    Args:
        estimates: (n_seeds,), or (n_seeds × pretrainings,), those of the first seed first.
        covariance: of the estimates, due to the draw of cases; square.
        n_cases: cases that the covariance rests on.
        pretrainings: that each seed was run with.
    """
    n_runs, case_freedom = len(covariance), max(n_cases - 1, 1)
    cases_alone = max(float(covariance.sum()) / n_runs**2, 0.0)
    seed_variance, seed_freedom = variance_of_runs(estimates.reshape(-1, pretrainings))
    variance = seed_variance
    if n_runs > 1:
        variance += max(_common(covariance, pretrainings), 0.0)
    total = max(variance, cases_alone)
    share = seed_variance / total if total > 0 else 0.0
    return Spread(total, share, seed_freedom, case_freedom, agreeing=variance <= cases_alone)


def variance_of_runs(grid: np.ndarray) -> tuple[float, float]:
    """Variance of the mean of estimates (seeds, pretrainings), both random; degrees of freedom.

    A part that comes out negative counts as none: the larger mean square then stands alone, with
    its own degrees of freedom; those of the sum are Satterthwaite's (1946).
    """
    seeds, pretrainings = grid.shape
    if seeds == 1 or pretrainings == 1:
        estimates = grid.ravel()
        n_runs = len(estimates)
        return (float(estimates.var(ddof=1)) / n_runs if n_runs > 1 else 0.0), max(n_runs - 1, 1)
    of_seeds, of_pretrainings = grid.mean(axis=1), grid.mean(axis=0)
    residual = grid - of_seeds[:, None] - of_pretrainings + grid.mean()
    freedom = (seeds - 1, pretrainings - 1, (seeds - 1) * (pretrainings - 1))
    squares = (
        pretrainings * float(of_seeds.var(ddof=1)),
        seeds * float(of_pretrainings.var(ddof=1)),
        float(np.square(residual).sum()) / freedom[2],
    )
    total = squares[0] + squares[1] - squares[2]
    larger = int(squares[1] > squares[0])
    if total <= squares[larger]:
        return squares[larger] / grid.size, float(freedom[larger])
    lost = sum(square**2 / df for square, df in zip(squares, freedom, strict=True))
    return total / grid.size, max(total**2 / lost, float(min(freedom)))


def _common(covariance: np.ndarray, pretrainings: int) -> float:
    """Mean covariance of two runs that share nothing but their cases."""
    n_runs = len(covariance)
    n_seeds = n_runs // pretrainings
    if n_seeds == 1 or pretrainings == 1:
        return float((covariance.sum() - np.trace(covariance)) / (n_runs * (n_runs - 1)))
    seed, pretraining = np.divmod(np.arange(n_runs), pretrainings)
    apart = (seed[:, None] != seed) & (pretraining[:, None] != pretraining)
    return float(covariance[apart].mean())
