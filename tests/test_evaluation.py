"""Tests of metrics, intervals, predictions files and their check."""

import contextlib
import io
import json
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from tfmed.errors import InputError
from tfmed.evaluation import (
    METRICS,
    ROC_GRID,
    brier_score,
    choose_threshold,
    compare,
    evaluate,
    expected_calibration_error,
    mean_interval,
    summarise,
)
from tfmed.predictions import main, read_labels, read_predictions, write_labels, write_predictions

with contextlib.redirect_stdout(io.StringIO()):
    from medmnist.evaluator import getACC, getAUC

# Few distinct values, so that ties (also with .5) are common.
tied_scores = st.integers(0, 8).map(lambda k: k / 8)
cases = st.lists(
    st.tuples(st.integers(0, 1), tied_scores | st.floats(0, 1)), min_size=1, max_size=40
).map(lambda rows: (np.array([y for y, _ in rows]), np.array([s for _, s in rows])))
quick = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture],
)


def simulated(rng, n_seeds=3, n=200, seed_sd=0.2, mean=0.8):
    """Labels (n,) and scores (n_seeds, n) of one imagined strategy."""
    labels = rng.integers(0, 2, n)
    logits = (2 * labels - 1) * mean + rng.normal(0, 0.8, n)
    logits = logits + rng.normal(0, seed_sd, (n_seeds, 1)) + rng.normal(0, 0.4, (n_seeds, n))
    return labels, 1 / (1 + np.exp(-logits))


@quick
@given(cases)
def test_accuracy_and_auc_are_medmnists(case):
    labels, scores = case
    assume(len(labels) > 1)
    found = evaluate(labels, scores, 0.5)["metrics"]
    assert found["accuracy"] == getACC(labels, scores, "binary-class")
    if 0 < labels.sum() < len(labels):
        assert found["auc"] == getAUC(labels, scores, "binary-class")


@quick
@given(cases, tied_scores)
def test_other_metrics_are_scikit_learns(case, threshold):
    labels, scores = case
    assume(0 < labels.sum() < len(labels))
    found = evaluate(labels, scores, threshold)
    for suffix, cut in (("", 0.5), ("_at_threshold", threshold)):
        answers = scores > cut
        expected = {
            "accuracy": reference.accuracy_score(labels, answers),
            "balanced_accuracy": reference.balanced_accuracy_score(labels, answers),
            "sensitivity": reference.recall_score(labels, answers),
            "specificity": reference.recall_score(labels, answers, pos_label=0),
        }
        for name, value in expected.items():
            assert found["metrics"][name + suffix] == pytest.approx(value)
        confusion = reference.confusion_matrix(labels, answers)
        assert found["confusion" + suffix] == confusion.tolist()
    assert found["metrics"]["brier"] == pytest.approx(reference.brier_score_loss(labels, scores))
    assert found["metrics"]["brier"] == brier_score(labels, scores)
    assert not found["undefined"]


@quick
@given(cases)
def test_calibration_error_is_the_weighted_gap_of_its_bins(case):
    labels, scores = case
    gaps = [
        abs(np.sum((scores - labels)[(scores > low) & (scores <= low + 0.25)]))
        for low in (0.25, 0.5, 0.75)
    ]
    gaps.append(abs(np.sum((scores - labels)[scores <= 0.25])))
    found = expected_calibration_error(labels, scores, n_bins=4)
    assert found == pytest.approx(sum(gaps) / len(labels))


def test_calibration_error_is_zero_for_honest_and_one_for_wrong_certainty():
    assert expected_calibration_error([0, 0, 0, 1], [0.25] * 4) == 0
    assert expected_calibration_error([0, 1], [1.0, 0.0]) == 1


@pytest.mark.parametrize("label", [0, 1])
def test_metrics_that_need_the_absent_class_are_none_with_a_reason(label):
    found = evaluate([label] * 3, [0.2, 0.6, 0.9], 0.7)
    absent = {name for name, value in found["metrics"].items() if value is None}
    lacking = "specificity" if label else "sensitivity"
    assert absent == {
        *("auc", "balanced_accuracy", "balanced_accuracy_at_threshold"),
        *(lacking, f"{lacking}_at_threshold"),
    }
    assert set(found["undefined"]) == absent
    assert f"every label is {label}" in found["undefined"]["auc"]
    assert found["roc_tpr"] is None


