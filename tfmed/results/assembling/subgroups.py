"""Groups of the target's test images, and how the classifiers do on each."""

from pathlib import Path
from typing import Any

import numpy as np

from tfmed.data.loading import load_labels, load_patients, load_subgroups
from tfmed.design import Cell
from tfmed.evaluation.repeats import crossed
from tfmed.evaluation.subgroups.measuring import Cases, CellRuns
from tfmed.evaluation.subgroups.naming import grouped
from tfmed.results import predictions
from tfmed.results.assembling.whole import Finished
from tfmed.results.planned import Plan
from tfmed.results.subgroups import Results, subgroups_part


def with_subgroups(plan: Plan, finished: Finished, results: Results, out: Path) -> dict[str, Any]:
    """The results with `subgroups`, where the target says of which groups its images are.

    Writes the groups beside the predictions on the way.

    Args:
        plan: the study's plan.
        finished: key to result of every job of the plan.
        results: the other parts of `results.json`.
        out: the study's report folder.
    """
    target = plan.target
    columns = [grouped(name, each) for name, each in load_subgroups(target, "test").items()]
    written = {each.name: each.names() for each in columns if each.why_not_used is None}
    predictions.write_subgroups(out / "predictions", target.name, written)

    def runs_of(cell: Cell) -> CellRuns:
        of_cell = {run.repeat: run for run in plan.runs if run.cell == cell}
        repeats, pretrainings = crossed(of_cell)
        rows = [finished[of_cell[each].job.key].arrays["test_scores"] for each in repeats]
        return CellRuns(np.stack(rows), pretrainings)

    cases = Cases(target.task, load_labels(target, "test"), load_patients(target, "test"))
    part = subgroups_part(results, cases, columns, runs_of)
    return results if part is None else {**results, "subgroups": part}
