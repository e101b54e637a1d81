import errno
import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tfmed.cli import main
from tfmed.cli.console import clock, duration
from tfmed.orchestration import provenance

ROOT = Path(__file__).resolve().parents[2]
ROLES = ("source", "target")


def modules_after(*arguments):
    """Modules that a command has imported by its end."""
    code = (
        "import sys, runpy\n"
        f"sys.argv = ['run_all.py', *{list(arguments)!r}]\n"
        "try: runpy.run_path('run_all.py', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print('MODULES', *sorted(sys.modules))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split("MODULES")[-1].split())


def test_help_imports_neither_tensorflow_nor_matplotlib():
    assert not {"tensorflow", "keras", "matplotlib", "sklearn"} & modules_after("--help")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--seeds", "0"], "--seeds"),
        (["--workers", "two"], "'two'"),
        (["--gpus-per-job", "2"], "'2'"),
        (["--nonsense"], "--nonsense"),
        (["--study", "missing.toml"], "missing.toml"),
        (["--report-only", "--out", "nowhere"], "nowhere"),
        (["--report-only", "--seeds", "7", "--shard", "1/2"], "not --seeds, --shard"),
        (["--compare", "a", "b", "--report-only"], "not --report-only"),
        (["--shard", "3/2"], "'3/2' is no share; give I/N"),
        (["--shard", "1/2", "--fresh"], "--fresh"),
        (["--ray", "xx", "--source", "missing.npz"], "--ray 'xx'"),
        (["--out", ""], "--out: the path is empty"),
        (["--source", "chestmist"], "chestmnist"),
        (["--source", "missing.npz"], "missing.npz"),
        (["--source", "octmnist"], "octmnist"),
    ],
)
def test_bad_usage_is_one_line_that_names_it_and_exit_code_2(
    arguments, named, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    try:
        code = main.main(arguments)
    except SystemExit as stop:
        code = stop.code
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert code == 2
    assert len(error) == 1
    assert named in error[0]


def test_a_second_command_is_kept_out_of_the_first_ones_folder(tmp_path):
    from tfmed.errors import InputError

    with (
        main._locked_folder(tmp_path / "study"),
        pytest.raises(InputError, match="another run is writing"),
        main._locked_folder(tmp_path / "study"),
    ):
        pass
    with main._locked_folder(tmp_path / "study") as folder:
        (folder / "results.json").touch()
    assert [path.name for path in (tmp_path / "study").iterdir()] == ["results.json"]


def test_the_report_is_not_rendered_where_a_run_is_writing(tmp_path, capsys):
    with main._locked_folder(tmp_path / "chest-to-pneumonia"):
        assert main.main(["--report-only", "--out", str(tmp_path)]) == 2
    assert "another run is writing there" in capsys.readouterr().err


def test_an_answer_of_the_system_is_one_line(tmp_path, capsys, monkeypatch):
    def refuse(_):
        raise OSError(errno.EIO, os.strerror(errno.EIO), "/disk\n/file")

    monkeypatch.setattr(main, "_run", refuse)
    assert main.main([]) == 2
    assert capsys.readouterr().err == (
        "error: /disk\\n/file: Input/output error; mend the disk or its permissions and run the "
        "same command again\n"
    )


@pytest.mark.parametrize("usable", [True, False])
def test_gpus_that_tensorflow_can_not_use_leave_the_work_to_the_cores(usable, monkeypatch):
    said = "True" if usable else "False"
    monkeypatch.setattr(provenance, "_ASK_TENSORFLOW", f"print('words'); print({said})")
    assert provenance.tensorflow_uses_gpus() == usable


def test_a_name_in_another_encoding_is_refused_in_one_line(capsys):
    with pytest.raises(SystemExit, match="2"):
        main.main(["--out", os.fsdecode(b"r\xe9s")])
    said = capsys.readouterr().err
    assert said.startswith("error: --out r\\udce9s: the name is not in UTF-8; rename")


def test_who_interrupts_a_fresh_run_is_told_how_not_to_begin_anew(capsys, monkeypatch):
    def interrupt(options, *, discarded):
        options.discarded = discarded
        raise KeyboardInterrupt

    for discarded, command in ((True, "command without --fresh"), (False, "command")):
        monkeypatch.setattr(main, "_run", functools.partial(interrupt, discarded=discarded))
        assert main.main(["--fresh"]) == 130
        assert f"the same {command} goes on from there" in capsys.readouterr().err


def test_a_shard_never_takes_phantom_images_for_data_that_it_can_not_reach(capsys, monkeypatch):
    from tfmed.data import sources

    monkeypatch.setattr(sources, "available", lambda *_: False)
    assert main.main(["--shard", "1/2"]) == 2
    assert "name other data for every shard" in capsys.readouterr().err


def test_what_stopped_workers_left_is_swept_up(tmp_path):
    from tfmed.execution.store import Store
    from tfmed.locks import host_name, working_folder

    store, models = Store(tmp_path / "jobs"), tmp_path / "models"
    with main._swept(store, models):
        (store.root / "run").mkdir()
        (store.root / "run" / f".abc.1@{host_name()}-999999999.0.tmp").touch()
        (models / "m").mkdir(parents=True)
        with working_folder(models / "m", ".writing-") as living:
            shutil.copytree(living, models / "m" / ".writing-killed")
    assert list((store.root / "run").iterdir()) == []
    assert list((models / "m").iterdir()) == []


def test_a_run_that_wrote_nothing_leaves_no_folder(tmp_path):
    with main._locked_folder(tmp_path / "study"):
        pass
    assert not (tmp_path / "study").exists()


def test_a_report_is_not_quietly_that_of_other_settings(tmp_path, capsys, monkeypatch):
    import json

    from tfmed import report
    from tfmed.config.study import Study
    from tfmed.results import loading

    kept = {"study": {"settings": Study(seeds=7, source="phantom").settings()}}
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "results.json").write_text(json.dumps(kept))
    monkeypatch.setattr(loading, "read_results", lambda path: json.loads(path.read_text()))
    monkeypatch.setattr(report, "render_again", lambda out, progress: ("html", "pdf"))
    arguments = ["--report-only", "--out", str(tmp_path), "--study", str(tmp_path / "own.toml")]

    (tmp_path / "own.toml").write_text('name = "own"')
    assert main.main(arguments) == 0
    assert "note: " in (said := capsys.readouterr().err)
    assert "name = chest-to-pneumonia there, own in the study file" in said
    assert "seeds" not in said
    (tmp_path / "own.toml").write_text('name = "own"\n[classifiers]\ndropout = 0.5')
    assert main.main(arguments) == 0
    assert "classifiers.dropout = 0.2 there, 0.5 in the study file" in capsys.readouterr().err


