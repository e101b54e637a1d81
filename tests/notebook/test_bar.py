"""The bar that a notebook shows while a study runs, with IPython's display in stand-ins."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from tfmed.execution.engine import Progress
from tfmed.execution.job import Job
from tfmed.notebook import bar
from tfmed.notebook.bar import Bar, in_notebook


class Display:
    """What was displayed, and how often a cell got something new."""

    def __init__(self):
        self.frames = []
        self.outputs = 0

    def __call__(self, content, *, raw, display_id):
        assert raw
        assert display_id
        self.outputs += 1
        self.frames.append(content)
        return SimpleNamespace(update=lambda content, raw: self.frames.append(content))


@pytest.fixture
def display(monkeypatch):
    display = Display()
    module = ModuleType("IPython.display")
    module.display = display
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return display


@pytest.fixture
def now(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(bar.time, "monotonic", lambda: now[0])
    return now


def progress(done, *, of=100, running=("first <b>", "second")):
    job = Job("run", {}, {}, title=f"run {done}", cost=5.0)
    return Progress(job, True, done, of, 5.0 * (of - done), running)


def test_a_run_is_one_output_that_is_drawn_again(display, now):
    with Bar() as shown:
        shown.stage("training")
        for done in range(1, 101):
            now[0] = done / 10
            shown.jobs(progress(done))
    assert display.outputs == 1
    assert 20 <= len(display.frames) <= 25
    assert 'value="100" max="100"' in display.frames[-2]["text/html"]
    assert display.frames[-1]["text/plain"] == " 0:10  done"


def test_it_says_how_long_it_takes_and_what_is_running(display, now):
    with Bar() as shown:
        shown.stage("training")
        for now[0], done in ((10.0, 10), (20.0, 20)):
            shown.jobs(progress(done))
        line = " 0:20  20/100 · about 2 min left · first <b>; second"
        assert display.frames[-1]["text/plain"] == line
        assert "first &lt;b&gt;; second" in display.frames[-1]["text/html"]


def test_notes_stay_above_the_bar(display, now):
    with Bar() as shown:
        shown.note("note: no GPU & no luck")
        shown.stage("training")
        shown.jobs(progress(1))
    for frame in display.frames:
        assert frame["text/html"].startswith("<div>note: no GPU &amp; no luck</div>")


def test_a_run_that_fails_says_that_it_stopped(display, now):
    with pytest.raises(KeyboardInterrupt), Bar():
        raise KeyboardInterrupt
    assert display.frames[-1]["text/plain"] == " 0:00  stopped"


def test_only_a_kernel_is_a_notebook(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not in_notebook()
    module = ModuleType("IPython")
    monkeypatch.setitem(sys.modules, "IPython", module)
    for shell, expected in (
        (None, False),
        (SimpleNamespace(), False),
        (SimpleNamespace(kernel=1), True),
    ):
        module.get_ipython = lambda shell=shell: shell
        assert in_notebook() is expected
