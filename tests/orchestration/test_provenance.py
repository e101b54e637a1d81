import pytest

from tfmed.orchestration import provenance


@pytest.mark.parametrize("usable", [True, False])
def test_gpus_that_tensorflow_can_not_use_leave_the_work_to_the_cores(usable, monkeypatch):
    said = "True" if usable else "False"
    monkeypatch.setattr(provenance, "_ASK_TENSORFLOW", f"print('words'); print({said})")
    assert provenance.tensorflow_uses_gpus() == usable
