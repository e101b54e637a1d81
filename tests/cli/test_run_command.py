import json

import pytest

from tfmed import cli, report
from tfmed.config.study import Study
from tfmed.orchestration import rendering
from tfmed.orchestration.folders import locked_folder


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A report of the study `own`, whose rendering is left out."""
    kept = {"study": {"settings": Study(seeds=7, source="phantom").settings()}}
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "results.json").write_text(json.dumps(kept))
    (tmp_path / "own.toml").write_text('name = "own"')
    monkeypatch.setattr(rendering, "read_results", lambda path: json.loads(path.read_text()))
    monkeypatch.setattr(
        report, "render_again", lambda out, progress, reach: (f"reach {reach}", "pdf")
    )
    return tmp_path


def rendered_again(own, *words):
    study = ["--study", str(own / "own.toml"), "--out", str(own)]
    return cli.main(["run", *study, *words, "--report-only"])


def test_a_report_is_not_quietly_that_of_other_settings(own, capsys):
    assert rendered_again(own) == 0
    assert "note: " in (said := capsys.readouterr().err)
    assert "name = chest-to-pneumonia there, own asked for" in said
    assert "seeds" not in said
    (own / "own.toml").write_text('name = "own"\n[classifiers]\ndropout = 0.5')
    assert rendered_again(own) == 0
    assert "classifiers.dropout = 0.2 there, 0.5 asked for" in capsys.readouterr().err


def test_options_of_the_run_beside_report_only_say_which_results_are_meant(own, capsys):
    assert rendered_again(own, "--source", "phantom", "--seeds", "7", "--workers", "2") == 0
    assert "seeds" not in capsys.readouterr().err
    assert rendered_again(own, "--seeds", "3", "--fresh") == 0
    assert "seeds = 7 there, 3 asked for" in capsys.readouterr().err


def test_a_value_to_reach_is_asked_of_the_report(own, capsys):
    assert rendered_again(own, "--reach", "0.9") == 0
    assert "reach 0.9" in capsys.readouterr().err
    assert cli.main(["report", str(own / "own"), "--reach", "0.95"]) == 0
    assert "reach 0.95" in capsys.readouterr().err
    assert cli.main(["report", str(own / "own")]) == 0
    assert "reach None" in capsys.readouterr().err


def test_the_report_is_not_rendered_where_a_run_is_writing(tmp_path, capsys):
    with locked_folder(tmp_path / "chest-to-pneumonia"):
        for words in (
            ["run", "--report-only", "--out", str(tmp_path)],
            ["report", str(tmp_path / "chest-to-pneumonia")],
        ):
            assert cli.main(words) == 2
            assert "another run is writing there" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_not_made_to_look_into_it(tmp_path, capsys):
    assert cli.main(["report", str(tmp_path / "none" / "here")]) == 2
    assert "results.json: not found" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
