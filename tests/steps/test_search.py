"""Recipes that are tried inside the label budget, and what every strategy starts from."""

import json

import keras
import numpy as np
import pytest
from pydantic import TypeAdapter
from tiny_study import LABELS, assert_same, labels_swapped, nothing

from tfmed import steps
from tfmed.execution import keys
from tfmed.results.schema.runs import RecipeEntry
from tfmed.training import examples, fitting, transfer

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("steps")]  # who share one study

FITTED = ("scratch", "finetune")
RECIPES = [
    {"learning_rate": rate, "augment": augment}
    for augment in (False, True)
    for rate in (1e-2, 1e-3)
]
DIVERGING = {"learning_rate": 1e30, "augment": False}


def again(searching, run, **spec):
    """The run once more, some of its settings changed."""
    job = run.job
    parents = {role: searching.finished[parent.key] for role, parent in job.parents.items()}
    return steps.perform(job.kind, {**job.spec, **spec}, {"task": run.task}, parents, nothing)


def tried(recipe):
    """The recipes of its tries."""
    return [{name: each[name] for name in RECIPES[0]} for each in recipe["tries"]]


@pytest.mark.parametrize("strategy", FITTED)
def test_every_strategy_that_trains_its_encoder_tries_the_same_recipes(searching, strategy):
    recipe = searching.result_of(strategy).record["recipe"]
    assert tried(recipe) == RECIPES
    assert all(1 <= each["epochs"] <= 2 for each in recipe["tries"])
    TypeAdapter(RecipeEntry).validate_json(json.dumps(recipe))


@pytest.mark.parametrize("strategy", FITTED)
def test_the_try_of_the_lowest_validation_loss_is_kept(searching, strategy):
    found = searching.result_of(strategy)
    recipe = found.record["recipe"]
    losses = [each["val_loss"] for each in recipe["tries"]]
    assert len(set(losses)) == len(losses)
    best = RECIPES[int(np.argmin(losses))]
    assert {name: recipe[name] for name in best} == best
    labels = np.array(found.record["val_labels"], float)
    measured = keras.losses.binary_crossentropy(labels, found.arrays["val_scores"])
    assert float(measured) == pytest.approx(min(losses), abs=1e-5)
    assert min(found.record["fit"]["history"]["val_loss"]) == min(losses)


@pytest.mark.parametrize("strategy", FITTED)
def test_what_is_kept_is_what_the_recipe_alone_gives_to_the_last_bit(searching, strategy):
    run, kept = searching.run_of(strategy), searching.result_of(strategy)
    best = {name: kept.record["recipe"][name] for name in RECIPES[0]}
    alone = again(searching, run, recipes=[best])
    assert alone.record["recipe"] == {**best, "tries": []}
    alone.record["recipe"] = kept.record["recipe"]
    assert_same(alone, kept)


@pytest.mark.slow
def test_the_order_of_the_tries_changes_nothing_of_what_is_kept(searching):
    run, kept = searching.run_of("scratch"), searching.result_of("scratch")
    turned = again(searching, run, recipes=RECIPES[::-1])
    assert turned.record["recipe"]["tries"] == kept.record["recipe"]["tries"][::-1]
    assert all(np.array_equal(turned.arrays[name], kept.arrays[name]) for name in kept.arrays)


def test_a_recipe_that_diverges_is_told_of_and_loses(searching):
    run = searching.run_of("finetune")
    recipe = again(searching, run, recipes=[DIVERGING, RECIPES[1]]).record["recipe"]
    assert recipe["tries"][0] == {**DIVERGING, "val_loss": None, "epochs": 0}
    assert {name: recipe[name] for name in RECIPES[1]} == RECIPES[1]
    TypeAdapter(RecipeEntry).validate_json(json.dumps(recipe))
    alone = again(searching, run, recipes=[RECIPES[1]])
    assert recipe["tries"][1]["val_loss"] == min(alone.record["fit"]["history"]["val_loss"])


def test_recipes_that_all_diverge_are_an_error_that_names_the_learning_rate(searching):
    worse = {**DIVERGING, "learning_rate": 1e32}
    with pytest.raises(FloatingPointError, match=r"learning rate of 1e\+32 is too high"):
        again(searching, searching.run_of("scratch"), recipes=[DIVERGING, worse])


