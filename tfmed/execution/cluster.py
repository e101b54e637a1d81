"""The machines of a Ray cluster, each doing jobs in actors of one CPU, or of a share of a GPU.

Nodes need not share a file system: data files and parents' results come from Ray's object store,
and results go back to the command, which alone writes to the store. Ray is imported when used.
"""

import atexit
import contextlib
import logging
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmed.data import DatasetInfo
from tfmed.errors import InputError
from tfmed.execution.job import Job
from tfmed.execution.node import Worker, compare_versions, versions
from tfmed.execution.processes import (
    JOBS_PER_WORKER,
    ONE_THREAD,
    PACKAGE_PARENT,
    jobs_per_gpu,
    request_for,
)
from tfmed.execution.schedule import Event
from tfmed.execution.store import Store, write_content

PATIENCE = 15.0
"""Seconds within which a cluster has to answer."""
PULSE = 5.0
"""Seconds after which it is seen whether the cluster's head is still there."""
GREETING = 120.0
"""Seconds within which a node has to start a process and import tfmed."""

_START = "`ray start --head` starts one, `ray start --address=HOST:6379` adds a machine to it"
_PROBE = """\
import logging, sys, ray
ray.init(address=sys.argv[1], logging_level=logging.ERROR, log_to_driver=False)
print("found", ray.get_runtime_context().gcs_address)
"""


@dataclass(frozen=True)
class Node:
    """A machine of the cluster that can do jobs.

    Attributes:
        id: Ray's.
        name: for people.
        room: how many jobs it can do side by side.
    """

    id: str
    name: str
    room: int


