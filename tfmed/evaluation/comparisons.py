"""Which classifiers are compared, paired by seed and test case, and what is corrected together."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tfmed.design import (
    OVERTRAINED,
    RANDOM_FROZEN,
    SCRATCH,
    STANDARD,
    Cell,
    LabelBudget,
    Method,
    Repeat,
    Strategy,
    Variant,
    method_of,
)
from tfmed.evaluation import metrics
from tfmed.evaluation.repeats import paired
from tfmed.tasks import task_of


@dataclass(frozen=True)
class Side:
    """What is compared within a task and label budget: a strategy or baseline, and its variant."""

    method: Method
    variant: Variant = STANDARD

    def entry(self) -> dict[str, str]:
        """What names a side in `results.json`."""
        return {"strategy": str(self.method), "variant": str(self.variant)}

    @classmethod
    def of_entry(cls, entry: Mapping[str, str]) -> "Side":
        """The inverse of `entry`; errors as for the parts' `parse`."""
        return cls(method_of(entry["strategy"]), Variant.parse(entry["variant"]))

    def __str__(self) -> str:
        """Such as `finetune focal`."""
        return f"{self.method} {self.variant}"


@dataclass(frozen=True)
class Pair:
    """Two cells of one task and label budget.

    Attributes:
        kind: `question`, `experiment` or `baseline`.
        a: the side whose metric is the minuend.
        b: the other.
        runs: of a and b that are held against each other, as `repeats.paired` orders them.
        pretrainings: that each seed has among them.
        family: how many pairs of this kind the task has, which are corrected together.
    """

    kind: str
    a: Side
    b: Side
    runs: tuple[tuple[Repeat, Repeat], ...]
    pretrainings: int
    family: int

    def entry(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "kind": self.kind,
            "a": self.a.entry(),
            "b": self.b.entry(),
            "runs": [[each.seed, each.pretraining, other.pretraining] for each, other in self.runs],
            "pretrainings": self.pretrainings,
            "family": self.family,
        }

    @classmethod
    def of_entry(cls, entry: Mapping[str, Any]) -> "Pair":
        """The inverse of `entry`."""
        a, b = Side.of_entry(entry["a"]), Side.of_entry(entry["b"])
        runs = tuple((Repeat(seed, i), Repeat(seed, j)) for seed, i, j in entry["runs"])
        return cls(entry["kind"], a, b, runs, entry["pretrainings"], entry["family"])


def planned(
    cells: Mapping[Cell, Sequence[Repeat]], declared: Sequence[tuple[str, str]] = ()
) -> dict[tuple[str, LabelBudget], list[Pair]]:
    """Pairs to compare, by task and label budget; none where two cells share no seed.

    Args:
        cells: to the repeats of each.
        declared: names of the strategies and baselines that the study's question compares; none:
            as `pairs` has them.
    """
    found: dict[tuple[str, LabelBudget], list[Pair]] = {}
    for place in dict.fromkeys((cell.task, cell.label_budget) for cell in cells):
        sides = {
            Side(cell.method, cell.variant): repeats
            for cell, repeats in cells.items()
            if (cell.task, cell.label_budget) == place
        }
        for kind, a, b in pairs(sides, declared):
            runs, pretrainings = paired(sides[a], sides[b])
            if runs:
                pair = Pair(kind, a, b, tuple(runs), pretrainings, 0)
                found.setdefault(place, []).append(pair)
    families = Counter((task, pair.kind) for (task, _), some in found.items() for pair in some)
    return {
        (task, budget): [replace(pair, family=families[task, pair.kind]) for pair in some]
        for (task, budget), some in found.items()
    }


