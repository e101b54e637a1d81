"""The earlier report's findings: each verdict from hand-made results, for each outcome."""

import copy

import pytest
from pydantic import TypeAdapter

from tfmed.config.ledger import ledger_file
from tfmed.evaluation.intervals import seeds_interval
from tfmed.results.ledger import judged, load_ledger
from tfmed.results.schema.closing import ClaimEntry

LEDGER = load_ledger(ledger_file("chest_to_pneumonia"))

ENTRIES = TypeAdapter(list[ClaimEntry])
CHEST, LUNG = "chestmnist", "pneumoniamnist"
STANDARD = "standard"


def results(**parts):
    """Results of a study that measured nothing but these parts."""
    counts = parts.pop("counts", [5000, 5000])
    datasets = [
        {
            "name": name,
            "synthetic": False,
            "n_labels": n_labels,
            "splits": {"train": {"counts": counts}, "test": {"n": 1000}},
        }
        for name, n_labels in ((CHEST, 14), (LUNG, 1))
    ]
    latent = {"spaces": [], "cka": [], **parts.pop("latent", {})}
    empty = {"runs": [], "summary": [], "comparisons": [], "pretraining": []}
    study = {"source": CHEST, "target": LUNG}
    base = {"study": study, "synthetic": False, "datasets": datasets, "latent": latent}
    return {**base, **empty, **parts}


def accuracy(task, strategy, budget, mean, low, high, sd=0.01, n_seeds=5):
    key = {"task": task, "strategy": strategy, "variant": STANDARD, "label_budget": budget}
    return {
        **key,
        "n_seeds": n_seeds,
        "accuracy": {"mean": mean, "low": low, "high": high, "sd": sd},
    }


def full_rows():
    return [accuracy(LUNG, "scratch", budget, 0.85, 0.83, 0.87) for budget in (300, "full")]


def comparison(task, budget, metric, a, b, difference, low, high):
    sides = {
        name: dict(zip(("strategy", "variant"), side, strict=True))
        for name, side in (("a", a), ("b", b))
    }
    error = (high - low) / 2 / 1.96
    bounds = {"difference": difference, "low": low, "high": high}
    return {
        "task": task,
        "label_budget": budget,
        "metric": metric,
        **sides,
        **bounds,
        "standard_error": error,
        "df": 1e6,
        "seed_share": 0.0,
        "agreeing": True,
        "n_seeds": 5,
    }


def about(task, strategy, budget, goal):
    return [
        results(summary=[accuracy(task, strategy, budget, goal + d, goal + d - w, goal + d + w)])
        for d, w in ((0.0, 0.01), (-0.1, 0.01), (0.0, 0.05))
    ]


def compared(task, budget, metric, a, b):
    return [
        results(
            summary=full_rows(),
            comparisons=[comparison(task, budget, metric, a, b, d, d - 0.02, d + 0.02)],
        )
        for d in (0.05, -0.05, 0.01)
    ]


def training():
    outcomes = []
    for gains in ((-0.1, -0.11, -0.12), (0.1, 0.11, 0.12), (-0.1, 0.1, 0.05)):
        runs = [
            {
                "task": LUNG,
                "variant": STANDARD,
                "label_budget": "full",
                "seed": seed,
                "strategy": strategy,
                "train_accuracy": 0.8 + (gain if strategy == "finetune" else 0.0),
            }
            for seed, gain in enumerate(gains)
            for strategy in ("finetune", "scratch")
        ]
        outcomes.append(results(runs=runs, summary=full_rows()))
    return outcomes


def dropouts():
    """The widest found away from 0, all near it, and one that may be either."""
    outcomes = []
    for far, half in ((0.08, 0.02), (0.002, 0.005), (0.025, 0.02)):
        entries = [
            comparison(
                LUNG, 300, "accuracy", ("finetune", f"dropout_{p}"), ("finetune", STANDARD),
                d, d - half, d + half,
            )
            for p, d in ((0, 0.0), (0.7, -far))
        ]  # fmt: skip
        outcomes.append(results(comparisons=entries))
    return outcomes


def reconstructed():
    def span(mean, half=0.02):
        return {"mean": mean, "low": mean - half, "high": mean + half}

    outcomes = []
    for low_band, high_band in ((0.97, 0.2), (0.97, 0.8), (0.91, 0.2)):
        bands = [
            {"from": 0.4, "to": 0.5, "kept": span(high_band)},
            {"from": 0.0, "to": 0.1, "kept": span(low_band)},
        ]
        outcomes.append(results(pretraining=[{"detail": {"n": 400, "bands": bands}}]))
    return outcomes


def space(task, strategy, budget, **more):
    key = {"task": task, "strategy": strategy, "variant": STANDARD, "label_budget": budget}
    return {**key, "id": f"{task}-{strategy}-{budget}", "n": 500, "tsne": {}, **more}


