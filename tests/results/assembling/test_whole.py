"""Tests of the step from finished jobs to results.json."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter
from simulation import simulated

from tfmed import steps
from tfmed.config.experiments import ExperimentSettings
from tfmed.config.study import Study
from tfmed.config.tasks import TaskSettings
from tfmed.data import DatasetInfo
from tfmed.design import Cell, Repeat, Variant, method_of
from tfmed.errors import InputError
from tfmed.evaluation import comparisons
from tfmed.evaluation.comparisons import Side
from tfmed.execution.job import Result
from tfmed.orchestration.plan import make_plan
from tfmed.results import predictions
from tfmed.results.assembling import whole
from tfmed.results.planned import Plan
from tfmed.results.schema import StudyResults
from tfmed.tasks import task_of

N_TEST = 120


def dataset(name):
    counts = {"train": (400, 400), "val": (50, 50), "test": (N_TEST // 2, N_TEST // 2)}
    path = Path(f"{name}.npz")
    fields = ("d", "l", path, name, False, (28, 28, 1), ("no", "yes"), 1, counts)
    return DatasetInfo(name, name.title(), *fields)


@pytest.fixture
def plan() -> Plan:
    study = Study(
        seeds=2,
        source_task=TaskSettings(),
        target_task=TaskSettings(
            label_budgets=(30,), strategies=("scratch", "frozen", "finetune"), baselines=False
        ),
        experiments=ExperimentSettings(dropouts=()),
    )
    return make_plan(study, dataset("chest"), dataset("lung"))


def fitted(plan):
    """A finished job for each run, with scores of its own."""
    done = {}
    for number, run in enumerate(plan.runs):
        _, scores = simulated(np.random.default_rng(number), n_seeds=1, n=N_TEST)
        val_labels, val_scores = simulated(np.random.default_rng(99), n_seeds=1, n=10)
        record = {
            "threshold": 0.4,
            "train_accuracy": 0.9 + number / 100,
            "n_train": 20,
            "n_val": 10,
            "fit": {"history": {}, "epochs": 3, "best_epoch": 2, "stopped_early": True},
            "val_labels": val_labels.tolist(),
            "parameters": {"trainable": 1, "total": 2},
            "seconds": 0.1,
        }
        arrays = {"test_scores": scores[0], "val_scores": val_scores[0]}
        done[run.job.key] = Result(record, arrays)
    return done


@pytest.fixture
def finished(plan, monkeypatch):
    """A finished job for each run, and for what is measured of the runs."""
    return measured(plan, fitted(plan), LABELS, monkeypatch)


def measured(plan, done, labels, monkeypatch):
    """The finished jobs, with those that measure them done."""
    monkeypatch.setattr("tfmed.data.loading.load_labels", lambda *_: labels)
    monkeypatch.setattr("tfmed.data.loading.load_patients", lambda *_: None)
    for job in (*plan.evaluations.values(), *plan.comparisons.values()):
        parents = {role: done[parent.key] for role, parent in job.parents.items()}
        spec = json.loads(json.dumps(job.spec))  # as a worker is told it
        data = {role: plan.datasets[md5] for role, md5 in job.data.items()}
        result = steps.perform(job.kind, spec, data, parents, lambda _: None)
        done = {**done, job.key: result}
    return done


def assembled(plan, finished, labels, out):
    """`runs`, `summary` and `comparisons` as results.json holds them."""
    return whole.measured(plan, finished, {"lung": labels}, out)


LABELS = np.arange(N_TEST) % 2


def test_runs_summary_and_comparisons_keep_the_schema(plan, finished, tmp_path):
    found = assembled(plan, finished, LABELS, tmp_path)
    for part, entries in found.items():
        assert entries
        TypeAdapter(StudyResults.model_fields[part].annotation).validate_json(json.dumps(entries))
    assert found["summary"][0]["train_accuracy"]["sd"] > 0


def test_swapped_test_labels_change_nothing_but_test_metrics(plan, monkeypatch, tmp_path):
    kept, swapped = (
        assembled(
            plan, measured(plan, fitted(plan), labels, monkeypatch), labels, tmp_path / str(i)
        )["runs"]
        for i, labels in enumerate((LABELS, 1 - LABELS))
    )
    of_test = {
        *("metrics", "undefined", "confusion", "confusion_at_threshold"),
        *("roc_tpr", "pr_precision", "reliability", "predictions"),
    }
    for one, other in zip(kept, swapped, strict=True):
        assert {key for key in one if one[key] != other[key]} <= of_test
        assert one["metrics"] != other["metrics"]


def test_every_comparison_of_a_metric_is_corrected_in_one_family(plan, finished, tmp_path):
    found = assembled(plan, finished, LABELS, tmp_path)["comparisons"]
    for metric in task_of("binary").COMPARED_METRICS:
        family = [entry for entry in found if entry["metric"] == metric]
        assert {entry["family"] for entry in family} == {len(family)} == {3}
        assert all(entry["p_adjusted"] >= entry["p_value"] for entry in family)


def test_sides_are_compared_at_the_seeds_they_share():
    sides = {"scratch": [0, 1], "frozen": [0], "finetune": [1, 0]}
    cells = {
        Cell("lung", method_of(name), label_budget=30): list(map(Repeat, seeds))
        for name, seeds in sides.items()
    }
    (some,) = comparisons.planned(cells).values()
    assert {(str(pair.a.method), str(pair.b.method)): pair.runs for pair in some} == {
        ("finetune", "scratch"): ((Repeat(0), Repeat(0)), (Repeat(1), Repeat(1))),
        ("frozen", "scratch"): ((Repeat(0), Repeat(0)),),
        ("finetune", "frozen"): ((Repeat(0), Repeat(0)),),
    }
    cells[Cell("lung", method_of("frozen"), label_budget=30)] = [Repeat(2)]
    (((pair,)),) = comparisons.planned(cells).values()
    assert (str(pair.a.method), str(pair.b.method), pair.family) == ("finetune", "scratch", 1)


def test_a_cell_is_summarised_over_its_own_runs(plan, finished, tmp_path):
    found = assembled(plan, finished, LABELS, tmp_path)
    for row in found["summary"]:
        of_cell = [run for run in found["runs"] if run["strategy"] == row["strategy"]]
        assert row["n_seeds"] == 2
        assert row["n_pretrainings"] == (1 if row["strategy"] == "scratch" else 3)
        assert len(of_cell) == row["n_seeds"] * row["n_pretrainings"]
        mean = np.mean([run["metrics"]["auc"] for run in of_cell])
        assert row["auc"]["mean"] == pytest.approx(mean)
    (compared,) = [
        entry
        for entry in found["comparisons"]
        if entry["metric"] == "auc"
        and entry["a"]["strategy"] == "finetune"
        and entry["b"]["strategy"] == "scratch"
    ]
    means = {row["strategy"]: row["auc"]["mean"] for row in found["summary"]}
    assert compared["difference"] == pytest.approx(means["finetune"] - means["scratch"])
    assert (compared["n_seeds"], compared["n_pretrainings"]) == (2, 3)


def test_a_run_says_which_pretraining_it_comes_from(plan, finished, tmp_path):
    runs = assembled(plan, finished, LABELS, tmp_path)["runs"]
    assert len({run["id"] for run in runs}) == len({run["predictions"] for run in runs}) == 14
    numbers = {
        (run["strategy"], run["seed"]): [
            other["pretraining"]
            for other in runs
            if (other["strategy"], other["seed"]) == (run["strategy"], run["seed"])
        ]
        for run in runs
    }
    assert numbers == {
        (name, seed): [None] if name == "scratch" else [0, 1, 2]
        for name in ("scratch", "frozen", "finetune")
        for seed in (0, 1)
    }


def test_dropout_variants_are_compared_with_the_standard_one():
    tuned, dropped = Side(method_of("finetune")), Variant(dropout=0.5)
    sides = [tuned, Side(tuned.method, dropped), Side(method_of("scratch"), dropped)]
    assert comparisons.pairs(sides) == [("experiment", Side(tuned.method, dropped), tuned)]


def test_every_pretrained_initialisation_is_compared_with_scratch():
    names = ("scratch", "random_frozen", "frozen", "finetune", "simclr:frozen", "simclr:finetune")
    found = comparisons.pairs([Side(method_of(name)) for name in names])
    assert {kind for kind, _, _ in found} == {"question"}
    assert [(str(a.method), str(b.method)) for _, a, b in found[4:]] == [
        ("simclr:finetune", "scratch"),
        ("simclr:frozen", "scratch"),
        ("simclr:finetune", "simclr:frozen"),
        ("simclr:frozen", "random_frozen"),
        ("simclr:frozen", "frozen"),
        ("simclr:finetune", "finetune"),
    ]


def test_of_several_methods_each_frozen_encoder_is_compared_with_pixels():
    names = ("frozen", "finetune", "simclr:frozen", "simclr:finetune", "pixels_logistic")
    sides = [Side(method_of(name)) for name in names]
    found = {(kind, str(a.method), str(b.method)) for kind, a, b in comparisons.pairs(sides)}
    for frozen in ("frozen", "simclr:frozen"):
        assert ("question", frozen, "pixels_logistic") in found
        assert ("baseline", frozen, "pixels_logistic") not in found
    alone = [side for side in sides if "simclr" not in str(side)]
    kinds = {(kind, str(a.method)) for kind, a, b in comparisons.pairs(alone) if b == sides[-1]}
    assert kinds == {("baseline", "frozen"), ("baseline", "finetune")}


def test_a_pair_survives_json():
    runs = ((Repeat(0), Repeat(0)), (Repeat(0, 1), Repeat(0)), (Repeat(1), Repeat(1)))
    pair = comparisons.Pair(
        "question", Side(method_of("frozen_knn")), Side(method_of("scratch")), runs, 2, 3
    )
    assert comparisons.Pair.of_entry(json.loads(json.dumps(pair.entry()))) == pair


def test_training_accuracy_that_was_not_measured_is_null(plan, monkeypatch, tmp_path):
    done = fitted(plan)
    for result in done.values():
        result.record["train_accuracy"] = None
    found = assembled(plan, measured(plan, done, LABELS, monkeypatch), LABELS, tmp_path)
    assert {run["train_accuracy"] for run in found["runs"]} == {None}
    assert {row["train_accuracy"] for row in found["summary"]} == {None}


def fill_the_disk(monkeypatch):
    """Lets half a file be written, and then no more."""
    write = Path.write_text

    def no_room(path, text, **options):
        write(path, text[: len(text) // 2], **options)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", no_room)


def test_predictions_of_a_full_disk_are_named_and_leave_nothing(tmp_path, monkeypatch):
    fill_the_disk(monkeypatch)
    with pytest.raises(InputError, match="No space left on device"):
        predictions.write_predictions(tmp_path, "set", [0, 1], [0.2, 0.9], "run")
    assert list(tmp_path.iterdir()) == []


def test_what_killed_writers_of_predictions_left_is_removed(tmp_path):
    (tmp_path / ".set_test_labels.csv.999.partial").touch()
    (tmp_path / "set_test_labels.csv").touch()
    predictions.remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["set_test_labels.csv"]


def test_the_best_runs_are_chosen_among_strategies_on_validation_scores(plan, monkeypatch):
    bad, good = np.array([0.9, 0.1]), np.array([0.1, 0.9])
    done = fitted(plan)
    for run in plan.runs:
        result = done[run.job.key]
        result.record["val_labels"] = [0, 1]
        result.arrays["val_scores"] = good if run.seed else bad
    best = whole.best_runs(plan, measured(plan, done, LABELS, monkeypatch))
    assert {run.seed for run in best.values()} == {1}
    assert {str(cell.method) for cell in best} == {"scratch", "frozen", "finetune"}
