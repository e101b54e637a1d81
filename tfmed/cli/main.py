"""The command line: arguments, progress, exit codes."""

import argparse
import collections
import contextlib
import dataclasses
import datetime
import os
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from tfmed.cli.arguments import BAD_INPUT, make_parser
from tfmed.errors import InputError, JobError, printable
from tfmed.locks import hold, remove_unheld

INTERRUPTED = 130
OWN_MISTAKE = 1
REPORT_LOCK = ".report.lock"
QUICK_PHANTOM = {
    "source": {"train": 2000, "val": 300, "test": 600},
    "target": {"train": 1000, "val": 160, "test": 600},
}
"""Images that are drawn where a quick study finds no real ones."""

_UNUSED_GPUS = (
    "note: TensorFlow can't use the GPUs of this machine (pip install 'tensorflow[and-cuda]' "
    "brings CUDA's libraries): the cores do the work"
)
_NOT_WRITABLE = "no permission to write, or a read-only file system"


class _BusyError(InputError):
    """Another command is writing the report."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Returns:
        0 done, 1 a mistake of tfmed's own, 2 bad input or usage, 130 interrupted.
    """
    parser = make_parser()
    options = parser.parse_args(arguments)
    _refuse_other_encodings(options, parser)
    for chosen, taken in (("compare", ["out"]), ("report_only", ["study", "quick", "out"])):
        if getattr(options, chosen):
            _refuse_others(options, chosen, taken, parser)
            break
    if options.shard is not None and options.fresh:
        parser.error(
            "--fresh would remove what other shards have done; to begin anew, first empty the "
            "cache with python -m tfmed.cache --prune 0"
        )
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
        signal.signal(signal.SIGHUP, _interrupt)
    try:
        if options.compare:
            _compare(options)
        elif options.report_only:
            _render_again(options)
        else:
            _run(options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except OSError as error:
        what = error.filename or "the disk"
        again = f"run {_same_command(options)} again"
        said = InputError(f"{what}: {error.strerror}; mend the disk or its permissions and {again}")
        print(f"error: {said}", file=sys.stderr)
        return BAD_INPUT
    except JobError as error:
        print(f"error: {error}\nthis is a mistake of tfmed's own, not of yours", file=sys.stderr)
        return OWN_MISTAKE
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one must not spoil the end
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with contextlib.suppress(OSError):  # the terminal may be gone
            print(
                f"\ninterrupted; finished work is kept, and {_same_command(options)} goes on from "
                "there",
                file=sys.stderr,
            )
        return INTERRUPTED
    return 0


def _same_command(options: argparse.Namespace) -> str:
    """What to type to go on."""
    # Once it has discarded old results, and no sooner, --fresh would discard new ones.
    discarded = getattr(options, "discarded", False)
    return "the same command without --fresh" if discarded else "the same command"


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _refuse_others(
    options: argparse.Namespace, chosen: str, taken: Sequence[str], parser: argparse.ArgumentParser
) -> None:
    """Refuses options that have no meaning beside one that runs nothing."""
    given = [name for name, value in vars(options).items() if value != parser.get_default(name)]
    mixed = [_flag(name) for name in given if name not in (chosen, *taken)]
    if mixed:
        allowed = " and ".join(", ".join(map(_flag, taken)).rsplit(", ", 1))
        what = f"{_flag(chosen)} runs nothing and takes {allowed} only"
        parser.error(f"{what}, not {', '.join(mixed)}")


def _refuse_other_encodings(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuses names that no report could show."""
    for name, value in vars(options).items():
        try:
            str(value).encode()
        except UnicodeEncodeError:
            what = f"{_flag(name)} {printable(value)}: the name is not in UTF-8"
            parser.error(f"{what}; rename the file or folder")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _study(options: argparse.Namespace) -> Any:
    from tfmed.config.study import Study, read_study

    study = read_study(options.study) if options.study else Study()
    if options.quick:
        study = study.quickened()
    changes = {
        name: value
        for name, value in (("source", options.source), ("target", options.target))
        if value is not None
    }
    if options.seeds is not None:
        changes["seeds"] = options.seeds
    return dataclasses.replace(study, **changes)


def _reports(options: argparse.Namespace) -> Path:
    """The folder of all reports."""
    return options.out or Path("reports")


def _compare(options: argparse.Namespace) -> None:
    from tfmed.cli.console import Console
    from tfmed.report import compare

    console = Console()
    console.stage("reading both results")
    found = compare.read_both(*options.compare)
    folder = options.out or _reports(options) / found.folder
    with _locked_folder(folder):
        html, pdf = compare.render(found, folder, progress=console.stage)
    console.line(f"\n{compare.summary(found)}\n\n{html}\n{pdf}")


def _render_again(options: argparse.Namespace) -> None:
    from tfmed import report
    from tfmed.cli.console import Console

    console = Console()
    study = _study(options)
    out = _reports(options) / study.name
    if not out.exists() and (_reports(options) / "results.json").exists():
        out = _reports(options)
    with _locked_folder(out):
        if options.study and (others := _other_settings(study, out)):
            console.line(f"note: {out / 'results.json'} is of other settings: {others}")
        html, pdf = report.render_again(out, progress=console.stage)
    console.line(f"{html}\n{pdf}")


def _other_settings(study: Any, out: Path) -> str:
    """What a study sets otherwise than the one whose results are in `out`, in words."""
    from tfmed.report.content_method import flat_settings
    from tfmed.results.loading import read_results

    kept = dict(flat_settings(read_results(out / "results.json")["study"]["settings"]))
    found = [
        f"{name} = {kept[name]} there, {value} in the study file"
        for name, value in flat_settings(study.settings())
        # An option may have set the last three then.
        if kept.get(name, value) != value and name not in ("source", "target", "seeds")
    ]
    return "; ".join(found[:3]) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")


def _run(options: argparse.Namespace) -> None:
    from tfmed import report
    from tfmed.cache import cache_folder
    from tfmed.cli.console import Console
    from tfmed.execution.processes import Processes, jobs_per_gpu
    from tfmed.execution.store import Store
    from tfmed.orchestration import provenance
    from tfmed.orchestration.plan import fit_budgets, make_plan
    from tfmed.report.terminal import summary_table
    from tfmed.results import assembling, files

    if options.shard is not None:
        _make_folder(_reports(options), "--out")
    if options.ray is not None:
        from tfmed.execution.cluster import checked_address

        checked_address(options.ray)  # before the data are read
    console = Console()
    started = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    study = _study(options)
    folder = _reports(options) / study.name
    with contextlib.ExitStack() as stack:
        if options.shard is None:
            stack.enter_context(_locked_folder(folder))
        _make_folder(options.models, "--models")
        store = Store(cache_folder() / "jobs")
        study, source, target = _datasets(study, options, console)
        if options.study is None:
            study, notes = fit_budgets(study, source, target)
            for note in notes:
                console.line(f"note: {note}")
        plan = make_plan(study, source, target)
        gpus = provenance.visible_gpus()
        if gpus and not provenance.tensorflow_uses_gpus():
            console.line(_UNUSED_GPUS)
            gpus = []
        side_by_side = len(gpus) * jobs_per_gpu(options.gpus_per_job) or provenance.usable_cores()
        workers = options.workers or side_by_side
        stack.enter_context(_swept(store, options.models))
        here = stack.enter_context(Processes(store, plan.datasets, workers, gpus=gpus))
        with _backend(options, here, store, plan, console) as backend:
            if options.shard is not None:
                if not _do_shard(plan, options.shard, store, backend, console):
                    return
                try:
                    stack.enter_context(_locked_folder(folder))
                except _BusyError:
                    console.line("all work is done, and another shard is writing the report")
                    return
            if options.fresh:
                _discard(plan, store)
                options.discarded = True
            finished = _do_jobs(plan, store, backend, console)
        models = _export(plan, finished, here, options.models, console)
        console.stage("evaluating")
        found = assembling.assemble(plan, finished, folder)
        found["models"] = models
        found["provenance"] = _provenance(plan, started, console.seconds)
        files.write(found, folder)
        html, pdf = report.render(folder, progress=console.stage)
        console.line(summary_table(found))
        console.line("\n" + "\n".join(report.answer(found)))
        console.line(f"\nreport: {html}\n        {pdf}\ndone in {console.seconds:.0f} s")


def _datasets(study: Any, options: argparse.Namespace, console: Any) -> tuple[Any, Any, Any]:
    """The verified source and target; the phantom where the default sets can't be had."""
    from tfmed.cache import cache_folder
    from tfmed.data import sources

    root = options.data_root or sources.default_data_root()
    named = options.study or options.source or options.target
    console.stage("looking for the data sets")
    if not named:
        missing = [
            name for name in (study.source, study.target) if not sources.available(name, root)
        ]
        if missing and options.shard is not None:
            raise InputError(
                f"{' and '.join(missing)}: not in {root} and not downloadable now; put the files "
                "there, or name other data for every shard"
            )
        if missing:
            console.line(_phantom_note(missing, root))
            study = dataclasses.replace(study, source="phantom", target="phantom")
    cache = cache_folder()
    drawn = QUICK_PHANTOM if study.quick else {}

    def resolve(role: Literal["source", "target"], spec: str) -> Any:
        counts = drawn.get(role)
        return sources.resolve(
            spec, data_root=root, cache_dir=cache, role=role, phantom_counts=counts
        )

    for spec in (study.source, study.target):
        sources.check_spec(spec)  # before the first of them is downloaded
    source, target = resolve("source", study.source), resolve("target", study.target)
    for role, info in (("source", source), ("target", target)):
        counts = " / ".join(str(sum(pair)) for pair in info.counts.values())
        console.line(f"       {role}: {info.title}, {counts} images (train / val / test)")
        if not info.fits_in_memory:
            console.line(f"       {sources.loading_notice(info)}")
    if options.study is None and named:
        study = dataclasses.replace(study, title=_title(source, target))
    return study, source, target


def _title(source: Any, target: Any) -> str:
    """Title of the default study of other data, whose own names its own."""
    return f"Does pretraining on {source.title} without labels help to classify {target.title}?"


def _phantom_note(missing: Sequence[str], root: Path) -> str:
    return (
        f"*** SYNTHETIC DATA *** {' and '.join(missing)} not in {root} and not downloadable now: "
        "running on drawn phantom images; the results have no medical meaning"
    )


@contextlib.contextmanager
def _backend(
    options: argparse.Namespace, here: Any, store: Any, plan: Any, console: Any
) -> Iterator[Any]:
    """What does the jobs: the processes of this machine, or a Ray cluster."""
    if options.ray is None:
        yield here
        return
    from tfmed.execution.cluster import Cluster

    console.stage(f"joining the Ray cluster ({options.ray})")
    datasets, share = plan.datasets, options.gpus_per_job
    with Cluster(store, datasets, options.ray, options.workers, gpus_per_job=share) as cluster:
        yield cluster


@contextlib.contextmanager
def _swept(store: Any, models: Path) -> Iterator[None]:
    """Removes what killed workers left half-written: earlier commands' and then this one's."""
    from tfmed.cache import LOCKS, cache_folder
    from tfmed.serving.versions import remove_leftovers

    def sweep() -> None:
        store.remove_leftovers()
        remove_leftovers(models)
        for pattern in LOCKS:
            remove_unheld(cache_folder(), pattern)

    sweep()
    try:
        yield
    finally:
        sweep()


def _discard(plan: Any, store: Any) -> None:
    """Forgets the results of every job of the plan."""
    from tfmed.execution.job import with_ancestors

    store.check_writable()
    for job in with_ancestors(plan.jobs()):
        store.discard(job)


def _do_jobs(plan: Any, store: Any, backend: Any, console: Any) -> dict[str, Any]:
    """Key to result of every job of the plan, those kept from earlier included."""
    from tfmed.execution.job import with_ancestors
    from tfmed.execution.schedule import do_jobs

    jobs = with_ancestors(plan.jobs())
    finished = {job.key: result for job in jobs if (result := store.load(job)) is not None}
    todo = [job for job in jobs if job.key not in finished]
    if todo:
        store.check_writable()
    if damaged := sum(store.path(job).exists() for job in todo):
        console.line(f"note: {damaged} kept results are damaged and are computed again")
    kept = f"; {len(finished)} are finished already" if finished else ""
    console.stage(f"training and looking: {len(todo)} jobs to do on {backend.where}{kept}")
    do_jobs(jobs, set(finished), backend, console.jobs)
    for job in todo:
        result = store.load(job)
        if result is None:
            raise InputError(
                f"{store.path(job)}: gone or damaged since it was written; run the study again"
            )
        finished[job.key] = result
    return finished


def _do_shard(plan: Any, shard: Any, store: Any, backend: Any, console: Any) -> bool:
    """Does a shard's share; whether all that the report needs is done now."""
    from tfmed.execution import shards
    from tfmed.execution.job import with_ancestors
    from tfmed.execution.schedule import do_jobs

    console.stage(f"shard {shard} on {backend.where}")

    def do(some: Sequence[Any]) -> None:
        every = with_ancestors(some)
        done = {job.key for job in every if store.load(job) is not None}
        if len(done) < len(every):
            store.check_writable()
        do_jobs(every, done, backend, console.jobs)

    def wait(job: Any) -> None:
        console.stage(f"waiting for another shard: {job.title}")

    shards.do_share(plan, shard, store, do, wait)
    left = shards.unfinished(plan, store)
    if left:
        console.line(
            f"shard {shard} is done; {left} jobs of other shards are not: the last shard to finish "
            "writes the report (where none runs any more, start the one that is missing)"
        )
    return not left


def _export(
    plan: Any, finished: dict[str, Any], backend: Any, models: Path, console: Any
) -> list[dict[str, Any]]:
    """Exports the models that are not exported yet; the `models` part of the results."""
    from tfmed.execution.schedule import do_jobs
    from tfmed.orchestration.plan import exports
    from tfmed.results import assembling
    from tfmed.serving import config
    from tfmed.serving.versions import find_version

    chosen = exports(plan, assembling.best_runs(plan, finished), models)
    versions = {
        name: find_version(models, name, run.job.key, set(job.parents) - {"run"})
        for name, run, job in chosen
    }
    todo = [job for name, _, job in chosen if versions[name] is None]
    if todo:
        console.stage(f"exporting {len(todo)} SavedModels to {models}")
    records = do_jobs(todo, set(finished), backend, console.jobs)
    found = {name: versions[name] or records[job.key]["version"] for name, _, job in chosen}
    config.write_configs(models)
    entries = assembling.model_entries(chosen, found, finished, models)
    stages = collections.Counter(entry["stage"] for entry in entries)
    counts = ", ".join(f"{count} {stage}" for stage, count in stages.most_common())
    console.line(f"       models: {counts or 'none'}")
    return entries


def _provenance(plan: Any, started: str, seconds: float) -> dict[str, Any]:
    from tfmed.orchestration import provenance

    return {
        **provenance.describe(plan.datasets.values()),
        "seeds": plan.seeds,
        "command": shlex.join(["python", "run_all.py", *sys.argv[1:]]),
        "started": started,
        "seconds": round(seconds, 1),
    }


def _make_folder(folder: Path, option: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        reason = "" if os.access(folder, os.W_OK | os.X_OK) else _NOT_WRITABLE
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise InputError(f"{folder}: can't be written to ({reason}); choose another {option}")


@contextlib.contextmanager
def _locked_folder(folder: Path) -> Iterator[Path]:
    """Makes a study's report folder and keeps a second command out of it."""
    _make_folder(folder, "--out")
    try:
        with hold(folder / REPORT_LOCK, wait=False) as is_ours:
            if not is_ours:
                raise _BusyError(
                    f"{folder}: another run is writing there; wait for it or choose another --out"
                )
            yield folder
    finally:
        with contextlib.suppress(OSError):  # goes only if nothing came to be in it
            folder.rmdir()
