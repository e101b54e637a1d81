"""Versions ascend, appear at once or not at all, and survive what interrupts an export."""

import dataclasses
import errno
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from example_model import SHAPE, STEPS, build, evidence

from tfmed.errors import InputError
from tfmed.locks import working_folder
from tfmed.serving import card, export, gate, loader, protos, versions

pytestmark = pytest.mark.slow

NAME = evidence().name
EXPORTER = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from example_model import build, evidence
from tfmed.serving import export

print("ready", flush=True)
classifier = build()
for source in sys.argv[2:]:
    exported = export.export_model(classifier, Path(sys.argv[1]), evidence(source=source))
    print(exported.version, flush=True)
"""


def exporter(models: Path, *sources: str) -> subprocess.Popen:
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(
        [sys.executable, "-c", EXPORTER, str(models), *sources],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    )


def complete(models: Path) -> list[int]:
    """Versions of the model, each of which must be whole."""
    found = versions.versions(models / NAME)
    for version in found:
        folder = models / NAME / str(version)
        assert card.damage(folder, card.read_card(folder)) == []
        assert (folder / card.GATE).is_file()
    return found


@pytest.mark.slow
def test_two_exports_at_once_give_two_versions(tmp_path):
    both = [exporter(tmp_path, source) for source in "ab"]
    numbers = sorted(process.communicate(timeout=300)[0].split()[-1] for process in both)
    assert numbers == ["1", "2"]
    assert complete(tmp_path) == [1, 2]
    assert {versions.find_version(tmp_path, NAME, s, (s, "run-z")) for s in "ab"} == {1, 2}


@pytest.mark.slow
def test_an_export_that_is_killed_leaves_the_old_versions_or_the_new_one(tmp_path):
    classifier = build()
    export.export_model(classifier, tmp_path, evidence())
    done = 1
    # Forked, so that each export starts at once and is killed at another moment.
    for tenths in range(1, 12, 2):
        process = multiprocessing.get_context("fork").Process(
            target=_write_slowly, args=(tmp_path, done)
        )
        process.start()
        time.sleep(tenths / 20)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        found = complete(tmp_path)
        assert found in (list(range(1, done + 1)), list(range(1, done + 2)))
        done = len(found)
        versions.remove_leftovers(tmp_path)
        left = {path.name for path in (tmp_path / NAME).iterdir()}
        assert left == {str(version) for version in found}


def _write_slowly(models: Path, done: int) -> None:
    """What an export does with files, without TensorFlow, which does not survive a fork."""
    folder = models / NAME
    with working_folder(folder, versions.WRITING) as temporary:
        written = temporary / "model"
        for path in sorted((folder / str(done)).rglob("*")):
            if path.is_file():
                copy = written / path.relative_to(folder / str(done))
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, copy)
                time.sleep(0.04)
        versions.move_into_place(written, folder)


@pytest.mark.slow
def test_a_real_export_killed_while_it_writes_leaves_nothing_of_it(tmp_path):
    with exporter(tmp_path, "a", "b", "c", "d") as process:
        assert process.stdout is not None
        while process.stdout.readline().strip() != "1":
            assert process.poll() is None
        end = time.monotonic() + 60
        while not list((tmp_path / NAME).glob(f"{versions.WRITING}*/model/saved_model.pb")):
            assert time.monotonic() < end
        process.kill()
    assert complete(tmp_path) in ([1], [1, 2])
    versions.remove_leftovers(tmp_path)
    assert not list((tmp_path / NAME).glob(f"{versions.WRITING}*"))


def test_a_version_is_found_again_by_its_run_and_the_seeds_of_its_card(example):
    def find(*arguments):
        return versions.find_version(example.folder, NAME, *arguments)

    assert find("run-a", {"run-z", "run-a"}) == 1
    assert find("run-a", {"run-a"}) is None
    assert find("run-b", {"run-z", "run-a"}) is None
    assert versions.find_version(example.folder, "other", "run-a") is None


def test_a_damaged_version_is_not_found(spoiled):
    seeds = {"run-z", "run-a"}
    assert versions.find_version(spoiled.parents[1], NAME, "run-a", seeds) == 1
    (spoiled / "assets.extra" / "reference.npz").unlink()
    assert versions.find_version(spoiled.parents[1], NAME, "run-a", seeds) is None


def test_leftovers_of_killed_exports_go_and_versions_and_living_exports_stay(tmp_path):
    (tmp_path / "m" / "1").mkdir(parents=True)
    with working_folder(tmp_path / "m", versions.WRITING) as living:
        killed = shutil.copytree(living, tmp_path / "m" / ".writing-killed")
        versions.remove_leftovers(tmp_path)
        assert not killed.exists()
        assert {path.name for path in (tmp_path / "m").iterdir()} == {living.name, "1"}


def test_a_folder_that_cannot_be_written_to_is_named(example, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="--models"):
        export.export_model(example.classifier, tmp_path / "file", evidence())


def test_the_warm_up_file_is_one_that_tensorflow_reads_and_asks_both_signatures(example):
    path = example.version / "assets.extra" / "tf_serving_warmup_requests"
    records = [record.numpy() for record in tf.data.TFRecordDataset(str(path))]
    assert records == list(gate.read_records(path.read_bytes()))
    asked = [protos.read_prediction_log(record) for record in records]
    names = {request.model_spec.signature_name for request in asked}
    assert names == {"serving_default", "serve_image_bytes"}
    inputs = [tf.make_ndarray(*request.inputs.values()) for request in asked]
    assert {len(array) for array in inputs} == {1, 16}


def test_the_card_holds_what_a_user_must_know(example):
    found = json.loads((example.version / card.CARD).read_text())
    assert found["threshold"] == evidence().threshold
    assert found["class_names"] == ["normal", "pneumonia"]
    assert found["intended_use"].endswith("those of Chest as normal or pneumonia.")
    assert found["data"]["task"]["terms"] == "CC BY 4.0"
    assert found["class_balance"]["train"] == [60, 180]
    assert found["metrics"]["this_seed"]["accuracy"]["low"] < 0.9
    assert found["metrics"]["n_seeds"] == 2
    assert set(found["call"]["signatures"]) == {
        *("serving_default", "serve_image_bytes", "grad_cam")
    }
    images = found["call"]["signatures"]["serving_default"]["inputs"]["images"]
    assert images == {"dtype": "uint8", "shape": [-1, 28, 28, 1]}
    assert found["files"]["saved_model.pb"]
    assert not {card.CARD, card.GATE} & set(found["files"])


def test_metrics_over_seeds_do_not_depend_on_the_keys_of_the_runs():
    rng = np.random.default_rng(0)
    scores = [rng.random(200) for _ in range(5)]

    def over_seeds(keys):
        found = dataclasses.replace(
            evidence(),
            seed_scores=dict(zip(keys, scores, strict=True)),
            seed_thresholds=dict.fromkeys(keys, 0.3),
        )
        return card.model_card(found, {})["metrics"]["over_seeds"]

    assert over_seeds("abcde") == over_seeds("dbeac")


def test_predictive_values_are_what_bayes_rule_gives(example):
    found = card.read_card(example.version)
    own = found["metrics"]["this_seed"]
    right_1, right_0 = (
        own[f"{name}_at_threshold"]["mean"] for name in ("sensitivity", "specificity")
    )
    row = found["class_balance"]["shift"][1]
    assert row["share_of_label_1"] == 0.25
    expected = 0.25 * right_1 / (0.25 * right_1 + 0.75 * (1 - right_0))
    assert row["positive_predictive_value"] == pytest.approx(expected)


def test_a_disk_that_fills_up_is_named_and_leaves_no_half_version(tmp_path, monkeypatch):
    def no_room(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(card, "write_card", no_room)
    with pytest.raises(InputError, match="No space left on device"):
        export.export_model(build(), tmp_path, evidence())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["ResourceExhaustedError", "FailedPreconditionError"])
def test_a_full_disk_that_tensorflow_reports_is_named(tmp_path, monkeypatch, name):
    def no_room(_model, path, _evidence):
        message = f"{{{{function_node x}}}} {path}/v; No space left on device [Op:SaveV2]"
        raise getattr(tf.errors, name)(None, None, message)

    monkeypatch.setattr(export, "write_version", no_room)
    with pytest.raises(InputError, match=r"\(No space left on device\); .*--models"):
        export.export_model(build(), tmp_path, evidence())


def test_another_error_of_tensorflow_is_not_taken_for_a_full_disk(tmp_path, monkeypatch):
    def wrong(*_):
        raise tf.errors.InvalidArgumentError(None, None, "shapes do not match [Op:MatMul]")

    monkeypatch.setattr(export, "write_version", wrong)
    with pytest.raises(tf.errors.InvalidArgumentError):
        export.export_model(build(), tmp_path, evidence())


def test_a_card_says_where_files_are_prepared_otherwise_and_metrics_are_too_good():
    of_files = evidence(steps=("square(pad)", "resize(28)"), warnings=("splits share patients",))
    said = card.model_card(of_files, {})["not_for"]
    assert any("28 × 28 pixels" in line and "tfmed data import" in line for line in said)
    known = evidence(steps=of_files.task.steps, step_settings=STEPS)
    assert not any("tfmed data import" in line for line in card.model_card(known, {})["not_for"])
    assert card.model_card(known, {})["image_steps"] == list(STEPS)
    assert "Trusting its metrics: splits share patients." in said
    assert not any(
        "tfmed data import" in line for line in card.model_card(evidence(), {})["not_for"]
    )


@pytest.mark.slow
def test_a_model_of_several_findings_decides_each_and_names_those_found(tmp_path):
    names, rng = ("effusion", "mass", "nodule"), np.random.default_rng(0)
    labels = (rng.random((200, 3)) < 0.4).astype(int)
    scores = np.where(rng.random((200, 3)) < 0.9, labels, 1 - labels) * 0.5 + 0.25
    thresholds = [0.4, 0.5, 0.6]
    of_two = evidence("chest_several")
    counts = dict.fromkeys(("train", "val", "test"), (80, 80, 80))
    data = dataclasses.replace(
        of_two.task, class_names=names, counts=counts, n_labels=3, task="multilabel"
    )
    found = dataclasses.replace(
        of_two,
        task=data,
        class_balance=counts,
        threshold=thresholds,
        labels=labels,
        scores=scores,
        seed_scores=dict.fromkeys(of_two.seed_scores, scores),
        seed_thresholds=dict.fromkeys(of_two.seed_scores, thresholds),
    )
    exported = export.export_model(build(task="multilabel", n_classes=3), tmp_path, found)
    assert exported.verdict.stage == "stable", exported.verdict.reasons
    folder = tmp_path / "chest_several" / "1"
    images = rng.integers(0, 256, (40, *SHAPE), dtype=np.uint8)
    with loader.load(folder) as model:
        answers = model.run("serving_default", {"images": images})
    decided = answers["probabilities"].astype(float) > thresholds
    assert answers["decisions"].tolist() == decided.astype(int).tolist()
    expected = [
        "|".join(name for name, there in zip(names, row, strict=True) if there)
        or "no listed finding"
        for row in decided
    ]
    assert [label.decode() for label in answers["label"]] == expected
    assert len(set(expected)) > 2
    assert "balanced accuracy" in exported.verdict.checks[-1].detail
