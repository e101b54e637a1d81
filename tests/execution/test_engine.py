import subprocess
import sys

import pytest
from toy_work import perform, toy

from tfmed.errors import InputError
from tfmed.execution.engine import Death, InProcess, do_jobs
from tfmed.execution.work import Answer, answer


class Slots:
    """An engine of several slots that answers the job that was started first."""

    where = "slots"

    def __init__(self, slots):
        self.slots, self.running, self.started = slots, [], []

    def has_room(self):
        return len(self.running) < self.slots

    def start(self, job, request, say):
        self.running.append((job, request, say))
        self.started.append(job.title)

    def wait(self):
        job, request, say = self.running.pop(0)
        return [(job, answer(perform, request, say))]


def test_the_longest_chains_of_work_are_begun_first(store):
    root = toy("root", cost=1.0)
    jobs = [toy("short", cost=2.0), root, toy("leaf", {"root": root}, cost=5.0)]
    engine = Slots(1)
    do_jobs(jobs, set(), engine, store, {})
    assert engine.started == ["root", "leaf", "short"]


def test_no_more_jobs_are_begun_than_there_are_slots(store):
    most = 0

    class Counting(Slots):
        def wait(self):
            nonlocal most
            most = max(most, len(self.running))
            return super().wait()

    do_jobs([toy(f"{i}") for i in range(7)], set(), Counting(3), store, {})
    assert most == 3


def test_what_is_done_is_not_done_again(store, tmp_path):
    mark = tmp_path / "mark"
    first, second = toy("first", mark=str(mark)), toy("second", mark=str(mark))
    do_jobs([first], set(), InProcess(perform), store, {})
    do_jobs([first, second], {first.key}, InProcess(perform), store, {})
    assert mark.read_text().split() == ["first", "second"]


def test_a_job_for_its_effect_alone_is_kept_nowhere(store):
    job = toy("effect", kept=False)
    assert job.key in do_jobs([job], set(), InProcess(perform), store, {})
    assert store.load(job) is None


def test_a_parent_that_is_gone_is_named(store):
    first = toy("first")
    child = toy("child", {"first": first})
    with pytest.raises(InputError, match="a finished result is gone or damaged"):
        do_jobs([first, child], {first.key}, InProcess(perform), store, {})


def test_a_death_is_retried_once_before_anything_else(store):
    class Deadly(Slots):
        def wait(self):
            job, *_ = self.running.pop(0)
            dead = job.title == "deadly" and self.started.count("deadly") == 1
            return [(job, Death("by SIGKILL", "use less") if dead else Answer({"ok": True}))]

    engine = Deadly(1)
    do_jobs([toy("deadly", cost=9.0), toy("other", cost=5.0)], set(), engine, store, {})
    assert engine.started == ["deadly", "deadly", "other"]


def test_the_listener_hears_what_runs_and_what_is_left(store):
    heard = []
    do_jobs([toy("a", cost=3.0), toy("b", cost=1.0)], set(), Slots(2), store, {}, heard.append)
    assert [each.cost_left for each in heard if each.finished] == [1.0, 0.0]
    assert max(len(each.running) for each in heard) == 2


@pytest.mark.slow
def test_a_process_that_worked_on_more_threads_is_refused():
    code = (
        "import tensorflow as tf; tf.constant(1) + 1\n"
        "from tfmed.execution.one_thread import use_one_thread\n"
        "use_one_thread()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "InputError: TensorFlow has worked in this process already" in done.stderr
