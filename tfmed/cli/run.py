"""`tfmed run`: the study, from data to report; `python run_all.py` is the same."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfmed.cli.arguments import (
    Subparsers,
    add_command,
    add_import_options,
    add_reach_option,
    add_task_option,
    import_options,
    integer,
    known_task,
    number,
    path,
)
from tfmed.cli.console import Console

if TYPE_CHECKING:
    from tfmed.config.study import Study

_EXAMPLES = """\
examples:
  tfmed run --quick                        a small study in minutes
  tfmed run                                the default study
  tfmed run --target my_images.npz --out reports/mine
"""


def add(commands: Subparsers) -> None:
    """Adds the command."""
    parser = add_command(
        commands,
        "run",
        "run a study and write its report",
        _command,
        usage="tfmed run [options]",
        epilog=_EXAMPLES,
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter  # keeps the examples' lines
    what = parser.add_argument_group("what to run")
    what.add_argument("--study", type=path, metavar="FILE", help="a study file (TOML)")
    what.add_argument(
        "--quick",
        action="store_true",
        help="the study in small, to DIR/<study>-quick",
    )
    what.add_argument(
        "--source",
        metavar="DATA",
        help="pretrain on MedMNIST flag, .npz, folder, CSV, phantom",
    )
    what.add_argument("--target", metavar="DATA", help="classify this")
    for role in ("source", "target"):
        add_task_option(what, f"--{role}-task")
    add_import_options(what, "pixels a side (28); of MedMNIST's 28, 64, 128 or 224")
    what.add_argument(
        "--seeds", type=integer(1, 1000), metavar="N", help="runs of every classifier (5; quick: 2)"
    )
    add_reach_option(what)
    where = parser.add_argument_group("where")
    where.add_argument(
        "--data-root",
        type=path,
        metavar="DIR",
        help="named data sets ($MEDMNIST_ROOT, else ~/.medmnist)",
    )
    where.add_argument(
        "--out",
        type=path,
        default=Path("reports"),
        metavar="DIR",
        help="the report goes to DIR/<study> (reports)",
    )
    where.add_argument(
        "--models",
        type=path,
        default=Path("saved_models"),
        metavar="DIR",
        help="models go to DIR/<model>/<version> (saved_models)",
    )
    _add_how(parser)


def _add_how(parser: argparse.ArgumentParser) -> None:
    how = parser.add_argument_group("how")
    how.add_argument(
        "--workers",
        type=integer(0, 1000),
        metavar="N",
        help="jobs side by side (one a GPU or core); 0: this process",
    )
    how.add_argument("--cluster", metavar="ADDRESS", help="do the jobs on a Dask cluster")
    how.add_argument(
        "--gpus-per-job",
        type=number(0.01, 1),
        default=1.0,
        metavar="F",
        help="share of a GPU that each job has (1)",
    )
    how.add_argument(
        "--tensorboard",
        type=path,
        metavar="DIR",
        help="write the curves of fits, for TensorBoard",
    )
    how.add_argument("--fresh", action="store_true", help="compute the study's finished work again")
    how.add_argument(
        "--report-only",
        action="store_true",
        help="render the report of such a run again; run nothing",
    )


def _command(options: argparse.Namespace) -> int:
    if options.report_only:
        return _render_again(options)
    from tfmed import report
    from tfmed.orchestration.running import run
    from tfmed.report.terminal import summary_table

    with Console() as console:
        try:
            found = run(
                _study(options),
                out=options.out,
                models=options.models,
                workers=options.workers,
                cluster=options.cluster,
                gpus_per_job=options.gpus_per_job,
                fresh=options.fresh,
                data_root=options.data_root,
                phantom_if_missing=not (options.study or options.source or options.target),
                fit_to_data=options.study is None,
                reach=options.reach,
                tensorboard=options.tensorboard,
                command=_as_typed(),
                listener=console,
            )
        finally:
            # Once it has discarded old results, and no sooner, --fresh would discard new ones.
            if console.has_discarded:
                options.again = "the same command without --fresh"
        console.note(summary_table(found.data))
        console.note("\n" + "\n".join(report.answer(found.data)))
        console.note("\n" + "\n".join(report.decision_lines(found.data)))
        names = ("report.html", "report.pdf", report.APPENDIX_FILE)
        written = "\n        ".join(str(found.folder / name) for name in names)
        console.note(f"\nreport: {written}\ndone in {console.seconds:.0f} s")
    return 0


def _render_again(options: argparse.Namespace) -> int:
    from tfmed.orchestration.rendering import render_again
    from tfmed.report import APPENDIX_FILE

    study = _study(options)
    folder = options.out / study.name
    if not folder.exists() and (options.out / "results.json").exists():
        folder = options.out
    with Console() as console:
        asked = dict(_asked(options, study))
        html, pdf = render_again(folder, console, asked=asked, reach=options.reach)
        console.note(f"{html}\n{pdf}\n{folder / APPENDIX_FILE}")
    return 0


def _asked(options: argparse.Namespace, study: "Study") -> dict[str, Any]:
    """The settings that the command line makes, nested as in a study file."""
    settings = study.settings()
    chosen = {
        "source": options.source or options.size,
        "target": options.target or options.size,
        "seeds": options.seeds,
        "images": import_options(options) or None,
        "source_task": options.source_task,
        "target_task": options.target_task,
    }
    if options.study is None:
        return {name: settings[name] for name, value in chosen.items() if value is not None}
    # An option may have set these three then.
    return {name: value for name, value in settings.items() if chosen.get(name, True) is not None}


def _study(options: argparse.Namespace) -> "Study":
    """The study that the options ask for."""
    from tfmed.config.reading import image_settings, read_study
    from tfmed.config.study import Study
    from tfmed.data.sources import sized

    study = read_study(options.study) if options.study else Study()
    if options.quick:
        study = study.quickened()
    changes: dict[str, Any] = {} if options.seeds is None else {"seeds": options.seeds}
    for role in ("source", "target"):
        named = getattr(options, role) or getattr(study, role)
        changes[role] = named if options.size is None else sized(named, options.size)
        if task := getattr(options, f"{role}_task"):
            changes[f"{role}_task"] = getattr(study, f"{role}_task").replaced(task=known_task(task))
    changes["images"] = image_settings(study.images, import_options(options))
    return study.model_copy(update=changes)


def _as_typed() -> str:
    """The command line, to be found in the results."""
    program = Path(sys.argv[0]).name
    start = ["python", program] if program.endswith(".py") else ["tfmed"]
    return shlex.join([*start, *sys.argv[1:]])
