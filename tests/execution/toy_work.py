"""Jobs that need no TensorFlow, for tests of the engines; workers find them by this module."""

import os
import random
import signal
import time
from pathlib import Path

import numpy as np

from tfmed.errors import InputError
from tfmed.execution.job import Job, Result


def toy(name, parents=None, cost=1.0, kept=True, data=None, **spec):
    return Job(
        kind="toy",
        spec={"name": name, **spec},
        data=data or {},
        parents=parents or {},
        title=name,
        cost=cost,
        kept=kept,
    )


def perform(kind, spec, data, parents, say, *, code=""):
    """Does what the job's settings say."""
    if mark := spec.get("mark"):
        with Path(mark).open("a") as file:
            file.write(f"{spec['name']}\n")
    if dies := spec.get("dies"):  # once for every letter of a file
        deaths = Path(dies)
        left = deaths.read_text()
        if left:
            deaths.write_text(left[1:])
            os.kill(os.getpid(), signal.SIGKILL)
    if wrong := spec.get("wrong"):
        raise {"input": InputError, "own": KeyError, "diverged": FloatingPointError}[wrong]("it")
    if "seed" in spec:
        random.seed(spec["seed"])
    say(0.5)
    time.sleep(spec.get("sleeps", 0.0))
    drawn = [random.random() for _ in range(3)] if "seed" in spec else []
    sums = {role: int(parent.arrays["sum"]) for role, parent in parents.items()}
    read = {role: info.path.read_text() for role, info in data.items()}
    total = np.array(spec.get("value", 0) + sum(sums.values()))
    record = {"pid": os.getpid(), "drawn": drawn, "read": read, "cwd": str(Path.cwd())}
    return Result(record, {"sum": total})