def clustered():
    def test(value):
        return {"value": value, "null_high": 0.05, "p_value": 0.5}

    return [
        results(
            latent={
                "spaces": [
                    space(
                        CHEST,
                        "finetune",
                        300,
                        clusters={"silhouette": test(a), "knn_accuracy": test(b)},
                    )
                ]
            }
        )
        for a, b in ((0.2, 0.2), (0.3, 0.2), (0.3, 0.01))
    ]


def components():
    outcomes = []
    for value in (0.1, -0.1, 0.01):
        found = {"difference": value, "low": value - 0.05, "high": value + 0.05}
        spaces = [space(LUNG, "frozen", None, components=found)]
        outcomes.append(results(latent={"spaces": spaces}))
    return outcomes


def maps():
    outcomes = []
    for value in (0.8, 0.1, 0.45):
        rand = {"value": value, "low": value - 0.1, "high": value + 0.1}
        tsne = {"two_clusters": {"adjusted_rand": rand, "silhouette": 0.4}}
        outcomes.append(results(latent={"spaces": [space(LUNG, "frozen", None, tsne=tsne)]}))
    return outcomes


def reruns():
    """Standard deviations over seeds whose reruns differ by much, by little, by about 3 points."""
    return [
        results(summary=[accuracy(LUNG, "finetune", "full", 0.87, 0.8, 0.9, sd=sd, n_seeds=5)])
        for sd in (0.05, 0.002, 0.011)
    ]


def forgotten():
    outcomes = []
    for value in (-0.1, 0.1, -0.01):
        change = {"mean": value, "low": value - 0.05, "high": value + 0.05, "sd": 0.02}
        entries = [
            {"label_budget": budget, "probe_auc_difference": found, "n_seeds": 5, "n_test": 100}
            for budget, found in (("full", change), (300, {**change, "mean": 9.0}))
        ]
        outcomes.append(results(latent={"forgetting": entries}))
    return outcomes


def similar():
    spaces = [space(LUNG, "frozen", None), space(LUNG, "finetune", "full")]
    pair = {"a": f"{LUNG}-finetune-full", "b": f"{LUNG}-frozen-None"}
    return [
        results(
            summary=full_rows(),
            latent={
                "spaces": spaces,
                "cka": [{**pair, "value": value, "low": value - 0.02, "high": value + 0.02}],
            },
        )
        for value in (0.8, 0.2, 0.51)
    ]


PLAIN, LONG = ("scratch", STANDARD), ("scratch", "overtrained")
OUTCOMES = {
    "class_difference": [
        results(counts=counts) for counts in ([10_000, 11_052], [5000, 8000], [100, 110])
    ],
    "accuracy_300": about(CHEST, "scratch", 300, 0.58),
    "class_weighted_sensitivity": compared(
        CHEST, 300, "sensitivity", ("scratch", "class_weighted"), PLAIN
    ),
    "focal_sensitivity": compared(CHEST, 300, "sensitivity", ("scratch", "focal"), PLAIN),
    "early_stopping": compared(CHEST, 300, "accuracy", PLAIN, LONG),
    "no_clusters": clustered(),
    "reconstructions": reconstructed(),
    "finetune_beats_scratch": compared(LUNG, "full", "accuracy", ("finetune", STANDARD), PLAIN),
    "lower_training_accuracy": training(),
    "dropout_sensitivity": dropouts(),
    "frozen_accuracy": about(LUNG, "frozen", "full", 0.85),
    "first_component": components(),
    "two_clusters": maps(),
    "finetune_accuracy": about(LUNG, "finetune", "full", 0.87),
    "luck_of_seeds": reruns(),
    "forgetting": forgotten(),
    "similar_spaces": similar(),
}
VERDICTS = ("supported", "refuted", "undecided")


def entry(found, name):
    return next(claim for claim in judged(LEDGER, found) if claim["id"] == name)


def test_every_claim_is_tried_for_every_outcome():
    assert list(OUTCOMES) == [claim.id for claim in LEDGER.claims]


@pytest.mark.parametrize("name", OUTCOMES)
@pytest.mark.parametrize("verdict", VERDICTS)
def test_verdict_follows_from_the_results(name, verdict):
    made = OUTCOMES[name][VERDICTS.index(verdict)]
    kept = copy.deepcopy(made)
    found = entry(made, name)
    assert found["verdict"] == verdict
    assert found["reason"] is None
    assert found["measured"] is not None
    if verdict != "undecided":
        assert found["needed"] is None
    elif name != "no_clusters":
        assert found["needed"]["n"] > found["needed"]["now"]
    assert made == kept
    ENTRIES.validate_python(judged(LEDGER, made))


@pytest.mark.parametrize("name", [name for name in OUTCOMES if name != "class_difference"])
def test_what_a_study_did_not_measure_is_not_tested_and_says_why(name):
    found = entry(results(), name)
    assert found["verdict"] == "not_tested"
    assert found["measured"] is None
    assert "\n" not in found["reason"]
    ENTRIES.validate_python(judged(LEDGER, results()))