def test_a_score_equal_to_the_threshold_is_answered_0():
    assert evaluate([1, 0], [0.5, 0.5], 0.5)["confusion"] == [[1, 0], [1, 0]]


def test_metrics_are_those_that_the_schema_asks_for():
    schema = json.loads(files("tfmed").joinpath("results.schema.json").read_text())
    properties = schema["properties"]["runs"]["items"]["properties"]
    assert list(METRICS) == list(properties["metrics"]["properties"])


@quick
@given(cases)
def test_roc_curve_rises_to_one_and_holds_the_auc(case):
    labels, scores = case
    assume(0 < labels.sum() < len(labels))
    found = evaluate(labels, scores, 0.5)
    curve = np.array(found["roc_tpr"])
    assert curve.shape == ROC_GRID.shape
    assert (np.diff(curve) >= -1e-12).all()
    assert curve[-1] == 1
    # 101 points miss at most one hundredth of the area at vertical steps.
    assert np.trapezoid(curve, ROC_GRID) == pytest.approx(found["metrics"]["auc"], abs=0.011)


def balanced_accuracy(labels, scores, threshold):
    answers = scores > threshold
    return (answers[labels == 1].mean() + (~answers[labels == 0]).mean()) / 2


@quick
@given(cases)
def test_no_threshold_beats_the_chosen_one(case):
    labels, scores = case
    assume(0 < labels.sum() < len(labels))
    chosen = balanced_accuracy(labels, scores, choose_threshold(labels, scores))
    others = np.concatenate([scores, np.nextafter(scores, 0), [0.5, 1.0]])
    assert chosen >= max(balanced_accuracy(labels, scores, other) for other in others) - 1e-12


@pytest.mark.parametrize(
    ("labels", "scores", "expected"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.7], 0.4),
        ([0, 1, 0, 1], [0.1, 0.3, 0.5, 0.7], 0.6),
        ([1, 1, 1], [0.1, 0.2, 0.3], 0.5),
        ([0, 1], [0.3, 0.3], 0.5),
    ],
    ids=["midpoint", "tie towards .5", "one class", "all scores alike"],
)
def test_threshold_is_the_expected_one(labels, scores, expected):
    assert choose_threshold(labels, scores) == pytest.approx(expected)


def test_the_threshold_separates_adjacent_floats():
    upper = np.nextafter(0.5, 1)
    for low, high in ((0.5, upper), (upper, np.nextafter(upper, 1)), (0.0, 5e-324)):
        assert low <= choose_threshold([0, 1], [low, high]) < high


@pytest.mark.parametrize(
    ("labels", "scores", "words"),
    [
        ([], [], "at least one case"),
        ([0, 1], [0.5], "do not match"),
        ([[0], [1]], [0.1, 0.2], "do not match"),
        ([0, 2], [0.1, 0.2], "other than 0 and 1"),
        ([0, 1], [0.1, np.nan], "NaN"),
        ([0, 1], [0.1, -2.0], "logits"),
    ],
)
def test_unusable_arrays_are_named_in_one_line(labels, scores, words):
    for function in (brier_score, choose_threshold, expected_calibration_error):
        with pytest.raises(InputError, match=words) as caught:
            function(labels, scores)
        assert "\n" not in str(caught.value)


