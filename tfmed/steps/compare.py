"""Paired differences between the cells of one task and label budget."""

from collections.abc import Mapping, Sequence

from tfmed.data import DatasetInfo
from tfmed.design import LabelBudget, Repeat, budget_words
from tfmed.evaluation.comparisons import Pair, Side
from tfmed.execution.job import Job, Result
from tfmed.steps import READ_SECONDS, Data, Parents, Say, Spec, make_job

PAIR_SECONDS = 0.01
"""Rough cost of the differences between the two runs of a pair."""


def compare_job(
    task: DatasetInfo,
    budget: LabelBudget,
    pairs: Sequence[Pair],
    runs: Mapping[tuple[Side, Repeat], Job],
) -> Job:
    """Compares cells of one task and label budget.

    Args:
        task: what they classify.
        budget: theirs.
        pairs: of cells.
        runs: by side and repeat.
    """
    return make_job(
        "compare",
        {"pairs": [pair.entry() for pair in pairs]},
        {"task": task},
        {_role(side, repeat): job for (side, repeat), job in runs.items()},
        f"differences with {budget_words(budget)} of {task.title}",
        READ_SECONDS + PAIR_SECONDS * sum(len(pair.runs) for pair in pairs),
    )


def work(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """Paired differences between the cells of one task and label budget.

    Parents: the runs, by side and repeat. The record has `differences`, not corrected yet.
    """
    import numpy as np

    from tfmed.data.loading import load_labels, load_patients
    from tfmed.evaluation import comparisons

    labels, task = load_labels(data["task"], "test"), data["task"].task
    patients = load_patients(data["task"], "test")
    found = []
    for entry in spec["pairs"]:
        pair = comparisons.Pair.of_entry(entry)
        a, b = (
            np.stack([parents[_role(side, both[i])].arrays["test_scores"] for both in pair.runs])
            for i, side in enumerate((pair.a, pair.b))
        )
        found += comparisons.differences(pair, labels, a, b, task, patients)
    return Result({"differences": found})


def _role(side: Side, repeat: Repeat) -> str:
    """What the job calls one run of a side."""
    return f"{side} {repeat}"