def test_the_time_left_counts_from_the_start_of_the_stage(monkeypatch):
    import io

    from tfmed.cli import console
    from tfmed.execution.job import Job
    from tfmed.execution.schedule import Progress

    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    console = console.Console(stream)
    console.stage("training")
    for now[0], done in ((10.0, 1), (20.0, 2)):
        job = Job("run", {}, {}, title="a run", cost=5.0)
        console.jobs(Progress(job, True, done, 4, 20.0 - 5 * done))
    assert [line.partition(" · ")[2] for line in stream.getvalue().splitlines()] == [
        "",
        "about 30 s left",
        "about 20 s left",
    ]


def test_times_read_well():
    assert [clock(s) for s in (5, 125)] == [" 0:05", " 2:05"]
    assert [duration(s) for s in (0.2, 40, 200, 6000)] == ["1 s", "40 s", "3 min", "1 h 40 min"]


def test_the_default_study_of_other_data_is_titled_by_them(tmp_path, monkeypatch):
    from tfmed.cli.arguments import make_parser
    from tfmed.cli.console import Console
    from tfmed.config.study import Study

    monkeypatch.setattr(
        main, "QUICK_PHANTOM", {role: dict.fromkeys(("train", "val", "test"), 20) for role in ROLES}
    )
    options = make_parser().parse_args(["--quick", "--source", "phantom", "--target", "phantom"])
    study, source, target = main._datasets(main._study(options), options, Console())
    assert study.title == (
        f"Does pretraining on {source.title} without labels help to classify {target.title}?"
    )
    assert study.name == "chest-to-pneumonia-quick"
    assert main._study(make_parser().parse_args([])).title == Study().title
