"""What the quantities of the earlier report's findings came to: functions of `results.json`."""

import math
from dataclasses import replace

from scipy.special import chdtri, ndtri

from tfmed.design import Repeat, budget_size
from tfmed.evaluation.intervals import seeds_interval, wilson
from tfmed.evaluation.repeats import paired
from tfmed.evaluation.spread import LEVEL, Spread
from tfmed.results.verdicts import (
    ABOVE_0,
    BELOW_0,
    BOTH,
    ONE_SEED,
    Finding,
    NotTestedError,
    Region,
    Results,
    Side,
    counted,
    dataset,
    judge_difference,
    judge_interval,
    judge_seeds,
    most_labels,
    summary_row,
)
from tfmed.results.verdicts import space as latent_space

TOLERANCE = 0.02
"""Half-width of "about": an accuracy, or a share, within 2 points."""
KEPT_SHAPE, KEPT_DETAIL = 0.9, 0.5
"""Shares of power: shape is kept above the first, detail is lost below the second."""
SIMILAR: Region = (0.5, 0.99)
"""Linear CKA of spaces that are alike and not the same; it is 1 for the same space."""
SAME_CLUSTERS: Region = (0.5, math.inf)
"""Adjusted Rand index of clusters that are the classes; 0 is chance, 1 is agreement."""
STRUCTURE = 0.25
"""Silhouette up to which Kaufman and Rousseeuw ("Finding Groups in Data", 1990) see no substantial
structure."""
RERUN_DIFFERENCE = 0.03
"""What the earlier report's accuracy changed by when it was run again: .87 and .84."""
FEW = 300
"""Labels of the earlier report's classifiers of the source."""


def class_difference(results: Results) -> Finding:
    """Difference of the two classes' shares of the source's training images."""
    task = results["study"]["source"]
    counts = dataset(results, task)["splits"]["train"]["counts"]
    n = sum(counts)
    if n < 2:
        raise NotTestedError(f"{task} has fewer than two training images")
    share = counts[1] / n
    low, high = wilson(share, Spread(share * (1 - share) / n, 0.0, 1, n - 1), n)
    least, most = sorted(abs(2 * end - 1) for end in (low, high))
    if low < 0.5 < high:
        least = 0.0
    region = (0.05 - TOLERANCE, 0.05 + TOLERANCE)
    return judge_interval(
        abs(2 * share - 1), least, most, region, "share of images", n, "training images"
    )


def source_difference(metric: str, a: Side, b: Side, results: Results) -> Finding:
    """A paired difference on the source task with few labels."""
    return judge_difference(results, results["study"]["source"], FEW, metric, a, b)


def beats_scratch(results: Results) -> Finding:
    """Fine-tuned minus from scratch in test accuracy, at the most labels of the target."""
    task = results["study"]["target"]
    a, b = ("finetune", "standard"), ("scratch", "standard")
    return judge_difference(results, task, most_labels(results, task), "accuracy", a, b)


def training_accuracy(results: Results) -> Finding:
    """Fine-tuned minus from scratch in accuracy on the training images."""
    task = results["study"]["target"]
    budget = most_labels(results, task)
    found: dict[str, dict[Repeat, float]] = {"finetune": {}, "scratch": {}}
    for run in results["runs"]:
        key = run["task"], run["variant"], run["label_budget"]
        known = run["strategy"] in found and run.get("train_accuracy") is not None
        if known and key == (task, "standard", budget):
            found[run["strategy"]][Repeat.of_entry(run)] = run["train_accuracy"]
    both, pretrainings = paired(found["finetune"], found["scratch"])
    n_seeds = len(both) // pretrainings
    if n_seeds < 2:
        raise NotTestedError(f"fewer than two seeds have both training accuracies on {task}")
    differences = [found["finetune"][a] - found["scratch"][b] for a, b in both]
    interval = seeds_interval(differences, pretrainings)
    return judge_seeds(interval, BELOW_0, "difference in training accuracy", n_seeds)


def dropout_sensitivity(results: Results) -> Finding:
    """Differences of other dropouts from the standard one, held together at 95 %."""
    task = results["study"]["target"]
    compared = [
        found
        for found in results["comparisons"]
        if (found["task"], found["label_budget"], found["metric"]) == (task, FEW, "accuracy")
        and found["a"]["strategy"] == found["b"]["strategy"] == "finetune"
        and found["a"]["variant"].startswith("dropout_")
        and found["b"]["variant"] == "standard"
    ]
    if any(found["n_seeds"] < 2 for found in compared):
        raise NotTestedError(ONE_SEED)
    if not compared:
        raise NotTestedError(
            f"the study did not fine-tune with other dropouts on {FEW} labels of {task}"
        )
    n_test, of = counted(results, task)
    within = []
    for found in sorted(compared, key=lambda found: -abs(found["difference"])):
        variance, seeds = found["standard_error"] ** 2, found["n_seeds"]
        freedom = found.get("seed_df") or seeds - 1
        spread = Spread(variance, found["seed_share"], freedom, n_test - 1, found["agreeing"])
        half = spread.quantile(LEVEL / len(compared)) * found["standard_error"]
        value = found["difference"]
        unit = f"difference in accuracy, {found['a']['variant'].replace('_', ' ')}"
        region = (-TOLERANCE, TOLERANCE)
        within.append(judge_interval(value, value - half, value + half, region, unit, n_test, of))
    for verdict, said in (("refuted", "supported"), ("undecided", "undecided")):
        for each in within:
            if each.verdict == verdict:
                return Finding(each.measured, said, each.needed)  # type: ignore[arg-type]
    return Finding(within[0].measured, "refuted")