def differences(
    pair: Pair,
    labels: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    task: str,
    patients: np.ndarray | None = None,
) -> list[dict[str, Any]]:
    """The difference of each metric that a task compares by, but for those not defined.

    Args:
        pair: what is compared.
        labels: of the task's test cases, (n,).
        a: scores of the first side, (runs of the pair, n).
        b: the same of the second.
        task: what the labels are for.
        patients: (n,) of the cases; None where they are not known.

    Returns:
        What `tfmed.evaluation.metrics.compare` says of each, with `metric`, `kind`, `a` and `b`.
    """
    found = []
    for metric in task_of(task).COMPARED_METRICS:
        difference = metrics.compare(
            labels,
            a,
            b,
            metric,
            family=pair.family,
            task=task,
            patients=patients,
            pretrainings=pair.pretrainings,
        )
        if difference is not None:
            sides = {"a": pair.a.entry(), "b": pair.b.entry()}
            found.append({"metric": metric, "kind": pair.kind, **sides, **difference})
    return found


def pairs(
    sides: Iterable[Side], declared: Sequence[tuple[str, str]] = ()
) -> list[tuple[str, Side, Side]]:
    """Kind and sides of each pair to compare among the sides that there are.

    Every variant of fine-tuning with another dropout is compared with the standard one, last.
    """
    there = list(sides)
    strategies = [side.method for side in there if isinstance(side.method, Strategy)]
    pretrained = dict.fromkeys(each.initialisation for each in strategies if each.pretrained)
    named = [(Side(method_of(a)), Side(method_of(b))) for a, b in declared]
    wanted = [("question", a, b) for a, b in named or _questions(list(pretrained))]
    wanted += [
        (kind, a, b)
        for kind, pairs_of in _MORE_PAIRS.items()
        for a, b in dict.fromkeys(pair for name in pretrained or [""] for pair in pairs_of(name))
        if ("question", a, b) not in wanted
    ]
    wanted += [
        ("experiment", side, Side(side.method))
        for side in there
        if side.variant.dropout is not None
    ]
    return [(kind, a, b) for kind, a, b in wanted if a in there and b in there]


def _questions(pretrained: Sequence[str]) -> list[tuple[Side, Side]]:
    """Of each method what one alone is asked, and of several what they gain on the first, and each
    on pixels.
    """
    found = [pair for name in pretrained for pair in _question(name)]
    if len(pretrained) > 1:
        pixels = Side(method_of("pixels_logistic"))
        found += [(_strategies(name)[0], pixels) for name in pretrained]
        for name in pretrained[1:]:
            found += zip(_strategies(name), _strategies(pretrained[0]), strict=True)
    return found


def _question(initialisation: str) -> Iterator[tuple[Side, Side]]:
    frozen, tuned = _strategies(initialisation)
    scratch, random_frozen = Side(SCRATCH), Side(RANDOM_FROZEN)
    yield tuned, scratch
    yield frozen, scratch
    yield tuned, frozen
    yield frozen, random_frozen


def _experiment(initialisation: str) -> Iterator[tuple[Side, Side]]:
    _, tuned = _strategies(initialisation)
    scratch = Side(SCRATCH)
    yield scratch, Side(SCRATCH, OVERTRAINED)
    for side in (scratch, tuned):
        yield Side(side.method, Variant(loss="class_weighted")), side
        yield Side(side.method, Variant(loss="focal")), side


def _baseline(initialisation: str) -> Iterator[tuple[Side, Side]]:
    frozen, tuned = _strategies(initialisation)
    pixels, components, embedded, untrained = (
        Side(method_of(name))
        for name in ("pixels_logistic", "pca_logistic", "frozen_logistic", "random_logistic")
    )
    yield tuned, pixels
    yield tuned, components
    yield tuned, embedded
    yield frozen, pixels
    yield frozen, components
    yield embedded, untrained
    yield embedded, pixels


def _strategies(initialisation: str) -> tuple[Side, Side]:
    return Side(Strategy(initialisation, "frozen")), Side(Strategy(initialisation, "finetune"))


_MORE_PAIRS = {"experiment": _experiment, "baseline": _baseline}
"""Pairs by their kind, of one pretrained initialisation, beside those of the question; compared at
every task and label budget where both sides were run."""
