import pytest
from tiny_study import COUNTS

from tfmed.orchestration.plan import exports
from tfmed.serving import card, versions

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("steps")]  # who share one study


def test_an_exported_classifier_carries_the_labels_it_saw_and_its_own_threshold(tiny, tmp_path):
    best = {run.cell: run for run in tiny.plan.runs}
    chosen = tiny.run_of("frozen")
    name, run, job = next(each for each in exports(tiny.plan, best, tmp_path) if each[1] is chosen)
    assert tiny.again(job).record == {"version": 1}
    found, kept = card.read_card(tmp_path / name / "1"), tiny.finished[run.job.key].record
    assert found["threshold"] == kept["threshold"]
    assert sum(found["class_balance"]["train"]) == kept["n_train"]
    assert sum(found["class_balance"]["test"]) == COUNTS["test"]
    assert [each["md5"] for each in found["data"]["pretrained_on"]] == [tiny.plan.source.md5]
    assert found["seeds"] == [run.job.key]
    assert versions.find_version(tmp_path, name, run.job.key, [run.job.key]) == 1
