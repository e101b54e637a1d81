import io

import pytest

from tfmed.cli import console
from tfmed.cli.console import Console
from tfmed.execution.engine import Progress
from tfmed.execution.job import Job


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def now(monkeypatch):
    """The time, which a test sets."""
    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    return now


def progress(done, *, of=4, finished=True, running=()):
    job = Job("run", {}, {}, title=f"run {done}", cost=5.0)
    return Progress(job, finished, done, of, 5.0 * (of - done), running)


def test_the_time_left_counts_from_the_start_of_the_stage(now):
    stream = io.StringIO()
    shown = Console(stream)
    shown.stage("training")
    for now[0], done in ((10.0, 1), (20.0, 2)):
        shown.jobs(progress(done))
    assert [line.partition(" · ")[2] for line in stream.getvalue().splitlines()] == [
        "",
        "about 30 s left",
        "about 20 s left",
    ]


def test_a_log_has_a_line_every_few_seconds_and_always_the_last(now):
    stream = io.StringIO()
    shown = Console(stream)
    for done in range(1, 101):
        now[0] = done / 10
        shown.jobs(progress(done, of=100))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[-1].startswith(" 0:10  [100/100] run 100")


def test_a_terminal_has_one_bar_that_names_what_is_running(now, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    stream = Terminal()
    with Console(stream) as shown:
        for now[0], done in ((1.0, 1), (2.0, 2), (3.0, 2)):
            shown.jobs(progress(done, finished=done < 2, running=("first [bold]", "second")))
    assert stream.getvalue().count("first [bold]; second") >= 3
    assert "2/4" in stream.getvalue()
    assert "\n 0:0" not in stream.getvalue()


def test_a_note_takes_the_bar_away_first(now, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with Console(stream) as shown:
        shown.jobs(progress(1, running=("first",)))
        shown.note("news")
        assert stream.getvalue().endswith("\x1b[2Knews\n")


def test_a_stream_that_is_gone_stops_nothing(now, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")

    def write(_):
        raise OSError

    for stream in (io.StringIO(), Terminal()):
        stream.write = write
        with Console(stream) as shown:
            shown.jobs(progress(1, finished=False))
            shown.note("news")
            shown.jobs(progress(4))
