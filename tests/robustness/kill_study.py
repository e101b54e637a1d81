"""Kills the quick study at random moments and looks at what comes of it.

    python tests/robustness/kill_study.py --kills 50

An undisturbed run gives the results to compare with and the time that a run takes. Then the same
command, in folders of its own, is killed (SIGKILL, the whole process group) at moments drawn from
the time that is still to run, and started again until it comes to its end. What is left of the
kills falls on the same study begun anew: by turns with nothing but its finished jobs (so that
kills fall on exports and report) and with nothing at all. Each time that a study comes to its end:

- `results.json` is the undisturbed run's, times aside;
- no finished job was written again, and no model exported twice;
- no temporary file is left, and no process.

Takes about 15 minutes on 2 cores. Exit code 1 if one of these does not hold.
"""

import argparse
import collections
import contextlib
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TIMES = {"started", "seconds", "command", "commit"}
STAGE = re.compile(r"^ *\d+:\d\d  ([a-z].*)$")
TEMPORARY = re.compile(r"^\.|\.(tmp|part|partial|drawing)$|incomplete")
FOLDERS = ("cache", "out", "models", "tmp")


class BrokenError(Exception):
    """What must hold does not."""


@dataclass
class Study:
    """One command in folders of its own: `cache`, `out`, `models` and `tmp` under `home`.

    Attributes:
        home: holds the folders.
        arguments: of `run_all.py`, without those that name folders.
        jobs: finished job's file to its inode and MD5, as first seen.
        hits: the stage that was reached, for each kill.
        ends: how often it came to its end.
    """

    home: Path
    arguments: Sequence[str]
    jobs: dict[str, tuple[int, str]] = field(default_factory=dict)
    hits: list[str] = field(default_factory=list)
    ends: int = 0

    def start(self) -> subprocess.Popen:
        """Starts the command as the leader of a process group."""
        for name in FOLDERS:
            (self.home / name).mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "TFMED_CACHE": str(self.home / "cache"),
            "TMPDIR": str(self.home / "tmp"),
            "TFMED_MEDMNIST_URL": "http://127.0.0.1:9",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        folders = ["--out", str(self.home / "out"), "--models", str(self.home / "models")]
        with (self.home / "log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, str(ROOT / "run_all.py"), *self.arguments, *folders],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def run(self) -> float:
        """Runs it to its end and gives the seconds that it took."""
        started = time.monotonic()
        self.end(self.start().wait())
        return time.monotonic() - started

    def run_and_kill(self, moment: float) -> bool:
        """Kills it after so many seconds; False if it came to its end before."""
        process = self.start()
        try:
            self.end(process.wait(timeout=moment))
            return False
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.hits.append(self.stage())
        self.expect_no_process()
        self.look_at_jobs()
        return True

    def end(self, code: int) -> None:
        """Holds what a run that came to its end left behind against what must be."""
        if code:
            raise BrokenError(
                f"exit code {code}; it said:\n{(self.home / 'log').read_text()[-2000:]}"
            )
        self.ends += 1
        self.expect_no_process()
        self.look_at_jobs()
        if left := self.temporary_files():
            raise BrokenError(f"temporary files are left: {', '.join(map(str, left))}")
        if again := [path for path in self.home.glob("models/*/*") if path.name != "1"]:
            raise BrokenError(f"exported twice: {', '.join(map(str, again))}")

    def stage(self) -> str:
        """The stage of the work that the log tells of last."""
        lines = (self.home / "log").read_text(errors="replace").splitlines()
        stages = [found[1] for line in lines if (found := STAGE.match(line))]
        last = stages[-1] if stages else "starting"
        return re.sub(r"[:\d].*", "", last).strip()

    def look_at_jobs(self) -> None:
        """Makes sure that no finished job was written again or lost."""
        found = {}
        for path in self.home.glob("cache/jobs/*/*.job"):
            found[path.stem] = (path.stat().st_ino, hashlib.md5(path.read_bytes()).hexdigest())
        for key, as_first_seen in self.jobs.items():
            if found.get(key) != as_first_seen:
                raise BrokenError(f"job {key} was finished and then written again or lost")
        self.jobs = found

    def temporary_files(self) -> list[Path]:
        """What no run that came to its end may leave."""
        left = list((self.home / "tmp").iterdir())
        for name in ("cache", "out", "models"):
            left += [p for p in (self.home / name).rglob("*") if TEMPORARY.search(p.name)]
        return left

    def expect_no_process(self) -> None:
        """Waits a moment for killed processes to go."""
        end = time.monotonic() + 10
        while left := processes_with(f"TFMED_CACHE={self.home / 'cache'}"):
            if time.monotonic() > end:
                raise BrokenError(f"processes are left: {left}")
            time.sleep(0.05)

    def results(self) -> Any:
        """`results.json`, without what differs between two runs of the same study."""
        (path,) = self.home.glob("out/*/results.json")
        return without_times(json.loads(path.read_text(encoding="utf-8")))

    def forget(self, *folders: str) -> None:
        """Removes folders, to begin again without them."""
        for name in folders:
            shutil.rmtree(self.home / name)
        if "cache" in folders:
            self.jobs = {}


def without_times(value: Any) -> Any:
    """Results without what differs between two runs of the same study."""
    if isinstance(value, dict):
        return {name: without_times(item) for name, item in value.items() if name not in TIMES}
    return [without_times(item) for item in value] if isinstance(value, list) else value


def processes_with(variable: str) -> list[int]:
    """Processes that run with an environment variable, zombies left out (Linux only)."""
    wanted, found = variable.encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile, or is another user's
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def kill(study: Study, expected: Any, whole: float, tail: float, n_jobs: int, options: Any) -> int:
    """Kills the study `options.kills` times; gives how many jobs were finished in all."""
    rng = random.Random(options.seed)
    computed, pace, anew = 0, 1.0, True
    end = time.monotonic() + 60 * options.minutes
    while len(study.hits) < options.kills and time.monotonic() < end:
        to_run = pace * (tail + (whole - tail) * (1 - len(study.jobs) / n_jobs))
        moment = rng.uniform(0, to_run)
        started = time.monotonic()
        if study.run_and_kill(moment):
            anew = False
            number = f"{len(study.hits):3d}/{options.kills}"
            print(
                f"{number} killed after {moment:5.1f} s, {study.hits[-1]}; "
                f"{len(study.jobs)} of {n_jobs} jobs are finished",
                flush=True,
            )
            continue
        if anew:  # a machine that has grown faster would be killed ever more rarely
            pace *= (time.monotonic() - started) / to_run
        compare(study, expected)
        anew = True
        if study.ends % 2:
            study.forget("out", "models")
        else:
            computed += len(study.jobs)
            study.forget("cache", "out", "models")
    study.run()
    compare(study, expected)
    return computed + len(study.jobs)


def compare(study: Study, expected: Any) -> None:
    """Holds results against those of the undisturbed run."""
    if study.results() != expected:
        raise BrokenError(f"{study.home / 'out'}: other results than the undisturbed run's")
    print(f"        came to its end: the same results ({len(study.jobs)} jobs)", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Does as the module says; 0 if all held."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=120, help="kill no longer than this")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--source", default="phantom")
    parser.add_argument("--target", default="phantom")
    parser.add_argument("--study", type=Path, help="a study file, in place of the quick study")
    parser.add_argument("--workers", help="of each command")
    parser.add_argument(
        "--work", type=Path, help="folder to work in (default: one that is removed)"
    )
    options = parser.parse_args(arguments)
    command = ["--quick", "--source", options.source, "--target", options.target]
    if options.study:
        command = ["--study", str(options.study.absolute())]
    if options.workers:
        command += ["--workers", options.workers]
    with contextlib.ExitStack() as stack:
        work = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        started = time.monotonic()
        calm = Study(work.absolute() / "undisturbed", command)
        killed = Study(work.absolute() / "killed", command)
        try:
            whole = calm.run()
            n_jobs, expected = len(calm.jobs), calm.results()
            calm.forget("out", "models")
            tail = calm.run()
            print(f"undisturbed: {whole:.0f} s, {n_jobs} jobs; exports and report: {tail:.0f} s")
            finished = kill(killed, expected, whole, tail, n_jobs, options)
        except BrokenError as error:
            print(f"BROKEN: {error}", file=sys.stderr)
            return 1
    print(
        f"\nkills                          {len(killed.hits):5d}\n"
        + "".join(
            f"  while {stage:<23.23}{count:5d}\n"
            for stage, count in collections.Counter(killed.hits).most_common()
        )
        + f"came to its end                {killed.ends:5d}\n"
        f"  with other results               0\n"
        f"jobs finished                  {finished:5d}\n"
        f"  written again or lost            0\n"
        f"temporary files left               0\n"
        f"processes left                     0\n"
        f"seconds                        {time.monotonic() - started:5.0f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
