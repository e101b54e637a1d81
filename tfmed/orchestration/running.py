"""A whole study, from its data sets to its report: what the command line and a notebook call."""

import contextlib
import datetime
import time
from collections.abc import Iterator
from pathlib import Path

from tfmed import report
from tfmed.cache import cache_folder
from tfmed.config.study import Study
from tfmed.errors import InputError
from tfmed.execution.processes import Processes, jobs_per_gpu
from tfmed.execution.schedule import Backend
from tfmed.execution.store import Store
from tfmed.orchestration import datasets, provenance
from tfmed.orchestration.computing import compute, discard
from tfmed.orchestration.exporting import export
from tfmed.orchestration.folders import locked_folder, make_folder, swept
from tfmed.orchestration.listening import Listener, Silent
from tfmed.orchestration.plan import Plan, make_plan
from tfmed.results import assembling, files
from tfmed.results.loading import Results

_UNUSED_GPUS = (
    "note: TensorFlow can't use the GPUs of this machine (pip install 'tensorflow[and-cuda]' "
    "brings CUDA's libraries): the cores do the work"
)


def run(
    study: Study | None = None,
    *,
    out: Path | str = "reports",
    models: Path | str = "saved_models",
    workers: int | None = None,
    cluster: str | None = None,
    gpus_per_job: float = 1.0,
    fresh: bool = False,
    data_root: Path | str | None = None,
    phantom_if_missing: bool | None = None,
    fit_to_data: bool | None = None,
    command: str = "tfmed.run()",
    listener: Listener | None = None,
) -> Results:
    """Runs a study and writes its report; what is finished already is not computed again.

    Args:
        study: what to ask; None for the default study.
        out: the report goes to `out/<study's name>`.
        models: SavedModels go to `models/<model>/<version>`.
        workers: jobs side by side; 0 does them in this process, None takes one worker for each GPU,
            else for each core.
        cluster: address of a Dask cluster that does the jobs.
        gpus_per_job: share of a GPU that each job has; without effect on CPUs.
        fresh: compute the study's finished work again.
        data_root: folder of named data sets; None for `$MEDMNIST_ROOT`, else `~/.medmnist`.
        phantom_if_missing: run on drawn images, and say so, where the study's data sets can't be
            had; None to do so for the default study.
        fit_to_data: leave out label budgets that the data are too small for; None to do so for the
            default study.
        command: what was typed, to be found in the results.
        listener: hears how the run goes on; None for nobody.

    Returns:
        What was found, as in `results.json`.

    Raises:
        InputError: something given is wrong, or the machine refused something; its line says what
            and what to do.
        JobError: a mistake of tfmed's own.
    """
    out, models, listener = Path(out), Path(models), listener or Silent()
    is_default = study is None
    started, clock = _now(), time.monotonic()
    study = study or Study()
    folder = out / study.name
    with locked_folder(folder):
        make_folder(models, "--models")
        store = Store(cache_folder() / "jobs")
        found = datasets.find(
            study,
            Path(data_root) if data_root is not None else None,
            listener,
            phantom_if_missing=is_default if phantom_if_missing is None else phantom_if_missing,
            fit_to_data=is_default if fit_to_data is None else fit_to_data,
        )
        plan = make_plan(found.study, found.source, found.target)
        with (
            swept(store, models),
            _backend(store, plan, workers, cluster, gpus_per_job, listener) as backend,
        ):
            if fresh:
                discard(plan, store)
                listener.discarded()
            finished = compute(plan, store, backend, listener)
            exported = export(plan, finished, backend, models, listener)
        listener.stage("evaluating")
        results = assembling.assemble(plan, finished, folder)
        results["models"] = exported
        results["provenance"] = {
            **provenance.describe(plan.datasets.values()),
            "seeds": plan.seeds,
            "command": command,
            "started": started,
            "seconds": round(time.monotonic() - clock, 1),
        }
        files.write(results, folder)
        report.render(folder, progress=listener.stage)
    return Results(folder, results)


@contextlib.contextmanager
def _backend(
    store: Store,
    plan: Plan,
    workers: int | None,
    cluster: str | None,
    gpus_per_job: float,
    listener: Listener,
) -> Iterator[Backend]:
    """What does the jobs."""
    if cluster is not None:
        raise InputError("--cluster: this version has no clusters yet; leave the option out")
    gpus = provenance.visible_gpus()
    if gpus and not provenance.tensorflow_uses_gpus():
        listener.note(_UNUSED_GPUS)
        gpus = []
    if workers is None:
        workers = len(gpus) * jobs_per_gpu(gpus_per_job) or provenance.usable_cores()
    with Processes(store, plan.datasets, max(workers, 1), gpus=gpus) as processes:
        yield processes


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
