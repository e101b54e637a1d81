"""The recorded results with invented groups of test images beside them."""

import numpy as np
from example_results import TARGET, example_results

from tfmed.design import Cell
from tfmed.evaluation.subgroups.measuring import Cases, CellRuns
from tfmed.evaluation.subgroups.naming import grouped
from tfmed.results.deciding.decision import decide
from tfmed.results.subgroups import subgroups_part


def invented_columns(n: int, *, hostile: str = "") -> dict[str, np.ndarray]:
    """Sex, age, view and device of n test images; without `hostile`, names as they usually are."""
    rng = np.random.default_rng(1)
    ages = rng.choice([12, 25, 33, 47, 58, 70, 81], n, p=[0.02, 0.2, 0.2, 0.2, 0.2, 0.1, 0.08])
    return {
        "sex": np.array(["F", "M"])[np.arange(n) % 2],
        "age": ages,
        hostile or "view": np.array(["AP", hostile or "PA", ""])[rng.integers(0, 50, n) % 17 % 3],
        "device": np.array([f"scanner {number}" for number in rng.integers(0, 40, n)]),
    }


def grouped_results(*, worse: float = 0.0, hostile: str = "", **more) -> dict:
    """As `example_results`, with `subgroups` of the target's test images.

    Args:
        worse: how much less is seen in images of the old, in logits.
        hostile: what a column and a group are called.
        **more: as for `example_results`.
    """
    results = example_results(hostile=bool(hostile), **more)
    test = next(d for d in results["datasets"] if d["name"] == TARGET)["splits"]["test"]
    labels = np.repeat([0, 1], test["counts"])
    raw = invented_columns(len(labels), hostile=hostile)
    n_seeds = len(results["study"]["seeds"])

    def runs_of(cell: Cell) -> CellRuns:
        rng = np.random.default_rng(len(str(cell)))
        strength = 1.4 - worse * (raw["age"] >= 65)
        logits = (2 * labels - 1) * strength + rng.normal(0, 1, len(labels))
        logits = logits + rng.normal(0, 0.2, (n_seeds, len(labels)))
        return CellRuns(1 / (1 + np.exp(-logits)))

    columns = [grouped(name, values) for name, values in raw.items()]
    part = subgroups_part(results, Cases("binary", labels), columns, runs_of)
    results["subgroups"] = part
    results["decision"] = decide(results)
    return results
