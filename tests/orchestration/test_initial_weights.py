"""Plans of studies whose encoders do not learn from images without labels."""

from dataclasses import replace
from pathlib import Path

import pytest
from test_plan import SOURCE, TARGET

from tfmed.config.reading import study_of
from tfmed.errors import InputError
from tfmed.orchestration.plan import exports, make_plan
from tfmed.tasks import UNLABELLED

SUPERVISED = {"pretraining": {"method": "supervised"}}
APPLICATIONS = {"name": "applications"}


def with_weights(folder, content=b""):
    path = folder / "own.weights.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + content)
    pretraining = {"method": "imagenet", "weights": str(path)}
    return study_of({"encoder": APPLICATIONS, "pretraining": pretraining})


def test_what_has_seen_the_sources_labels_classifies_the_target_alone():
    plan = make_plan(study_of(SUPERVISED), SOURCE, TARGET)
    runs = {(run.task.name, str(run.cell.method)) for run in plan.runs}
    assert ("pneumonia", "supervised:frozen") in runs
    assert ("pneumonia", "frozen_knn") in runs
    of_source = {name for task, name in runs if task == "chest"}
    assert {"scratch", "random_frozen", "random_knn"} <= of_source
    assert not {name for name in of_source if name.startswith(("supervised", "frozen"))}


def test_baselines_of_the_source_see_an_encoder_that_has_not_seen_its_labels():
    plan = make_plan(
        study_of({"pretraining": [{"method": "supervised"}, {"method": "simclr"}]}), SOURCE, TARGET
    )
    methods = {
        (run.task.name, run.job.parents["pretraining"].spec["pretraining"]["method"])
        for run in plan.runs
        if str(run.cell.method) == "frozen_knn"
    }
    assert methods == {("chest", "simclr"), ("pneumonia", "supervised")}


def test_labels_that_are_not_there_are_refused():
    bare = replace(SOURCE, task=UNLABELLED, class_names=())
    with pytest.raises(InputError, match=r"= 'supervised' learns .* of Chest, which has none"):
        make_plan(study_of(SUPERVISED), bare, TARGET)


def test_labels_that_are_the_targets_are_refused():
    with pytest.raises(InputError, match="which is the target too, whose label budgets"):
        make_plan(study_of(SUPERVISED), TARGET, TARGET)


def test_weights_of_a_file_are_taken_once_for_all_seeds(tmp_path):
    plan = make_plan(with_weights(tmp_path), SOURCE, TARGET)
    (job,) = plan.pretrainings
    assert "seed" not in job.spec["pretraining"]
    best = {run.cell: run for run in plan.runs if run.seed == 0}
    exported = {name: job.data for name, _, job in exports(plan, best, Path("models"))}
    assert exported["pneumonia_imagenet-frozen_full"] == {"task": TARGET.md5}


def test_another_content_of_the_file_is_another_job(tmp_path):
    keys = [
        make_plan(with_weights(tmp_path, content), SOURCE, TARGET).pretrainings[0].key
        for content in (b"a", b"b", b"a")
    ]
    assert keys[0] == keys[2] != keys[1]


def test_a_file_that_is_not_there_ends_the_study_before_any_work(tmp_path):
    study = with_weights(tmp_path)
    (tmp_path / "own.weights.h5").unlink()
    with pytest.raises(InputError, match="can't be read"):
        make_plan(study, SOURCE, TARGET)