def test_another_pretraining_takes_the_recipe_of_the_first_and_tries_none(searching):
    first = searching.result_of("finetune").record["recipe"]
    second = searching.run_of("finetune", pretraining=1)
    assert second.job.parents["searched"].key == searching.run_of("finetune").job.key
    recipe = searching.finished[second.job.key].record["recipe"]
    assert recipe == {**first, "tries": []}
    scores = [
        searching.finished[searching.run_of("finetune", pretraining=i).job.key].arrays
        for i in (0, 1)
    ]
    assert not np.array_equal(scores[0]["test_scores"], scores[1]["test_scores"])


@pytest.mark.parametrize("strategy", ["frozen", "random_frozen"])
def test_heads_of_frozen_encoders_search_nothing(searching, strategy):
    run = searching.run_of(strategy)
    assert run.job.spec["recipes"] == []
    assert "searched" not in run.job.parents
    assert searching.result_of(strategy).record["recipe"] is None


@pytest.fixture
def starts(monkeypatch):
    """Weights of the whole classifiers whose fits begin while a test goes on."""
    found = []
    fit = fitting.fit_classifier

    def noted(model, *rest):
        if "encoder" in [layer.name for layer in model.layers]:
            found.append(transfer.weights(model))
        return fit(model, *rest)

    monkeypatch.setattr(fitting, "fit_classifier", noted)
    return found


@pytest.mark.parametrize("pretraining", [0, 1])
def test_each_try_starts_from_the_trained_head_of_its_frozen_encoder(
    searching, starts, pretraining
):
    few = {} if pretraining else {"recipes": RECIPES[:2]}
    again(searching, searching.run_of("finetune", pretraining=pretraining), **few)
    frozen = searching.finished[searching.run_of("frozen", pretraining=pretraining).job.key]
    expected = transfer.unpacked("classifier", frozen.arrays)
    assert len(starts) == (1 if pretraining else 2)
    for start in starts:
        assert all(map(np.array_equal, start, expected))


def test_from_random_weights_each_try_starts_normalised_and_from_a_trained_head(searching, starts):
    again(searching, searching.run_of("scratch"), recipes=RECIPES[:2])
    assert len(starts) == 2
    assert all(map(np.array_equal, *starts))
    classifier = searching.classifier_of("scratch")
    random = searching.finished[searching.run_of("random_frozen").job.key]
    transfer.set_weights(classifier, transfer.unpacked("classifier", random.arrays))
    encoder = classifier.get_layer("encoder")
    as_drawn = [weight.numpy() for weight in encoder.weights]
    transfer.set_weights(classifier, starts[0])
    for weight, drawn in zip(encoder.weights, as_drawn, strict=True):
        assert np.array_equal(weight, drawn) == ("moving" not in weight.path)
    images = examples.labelled(searching.plan.target, LABELS, 0).train.images / np.float32(255)
    transfer.set_trainable(encoder, True)
    known, trained_by = encoder(images, training=False), encoder(images, training=True)
    np.testing.assert_allclose(known, trained_by, atol=1e-3)
    head = classifier.get_layer("head").layers[-1]
    assert np.abs(head.bias).min() > 0


@pytest.mark.parametrize("split", ["test", "val"])
def test_a_search_sees_no_labels_beyond_its_budget(searching, split):
    job = searching.run_of("finetune").job
    with labels_swapped(split):
        assert_same(searching.again(job), searching.finished[job.key])


@pytest.mark.slow
def test_augmentation_changes_what_is_learned_and_repeats(searching):
    run = searching.run_of("scratch")
    first, second = (again(searching, run, recipes=[RECIPES[3]]) for _ in range(2))
    assert_same(first, second)
    plain = again(searching, run, recipes=[RECIPES[1]])
    assert not np.array_equal(first.arrays["test_scores"], plain.arrays["test_scores"])
    train = examples.labelled(searching.plan.target, LABELS, 0).train
    assert first.record["n_train"] == plain.record["n_train"] == len(train)


@pytest.mark.parametrize("strategy", ["finetune", "scratch"])
def test_every_function_that_a_search_runs_is_part_of_its_key(searching, strategy):
    job = searching.run_of(strategy).job
    found = keys.closure(steps.roots(job.kind, job.spec, {"task": searching.plan.target}))
    here = ("tfmed.steps.classify", "tfmed.pretraining.parts.views", "tfmed.data.pipelines")
    ran = {each for each in searching.ran["classify"] if each[0] in here}
    assert ("tfmed.pretraining.parts.views", "augmentation") in ran
    assert ran <= found.definitions.keys()
