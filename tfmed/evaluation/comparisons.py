"""Which classifiers are compared, paired by seed and test case, and what is corrected together."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    Strategy,
    Variant,
    method_of,
)
from tfmed.evaluation import metrics
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
        seeds: that both were run with.
        family: how many pairs of this kind the task has, which are corrected together.
    """

    kind: str
    a: Side
    b: Side
    seeds: tuple[int, ...]
    family: int

    def entry(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "kind": self.kind,
            "a": self.a.entry(),
            "b": self.b.entry(),
            "seeds": list(self.seeds),
            "family": self.family,
        }

    @classmethod
    def of_entry(cls, entry: Mapping[str, Any]) -> "Pair":
        """The inverse of `entry`."""
        a, b = Side.of_entry(entry["a"]), Side.of_entry(entry["b"])
        return cls(entry["kind"], a, b, tuple(entry["seeds"]), entry["family"])


def planned(cells: Mapping[Cell, Sequence[int]]) -> dict[tuple[str, LabelBudget], list[Pair]]:
    """Pairs to compare, by task and label budget; none where two cells share no seed.

    Args:
        cells: to the seeds of each.
    """
    found: dict[tuple[str, LabelBudget], list[tuple[str, Side, Side, tuple[int, ...]]]] = {}
    for place in dict.fromkeys((cell.task, cell.label_budget) for cell in cells):
        sides = {
            Side(cell.method, cell.variant): set(seeds)
            for cell, seeds in cells.items()
            if (cell.task, cell.label_budget) == place
        }
        for kind, a, b in pairs(sides):
            if shared := tuple(sorted(sides[a] & sides[b])):
                found.setdefault(place, []).append((kind, a, b, shared))
    families = Counter((task, kind) for (task, _), some in found.items() for kind, *_ in some)
    return {
        (task, budget): [
            Pair(kind, a, b, seeds, families[task, kind]) for kind, a, b, seeds in some
        ]
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
        a: scores of the first side, (n_seeds, n).
        b: the same of the second.
        task: what the labels are for.
        patients: (n,) of the cases; None where they are not known.

    Returns:
        What `tfmed.evaluation.metrics.compare` says of each, with `metric`, `kind`, `a` and `b`.
    """
    found = []
    for metric in task_of(task).COMPARED_METRICS:
        difference = metrics.compare(
            labels, a, b, metric, family=pair.family, task=task, patients=patients
        )
        if difference is not None:
            sides = {"a": pair.a.entry(), "b": pair.b.entry()}
            found.append({"metric": metric, "kind": pair.kind, **sides, **difference})
    return found


def pairs(sides: Iterable[Side]) -> list[tuple[str, Side, Side]]:
    """Kind and sides of each pair to compare among the sides that there are.

    Every variant of fine-tuning with another dropout is compared with the standard one, last.
    """
    there = list(sides)
    strategies = [side.method for side in there if isinstance(side.method, Strategy)]
    pretrained = dict.fromkeys(each.initialisation for each in strategies if each.pretrained)
    wanted = [
        (kind, a, b)
        for kind, pairs_of in _PAIRS.items()
        for a, b in dict.fromkeys(pair for name in pretrained or [""] for pair in pairs_of(name))
    ]
    wanted += [
        ("experiment", side, Side(side.method))
        for side in there
        if side.variant.dropout is not None
    ]
    return [(kind, a, b) for kind, a, b in wanted if a in there and b in there]


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


_PAIRS = {"question": _question, "experiment": _experiment, "baseline": _baseline}
"""Pairs by their kind, of one pretrained initialisation; compared at every task and label budget
where both sides were run."""