def test_summary_is_the_mean_over_runs_inside_its_interval():
    labels, scores = simulated(np.random.default_rng(0))
    thresholds = [0.4, 0.5, 0.6]
    runs = [evaluate(labels, *run) for run in zip(scores, thresholds, strict=True)]
    summary = summarise(labels, scores, thresholds)
    for name in METRICS:
        values = [run["metrics"][name] for run in runs]
        assert summary[name]["mean"] == pytest.approx(np.mean(values))
        assert summary[name]["sd"] == pytest.approx(np.std(values, ddof=1))
        assert 0 <= summary[name]["low"] < np.mean(values) < summary[name]["high"] <= 1
    assert summary["confusion"] == np.mean([run["confusion"] for run in runs], axis=0).tolist()
    assert summary["roc"]["tpr"] == np.mean([run["roc_tpr"] for run in runs], axis=0).tolist()
    assert summary["roc"]["low"] == np.min([run["roc_tpr"] for run in runs], axis=0).tolist()


def test_one_class_leaves_undefined_summaries_and_comparisons_none():
    scores = np.random.default_rng(0).random((3, 20))
    summary = summarise(np.ones(20, int), scores, [0.5] * 3)
    assert summary["auc"] is None
    assert summary["roc"] is None
    assert summary["sensitivity"]["sd"] is not None
    assert compare(np.ones(20, int), scores, scores, "auc") is None


def test_case_variance_of_one_seed_is_that_of_a_bootstrap():
    rng = np.random.default_rng(1)
    labels, scores = simulated(rng, n_seeds=1, n=400)
    draws = [rng.integers(0, 400, 400) for _ in range(250)]
    again = [evaluate(labels[i], scores[0, i], 0.6)["metrics"] for i in draws]
    for metric in METRICS:
        interval = mean_interval(labels, scores, metric, [0.6])
        assert interval["sd"] is None
        width = interval["high"] - interval["low"]
        # The calibration error's bins change sign between draws, which no variance can follow.
        tolerance = 0.5 if metric == "ece" else 0.15
        spread = np.std([found[metric] for found in again])
        assert width == pytest.approx(2 * 1.96 * spread, rel=tolerance), metric


@pytest.mark.parametrize("metric", METRICS)
def test_perfect_scores_keep_an_interval_with_width(metric):
    labels = np.array([0, 1] * 10)
    interval = mean_interval(labels, np.tile(labels, (3, 1)), metric, [0.5] * 3)
    assert interval["low"] < interval["high"]
    assert interval["mean"] == (0 if metric in ("brier", "ece") else 1)
    assert 0 <= interval["low"] <= interval["mean"] <= interval["high"] <= 1


def test_a_class_of_one_case_gives_a_wide_finite_interval():
    labels, scores = np.array([1, 0, 0, 0]), np.array([[0.6, 0.1, 0.2, 0.7]] * 2)
    for metric in METRICS:
        interval = mean_interval(labels, scores, metric, [0.5, 0.5])
        assert np.isfinite([interval["low"], interval["high"]]).all()
    auc = mean_interval(labels, scores, "auc")
    assert auc["high"] - auc["low"] > 0.5


def test_three_seeds_that_disagree_give_a_wider_interval_than_three_that_agree():
    rng = np.random.default_rng(2)
    labels, calm = simulated(rng, seed_sd=0.0)
    shaken = np.clip(calm + np.array([[-0.3], [0.0], [0.3]]), 0, 1)
    widths = [
        interval["high"] - interval["low"]
        for interval in (mean_interval(labels, scores, "accuracy") for scores in (calm, shaken))
    ]
    assert widths[1] > 2 * widths[0]


def test_pairing_by_case_narrows_the_interval_of_a_difference():
    labels, scores = simulated(np.random.default_rng(3), n_seeds=10, seed_sd=0.0)
    paired = compare(labels, scores[:5], scores[5:], "auc")
    alone = mean_interval(labels, scores[:5], "auc")
    assert paired["high"] - paired["low"] < alone["high"] - alone["low"]


def test_comparison_is_antisymmetric_and_zero_with_itself():
    labels, scores = simulated(np.random.default_rng(4), n_seeds=6)
    ab, ba = (
        compare(labels, x, y) for x, y in ((scores[:3], scores[3:]), (scores[3:], scores[:3]))
    )
    assert ab["difference"] == -ba["difference"]
    assert ab["low"] == pytest.approx(-ba["high"])
    assert compare(labels, scores, scores) == {
        **dict.fromkeys(("difference", "low", "high"), 0.0),
        "n_seeds": 6,
    }


