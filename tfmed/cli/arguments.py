"""The arguments of `run_all.py`."""

import argparse
from pathlib import Path
from typing import Any, NoReturn

import tfmed

BAD_INPUT = 2
"""Exit code."""
_EXAMPLES = """\
examples:
  python run_all.py --quick                    a small study in two minutes
  python run_all.py                            the full study, data downloaded once
  python run_all.py --target breastmnist --out reports/breast
                                               another MedMNIST set as the target
  python run_all.py --target my_images.npz --out reports/mine
                                               your own images, in MedMNIST's format
  python run_all.py --report-only              render the report again
  python run_all.py --compare old/my-study reports/my-study
                                               show what changed between two reports
  python -m tfmed.cache                        show, or prune, the finished work that is kept in
                                               $TFMED_CACHE (default: ~/.cache/tfmed)
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"error: {message}; see --help\n")


def make_parser() -> argparse.ArgumentParser:
    """The parser of `run_all.py`; its errors are one line and exit code 2."""
    parser = _Parser(
        prog="run_all.py",
        description="When labels are scarce, does an encoder pretrained without labels help, and "
        "should it be frozen or fine-tuned? Runs the study and writes the report.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"tfmed {tfmed.__version__}")
    what = parser.add_argument_group("what to run")
    what.add_argument("--study", type=_path, metavar="FILE", help="a study file (TOML)")
    what.add_argument(
        "--quick",
        action="store_true",
        help="the whole study in small: fewer images, epochs, seeds and label budgets; its report "
        "goes to DIR/<study>-quick",
    )
    what.add_argument(
        "--source",
        metavar="NAME|PATH",
        help="pretrain on this: a MedMNIST flag, 'phantom', or an .npz in MedMNIST's format "
        "(default: the study's, chestmnist)",
    )
    what.add_argument(
        "--target", metavar="NAME|PATH", help="classify this (default: the study's, pneumoniamnist)"
    )
    what.add_argument(
        "--seeds",
        type=_positive,
        metavar="N",
        help="seeds of every classifier (default: the study's, 5; with --quick 2)",
    )
    where = parser.add_argument_group("where")
    where.add_argument(
        "--data-root",
        type=_path,
        metavar="DIR",
        help="where named data sets lie or are downloaded to (default: $MEDMNIST_ROOT, else "
        "~/.medmnist)",
    )
    where.add_argument(
        "--out",
        type=_path,
        metavar="DIR",
        help="the report goes to DIR/<study> (default: reports); with --compare, to DIR itself "
        "(default: reports/compare-<a>-vs-<b>)",
    )
    where.add_argument(
        "--models",
        type=_path,
        default=Path("saved_models"),
        metavar="DIR",
        help="SavedModels go to DIR/<model>/<version> (default: saved_models)",
    )
    how = parser.add_argument_group("how")
    how.add_argument(
        "--workers",
        type=_positive,
        metavar="N",
        help="jobs side by side (default: one per GPU, else one per core; with --ray, as many as "
        "the cluster has room for)",
    )
    how.add_argument(
        "--ray",
        metavar="auto|ADDRESS",
        help="do the jobs on a Ray cluster: the one of this machine or of $RAY_ADDRESS, or the one "
        "whose head is at HOST:PORT",
    )
    how.add_argument(
        "--gpus-per-job",
        type=_share,
        default=1.0,
        metavar="F",
        help="share of a GPU that each job has, such as 0.5 (default: 1); without effect on CPUs",
    )
    how.add_argument(
        "--report-only",
        action="store_true",
        help="render the report again from the study's results.json; runs nothing; takes the "
        "--study, --quick and --out of the run",
    )
    how.add_argument(
        "--compare",
        nargs=2,
        type=_path,
        metavar=("REPORT_A", "REPORT_B"),
        help="show what changed from one report to another (each a folder of a report or its "
        "results.json), in compare.html and compare.pdf; runs nothing",
    )
    how.add_argument(
        "--fresh",
        action="store_true",
        help="compute the study's finished work again, also what it shares with other studies",
    )
    how.add_argument(
        "--shard",
        type=_shard,
        metavar="I/N",
        help="do share I of N, here or with --ray; all N share one TFMED_CACHE and --out, and the "
        "last to finish writes the report",
    )
    return parser


def _positive(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if not 1 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 1 to 1000")
    return value


def _shard(text: str) -> Any:
    from tfmed.execution.shards import parse_shard

    try:
        return parse_shard(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"'{text}' is no share; give I/N, such as 1/4, with I from 1 to N"
        ) from None


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("the path is empty")
    return Path(text)


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.01 <= value <= 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 0.01 to 1")
    return value
