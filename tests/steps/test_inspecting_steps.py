"""What jobs find of where classifiers look and of what they withstand."""

import numpy as np
import pytest
from tiny_study import COUNTS, assert_same

from tfmed.data.loading import load_split
from tfmed.data.phantom.places import opacity_boxes
from tfmed.evaluation import metrics
from tfmed.inspection import agreement, method
from tfmed.inspection.corruptions import CORRUPTIONS
from tfmed.steps.inspecting import finished
from tfmed.training import fitting

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("steps")]  # who share one study


def inspection_of(tiny, strategy):
    return next(one for one in tiny.plan.inspections if str(one.strategy) == strategy)


@pytest.fixture(scope="module")
def looked(tiny):
    """The inspection of one strategy, its run's result, and what its job found."""
    one = inspection_of(tiny, "finetune")
    return one, tiny.finished[one.run.job.key], tiny.finished[one.attribution.key]


def test_every_strategy_of_the_target_is_inspected_and_shown_where_it_has_learned(tiny):
    shown = {str(one.strategy): one.attribution is not None for one in tiny.plan.inspections}
    assert shown == {"scratch": True, "random_frozen": False, "frozen": True, "finetune": True}
    assert {one.run.repeat.seed for one in tiny.plan.inspections} == {0}


def test_cases_are_right_and_wrong_by_the_runs_own_threshold(tiny, looked):
    _, run, found = looked
    labels, scores = load_split(tiny.plan.target, "test").labels, run.arrays["test_scores"]
    for case in found.record["cases"]:
        answer = int(scores[case["row"]] > run.record["threshold"])
        assert case["truth"] == labels[case["row"]]
        assert case["explained"] == answer
        assert case["right"] == (answer == case["truth"])
        own = scores[case["row"]] if answer else 1 - scores[case["row"]]
        assert case["score"] == pytest.approx(own)
    kinds = [(case["truth"], case["right"]) for case in found.record["cases"]]
    assert max(kinds.count(kind) for kind in kinds) <= 2


def test_maps_are_those_of_the_method_and_are_held_against_random_weights(tiny, looked):
    one, _, found = looked
    classifier = finished.inspected(tiny.classifier_of("finetune"), one.run.task)
    drawn = finished.with_random_weights(one.attribution.spec, one.run.task)
    random = finished.inspected(drawn, one.run.task)
    cases, images = found.record["cases"], found.arrays["images"]
    numbers = np.array([case["explained"] for case in cases], "int32")
    for name in ("occlusion", "grad-cam"):
        values, others = (
            method(name).attribution(each, images, numbers) for each in (classifier, random)
        )
        assert found.arrays[name] == pytest.approx(values, abs=1e-6)
        for case, one, other in zip(cases, values, others, strict=True):
            expected = agreement.rank_correlation(one, other)
            assert case["correlation"][name] == pytest.approx(expected, abs=1e-3)


def test_on_phantoms_attribution_is_held_against_the_opacitys_place(tiny, looked):
    one, run, found = looked
    split, boxes = load_split(tiny.plan.target, "test"), opacity_boxes(tiny.plan.target)
    right = (run.arrays["test_scores"] > run.record["threshold"]) & (split.labels == 1)
    rows = np.flatnonzero(right)[: one.attribution.spec["measured"]]
    classifier = finished.inspected(tiny.classifier_of("finetune"), one.run.task)
    numbers = np.ones(len(rows), int)
    maps = method("occlusion").attribution(classifier, split.images[rows], numbers)
    shares = [agreement.share_inside(m, boxes[row]) for m, row in zip(maps, rows, strict=True)]
    inside = found.record["inside"]["occlusion"]
    assert inside["n"] == len(rows) > 0
    assert inside["share"] == pytest.approx(np.mean(shares), abs=1e-3)
    drawn = finished.with_random_weights(one.attribution.spec, one.run.task)
    random = finished.inspected(drawn, one.run.task)
    others = method("occlusion").attribution(random, split.images[rows], numbers)
    expected = [agreement.share_inside(m, boxes[row]) for m, row in zip(others, rows, strict=True)]
    assert inside["random"] == pytest.approx(np.mean(expected), abs=1e-3)
    areas = [agreement.area_share((28, 28), boxes[row]) for row in rows]
    assert inside["area"] == pytest.approx(np.mean(areas))


def test_the_clean_metrics_are_those_of_the_run_and_corrupted_ones_those_of_its_classifier(tiny):
    one = inspection_of(tiny, "scratch")
    found, task = tiny.finished[one.robustness.key].record, tiny.plan.target
    run = tiny.finished[one.run.job.key]
    split = load_split(task, "test")
    of_run = metrics.accuracy_and_auc(split.labels, run.arrays["test_scores"])
    assert found["n"] == COUNTS["test"]
    assert found["clean"] == pytest.approx({name: of_run[name] for name in found["clean"]})
    assert len(found["corruptions"]) == 3 * len(CORRUPTIONS)
    classifier = tiny.classifier_of("scratch")
    for each in found["corruptions"][::4]:
        worse = CORRUPTIONS[each["kind"]].apply(split.images, each["value"])
        scores = fitting.scores(classifier, worse, task.task)
        expected = metrics.accuracy_and_auc(split.labels, scores)
        assert each["metrics"] == pytest.approx({name: expected[name] for name in each["metrics"]})


@pytest.mark.parametrize("kind", ["attribution", "robustness"])
def test_done_again_it_is_the_same(tiny, kind):
    job = getattr(inspection_of(tiny, "frozen"), kind)
    assert_same(tiny.again(job), tiny.finished[job.key])


def test_a_finding_that_no_test_image_has_is_shown_by_no_case(tiny, looked):
    from tfmed.inspection.cases import groups_of, typical

    scores = np.full((4, 2), 0.3)
    groups = list(groups_of(np.zeros((4, 2), bool), np.zeros((4, 2), int)))
    assert [typical(group, scores, 2) for group in groups] == [[], [], [], []]
    one, _, _ = looked
    classifier = finished.inspected(tiny.classifier_of("finetune"), one.run.task)
    images = load_split(tiny.plan.target, "test").images[:0]
    for name in ("occlusion", "grad-cam"):
        maps = method(name).attribution(classifier, images, np.zeros(0, "int32"))
        assert maps.shape == (0, 28, 28)
