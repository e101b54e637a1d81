"""The gate lets through what may be served, and names what is wrong with the rest."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from example_model import evidence

from tfmed.evaluation import metrics
from tfmed.serving import card, gate
from tfmed.serving.gate import Check, Verdict

pytestmark = pytest.mark.slow

EXTRA = "assets.extra"


def rehash(folder):
    """Makes the card name the files as they are now."""
    content = card.read_card(folder)
    card.write_card(folder, content)


def judged_here(folder):
    """As `gate.judge`, with the model loaded in this process, where TensorFlow is already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate, "_asked_in_a_process", gate.ask)
        return gate.judge(folder)


def failed(verdict):
    return {check.name for check in verdict.checks if not check.passed}


def test_a_sound_model_is_stable(example):
    verdict = example.exported.verdict
    assert verdict.stage == "stable", verdict.reasons
    assert [check.name for check in verdict.checks] == [
        *("card", "files", "loads", "warm-up", "agrees", "metrics", "majority")
    ]
    assert gate.read_verdict(example.version) == verdict


def test_a_tampered_weight_file_is_found(spoiled):
    weights = next(spoiled.glob("variables/variables.data-*"))
    content = bytearray(weights.read_bytes())
    content[-20] ^= 1
    weights.write_bytes(content)
    verdict = gate.judge(spoiled)
    assert verdict.stage == "unservable"
    assert "files" in failed(verdict)
    assert weights.name in verdict.reasons[0]


def test_a_missing_or_an_extra_file_is_found(spoiled):
    (spoiled / EXTRA / gate.WARM_UP).unlink()
    (spoiled / "stray").touch()
    (reason, *_) = gate.judge(spoiled).reasons
    assert f"{EXTRA}/{gate.WARM_UP} is missing" in reason
    assert "stray is not in the card" in reason


def test_a_model_of_imported_images_is_asked_whether_it_prepares_files_as_the_import(imported):
    checks = {check.name: check for check in imported.exported.verdict.checks}
    assert checks["prepares"].detail == "6 of 6 drawn files as the import does"
    assert imported.exported.verdict.stage == "stable"


@pytest.mark.parametrize(
    ("off", "passed"), [(0.0, True), (4e-7, True), (1e-3, False), (float("nan"), False)]
)
def test_pictures_are_told_by_embeddings_which_graphs_round_apart(imported, off, passed):
    class Model:
        def run(self, signature, inputs):
            found = np.random.default_rng(0).normal(size=(6, 8))
            return {"embedding": found * (1 + off) if "image_bytes" in inputs else found}

    (check,) = gate._preparation(Model(), imported.version)
    assert (check.name, check.passed) == ("prepares", passed)
    assert check.detail.startswith("6 of 6" if passed else "0 of 6")


def test_a_graph_that_prepares_files_by_other_steps_than_its_card_is_a_candidate(
    imported, tmp_path
):
    folder = shutil.copytree(imported.version, tmp_path / "model" / "1")
    content = card.read_card(folder)
    content["image_steps"][4]["aspect"] = "crop"
    card.write_card(folder, content)
    verdict = judged_here(folder)
    assert verdict.stage == "candidate"
    assert failed(verdict) == {"prepares"}


def test_a_card_that_names_other_hashes_is_found(spoiled):
    content = json.loads((spoiled / card.CARD).read_text())
    content["files"]["saved_model.pb"] = "0" * 64
    (spoiled / card.CARD).write_text(json.dumps(content))
    assert "saved_model.pb is not the file that the card names" in judged_here(spoiled).reasons[0]


@pytest.mark.parametrize("key", ["intended_use", "not_for", "metrics", "class_balance"])
def test_a_card_that_was_edited_is_found(spoiled, key):
    content = card.read_card(spoiled)
    content[key] = {**content[key], "more": 1} if isinstance(content[key], dict) else "anything"
    (spoiled / card.CARD).write_text(json.dumps(content))
    verdict = judged_here(spoiled)
    assert verdict.stage == "unservable"
    assert "model_card.json was changed after it was written" in verdict.reasons[0]


@pytest.mark.parametrize(
    "content", [None, "", "{", "[]", "{}", '{"format": 1}', '{"format": 99}'], ids=str
)
def test_a_card_that_cannot_be_read_is_found(spoiled, content):
    if content is None:
        (spoiled / card.CARD).unlink()
    else:
        (spoiled / card.CARD).write_text(content)
    verdict = gate.judge(spoiled)
    assert failed(verdict) == {"card"}
    assert verdict.stage == "unservable"


def test_a_model_that_does_not_load_is_unservable_whatever_its_card_says(spoiled):
    (spoiled / "saved_model.pb").write_bytes(b"\x08\x01" + bytes(300))
    rehash(spoiled)
    verdict = gate.judge(spoiled)
    assert "loads" in failed(verdict)
    assert verdict.stage == "unservable"


def test_a_loader_that_dies_is_a_verdict_and_not_the_end(spoiled, monkeypatch):
    script = spoiled.parent / "dying.sh"
    script.write_text("#!/bin/sh\necho corrupted >&2\nkill -SEGV $$\n")
    script.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(script))
    verdict = gate.judge(spoiled)
    assert "loads: the loader's process ended with -11" in verdict.reasons[0]
    assert "corrupted" in verdict.reasons[0]


