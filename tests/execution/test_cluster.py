"""The backend on a Ray cluster, with a small stand-in for Ray that does jobs at once."""

import dataclasses
import signal
import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tfmed.errors import InputError
from tfmed.execution import cluster
from tfmed.execution.cluster import Cluster, answers, find_cluster, room
from tfmed.execution.job import Job, Result
from tfmed.execution.node import versions
from tfmed.execution.processes import JOBS_PER_WORKER
from tfmed.execution.schedule import do_jobs
from tfmed.execution.store import Store, encode_result


class LostError(Exception):
    """Stands for Ray's errors."""


@dataclasses.dataclass(eq=False)
class Reference:
    """An answer to come."""

    actor: Any
    request: dict


class FakeRay:
    """Nodes by name with their resources; an actor answers with the name of its node.

    `dies_on` says on which nodes an actor dies with the job of a title, `goes` which nodes are
    lost then.
    """

    exceptions = SimpleNamespace(RayError=LostError)

    def __init__(self, dies_on=(), goes=(), **nodes):
        self.resources, self.dies_on, self.goes = nodes, set(dies_on), set(goes)
        self.actors, self.killed, self.stored, self.open = [], [], [], False
        self.versions = {name: versions() for name in nodes}
        strategy = SimpleNamespace(NodeAffinitySchedulingStrategy=lambda node, soft: node)
        self.util = SimpleNamespace(scheduling_strategies=strategy)

    def init(self, **_):
        self.open = True

    def shutdown(self):
        self.open = False

    def nodes(self):
        names = {"NodeManagerHostname": "host"}
        return [
            {"NodeID": name, "NodeName": name, "Alive": True, "Resources": resources, **names}
            for name, resources in self.resources.items()
        ]

    def remote(self, target=None, **_):
        if target is None:
            return lambda function: SimpleNamespace(options=self._ask)
        return SimpleNamespace(options=lambda **options: self._actor_class(options))

    def _ask(self, scheduling_strategy):
        return SimpleNamespace(remote=lambda: self.versions[scheduling_strategy])

    def _actor_class(self, options):
        def make(*_):
            actor = SimpleNamespace(number=len(self.actors), **options)
            actor.do = SimpleNamespace(remote=lambda *sent: Reference(actor, sent[0]))
            self.actors.append(actor)
            return actor

        return SimpleNamespace(remote=make)

    def put(self, value):
        self.stored.append(value)
        return len(self.stored)

    def wait(self, pending, num_returns, timeout):
        return pending[:num_returns], pending[num_returns:]

    def get(self, reference, timeout=None):
        if timeout:
            return reference
        node, request = reference.actor.scheduling_strategy, reference.request
        if node in self.dies_on:
            for name in self.goes:
                self.resources.pop(name, None)
            raise LostError
        record = {"node": node}
        content = encode_result(Path(request["path"]), request["title"], Result(record))
        return {"record": record, "content": content}

    def kill(self, actor):
        self.killed.append(actor)


@pytest.fixture
def use(tmp_path, monkeypatch):
    """Does jobs on a fake cluster and gives their records."""
    monkeypatch.setattr(cluster, "find_cluster", lambda address: address)
    monkeypatch.setattr(cluster, "answers", lambda address: True)
    monkeypatch.setattr(cluster, "_give_up", lambda: None)

    def run(ray, jobs, **options):
        monkeypatch.setattr(cluster, "_import_ray", lambda: ray)
        store = Store(tmp_path / "store")
        with Cluster(store, {}, "head:6379", **options) as backend:
            records = do_jobs(jobs, set(), backend)
        assert not ray.open
        assert {actor.number for actor in ray.killed} == {actor.number for actor in ray.actors}
        assert all(store.load(each) for each in jobs)
        return [records[each.key] for each in jobs]

    return run


def job(n, *parents):
    return Job("run", {"n": n}, {}, {str(i): p for i, p in enumerate(parents)}, title=f"job {n}")


def test_jobs_are_spread_over_the_nodes_and_results_are_kept_here(use):
    ray = FakeRay(a={"CPU": 2.0}, b={"CPU": 1.0}, idle={})
    records = use(ray, [job(n) for n in range(9)])
    assert {record["node"] for record in records} == {"a", "b"}
    assert len(ray.actors) == 3


def test_fewer_workers_than_the_cluster_has_room_for_may_be_asked_for(use):
    ray = FakeRay(a={"CPU": 2.0}, b={"CPU": 2.0})
    use(ray, [job(n) for n in range(5)], workers=1)
    assert len(ray.actors) == 1


def test_each_job_has_its_share_of_a_gpu(use):
    ray = FakeRay(a={"CPU": 8.0, "GPU": 1.0}, b={"CPU": 8.0})
    records = use(ray, [job(n) for n in range(5)], gpus_per_job=0.5)
    assert {record["node"] for record in records} == {"a"}
    assert [actor.num_gpus for actor in ray.actors] == [0.5, 0.5]


