"""What a worker does with a request, apart from the work itself."""

from tfmed.execution import worker


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
