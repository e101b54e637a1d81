"""A whole study, from its data sets to its report: what the command line and a notebook call."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfmed import report
from tfmed.cache import cache_folder
from tfmed.config.ledger import ledger_file
from tfmed.config.reading import read_study
from tfmed.config.study import Study
from tfmed.execution.curves import Curves
from tfmed.execution.store import Store
from tfmed.notebook.bar import Bar, in_notebook
from tfmed.notebook.results import Results
from tfmed.orchestration import datasets, provenance
from tfmed.orchestration.computing import Workers, compute, discard, opened
from tfmed.orchestration.exporting import export
from tfmed.orchestration.folders import locked_folder, make_folder, swept
from tfmed.orchestration.listening import Listener, Silent
from tfmed.orchestration.plan import make_plan
from tfmed.results import files
from tfmed.results.assembling import whole
from tfmed.results.assembling.subgroups import with_subgroups
from tfmed.results.deciding.decision import decide
from tfmed.results.deciding.learning_curves import learning_curves
from tfmed.results.ledger import Ledger, load_ledger
from tfmed.results.planned import Plan


def run(
    study: Study | Path | str | None = None,
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
    reach: float | None = None,
    tensorboard: Path | str | None = None,
    command: str = "tfmed.run()",
    listener: Listener | None = None,
) -> Results:
    """Runs a study and writes its report; what is finished already is not computed again.

    Args:
        study: what to ask, or the path of a study file; None for the default study.
        out: the report goes to `out/<study's name>`.
        models: SavedModels go to `models/<model>/<version>`.
        workers: jobs side by side; 0 for this process alone, None for one per GPU, else per core.
        cluster: address of a Dask cluster that does the jobs.
        gpus_per_job: share of a GPU that each job has; without effect on CPUs.
        fresh: compute the study's finished work again.
        data_root: folder of named data sets; None for `$MEDMNIST_ROOT`, else `~/.medmnist`.
        phantom_if_missing: as for `datasets.find`; None for yes where `study` is None.
        fit_to_data: as for `datasets.find`; None for yes where `study` is None.
        reach: value of the primary metric for which the report says how many labels it takes.
        tensorboard: folder for the curves of every fit, as TensorBoard reads them.
        command: what was typed, to be found in the results.
        listener: hears how the run goes on; None for a bar in a notebook, elsewhere for nobody.

    Raises:
        InputError: something given is wrong, or the machine refused something; what to do is said.
        JobError: a mistake of tfmed's own.
    """
    is_default, study = study is None, _study(study)
    ledger = load_ledger(ledger_file(study.ledger))  # a mistake in it is found before any work
    with _heard(listener) as listener, locked_folder(Path(out) / study.name) as folder:
        make_folder(Path(models), "--models")
        curves = None if tensorboard is None else Curves(Path(tensorboard) / study.name)
        began = provenance.Began()
        found = datasets.find(
            study,
            None if data_root is None else Path(data_root),
            listener,
            phantom_if_missing=is_default if phantom_if_missing is None else phantom_if_missing,
            fit_to_data=is_default if fit_to_data is None else fit_to_data,
        )
        plan = make_plan(found.study, found.source, found.target)
        who = Workers(workers, cluster, gpus_per_job)
        results = _results(plan, folder, Path(models), who, ledger, listener, fresh, reach, curves)
        made = provenance.describe(plan.datasets.values(), began)
        results["provenance"] = {**made, "seeds": plan.seeds, "command": command}
        files.write(results, folder)
        report.render(folder, progress=listener.stage)
    return Results(folder, results)


@contextlib.contextmanager
def _heard(listener: Listener | None) -> Iterator[Listener]:
    """Who hears how the run goes on."""
    if listener is None and in_notebook():
        with Bar() as bar:
            yield bar
    else:
        yield listener or Silent()


def _study(study: Study | Path | str | None) -> Study:
    if study is None:
        return Study()
    return study if isinstance(study, Study) else read_study(Path(study))


def _results(
    plan: Plan,
    folder: Path,
    models: Path,
    workers: Workers,
    ledger: Ledger,
    listener: Listener,
    fresh: bool,
    reach: float | None,
    curves: Curves | None,
) -> dict[str, Any]:
    """All of `results.json` but its provenance; writes predictions and images into `folder`."""
    store = Store(cache_folder() / "jobs")
    with swept(store, models), opened(workers, listener) as engines:
        if fresh:
            discard(plan, store)
            listener.discarded()
        finished = compute(plan, store, engines.jobs, listener, curves)
        exported = export(plan, finished, engines.exports, store, models, listener)
    listener.stage("evaluating")
    found = {**whole.assemble(plan, finished, folder, ledger), "models": exported}
    found = with_subgroups(plan, finished, found, folder)
    return {**found, "decision": decide(found), "learning_curves": learning_curves(found, reach)}
