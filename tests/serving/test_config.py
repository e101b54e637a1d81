"""`models.config` and `batching.config` are what TF Serving's own protos take."""

import json
import shutil

import pytest
from example_model import evidence
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from tfmed.errors import InputError
from tfmed.serving import card, config, gate
from tfmed.serving.config import Served

NAME = evidence().name


def parsed(text):
    return text_format.Parse(text, model_server_config_pb2.ModelServerConfig())


def as_candidate(folder):
    gate.write_verdict(folder, gate.Verdict((gate.Check("agrees", False, "off"),)))


@pytest.fixture
def models(example, tmp_path):
    """Three versions of one model: stable, stable, candidate."""
    for version in (1, 2, 10):
        shutil.copytree(example.version, tmp_path / NAME / str(version))
    as_candidate(tmp_path / NAME / "10")
    (tmp_path / NAME / f"{'.writing-'}1-x").mkdir()
    (tmp_path / "no-model").mkdir()
    return tmp_path


def test_labels_are_the_newest_that_passed_and_the_newest_if_it_did_not(models):
    assert config.write_configs(models) == [Served(NAME, 2, 10)]
    (entry,) = parsed((models / config.CONFIG).read_text()).model_config_list.config
    assert (entry.name, entry.base_path) == (NAME, f"/models/{NAME}")
    assert entry.model_platform == "tensorflow"
    assert list(entry.model_version_policy.specific.versions) == [2, 10]
    assert dict(entry.version_labels) == {"stable": 2, "candidate": 10}
    assert not list(models.glob(".*"))


def test_a_damaged_or_unservable_version_is_not_served(models):
    weights = next((models / NAME / "2" / "variables").glob("variables.data-*"))
    weights.write_bytes(b"")
    (models / NAME / "10" / card.CARD).unlink()
    assert config.write_configs(models) == [Served(NAME, 1, None)]


def test_a_model_without_servable_versions_is_left_out(models):
    for version in (1, 2, 10):
        (models / NAME / str(version) / card.GATE).unlink()
    config.write_configs(models)
    assert not parsed((models / config.CONFIG).read_text()).model_config_list.config


def test_names_with_quotes_and_other_letters_come_through():
    name = 'röntgen "a" \\ b\n'
    text = config.models_config([Served(name, 1, None)], "/m")
    (entry,) = parsed(text).model_config_list.config
    assert (entry.name, entry.base_path) == (name, f"/m/{name}")


def test_the_batching_file_names_only_what_tf_serving_knows(models):
    config.write_configs(models)
    lines = (models / config.BATCHING).read_text().splitlines()
    known = {
        *("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads"),
    }
    values = {line.split()[0]: line for line in lines if not line.startswith("#")}
    assert set(values) == known
    assert all(line.endswith("}") and "value: " in line for line in values.values())


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(InputError, match="--models"):
        config.write_configs(tmp_path / "none")


def test_check_prints_a_table_and_says_by_its_code_whether_all_is_as_it_was(
    models, capsys, monkeypatch
):
    from tfmed.cli import main

    verdicts = {str(v): gate.read_verdict(models / NAME / str(v)) for v in (1, 2, 10)}
    monkeypatch.setattr(gate, "judge", lambda folder: verdicts[folder.name])
    assert main(["models", "check", str(models)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [
        [NAME, "1", "stable"],
        [NAME, "2", "stable"],
        [NAME, "10", "candidate"],
    ]
    assert "agrees: off" in lines[3]
    verdicts["2"] = gate.Verdict((gate.Check("files", False, "gone"),))
    assert main(["models", "check", str(models / NAME), "--update"]) == 1
    assert json.loads((models / NAME / "2" / card.GATE).read_text())["stage"] == "unservable"
    (entry,) = parsed((models / config.CONFIG).read_text()).model_config_list.config
    assert dict(entry.version_labels) == {"stable": 1, "candidate": 10}


@pytest.mark.slow
def test_check_takes_one_version_and_refuses_what_is_none(example, tmp_path, capsys):
    from tfmed.cli import main

    assert main(["models", "check", str(example.version)]) == 0
    assert "stable" in capsys.readouterr().out
    whole = shutil.copytree(example.folder, tmp_path / "2026" / "2027")
    assert main(["models", "check", str(whole)]) == 0
    assert NAME in capsys.readouterr().out
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "none"):
        assert main(["models", "check", str(folder)]) == 2
        assert str(folder) in capsys.readouterr().err
