"""Time to render both formats of a finished study, stage by stage.

Each round is a fresh process, as for a user; the table gives the least of the rounds, as other work
on the machine only ever adds. CPU seconds are those of the process and of the one it shares the
drawing with. Run from the repository: `python -m benchmarks.rendering RESULTS_JSON [--rounds N]`.
"""

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STAGES = ("reading results.json", "drawing figures", "writing report.html", "writing report.pdf")


def render_once(out: Path) -> dict:
    """Seconds of each stage of one rendering in this process, and what it imported."""
    from tfmed import report

    began = [(STAGES[0], time.perf_counter(), cpu_seconds())]

    def note(stage: str) -> None:
        began.append((stage, time.perf_counter(), cpu_seconds()))

    report.render(out, progress=note)
    note("end")
    stages = {
        stage: {"wall": after[1] - wall, "cpu": after[2] - cpu}
        for (stage, wall, cpu), after in itertools.pairwise(began)
    }
    return {"stages": stages, "cpu": cpu_seconds(), "tensorflow": "tensorflow" in sys.modules}


def cpu_seconds() -> float:
    """User and system time of this process and of those it waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def measure(results: Path) -> dict:
    """One rendering in a fresh process, with the wall time of the whole of it."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(results, Path(folder) / "results.json")
        command = [sys.executable, "-m", "benchmarks.rendering", folder, "--once"]
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return {**json.loads(done.stdout), "wall": time.perf_counter() - start}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="results.json of a finished study")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        print(json.dumps(render_once(options.results)))
        return
    rounds = [measure(options.results) for _ in range(options.rounds)]
    print("| | wall (s) | CPU (s) |\n|---|---|---|")
    for stage in STAGES:
        wall, cpu = (min(r["stages"][stage][kind] for r in rounds) for kind in ("wall", "cpu"))
        print(f"| {stage} | {wall:.2f} | {cpu:.2f} |")
    wall, cpu = (min(r[kind] for r in rounds) for kind in ("wall", "cpu"))
    print(f"| whole, with the interpreter's start | {wall:.2f} | {cpu:.2f} |")
    loaded = any(r["tensorflow"] for r in rounds)
    print(f"\nTensorFlow {'was' if loaded else 'was not'} imported; {options.rounds} rounds.")


if __name__ == "__main__":
    main()
