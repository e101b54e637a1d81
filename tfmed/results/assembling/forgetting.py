"""What fine-tuning on the target does to the source task: from finished jobs to results."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tfmed.design import Cell
from tfmed.evaluation.intervals import compare, mean_interval, seeds_interval
from tfmed.execution.job import Result
from tfmed.results.planned import Forgetting, Plan


def entries(plan: Plan, finished: Mapping[str, Result]) -> list[dict[str, Any]]:
    """Per strategy and label budget: the source task before and after fine-tuning on the target."""
    cells: dict[Cell, list[Forgetting]] = {}
    for pair in plan.forgetting:
        cells.setdefault(pair.run.cell, []).append(pair)
    return [
        {
            "strategy": str(cell.method),
            "label_budget": cell.label_budget,
            "n_seeds": len(pairs),
            **_before_and_after(plan, pairs, finished),
        }
        for cell, pairs in cells.items()
    ]


def _before_and_after(
    plan: Plan, pairs: list[Forgetting], finished: Mapping[str, Result]
) -> dict[str, Any]:
    return {**_probe(pairs, finished, plan.source.task), **_decoder(pairs, finished)}


def _probe(pairs: list[Forgetting], finished: Mapping[str, Result], task: str) -> dict[str, Any]:
    """AUC of the probe, with intervals of seeds and test images; None where it is not defined."""
    before, after = (
        [finished[getattr(pair, side).key] for pair in pairs] for side in ("before", "after")
    )
    labels, patients = after[0].arrays["labels"], after[0].arrays.get("patients")
    scores_before, scores_after = (
        np.stack([result.arrays["scores"] for result in results]) for results in (before, after)
    )
    # One encoder for all seeds has no seed variance.
    once = scores_before[:1] if _measured_once(pairs) else scores_before
    change = compare(labels, scores_after, scores_before, "auc", task=task, patients=patients)
    return {
        "n_test": len(labels),
        "probe_auc_before": mean_interval(labels, once, "auc", task=task, patients=patients),
        "probe_auc_after": mean_interval(labels, scores_after, "auc", task=task, patients=patients),
        "probe_auc_difference": change
        and {
            "mean": change["difference"],
            "low": change["low"],
            "high": change["high"],
            "sd": seeds_interval(_aucs(after) - _aucs(before))["sd"],
        },
    }


def _aucs(results: list[Result]) -> np.ndarray:
    return np.array([result.record["probe_auc"] for result in results])


def _decoder(pairs: list[Forgetting], finished: Mapping[str, Result]) -> dict[str, Any]:
    """Mean squared errors of the decoder, with intervals of seeds; None where there is none."""
    before = [finished[pair.before.key].record["mse"] for pair in pairs]
    after = [finished[pair.after.key].record["mse"] for pair in pairs]
    if None in before:
        return dict.fromkeys(("mse_before", "mse_after", "mse_ratio"))
    # Of one encoder for all seeds the same number would look like an interval of no width.
    once = before[:1] if _measured_once(pairs) else before
    values = {"before": once, "after": after, "ratio": np.divide(after, before)}
    return {f"mse_{part}": _interval(seeds) for part, seeds in values.items()}


def _measured_once(pairs: list[Forgetting]) -> bool:
    return len({pair.before.key for pair in pairs}) == 1


def _interval(values: ArrayLike) -> dict[str, float | None]:
    """Interval over seeds of what is never negative."""
    found = seeds_interval(values)
    low = found["low"]
    return {**found, "low": low and max(low, 0.0)}