def test_one_seed_decides_nothing_about_seeds():
    rows = [accuracy(LUNG, "finetune", "full", 0.87, 0.8, 0.9, sd=None, n_seeds=1)]
    assert "one seed" in entry(results(summary=rows), "luck_of_seeds")["reason"]
    assert "one seed" in entry(results(summary=rows), "finetune_accuracy")["reason"]
    pair = comparison(LUNG, "full", "accuracy", ("finetune", STANDARD), PLAIN, 0.1, 0.05, 0.15)
    alone = results(summary=rows, comparisons=[pair | {"n_seeds": 1}])
    assert "one seed" in entry(alone, "finetune_beats_scratch")["reason"]


def test_training_accuracy_is_that_of_every_pretraining():
    alone = training()[0]
    more = copy.deepcopy(alone)
    for run in alone["runs"]:
        run["pretraining"] = 0 if run["strategy"] == "finetune" else None
        if run["strategy"] == "finetune":
            for number in (1, 2):
                higher = run["train_accuracy"] + number / 100
                more["runs"].append({**run, "pretraining": number, "train_accuracy": higher})
    first, every = (entry(each, "lower_training_accuracy")["measured"] for each in (alone, more))
    assert first["value"] == pytest.approx(-0.11)
    gains = [gain + number / 100 for gain in (-0.1, -0.11, -0.12) for number in range(3)]
    expected = seeds_interval(gains, pretrainings=3)
    assert [every[key] for key in ("value", "low", "high")] == pytest.approx(
        [expected[key] for key in ("mean", "low", "high")]
    )


def test_forgetting_is_judged_of_the_autoencoder_alone():
    made = forgotten()[0]
    ours = made["latent"]["forgetting"]
    theirs = copy.deepcopy(forgotten()[1]["latent"]["forgetting"])
    mixed = [{**e, "strategy": "simclr:finetune"} for e in theirs]
    mixed += [{**e, "strategy": "finetune"} for e in ours]
    found = entry(results(latent={"forgetting": mixed}), "forgetting")
    assert found == entry(made, "forgetting")
    without = results(latent={"forgetting": mixed[: len(theirs)]})
    assert entry(without, "forgetting")["verdict"] == "not_tested"


def test_synthetic_results_mark_every_verdict():
    assert all(claim["synthetic"] for claim in judged(LEDGER, {**results(), "synthetic": True}))
    assert not any(claim["synthetic"] for claim in judged(LEDGER, results()))


def test_luck_of_seeds_is_the_range_of_the_difference_of_two_runs():
    measured = entry(reruns()[2], "luck_of_seeds")["measured"]
    assert measured["value"] == pytest.approx(1.96 * 2**0.5 * 0.011, rel=1e-3)
    # sd of 5 seeds: chi-square quantiles of 4 degrees of freedom are 11.143 and .4844.
    assert measured["low"] == pytest.approx(measured["value"] * (4 / 11.143) ** 0.5, rel=1e-3)
    assert measured["high"] == pytest.approx(measured["value"] * (4 / 0.4844) ** 0.5, rel=1e-3)


def test_the_needed_seeds_would_decide_the_luck_of_seeds():
    def with_seeds(n):
        rows = [accuracy(LUNG, "finetune", "full", 0.87, 0.8, 0.9, sd=0.005, n_seeds=n)]
        return entry(results(summary=rows), "luck_of_seeds")

    needed = with_seeds(3)["needed"]["n"]
    assert with_seeds(needed - 1)["verdict"] == "undecided"
    assert with_seeds(needed)["verdict"] == "refuted"


DATA = {"synthetic": False, "n_labels": 1}
FOURTEEN = {**DATA, "n_labels": 14, "name": "chest_nih"}


@pytest.mark.parametrize(
    ("source", "target", "applies"),
    [
        (FOURTEEN, {**DATA, "name": "pneumoniamnist"}, True),
        ({**FOURTEEN, "name": "chestmnist_64"}, {**DATA, "name": "pneumoniamnist_64"}, True),
        (FOURTEEN, {**DATA, "name": "breastmnist"}, False),
        ({**DATA, "name": "pathmnist"}, {**DATA, "name": "pneumoniamnist"}, False),
        ({**DATA, "name": "own"}, {**DATA, "name": "own"}, False),
        ({**DATA, "synthetic": True, "name": "p"}, {**DATA, "synthetic": True, "name": "q"}, True),
        (FOURTEEN, {**DATA, "synthetic": True, "name": "q"}, False),
    ],
)
def test_only_the_earlier_reports_data_are_judged_by_its_findings(source, target, applies):
    assert LEDGER.applies(source, target) is applies


def test_a_study_of_other_images_has_no_claims():
    found = results()
    found["datasets"][1]["name"] = found["study"]["target"] = "breastmnist"
    assert judged(LEDGER, found) == []
