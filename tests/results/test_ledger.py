"""A study's own ledger: a Python file beside its study file."""

import pytest

from tfmed.config.ledger import ledger_file
from tfmed.config.reading import read_study
from tfmed.config.study import Study
from tfmed.errors import InputError
from tfmed.results.ledger import Ledger, judged, load_ledger

OWN = """
from tfmed.results.ledger import Claim
from tfmed.results.verdicts import ABOVE_0, NotTestedError, judge_interval

INTRODUCTION = "What the proposal promised."

def above(results):
    return judge_interval(0.1, 0.05, 0.15, ABOVE_0, "difference in AUC", 100, "test images")

def absent(results):
    raise NotTestedError("nothing was measured")

def broken(results):
    return results["nothing"]

CLAIMS = [
    Claim(judge.__name__, "It helps.", "AUC", "Supported above 0.", "answer", "target", judge)
    for judge in (above, absent, broken)
]
"""
RESULTS = {
    "study": {"source": "a", "target": "b"},
    "datasets": [{"name": "a"}, {"name": "b"}],
    "synthetic": False,
}


def own(folder, code=OWN):
    (folder / "own.py").write_text(code)
    (folder / "study.toml").write_text('ledger = "own.py"')
    return load_ledger(ledger_file(read_study(folder / "study.toml").ledger))


def test_a_study_file_brings_its_own_ledger(tmp_path):
    ledger = own(tmp_path)
    assert ledger.introduction == "What the proposal promised."
    found = judged(ledger, RESULTS)
    assert [claim["verdict"] for claim in found] == ["supported", "not_tested", "not_tested"]
    assert found[1]["reason"] == "nothing was measured"
    assert found[2]["reason"] == "its judge failed (KeyError: 'nothing')"


def test_a_ledger_may_be_about_certain_data_only(tmp_path):
    about = "\n\ndef applies(source, target):\n    return target['name'] == 'c'\n"
    assert judged(own(tmp_path, OWN + about), RESULTS) == []


def test_a_ledger_may_be_cut_into_files(tmp_path):
    (tmp_path / "rest.py").write_text(OWN)
    assert len(own(tmp_path, "from .rest import CLAIMS").claims) == 3


def test_no_ledger_has_no_claims(tmp_path):
    (tmp_path / "study.toml").write_text('ledger = ""')
    ledger = load_ledger(ledger_file(read_study(tmp_path / "study.toml").ledger))
    assert ledger == Ledger()
    assert judged(ledger, RESULTS) == []


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ("CLAIMS = (", "is not a ledger (SyntaxError"),
        ("1 / 0", "is not a ledger (ZeroDivisionError"),
        ("", "is not a ledger (AttributeError"),
        ("CLAIMS = [3]", "nothing but tfmed.results.ledger.Claim"),
    ],
)
def test_a_file_that_is_no_ledger_is_refused_in_one_line(tmp_path, code, wrong):
    with pytest.raises(InputError) as caught:
        own(tmp_path, code)
    assert str(caught.value).startswith(f"{tmp_path / 'own.py'}: ")
    assert wrong in str(caught.value)


@pytest.mark.parametrize("name", ["../own.py", "/tmp/own.py", "folder/own.py", "absent.py", ".py"])
def test_no_code_is_run_but_that_beside_the_study_file(tmp_path, name):
    (tmp_path / "study.toml").write_text(f'ledger = "{name}"')
    with pytest.raises(InputError, match="must be a file in"):
        read_study(tmp_path / "study.toml")


def test_a_name_that_no_ledger_has_is_refused(tmp_path):
    (tmp_path / "study.toml").write_text('ledger = "chest_to_pneumona"')
    with pytest.raises(InputError, match="did you mean 'chest_to_pneumonia'"):
        read_study(tmp_path / "study.toml")


def test_the_default_study_has_the_ledger_of_the_earlier_report():
    assert len(load_ledger(ledger_file(Study().ledger)).claims) == 17