class Cluster:
    """A backend of `tfmed.execution.schedule` on a Ray cluster that runs already.

    Its actors are neither named nor detached: they end with the command, however that ends.
    """

    def __init__(
        self,
        store: Store,
        datasets: Mapping[str, DatasetInfo],
        address: str,
        workers: int | None = None,
        *,
        gpus_per_job: float = 1.0,
    ) -> None:
        """Connects to nothing yet.

        Args:
            store: holds parents' results, takes the jobs' own.
            datasets: MD5 to data set.
            address: `auto` or HOST:PORT.
            workers: how many jobs side by side, at most; as many as the cluster has room for
                where it is None.
            gpus_per_job: share of a GPU that each job has, in (0, 1], if the cluster has GPUs.

        Raises:
            InputError: Ray is not installed, or the address is none.
        """
        self._ray = _import_ray()
        self._address = checked_address(address)
        self._store, self._datasets = store, datasets
        self._limit, self._share = workers, gpus_per_job
        self._hands: list[_Hand] = []
        self._pending: dict[Any, _Hand] = {}
        self._deferred: list[Job] = []
        self._died_on: dict[str, set[str]] = {}
        self._files: dict[str, Any] = {}
        self._results: dict[str, Any] = {}
        self.where = ""
        """What does the jobs, in words."""

    def __enter__(self) -> "Cluster":
        """Connects, and sees that every node has the same code and packages as this process.

        Raises:
            InputError: no cluster answers, it has no room, or a node has other versions.
        """
        self._head = find_cluster(self._address)
        _connect(self._ray, self._head)
        try:
            alive = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
            self._with_gpus = any(resources.get("GPU", 0) >= 1 for resources in alive)
            nodes = self._nodes()
            if not nodes:
                raise InputError(
                    f"--ray {self._address}: the cluster has no CPU to give; start its nodes "
                    "with --num-cpus of at least 1"
                )
            self._greet(nodes)
            most = self._most(nodes)
            self.where = f"{_counted(most, 'worker')} of {_counted(len(nodes), 'Ray node')}"
        except BaseException:
            self._ray.shutdown()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the actors and leaves the cluster; what they had finished is kept."""
        if not answers(self._head):
            _give_up()
            return
        for hand in list(self._hands):
            self._dismiss(hand)
        self._ray.shutdown()

    def has_room(self) -> bool:
        """Whether a node has room for another job, now that some may have come or gone."""
        return len(self._pending) + len(self._deferred) < self._most(self._nodes())

    def start(self, job: Job) -> None:
        """Gives a job to an idle actor or to a new one; a job that died waits for another node."""
        assert job.kept, "only what the store takes comes back from another machine"
        self._deferred.append(job)
        self._start_deferred()

    def _start_deferred(self) -> None:
        nodes = self._nodes()
        alive = {node.id for node in nodes}
        for hand in [hand for hand in self._hands if not hand.job and hand.node.id not in alive]:
            self._dismiss(hand)
        for job in list(self._deferred):
            node = self._choose(job, nodes)
            if node is None:
                continue
            self._deferred.remove(job)
            hand = self._idle(node) or self._hire(node, self._most(nodes))
            hand.job = job
            self._send(hand, job)

    def wait(self) -> Iterator[Event]:
        """Yields what came of a job, after waiting for one.

        Raises:
            InputError: no node is left to do any.
        """
        if not self._pending:
            raise InputError(
                f"--ray {self._address}: the cluster has no node left; finished work is kept: "
                "start nodes again (`ray status` lists them) and run the study again"
            )
        pending = list(self._pending)
        answered_now: list[Any] = []
        while not answered_now:
            answered_now, _ = self._ray.wait(pending, num_returns=1, timeout=PULSE)
            self._see_head()
        for answered in answered_now:
            events = list(self._take(answered))
            self._start_deferred()
            yield from events

    def _take(self, answered: Any) -> Iterator[Event]:
        hand = self._pending.pop(answered)
        job = hand.job
        assert job is not None
        try:
            answer = self._ray.get(answered)
        except self._ray.exceptions.RayError:
            self._dismiss(hand)
            self._died_on.setdefault(job.key, set()).add(hand.node.id)
            yield Event(job, "died", 0.0, self._last_words(hand.node))
            return
        if "lacking" in answer:
            for md5 in answer["lacking"]:
                self._share_file(md5)
            self._send(hand, job)
            return
        if "content" in answer:
            write_content(self._store.path(job), answer.pop("content"))
        hand.job = None
        hand.jobs_done += 1
        if hand.jobs_done >= JOBS_PER_WORKER:
            self._dismiss(hand)
        yield Event(job, "answered", 1.0, answer)

    def _see_head(self) -> None:
        if not answers(self._head):
            raise InputError(
                f"--ray {self._address}: the cluster's head {self._head} was lost; finished work "
                "is kept: start the cluster and run the study again"
            )

    def _nodes(self) -> list[Node]:
        self._see_head()
        found = [
            Node(
                node["NodeID"],
                f"{node['NodeManagerHostname']} ({node['NodeName']})",
                room(node["Resources"], self._share if self._with_gpus else None),
            )
            for node in self._ray.nodes()
            if node["Alive"]
        ]
        return [node for node in found if node.room]

    def _most(self, nodes: list[Node]) -> int:
        places = sum(node.room for node in nodes)
        return min(places, self._limit or places)

    def _choose(self, job: Job, nodes: list[Node]) -> Node | None:
        died_on = self._died_on.get(job.key, set())
        busy = {node.id: 0 for node in nodes}
        for hand in self._pending.values():
            if hand.node.id in busy:
                busy[hand.node.id] += 1
        fit = [node for node in nodes if node.id not in died_on] or nodes
        return min(
            (node for node in fit if busy[node.id] < node.room),
            key=lambda node: (self._idle(node) is None, busy[node.id] / node.room),
            default=None,
        )

    def _idle(self, node: Node) -> "_Hand | None":
        return next((h for h in self._hands if h.job is None and h.node.id == node.id), None)

    def _hire(self, node: Node, most: int) -> "_Hand":
        idle = next((hand for hand in self._hands if hand.job is None), None)
        if idle and len(self._hands) >= most:
            self._dismiss(idle)
        actor = self._ray.remote(Worker).options(
            num_cpus=1,
            num_gpus=self._share if self._with_gpus else 0,
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy=self._only_on(node),
        )
        hand = _Hand(actor.remote(node.name, versions()), node)
        self._hands.append(hand)
        return hand

    def _dismiss(self, hand: "_Hand") -> None:
        self._hands.remove(hand)
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.kill(hand.actor)

    def _send(self, hand: "_Hand", job: Job) -> None:
        request = request_for(job, self._store, self._datasets)
        parents = {role: self._share_result(parent) for role, parent in job.parents.items()}
        files = {md5: self._files[md5] for md5 in job.data.values() if md5 in self._files}
        self._pending[hand.actor.do.remote(request, parents, files)] = hand

    def _share_result(self, job: Job) -> Any:
        if job.key not in self._results:
            path = self._store.path(job)
            try:
                self._results[job.key] = self._ray.put(path.read_bytes())
            except OSError:
                raise InputError(
                    f"{path}: a finished result is gone or damaged; run the study again"
                ) from None
        return self._results[job.key]

    def _share_file(self, md5: str) -> None:
        if md5 in self._files:
            return
        path = self._datasets[md5].path
        try:
            self._files[md5] = self._ray.put(np.fromfile(path, np.uint8))
        except OSError as error:
            raise InputError(
                f"{path}: can't be read any more ({error.strerror}); run the study again"
            ) from None

    def _greet(self, nodes: list[Node]) -> None:
        mine = versions()
        ask = self._ray.remote(num_cpus=0, max_retries=0)(versions)
        asked = [ask.options(scheduling_strategy=self._only_on(node)).remote() for node in nodes]
        for node, theirs in zip(nodes, asked, strict=True):
            try:
                compare_versions(node.name, self._ray.get(theirs, timeout=GREETING), mine)
            except self._ray.exceptions.RayError as error:
                last = str(error).strip().splitlines()[-1]
                raise InputError(
                    f"node {node.name}: tfmed can't be used there ({last}); install the same "
                    "tfmed and packages on every node"
                ) from None

    def _only_on(self, node: Node) -> Any:
        strategies = self._ray.util.scheduling_strategies
        return strategies.NodeAffinitySchedulingStrategy(node.id, soft=False)

    def _last_words(self, node: Node) -> dict[str, str]:
        if node.id in {each.id for each in self._nodes()}:
            mend = "most likely memory ran out there: use fewer --workers"
            return {"reason": f"on node {node.name}", "mend": mend}
        mend = "finished work is kept: see `ray status`, then run the study again"
        return {"reason": f"when node {node.name} was lost", "mend": mend}


@dataclass(eq=False)
class _Hand:
    actor: Any
    node: Node
    job: Job | None = None
    jobs_done: int = 0


def room(resources: Mapping[str, float], gpus_per_job: float | None) -> int:
    """How many jobs a node can do side by side.

    Args:
        resources: Ray's, of the node.
        gpus_per_job: share of a GPU that each job has; None for jobs on the CPU.
    """
    cpus = int(resources.get("CPU", 0))
    if gpus_per_job is None:
        return cpus
    return min(cpus, int(resources.get("GPU", 0)) * jobs_per_gpu(gpus_per_job))


def _import_ray() -> Any:
    try:
        import ray
    except ImportError:
        raise InputError(
            "--ray: Ray is not installed; install requirements-dev.txt, or ray>=2.50 of one "
            "version on every node"
        ) from None
    return ray


def checked_address(address: str) -> str:
    """The address, after `auto` has given way to $RAY_ADDRESS; Ray's others start clusters.

    Raises:
        InputError: it is none.
    """
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS") or "auto"
    if address != "auto" and not re.fullmatch(r"[\w.-]+:\d+|\[[0-9a-fA-F:]+\]:\d+", address):
        raise InputError(
            f"--ray {address!r}: is neither auto nor HOST:PORT; run the command on a machine of "
            "the cluster, with --ray auto"
        )
    return address


def find_cluster(address: str) -> str:
    """Address of the cluster's head, for `ray.init`.

    It is tried in another process: Ray waits for more than a minute where nothing answers, then
    ends the process.

    Args:
        address: `auto` or HOST:PORT.

    Raises:
        InputError: no cluster answers there within `PATIENCE`, or it refuses.
    """
    command = [sys.executable, "-P", "-c", _PROBE, address]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise InputError(f"--ray {address}: no Ray cluster answers there; {_START}") from None
    found = re.search(r"^found (\S+)$", done.stdout, re.MULTILINE)
    if found:
        return found[1]
    if address == "auto":
        raise InputError(
            f"--ray auto: no Ray cluster runs on this machine, nor does RAY_ADDRESS name one; "
            f"{_START}"
        )
    said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    raise InputError(f"--ray {address}: this machine can't join ({said}); {_START}")


def answers(address: str) -> bool:
    """Whether something listens at HOST:PORT."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=PULSE).close()
    except OSError:
        return False
    return True


def _give_up() -> None:
    """Has this process end as on bad input, past Ray, which would wait for its head and crash."""

    def end() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(2)

    atexit.register(end)


def _connect(ray: Any, address: str) -> None:
    interrupt = signal.getsignal(signal.SIGTERM)
    ray.init(
        address=address,
        logging_level=logging.CRITICAL,
        log_to_driver=False,
        runtime_env={
            "env_vars": {**ONE_THREAD, "PYTHONPATH": f"{PACKAGE_PARENT}{os.pathsep}${{PYTHONPATH}}"}
        },
    )
    signal.signal(signal.SIGTERM, interrupt)  # Ray sets its own
    with contextlib.suppress(AttributeError):  # no public switch keeps its obituaries off stdout
        ray._private.worker._worker_logs_enabled = False


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
