"""Jobs: units of work that can be done anywhere, whose results are kept and never computed twice.

A job is a pure function of a small specification, of the content of data files, of its parents'
results and of the code that matters to it; a hash of all that is its key. joblib.Memory was weighed
and left: it keys on one function's source, not on the modules it calls, and trusts what it reads.
"""

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Job:
    """One unit of work.

    Attributes:
        kind: names what does it; one of `tfmed.steps.REGISTRY`.
        spec: what that needs to know, as plain JSON values.
        data: role to MD5 of each data file that it reads.
        parents: role to the job whose result it needs.
        code: from `tfmed.execution.keys.code_version`.
        title: for people; not part of the key.
        cost: rough seconds of one core, to order jobs and tell the time left; not part of the key.
        kept: its result goes to the store; else the job is done for its effect alone.
    """

    kind: str
    spec: Mapping[str, Any]
    data: Mapping[str, str]
    parents: Mapping[str, "Job"] = field(default_factory=dict)
    code: str = ""
    title: str = ""
    cost: float = 1.0
    kept: bool = True

    @functools.cached_property
    def key(self) -> str:
        """SHA-256 of everything that the result depends on."""
        identity = {
            "kind": self.kind,
            "spec": self.spec,
            "data": self.data,
            "parents": {role: parent.key for role, parent in self.parents.items()},
            "code": self.code,
        }
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Result:
    """What a job leaves behind: a record of JSON values, and arrays by name."""

    record: dict[str, Any]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


def with_ancestors(jobs: Iterable[Job]) -> list[Job]:
    """The jobs and all that they need, each once, parents first."""
    ordered: dict[str, Job] = {}

    def visit(job: Job) -> None:
        if job.key not in ordered:
            for parent in job.parents.values():
                visit(parent)
            ordered[job.key] = job

    for job in jobs:
        visit(job)
    return list(ordered.values())