def test_an_actor_is_replaced_before_its_memory_grows(use):
    ray = FakeRay(a={"CPU": 1.0})
    use(ray, [job(n) for n in range(JOBS_PER_WORKER + 5)])
    assert len(ray.actors) == 2


def test_a_job_that_died_is_tried_again_on_another_node(use):
    ray = FakeRay(dies_on=["a"], a={"CPU": 1.0}, b={"CPU": 1.0})
    assert [record["node"] for record in use(ray, [job(n) for n in range(4)])] == ["b"] * 4


def test_a_lost_node_is_used_no_more(use):
    ray = FakeRay(dies_on=["a"], goes=["a"], a={"CPU": 4.0}, b={"CPU": 1.0})
    assert [record["node"] for record in use(ray, [job(n) for n in range(6)])] == ["b"] * 6


def test_a_job_that_dies_twice_is_named_with_its_node(use):
    with pytest.raises(InputError, match=r"job 1: its worker ended twice on node host \(a\); .*me"):
        use(FakeRay(dies_on=["a"], a={"CPU": 1.0}), [job(1)])


def test_a_cluster_that_has_lost_all_nodes_is_an_error_and_no_endless_wait(use):
    ray = FakeRay(dies_on=["a"], goes=["a"], a={"CPU": 1.0})
    with pytest.raises(InputError, match="no node left"):
        use(ray, [job(1)])
    assert not ray.open


def test_a_cluster_that_has_lost_its_head_is_an_error_and_no_endless_wait(use, monkeypatch):
    ray = FakeRay(a={"CPU": 1.0})
    monkeypatch.setattr(ray, "wait", lambda pending, num_returns, timeout: (headless(), pending))

    def headless():
        monkeypatch.setattr(cluster, "answers", lambda address: False)
        return []

    with pytest.raises(InputError, match=r"head head:6379 was lost; finished work is kept"):
        use(ray, [job(1)])


def test_an_address_answers_while_something_listens_there():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert answers(address)
    assert not answers(address)


def test_a_parents_result_is_stored_in_the_cluster_once(use):
    parent = job(0)
    ray = FakeRay(a={"CPU": 2.0}, b={"CPU": 1.0})
    use(ray, [parent, *[job(n, parent) for n in range(1, 6)]])
    assert len(ray.stored) == 1


def test_a_node_with_other_packages_is_refused_before_any_work(use):
    ray = FakeRay(a={"CPU": 1.0}, b={"CPU": 1.0})
    ray.versions["b"] = {**versions(), "tensorflow": "1.0"}
    with pytest.raises(InputError, match=r"^node host \(b\): .*tensorflow 1\.0"):
        use(ray, [job(1)])
    assert not ray.actors
    assert not ray.open


def test_a_cluster_without_cpus_is_refused(use):
    with pytest.raises(InputError, match="no CPU to give"):
        use(FakeRay(a={"memory": 1.0}), [job(1)])


def test_the_commands_own_signal_handler_stays(use):
    before = signal.getsignal(signal.SIGTERM)
    use(FakeRay(a={"CPU": 1.0}), [job(1)])
    assert signal.getsignal(signal.SIGTERM) == before


def test_without_ray_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"install requirements-dev\.txt, or ray"):
        Cluster(Store(tmp_path), {}, "auto")


@pytest.mark.parametrize("address", ["local", "ray://head:10001", "head", "head:6379 x", ""])
def test_addresses_that_ray_would_take_for_something_else_are_refused(
    address, tmp_path, monkeypatch
):
    monkeypatch.setattr(cluster, "_import_ray", FakeRay)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(InputError, match="neither auto nor HOST:PORT"):
        Cluster(Store(tmp_path), {}, address)
    monkeypatch.setenv("RAY_ADDRESS", address or "local")
    with pytest.raises(InputError, match="neither auto nor HOST:PORT"):
        Cluster(Store(tmp_path), {}, "auto")


def test_an_address_where_nothing_answers_is_an_error_in_time(monkeypatch):
    monkeypatch.setattr(cluster, "_PROBE", "import time; time.sleep(60)")
    monkeypatch.setattr(cluster, "PATIENCE", 0.2)
    with pytest.raises(InputError, match=r"^--ray h:1: no Ray cluster answers there; .*ray start"):
        find_cluster("h:1")


def test_what_ray_says_of_a_machine_that_cannot_join_is_passed_on(monkeypatch):
    monkeypatch.setattr(cluster, "_PROBE", "raise SystemExit('Version mismatch')")
    with pytest.raises(InputError, match=r"can't join \(Version mismatch\)"):
        find_cluster("h:1")


@pytest.mark.parametrize(
    ("resources", "share", "jobs"),
    [
        ({"CPU": 4.0}, None, 4),
        ({"CPU": 4.0}, 1.0, 0),
        ({"CPU": 4.0, "GPU": 2.0}, 1.0, 2),
        ({"CPU": 4.0, "GPU": 1.0}, 0.25, 4),
        ({"CPU": 2.0, "GPU": 1.0}, 0.25, 2),
        ({}, None, 0),
    ],
)
def test_room_of_a_node(resources, share, jobs):
    assert room(resources, share) == jobs
