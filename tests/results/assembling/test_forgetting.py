"""The source task before and after fine-tuning, as results hold it."""

import numpy as np
import pytest
from earlier import EARLIER
from test_plan import SOURCE, TARGET

from tfmed.config.study import Study
from tfmed.execution.job import Result
from tfmed.orchestration.plan import make_plan
from tfmed.results.assembling.forgetting import entries

LABELS = np.repeat([0, 1], 100)


def measured(auc, mse):
    """A probe with this AUC (of two decimals) on `LABELS`; None where there is one class only."""
    if auc is None:
        return Result({"probe_auc": None, "mse": mse}, {"labels": LABELS[:9], "scores": np.ones(9)})
    scores = np.where(LABELS == 0, 0.5, 0.1)
    scores[100 : 100 + round(100 * auc)] = 0.9
    return Result({"probe_auc": auc, "mse": mse}, {"labels": LABELS, "scores": scores})


def plan_of(seeds, repeats=1):
    pretraining = EARLIER.pretraining[0].model_copy(update={"repeats": repeats})
    return make_plan(EARLIER.replaced(seeds=seeds, pretraining=pretraining), SOURCE, TARGET)


def forgetting(plan, after, before=(0.7, 0.002)):
    """Entries where `after` gives (AUC, error) by seed and `before` is that of all seeds."""
    finished = {}
    for pair in plan.forgetting:
        finished[pair.before.key] = measured(*before)
        finished[pair.after.key] = measured(*after(pair.run.seed))
    return entries(plan, finished)


def test_forgetting_is_what_is_after_minus_before_and_errors_as_a_ratio():
    found = forgetting(plan_of(3), lambda seed: (0.7 - 0.01 * (seed + 1), 0.004))
    assert [entry["label_budget"] for entry in found] == [300, "full"]
    for entry in found:
        assert entry["n_seeds"] == 3
        assert entry["probe_auc_difference"]["mean"] == pytest.approx(-0.02)
        assert entry["probe_auc_difference"]["sd"] == pytest.approx(0.01)
        assert entry["mse_ratio"]["mean"] == pytest.approx(2)
        assert entry["mse_after"]["mean"] == 0.004


def test_one_encoder_for_all_seeds_has_no_seed_variance_before_fine_tuning():
    def after(seed):
        return 0.6 + 0.01 * seed, 0.003

    shared = forgetting(plan_of(3), after)[0]
    own = forgetting(plan_of(3, repeats=3), after)[0]
    assert shared["probe_auc_before"]["sd"] is shared["mse_before"]["low"] is None
    assert own["probe_auc_before"]["sd"] == 0
    assert own["mse_before"]["low"] is not None
    assert shared["probe_auc_difference"] == own["probe_auc_difference"]


def test_methods_are_measured_each_for_itself():
    plan, finished = make_plan(Study(), SOURCE, TARGET), {}
    for pair in plan.forgetting:
        contrastive = str(pair.run.cell.method) == "simclr:finetune"
        finished[pair.before.key] = measured(0.7, None if contrastive else 0.002)
        finished[pair.after.key] = measured(
            0.6 if contrastive else 0.65, None if contrastive else 1
        )
    found = entries(plan, finished)
    assert [(entry["strategy"], entry["label_budget"]) for entry in found] == [
        (name, budget) for budget in (300, "full") for name in ("finetune", "simclr:finetune")
    ]
    for entry in found:
        contrastive = entry["strategy"] == "simclr:finetune"
        lost = -0.1 if contrastive else -0.05
        assert entry["probe_auc_difference"]["mean"] == pytest.approx(lost)
        assert (entry["mse_ratio"] is None) == contrastive
        assert entry["n_seeds"] == 3


def test_the_interval_of_a_change_covers_the_variance_of_test_images_too():
    entry = forgetting(plan_of(3), lambda _: (0.65, 0.003))[0]
    change = entry["probe_auc_difference"]
    assert change["sd"] == pytest.approx(0)
    assert change["low"] < -0.05 - 0.02 < -0.05 + 0.02 < change["high"]
    assert entry["n_test"] == 200


def test_an_auc_that_is_not_defined_is_absent_and_not_zero():
    entry = forgetting(plan_of(2), lambda _: (None, 0.003), before=(None, 0.002))[0]
    for name in ("probe_auc_before", "probe_auc_after", "probe_auc_difference"):
        assert entry[name] is None
    assert entry["mse_ratio"]["mean"] == pytest.approx(1.5)


def test_an_interval_ends_where_the_quantity_does():
    entry = forgetting(plan_of(2), lambda seed: (0.6, 0.001 + 0.009 * seed))[0]
    assert entry["mse_after"]["low"] == entry["mse_ratio"]["low"] == 0
    assert entry["mse_after"]["high"] > 0.01


def test_a_method_without_a_decoder_has_no_errors_of_one():
    entry = forgetting(plan_of(2), lambda _: (0.6, None), before=(0.7, None))[0]
    assert entry["mse_before"] is entry["mse_after"] is entry["mse_ratio"] is None
    assert entry["probe_auc_difference"]["mean"] == pytest.approx(-0.1)