def rerun(results: Results) -> Finding:
    """What 95 % of the differences between two seeds stay below."""
    task = results["study"]["target"]
    row = summary_row(results, task, "finetune", "full")
    sd, n = row["accuracy"]["sd"], row["n_seeds"]
    if sd is None:
        raise NotTestedError(ONE_SEED)
    span = float(ndtri(1 - LEVEL / 2)) * math.sqrt(2) * sd
    low, high = _sd_interval(span, n)
    region = (RERUN_DIFFERENCE, math.inf)
    unit = "difference in accuracy"
    found = judge_interval(span, low, high, region, unit, n, "seeds")
    if found.verdict != "undecided":
        return found
    # The interval is far from symmetric with few seeds: the number is searched.
    for more in range(n + 1, 10_001):
        low, high = _sd_interval(span, more)
        if low > RERUN_DIFFERENCE or high < RERUN_DIFFERENCE:
            return replace(found, needed={"n": more, "of": "seeds", "now": n})
    return replace(found, needed=None)


def _sd_interval(sd: float, n: int) -> tuple[float, float]:
    """95 % interval of a multiple of a standard deviation of n values, by chi-square."""
    # chdtri inverts the survival function.
    low, high = (
        sd * math.sqrt((n - 1) / float(chdtri(n - 1, tail))) for tail in (LEVEL / 2, 1 - LEVEL / 2)
    )
    return low, high


def reconstructions(results: Results) -> Finding:
    """Power kept in the lowest and in the highest band of spatial frequencies."""
    pretraining = results["pretraining"]
    detail = pretraining[0].get("detail") if pretraining else None
    if not detail or len(detail["bands"]) < 2:
        raise NotTestedError(
            "the study did not measure what reconstructions keep in frequency bands"
        )
    bands = sorted(detail["bands"], key=lambda band: band["from"])
    parts = []
    for band, region in ((bands[0], (KEPT_SHAPE, math.inf)), (bands[-1], (-math.inf, KEPT_DETAIL))):
        kept, unit = (
            band["kept"],
            f"power kept at {band['from']:.2f} to {band['to']:.2f} cycles/pixel",
        )
        ends = kept["low"], kept["high"]
        parts.append(judge_interval(kept["mean"], *ends, region, unit, detail["n"], "test images"))
    worst = ("refuted", "undecided", "supported")
    return min(reversed(parts), key=lambda part: worst.index(part.verdict))


def no_clusters(results: Results) -> Finding:
    """Silhouette by class, against a declared size and, with neighbours, against permutations."""
    space = latent_space(results, "source", ("finetune", "scratch"), FEW)
    tests = space.get("clusters")
    if not tests:
        raise NotTestedError(f"the study did not test the latent space {space['id']} for clusters")
    silhouette = tests["silhouette"]["value"]
    measured = {"value": silhouette, "low": None, "high": None, "unit": "silhouette"}
    if silhouette <= STRUCTURE:
        return Finding(measured, "supported")
    beyond = all(test["value"] > test["null_high"] for test in tests.values())
    return Finding(measured, "refuted" if beyond else "undecided")


def components(results: Results) -> Finding:
    """How much better the first principal component separates than the second."""
    space = latent_space(results, "target", ("frozen",), None)
    found = space.get("components")
    if not found:
        raise NotTestedError(f"the study did not compare the components of {space['id']}")
    ends, unit = (found["low"], found["high"]), "difference in |AUC - .5|"
    return judge_interval(found["difference"], *ends, ABOVE_0, unit, space["n"], "test images")


def two_clusters(results: Results) -> Finding:
    """Agreement of the t-SNE map, split in two, with the classes."""
    space = latent_space(results, "target", ("frozen",), None)
    found = space["tsne"].get("two_clusters")
    if not found:
        raise NotTestedError(f"the study did not split the t-SNE map of {space['id']} in two")
    rand = found["adjusted_rand"]
    ends, unit = (rand["low"], rand["high"]), "adjusted Rand index"
    return judge_interval(rand["value"], *ends, SAME_CLUSTERS, unit, space["n"], "test images")


def similar_spaces(results: Results) -> Finding:
    """Linear CKA of the frozen and the fine-tuned space."""
    task = results["study"]["target"]
    frozen = latent_space(results, "target", ("frozen",), None)
    tuned = latent_space(results, "target", ("finetune",), most_labels(results, task))
    for pair in results["latent"]["cka"]:
        if {pair["a"], pair["b"]} == {frozen["id"], tuned["id"]} and pair.get("low") is not None:
            ends = pair["low"], pair["high"]
            return judge_interval(
                pair["value"], *ends, SIMILAR, "linear CKA", tuned["n"], "test images"
            )
    raise NotTestedError(
        f"the study has no CKA of {frozen['id']} and {tuned['id']} with an interval"
    )


def forgetting(results: Results) -> Finding:
    """Change of the source task's probe when the encoder is fine-tuned on the target."""
    found = results["latent"].get("forgetting") or []
    entries = [entry for entry in found if entry.get("strategy", "finetune") == "finetune"]
    if not entries:
        raise NotTestedError("the study did not go back to the source task after fine-tuning")
    entry = max(entries, key=lambda entry: budget_size(entry["label_budget"]))
    change, unit = entry["probe_auc_difference"], "difference in AUC, after minus before"
    if change is None:
        raise NotTestedError("the source's test labels define no AUC")
    if entry["n_seeds"] < 2:
        raise NotTestedError(ONE_SEED)
    return judge_interval(
        change["mean"], change["low"], change["high"], BELOW_0, unit, entry["n_test"], BOTH
    )
