import subprocess
import sys

import numpy as np
import pytest

from tfmed import steps
from tfmed.errors import InputError
from tfmed.execution import keys
from tfmed.execution.job import Result

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("steps")]  # who share one study

CHECKING = {
    *(("tfmed.steps", name) for name in ("perform", "code_of", "roots")),
    ("tfmed.tasks", "code_of"),
}
"""Functions that find the work and check its code."""
PLANNING = """
import sys
from pathlib import Path
from tfmed.config.study import Study
from tfmed.data import DatasetInfo
from tfmed.orchestration.plan import make_plan
counts = {"train": (900, 900), "val": (50, 50), "test": (80, 80)}
source, target = (
    DatasetInfo(n, n, "", "", Path(n), n, False, (28, 28, 1), ("no", "yes"), 1, counts)
    for n in ("chest", "lung")
)
make_plan(Study(), source, target).jobs()
assert not {"tensorflow", "keras", "sklearn"} & sys.modules.keys()
"""


def test_making_jobs_imports_no_tensorflow():
    subprocess.run([sys.executable, "-c", PLANNING], check=True)


def test_every_function_that_a_job_runs_is_part_of_its_key(tiny):
    jobs = {job.kind: job for job in [*tiny.plan.jobs()]}
    assert jobs.keys() == tiny.ran.keys() == steps.REGISTRY.keys() - {"export"}
    for kind, job in jobs.items():
        data = {role: tiny.plan.datasets[md5] for role, md5 in job.data.items()}
        found = keys.closure(steps.roots(kind, job.spec, data)).definitions.keys()
        assert tiny.ran[kind] <= found | _unkeyed(tiny.ran[kind]), kind


def _unkeyed(ran):
    """What runs around the work: the check of its key, and what imports run."""
    return {
        (module, name)
        for module, name in ran
        if module == "tfmed.execution.keys" or (module, name) in CHECKING or name.startswith("<")
    }


def test_a_job_whose_key_tells_of_other_code_is_not_done(monkeypatch):
    monkeypatch.setattr("tfmed.steps.compare.work", lambda *_: Result({}, {"x": np.zeros(1)}))
    spec = {"pairs": []}

    def done(code):
        return steps.perform("compare", spec, {}, {}, print, code=code)

    for code in ("", steps.code_of("compare", spec, {})):
        assert "x" in done(code).arrays
    with pytest.raises(InputError, match=r"changed while the study ran; .* run the study again"):
        done("other")
