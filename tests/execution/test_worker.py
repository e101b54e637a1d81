"""What a worker does with a request, apart from the work itself."""

import numpy as np
import pytest

from tfmed.errors import InputError
from tfmed.execution import worker
from tfmed.execution.job import Result
from tfmed.steps.specs import code_of


def request(**changes):
    """A request for the differences of no pair, which needs no TensorFlow."""
    return {"kind": "compare", "spec": {"pairs": []}, "code": "", "data": {}, **changes}


def test_a_job_whose_key_tells_of_other_code_is_not_done(monkeypatch):
    monkeypatch.setattr("tfmed.steps.summaries.compare", lambda *_: Result({}, {"x": np.zeros(1)}))
    for code in ("", code_of("compare")):
        assert "x" in worker.perform(request(code=code), {}, print).arrays
    with pytest.raises(InputError, match=r"changed while the study ran; .* run the study again"):
        worker.perform(request(code="other"), {}, print)


def test_an_error_of_the_work_comes_back_with_its_traceback():
    def fail():
        raise KeyError("x")

    answer = worker.guarded("title", fail)
    assert answer["error"] == "KeyError: 'x'"
    assert "in fail" in answer["traceback"]


def test_numbers_that_are_not_finite_come_back_as_one_line_with_the_mend():
    def diverge():
        raise FloatingPointError("a learning rate of 9.0 is too high")

    said = worker.guarded("scratch", diverge)["input_error"]
    assert said == "scratch: a learning rate of 9.0 is too high; lower it in the study file"