def test_comparison_refuses_unequal_seeds_unknown_metrics_and_missing_thresholds():
    labels, scores = simulated(np.random.default_rng(5))
    with pytest.raises(InputError, match="same seeds"):
        compare(labels, scores, scores[:2])
    with pytest.raises(InputError, match="'f1' is unknown"):
        compare(labels, scores, scores, "f1")
    with pytest.raises(InputError, match="0 thresholds for 3 seeds"):
        compare(labels, scores, scores, "accuracy_at_threshold")


@pytest.mark.parametrize("n_seeds", [3, 5])
def test_intervals_of_accuracy_hold_the_truth_about_95_times_in_100(n_seeds):
    rng = np.random.default_rng(n_seeds)
    held = 0
    for _ in range(400):
        # Per-case chance of a right answer, moved by the seed; the expectation is .8.
        chance = np.clip(0.8 + rng.normal(0, 0.01, (n_seeds, 1)), 0, 1)
        case = rng.random(300)
        right = (
            np.where(rng.random((n_seeds, 300)) < 0.6, case, rng.random((n_seeds, 300))) < chance
        )
        labels = rng.integers(0, 2, 300)
        interval = mean_interval(labels, np.where(right, labels, 1 - labels), "accuracy")
        held += interval["low"] <= 0.8 <= interval["high"]
    assert 0.92 <= held / 400 <= 0.985


@settings(quick, max_examples=25)
@given(cases)
def test_predictions_read_back_identical(tmp_path, case):
    labels, scores = case
    path = write_predictions(tmp_path, "set", labels, scores, run="a")
    assert read_predictions(path).tobytes() == scores.tobytes()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_predictions_carry_medmnists_standard_name(tmp_path):
    labels, scores = [0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]
    path = write_predictions(tmp_path / "new", "pneumoniamnist", labels, scores, run=3)
    assert path.name == "pneumoniamnist_test_[AUC]0.750_[ACC]0.500@3.csv"
    assert path.read_text().splitlines()[1] == "1,0.6"
    alone = write_predictions(tmp_path, "x", [1, 1], [0.1, 0.6], run=3)
    assert alone.name == "x_test_[AUC]nan_[ACC]0.500@3.csv"


def test_predictions_of_a_run_replace_only_its_own_earlier_ones(tmp_path):
    write_predictions(tmp_path, "set", [0, 1], [0.9, 0.1], run="a")
    other = write_predictions(tmp_path, "set", [0, 1], [0.9, 0.1], run="b")
    new = write_predictions(tmp_path, "set", [0, 1], [0.1, 0.9], run="a")
    assert set(tmp_path.iterdir()) == {other, new}


def test_a_predictions_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="can't be written"):
        write_predictions(tmp_path / "file", "set", [0, 1], [0.1, 0.9], run="a")
    with pytest.raises(InputError, match="leave out"):
        write_predictions(tmp_path, "set", [0, 1], [0.1, 0.9], run="../a")


@settings(quick, max_examples=100)
@given(st.binary(max_size=40) | st.text("0123456789.,-e\nanif _", max_size=30).map(str.encode))
def test_any_file_is_read_as_scores_or_refused_in_one_line(tmp_path, content):
    path = tmp_path / "scores.csv"
    path.write_bytes(content)
    message = ""
    try:
        scores = read_predictions(path)
    except InputError as error:
        message, scores = str(error), np.zeros(0)
    assert (len(scores) > 0) != (str(path) in message)
    assert "\n" not in message
    assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0,0.5\n2,0.5\n", "not 0 to n - 1"),
        ("", "not 0 to n - 1"),
        ("0,nan\n", r"outside \[0, 1\]"),
        ("0,0.5,1\n", "index,value"),
    ],
)
def test_damaged_predictions_are_refused(tmp_path, text, words):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        read_predictions(tmp_path / "p.csv")


