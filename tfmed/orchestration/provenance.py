"""Where results come from: versions, commit, hardware, files."""

import datetime
import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

import tfmed
from tfmed.data import DatasetInfo

_ASK_TENSORFLOW = "import tensorflow as tf; print(bool(tf.config.list_physical_devices('GPU')))"
PACKAGES = ("tensorflow", "keras", "numpy", "scipy", "scikit-learn", "openTSNE", "matplotlib")


@dataclass(frozen=True)
class Began:
    """When a run began, by the clock on the wall and by one that nobody sets."""

    date: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.UTC))
    clock: float = field(default_factory=time.monotonic)


def describe(datasets: Iterable[DatasetInfo], began: Began) -> dict[str, Any]:
    """Where and when a run was made, and of what: most of `provenance` in `results.json`."""
    versions = {package: importlib.metadata.version(package) for package in PACKAGES}
    return {
        "versions": {"tfmed": tfmed.__version__, "python": platform.python_version(), **versions},
        "commit": _commit(),
        "hardware": {
            "cpu": _cpu(),
            "cores": usable_cores(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "gpus": _gpus(),
        },
        "files": {info.path.name: info.md5 for info in datasets},
        "started": began.date.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - began.clock, 1),
    }


def usable_cores() -> int:
    """Cores that this process may use; Linux knows of limits that other systems do not report."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _commit() -> str | None:
    """Commit of the checkout that this code runs from, marked where it was changed since."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def visible_gpus() -> list[str]:
    """Names of the GPUs that may be used, as CUDA_VISIBLE_DEVICES takes them."""
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if listed is None:
        return [str(number) for number, _ in enumerate(_gpus())]
    return [name for name in listed.split(",") if name not in ("", "-1")]


def tensorflow_uses_gpus() -> bool:
    """Whether TensorFlow finds a GPU that it can use; asked in a process of its own."""
    command = [sys.executable, "-P", "-c", _ASK_TENSORFLOW]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip().endswith("True")


def _gpus() -> list[str]:
    names = []
    for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        lines = path.read_text(encoding="utf-8").splitlines()
        names += [line.partition(":")[2].strip() for line in lines if line.startswith("Model")]
    return names
