"""From finished jobs to results: intervals over seeds, forgetting, what is exported."""

import dataclasses

import numpy as np
import pytest
from scipy import stats
from test_plan import SOURCE, TARGET

from tfmed import results
from tfmed.jobs import Result
from tfmed.plan import make_plan
from tfmed.study import STRATEGIES, Study


def measured(auc, mse):
    return Result({"probe_auc": auc, "mse": mse})


def plan_of(seeds, per_seed=False):
    study = Study(seeds=seeds)
    pretraining = dataclasses.replace(study.pretraining, per_seed=per_seed)
    return make_plan(dataclasses.replace(study, pretraining=pretraining), SOURCE, TARGET)


def forgetting(plan, after, before=(0.7, 0.002)):
    """Entries where `after` gives (AUC, error) by seed and `before` is that of all seeds."""
    finished = {}
    for pair in plan.forgetting:
        finished[pair.before.key] = measured(*before)
        finished[pair.after.key] = measured(*after(pair.run.seed))
    return results._forgetting(plan, finished)


def test_an_interval_over_seeds_is_students():
    values = [0.8, 0.83, 0.79, 0.85]
    found = results.seeds_interval(values)
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    expected = {"mean": np.mean(values), "low": low, "high": high, "sd": np.std(values, ddof=1)}
    assert found == pytest.approx(expected)


def test_an_interval_ends_where_the_quantity_does():
    found = results.seeds_interval([0.001, 0.009], least=0)
    assert found["low"] == 0
    assert found["high"] > 0.009


def test_one_seed_has_a_mean_and_no_interval():
    nothing = {"low": None, "high": None, "sd": None}
    assert results.seeds_interval([0.8]) == {"mean": 0.8, **nothing}


def test_forgetting_is_what_is_after_minus_before_and_errors_as_a_ratio():
    entries = forgetting(plan_of(3), lambda seed: (0.7 - 0.01 * (seed + 1), 0.004))
    assert [entry["label_budget"] for entry in entries] == [300, "full"]
    for entry in entries:
        assert entry["n_seeds"] == 3
        assert entry["probe_auc_difference"]["mean"] == pytest.approx(-0.02)
        assert entry["probe_auc_difference"]["sd"] == pytest.approx(0.01)
        assert entry["mse_ratio"]["mean"] == pytest.approx(2)
        assert entry["mse_after"]["mean"] == 0.004


def test_one_encoder_for_all_seeds_has_no_interval_before_fine_tuning():
    def after(seed):
        return 0.6 + 0.01 * seed, 0.003

    shared = forgetting(plan_of(3), after)[0]
    own = forgetting(plan_of(3, per_seed=True), after)[0]
    assert shared["probe_auc_before"]["low"] is None
    assert own["probe_auc_before"]["low"] is not None
    assert shared["probe_auc_difference"] == own["probe_auc_difference"]


def test_an_auc_that_is_not_defined_is_absent_and_not_zero():
    entry = forgetting(plan_of(2), lambda _: (None, 0.003), before=(None, 0.002))[0]
    for name in ("probe_auc_before", "probe_auc_after", "probe_auc_difference"):
        assert entry[name] is None
    assert entry["mse_ratio"]["mean"] == pytest.approx(1.5)


def test_the_best_runs_are_chosen_among_strategies_on_validation_scores():
    plan = plan_of(2)
    labels, bad, good = [0, 1], np.array([0.9, 0.1]), np.array([0.1, 0.9])
    finished = {
        run.job.key: Result({"val_labels": labels}, {"val_scores": good if run.seed else bad})
        for run in plan.runs
    }
    best = results.best_runs(plan, finished)
    assert {run.seed for run in best.values()} == {1}
    assert {run.strategy for run in best.values()} == set(STRATEGIES)