def test_labels_read_back_and_other_values_are_refused(tmp_path):
    path = write_labels(tmp_path, "set", np.array([1, 0, 1], np.uint8))
    assert path.name == "set_test_labels.csv"
    assert read_labels(path).tolist() == [1, 0, 1]
    path.write_text("0,0.5\n")
    with pytest.raises(InputError, match="other than 0 and 1"):
        read_labels(path)


@pytest.fixture
def study_folder(tmp_path):
    """A report folder of two strategies, 3 seeds each."""
    labels, scores = simulated(np.random.default_rng(6), n_seeds=6)
    write_labels(tmp_path / "predictions", "set", labels)
    key = {"task": "set", "label_budget": 300, "variant": "standard"}
    sides = {"frozen": scores[:3], "scratch": scores[3:]}
    runs = []
    for strategy, rows in sides.items():
        for seed, row in enumerate(rows):
            name = f"{strategy}-{seed}"
            path = write_predictions(tmp_path / "predictions", "set", labels, row, name)
            run = {**key, "id": name, "strategy": strategy, "seed": seed, "threshold": 0.4}
            run["predictions"] = path.relative_to(tmp_path).as_posix()
            runs.append(run | evaluate(labels, row, 0.4))
    summary = [
        {**key, "strategy": name, "n_seeds": 3, **summarise(labels, rows, [0.4] * 3)}
        for name, rows in sides.items()
    ]
    a, b = ({"strategy": name, "variant": "standard"} for name in sides)
    difference = compare(labels, scores[:3], scores[3:], "auc")
    comparisons = [{"task": "set", "label_budget": 300, "metric": "auc", "a": a, "b": b}]
    comparisons[0] |= difference
    results = {"runs": runs, "summary": summary, "comparisons": comparisons}
    (tmp_path / "results.json").write_text(json.dumps(results))
    return tmp_path


def test_the_command_confirms_results_that_agree(study_folder, capsys):
    assert main([str(study_folder)]) == 0
    assert "from 6 runs: all agree" in capsys.readouterr().out


@pytest.mark.parametrize("part", ["runs", "summary", "comparisons"])
def test_the_command_finds_a_changed_number(study_folder, capsys, part):
    path = study_folder / "results.json"
    results = json.loads(path.read_text())
    entry = results[part][0]
    if part == "comparisons":
        entry["low"] += 0.001
    else:
        (entry["metrics"] if part == "runs" else entry["auc"]).update(mean=0.1, accuracy=0.1)
    path.write_text(json.dumps(results))
    assert main([str(study_folder)]) == 1
    assert "1 differ" in capsys.readouterr().out


def test_the_command_takes_one_file_or_a_folder_without_results(study_folder, capsys):
    (study_folder / "results.json").unlink()
    assert main([str(study_folder)]) == 0
    assert "frozen-0" in capsys.readouterr().out
    file = next((study_folder / "predictions").glob("*@scratch-1.csv"))
    assert main([str(file)]) == 0
    assert "scratch-1" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["{", "[]", '{"runs": [{}]}', None])
def test_the_command_names_what_it_cannot_use(tmp_path, capsys, content):
    if content is not None:
        (tmp_path / "results.json").write_text(content)
    assert main([str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {tmp_path}")
    assert error.count("\n") == 1


def test_seeds_that_agree_by_chance_do_not_hide_the_luck_of_the_test_cases():
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    a, b = (np.tile(labels, (2, 1)) * 1.0 for _ in range(2))
    # In each seed 30 cases of their own are wrong for a and 40 for b: equal differences.
    for seed in range(2):
        wrong = rng.permutation(200)[:70] + 200 * seed
        a[seed, wrong[:30]] = 1 - labels[wrong[:30]]
        b[seed, wrong[30:]] = 1 - labels[wrong[30:]]
    found = compare(labels, a, b, "accuracy")
    assert found["difference"] == pytest.approx(10 / 400)
    cases_alone = 1.96 * np.sqrt(2 * 70 / 400**2) / 2
    assert found["high"] - found["difference"] == pytest.approx(cases_alone, rel=0.05)