def test_a_warm_up_request_that_is_refused_is_found(spoiled):
    path = spoiled / EXTRA / gate.WARM_UP
    path.write_bytes(path.read_bytes().replace(b"\x89PNG", b"xxxx"))
    rehash(spoiled)
    verdict = judged_here(spoiled)
    assert failed(verdict) == {"warm-up"}
    assert "neither PNG nor JPEG" in verdict.reasons[0]


def test_a_warm_up_file_that_is_truncated_or_of_other_bytes_is_found(spoiled):
    path = spoiled / EXTRA / gate.WARM_UP
    content = path.read_bytes()
    for changed, words in (
        (content[:-9], "truncated"),
        (content[:12] + bytes(len(content) - 12), "parsing message"),
    ):
        path.write_bytes(changed)
        rehash(spoiled)
        verdict = judged_here(spoiled)
        assert failed(verdict) == {"warm-up"}
        assert words in verdict.reasons[0]


def test_a_model_that_differs_from_its_original_stays_a_candidate(spoiled):
    path = spoiled / EXTRA / gate.REFERENCE
    with np.load(path) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    found["probabilities"] = found["probabilities"] + np.float32(1e-5)
    np.savez(path, **found)
    rehash(spoiled)
    verdict = judged_here(spoiled)
    assert failed(verdict) == {"agrees"}
    assert verdict.stage == "candidate"


@pytest.mark.parametrize("change", [{"threshold": 0.99}, {"class_names": ["a", "b"]}], ids=str)
def test_a_card_with_another_threshold_or_other_classes_is_found(spoiled, change):
    card.write_card(spoiled, card.read_card(spoiled) | change)
    assert judged_here(spoiled).stage == "candidate"


def test_a_card_with_a_better_accuracy_than_its_scores_is_found(spoiled):
    content = card.read_card(spoiled)
    content["metrics"]["this_seed"]["accuracy_at_threshold"]["mean"] = 0.99
    card.write_card(spoiled, content)
    assert failed(judged_here(spoiled)) == {"metrics"}


def test_a_model_that_guesses_stays_a_candidate_and_the_reason_is_written(spoiled):
    found = evidence(good=False)
    np.savez(
        spoiled / EXTRA / gate.TEST_SCORES, labels=found.labels.astype("uint8"), scores=found.scores
    )
    content = card.read_card(spoiled)
    own = metrics.mean_interval(
        found.labels, found.scores, "accuracy_at_threshold", [found.threshold]
    )
    content["metrics"]["this_seed"]["accuracy_at_threshold"] = own
    card.write_card(spoiled, content)
    verdict = judged_here(spoiled)
    assert verdict.stage == "candidate"
    assert failed(verdict) == {"majority"}
    gate.write_verdict(spoiled, verdict)
    written = json.loads((spoiled / card.GATE).read_text())
    assert written["stage"] == "candidate"
    assert "always answering the more frequent label" in written["reasons"][0]


def test_the_majority_is_that_of_the_test_split_and_the_interval_decides():
    labels = np.array([1] * 70 + [0] * 30)
    always, right = np.ones(100), labels * 0.8 + 0.1
    assert card.majority_gain(labels, always, 0.5, "binary") == {
        "difference": 0,
        "low": 0,
        "high": 0,
    }
    gain = card.majority_gain(labels, right, 0.5, "binary")
    assert gain["difference"] == pytest.approx(0.3)
    assert 0.1 < gain["low"] < 0.3 < gain["high"] < 0.5
    few = card.majority_gain(labels[60:80], right[60:80], 0.5, "binary")
    assert few["low"] < few["difference"] == pytest.approx(0.5)


def test_a_verdict_that_is_missing_or_damaged_is_unservable(tmp_path):
    assert gate.read_verdict(tmp_path).stage == "unservable"
    (tmp_path / card.GATE).write_text('{"checks": [{}]}')
    assert gate.read_verdict(tmp_path).stage == "unservable"


def test_only_what_a_server_needs_makes_a_version_unservable():
    for name, stage in (
        ("agrees", "candidate"),
        ("warm-up", "unservable"),
        ("files", "unservable"),
    ):
        assert Verdict((Check("card", True, ""), Check(name, False, "why"))).stage == stage


@pytest.mark.slow
def test_a_grey_model_and_one_of_colour_both_pass(tmp_path):
    from example_model import build

    from tfmed.serving import export

    shape = (32, 32, 3)
    exported = export.export_model(build(shape), tmp_path, evidence(shape=shape))
    assert exported.verdict.stage == "stable", exported.verdict.reasons
    shutil.rmtree(tmp_path / evidence().name)


def test_evidence_of_one_class_makes_a_card_without_what_it_does_not_define(spoiled):
    found = dataclasses.replace(evidence(), labels=np.ones(200, int))
    content = card.model_card(found, {})
    assert content["metrics"]["this_seed"]["auc"] is None
    assert content["class_balance"]["shift"] == []
