import pytest

import tfmed
from tfmed.orchestration import provenance


@pytest.mark.parametrize("usable", [True, False])
def test_gpus_that_tensorflow_can_not_use_leave_the_work_to_the_cores(usable, monkeypatch):
    said = "True" if usable else "False"
    monkeypatch.setattr(provenance, "_ASK_TENSORFLOW", f"print('words'); print({said})")
    assert provenance.tensorflow_uses_gpus() == usable


def test_a_description_says_where_and_when_a_run_was_made():
    found = provenance.describe([], provenance.Began())
    assert found["versions"]["tfmed"] == tfmed.__version__
    assert found["hardware"]["cores"] >= 1
    assert found["hardware"]["memory_gib"] > 0
    assert found["seconds"] < 60
    assert found["started"].endswith("+00:00")
