"""Contenders of a benchmark: each in processes of its own, in turns, as one Markdown table.

A contender's process prepares, calls `wait_for_start`, measures, and prints one line of JSON. All
contenders have their turn in every round (A B C A B C …), so that a noisy minute hits all of them.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfmed.orchestration import provenance

CHESTMNIST_TRAIN, SIDE = 78_468, 28
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Contender:
    """What is measured in one turn.

    Attributes:
        name: as shown in the table.
        arguments: of the benchmark's own module, which then measures one contender.
        processes: how many do so at once; each is also given `--seed` 0, 1, ...
        environment: added to the environment of its processes.
    """

    name: str
    arguments: Sequence[str]
    processes: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)


def wait_for_start() -> None:
    """Reports that this process is ready, and waits until all of its contender's are."""
    print("ready", flush=True)
    sys.stdin.readline()


def take_turn(module: str, contender: Contender) -> list[dict[str, Any]]:
    """What each process of a contender measured.

    Raises:
        RuntimeError: one of them failed; its own message is on standard error.
    """
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **contender.environment}
    command = [sys.executable, "-m", module, *contender.arguments]
    processes = [
        subprocess.Popen(
            [*command, "--seed", str(seed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for seed in range(contender.processes)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            if not any(line == "ready\n" for line in process.stdout):
                raise RuntimeError(f"{contender.name}: failed before it was ready")
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("start\n")
            process.stdin.flush()
        printed = [process.communicate()[0] for process in processes]
        if any(process.returncode for process in processes):
            raise RuntimeError(f"{contender.name}: failed while it was measured")
    finally:
        for process in processes:
            process.kill()
    return [json.loads(lines.splitlines()[-1]) for lines in printed]


def take_turns(
    module: str, contenders: Sequence[Contender], rounds: int
) -> dict[str, list[list[dict[str, Any]]]]:
    """Contender's name to what its processes measured in each round."""
    measured: dict[str, list[list[dict[str, Any]]]] = {each.name: [] for each in contenders}
    for turn in range(1, rounds + 1):
        for contender in contenders:
            print(f"round {turn} of {rounds}: {contender.name}", file=sys.stderr, flush=True)
            measured[contender.name].append(take_turn(module, contender))
    return measured


def least_seconds(call: Callable[[], Any], *, seconds: float = 0.5) -> float:
    """The least time of a call, of as many as fit into some time."""
    call()
    best, until = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < until:
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Smallest, median and largest value; the only one alone."""
    three = (min(values), statistics.median(values), max(values))
    return " / ".join(f"{value:,.{digits}f}" for value in three[: 1 if len(values) == 1 else 3])


def ratio(values: Sequence[float], reference: Sequence[float]) -> str:
    """Ratios of each round's value to the reference's of the same round: smallest, median, most."""
    return spread([a / b for a, b in zip(values, reference, strict=True)], 2)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; columns after the first are right-aligned."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, rule, *rows])


def machine() -> str:
    """The machine and the versions, in one line."""
    found = provenance.describe([], provenance.Began())
    hardware, versions = found["hardware"], found["versions"]
    names = ", ".join(f"{name} {versions[name]}" for name in ("tensorflow", "keras"))
    return f"{provenance.usable_cores()} cores, {hardware['cpu']}; {names}"


def generated_images(n: int, *, seed: int = 0) -> np.ndarray:
    """Smooth random images, uint8 (n, 28, 28, 1), the same for every contender."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (n, 8, 8), np.uint8).astype("float32")
    position = np.linspace(0, 6.999, SIDE, dtype="float32")
    low = position.astype(int)
    weight = (position - low)[:, None]
    blend = np.zeros((SIDE, 8), "float32")
    blend[np.arange(SIDE), low] = 1 - weight[:, 0]
    blend[np.arange(SIDE), low + 1] = weight[:, 0]
    return (blend @ coarse @ blend.T).astype("uint8")[..., None]
