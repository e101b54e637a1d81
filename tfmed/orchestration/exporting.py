"""Writes the SavedModels of a study that are not written yet."""

import collections
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfmed.execution.engine import Engine, do_jobs
from tfmed.execution.job import Result
from tfmed.execution.store import Store
from tfmed.orchestration.listening import Listener
from tfmed.orchestration.plan import exports
from tfmed.results.assembling import whole
from tfmed.results.planned import Plan
from tfmed.serving import config
from tfmed.serving.versions import find_version


def export(
    plan: Plan,
    finished: Mapping[str, Result],
    engine: Engine,
    store: Store,
    models: Path,
    listener: Listener,
) -> list[dict[str, Any]]:
    """Exports the chosen models; gives the `models` part of the results.

    Args:
        plan: the study's plan.
        finished: key to result of every job of the plan.
        engine: does the exports, on this machine.
        store: holds those results.
        models: folder of all exported models; its `models.config` is written again.
        listener: hears of progress, and of how many models the gate passed.

    Raises:
        InputError: the models can't be written.
        JobError: an export failed for a reason that is tfmed's own.
    """
    chosen = exports(plan, whole.best_runs(plan, finished), models)
    versions = {
        name: find_version(models, name, run.job.key, set(job.parents) - {"run"})
        for name, run, job in chosen
    }
    todo = [job for name, _, job in chosen if versions[name] is None]
    if todo:
        listener.stage(f"exporting {len(todo)} SavedModels to {models}")
    records = do_jobs(todo, set(finished), engine, store, plan.datasets, listener.jobs)
    found = {name: versions[name] or records[job.key]["version"] for name, _, job in chosen}
    config.write_configs(models)
    entries = whole.model_entries(chosen, found, finished, models)
    stages = collections.Counter(entry["stage"] for entry in entries)
    counts = ", ".join(f"{count} {stage}" for stage, count in stages.most_common())
    listener.note(f"       models: {counts or 'none'}")
    return entries
