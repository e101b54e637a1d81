"""How long a run takes, in words."""

import pytest

from tfmed.execution import timing
from tfmed.execution.engine import Progress
from tfmed.execution.job import Job
from tfmed.execution.timing import Timing, clock, duration


def test_times_read_well():
    assert [clock(s) for s in (5, 125)] == [" 0:05", " 2:05"]
    assert [duration(s) for s in (0.2, 40, 200, 6000)] == ["1 s", "40 s", "3 min", "1 h 40 min"]


def test_nothing_is_said_of_the_time_left_before_a_twentieth_is_done_or_when_all_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(timing.time, "monotonic", lambda: now[0])
    timed = Timing()
    job = Job("run", {}, {}, title="run", cost=1.0)
    left = []
    for now[0], cost_left in ((0.0, 100.0), (10.0, 96.0), (20.0, 80.0), (100.0, 0.0)):
        left.append(timed.left(Progress(job, False, 0, 100, cost_left)))
    assert left == ["", "", " · about 80 s left", ""]
    assert timed.seconds == 100.0
