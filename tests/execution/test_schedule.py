import pytest

from tfmed.errors import InputError, JobError
from tfmed.execution.job import Job
from tfmed.execution.schedule import Event, do_jobs


def job(name, *parents, cost=1.0):
    return Job("run", {"name": name}, {}, {p.title: p for p in parents}, title=name, cost=cost)


class Fake:
    """Does jobs at once, `room` at a time, and can be told to let some die or fail."""

    def __init__(self, room=1, deaths=None, answers=None):
        self.room, self.deaths, self.answers = room, dict(deaths or {}), answers or {}
        self.started, self.running = [], []

    def has_room(self):
        return len(self.running) < self.room

    def start(self, job):
        assert self.has_room()
        self.started.append(job.title)
        self.running.append(job)

    def wait(self):
        job = self.running.pop(0)
        if self.deaths.get(job.title, 0):
            self.deaths[job.title] -= 1
            yield Event(job, "died", 0.0, {"reason": "by SIGKILL", "mend": "use --workers 1"})
            return
        yield Event(job, "going", 0.5, {})
        answer = self.answers.get(job.title, {"record": {"of": job.title}})
        yield Event(job, "answered", 1.0, answer)


A = job("a")
B = job("b", A, cost=5.0)
C = job("c", A)
D = job("d", B, C)
E = job("e", cost=1.5)
ALL = [A, B, C, D, E]


def test_parents_are_done_before_their_children_and_long_chains_first():
    backend = Fake()
    records = do_jobs(ALL, set(), backend)
    assert backend.started == ["a", "b", "c", "e", "d"]
    assert records[D.key] == {"of": "d"}


@pytest.mark.parametrize("room", [1, 2, 5])
def test_every_job_is_done_once_however_many_run_side_by_side(room):
    backend = Fake(room)
    assert set(do_jobs(ALL, set(), backend)) == {each.key for each in ALL}
    assert sorted(backend.started) == ["a", "b", "c", "d", "e"]


def test_finished_jobs_are_not_done_again():
    backend = Fake()
    records = do_jobs(ALL, {A.key, B.key, C.key}, backend)
    assert backend.started == ["e", "d"]
    assert set(records) == {D.key, E.key}


def test_a_job_whose_worker_died_is_tried_once_more():
    backend = Fake(deaths={"b": 1})
    assert B.key in do_jobs(ALL, set(), backend)
    assert backend.started.count("b") == 2


def test_a_job_whose_worker_died_twice_names_itself_and_the_mend():
    with pytest.raises(InputError, match=r"^b: its worker ended twice by SIGKILL; use"):
        do_jobs(ALL, set(), Fake(deaths={"b": 2}))


def test_the_users_mistake_and_our_own_are_told_apart():
    with pytest.raises(InputError, match="mend this"):
        do_jobs(ALL, set(), Fake(answers={"c": {"input_error": "mend this"}}))
    with pytest.raises(JobError, match="c: ValueError: no"):
        do_jobs(ALL, set(), Fake(answers={"c": {"error": "ValueError: no", "traceback": "..."}}))


def test_listener_sees_the_work_shrink_to_nothing():
    seen = []
    do_jobs(ALL, set(), Fake(2), seen.append)
    left = [progress.cost_left for progress in seen]
    assert left == sorted(left, reverse=True)
    assert left[-1] == 0
    assert [p.done for p in seen if p.finished] == [1, 2, 3, 4, 5]
    assert all(p.total == 5 for p in seen)
