"""The findings of the earlier report under test: each with its criterion and its verdict.

A claim is *supported* if the whole 95 % interval lies on its side of the declared margin, *refuted*
if the whole interval lies on the other side, else *undecided*, with the sample size whose interval
would end at the margin if the value stayed what it is: n (half-width / distance to the margin)².
Where an interval carries seeds and test images, both have to grow in that proportion. `no_clusters`
has no interval and a rule of its own. A study that did not measure what a claim needs leaves it
*not tested*. Criteria stand here as text and as code and depend on no result; but that of
`no_clusters` was changed after results were seen, because permutations alone tell whether classes
lie apart at all and not whether they cluster.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from tfmed.results import verdicts
from tfmed.results.verdicts import (
    FEW,
    KEPT_DETAIL,
    KEPT_SHAPE,
    RERUN_DIFFERENCE,
    SAME_CLUSTERS,
    SIMILAR,
    STRUCTURE,
    TOLERANCE,
    Finding,
    NotTestedError,
    Results,
)


@dataclass(frozen=True)
class Claim:
    """One finding under test.

    Attributes:
        id: its name.
        sentence: the finding, in our words.
        quantity: what would show it.
        criterion: when it counts as supported or refuted, declared before the numbers are seen.
        figure: kind of figure that shows it; the report's figure ids start with it.
        role: the task it is about.
        judge: results to finding; raises `NotTestedError` where they lack what it needs.
    """

    id: str
    sentence: str
    quantity: str
    criterion: str
    figure: str
    role: Literal["source", "target"]
    judge: Callable[[Results], Finding]


def ledger(results: Results) -> list[dict[str, Any]]:
    """Every claim with its verdict, as `claims` of results.json holds it.

    Args:
        results: results.json as it is but for `claims`; only the parts that claims rest on.

    Returns:
        Per claim `id`, `claim`, `quantity`, `criterion`, `measured`, `verdict`, `reason` (why it
        was not tested, else None), `needed`, `figure`, `task`, `synthetic`.
    """
    return [_entry(claim, results) for claim in CLAIMS]


def _entry(claim: Claim, results: Results) -> dict[str, Any]:
    found: Finding | None = None
    reason = None
    try:
        found = claim.judge(results)
    except NotTestedError as missing:
        reason = str(missing)
    return {
        "id": claim.id,
        "claim": claim.sentence,
        "quantity": claim.quantity,
        "criterion": claim.criterion,
        "measured": found.measured if found else None,
        "verdict": found.verdict if found else "not_tested",
        "reason": reason,
        "needed": found.needed if found else None,
        "figure": claim.figure,
        "task": results["study"][claim.role],
        "synthetic": bool(results["synthetic"]),
    }


_ABOUT = f"within {100 * TOLERANCE:.0f} points"
_MARGIN_0 = "Supported if the whole 95 % interval lies above 0, refuted if below."
_ACCURACY = "accuracy at threshold .5 on the test split, mean over seeds"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "class_difference",
        "The two classes of the source images differ by about 5 % in number.",
        "difference between the shares of the two classes in the source's training split",
        f"Supported if the whole 95 % binomial interval lies {_ABOUT} of 5 points, refuted if it"
        " lies wholly outside.",
        "balance",
        "source",
        verdicts.class_difference,
    ),
    Claim(
        "accuracy_300",
        "With 300 labels the source task is answered with an accuracy of about 58 %.",
        f"{_ACCURACY}, trained from scratch on {FEW} labels of the source",
        f"Supported if the whole 95 % interval lies {_ABOUT} of .58, refuted if wholly outside.",
        "answer",
        "source",
        partial(verdicts.accuracy_about, 0.58, "source", "scratch", FEW),
    ),
    *(
        Claim(
            f"{variant}_sensitivity",
            f"A {name} loss raises sensitivity.",
            f"paired difference in sensitivity at threshold .5, {name} minus plain loss, trained"
            f" from scratch on {FEW} labels of the source",
            _MARGIN_0,
            "differences",
            "source",
            partial(
                verdicts.source_difference,
                "sensitivity",
                ("scratch", variant),
                ("scratch", "standard"),
            ),
        )
        for variant, name in (("class_weighted", "class-weighted"), ("focal", "focal"))
    ),
    Claim(
        "early_stopping",
        "Early stopping improves generalisation.",
        "paired difference in test accuracy, early stopping minus a fixed long training on the same"
        f" training images, from scratch with {FEW} labels of the source",
        _MARGIN_0,
        "differences",
        "source",
        partial(
            verdicts.source_difference,
            "accuracy",
            ("scratch", "standard"),
            ("scratch", "overtrained"),
        ),
    ),
    Claim(
        "no_clusters",
        "After training with 300 labels the latent space of the source task has no clusters.",
        "silhouette by class on test images, and whether it and the accuracy of the 10 nearest"
        " neighbours exceed what 97.5 % of permuted labels reach (shown: the silhouette)",
        f"Supported if the silhouette is at most {STRUCTURE} (no substantial structure: Kaufman and"
        " Rousseeuw, 1990), refuted if it is larger and both exceed the permutations.",
        "latent",
        "source",
        verdicts.no_clusters,
    ),
    Claim(
        "reconstructions",
        "Reconstructions keep the shape and lose the detail.",
        "share of the power of test images kept in the lowest and in the highest band of spatial"
        " frequencies (shown: the one that decides)",
        f"Supported if the interval of the lowest band lies above {KEPT_SHAPE} and that of the"
        f" highest below {KEPT_DETAIL}, refuted if either lies wholly on the other side.",
        "reconstructions",
        "source",
        verdicts.reconstructions,
    ),
    Claim(
        "finetune_beats_scratch",
        "A transferred and fine-tuned encoder beats random initialisation on test images.",
        "paired difference in test accuracy, fine-tuned minus from scratch, each in its own way of"
        " fitting (see the settings), at the most labels of the target",
        _MARGIN_0,
        "differences",
        "target",
        verdicts.beats_scratch,
    ),
    Claim(
        "lower_training_accuracy",
        "A transferred and fine-tuned encoder has a lower training accuracy than random"
        " initialisation.",
        "paired difference in accuracy on the training images, fine-tuned minus from scratch, each"
        " in its own way of fitting (see the settings), at the most labels of the target; interval"
        " over seeds",
        "Supported if the whole 95 % interval lies below 0, refuted if above.",
        "curves",
        "target",
        verdicts.training_accuracy,
    ),
    Claim(
        "dropout_sensitivity",
        "Fine-tuning is sensitive to the dropout p.",
        "paired differences in test accuracy of other dropouts from the standard one, fine-tuned on"
        f" {FEW} labels of the target; intervals hold together at 95 % (shown: the one that"
        " decides)",
        f"Supported if any interval lies wholly more than {100 * TOLERANCE:.0f} points away from 0,"
        " refuted if all lie wholly nearer.",
        "differences",
        "target",
        verdicts.dropout_sensitivity,
    ),
    Claim(
        "frozen_accuracy",
        "A frozen encoder reaches an accuracy of about 85 %.",
        f"{_ACCURACY}, frozen, all labels of the target",
        f"Supported if the whole 95 % interval lies {_ABOUT} of .85, refuted if wholly outside.",
        "answer",
        "target",
        partial(verdicts.accuracy_about, 0.85, "target", "frozen", "full"),
    ),
    Claim(
        "first_component",
        "Principal component 1 of the frozen encoder's space separates the classes better than"
        " component 2.",
        "difference of the two components' |AUC - .5| on test images of the target",
        _MARGIN_0,
        "latent",
        "target",
        verdicts.components,
    ),
    Claim(
        "two_clusters",
        "t-SNE of the frozen encoder's space shows two clusters, the classes.",
        "adjusted Rand index of the classes and of the map split by 2-means, target test images",
        f"Supported if the whole 95 % interval lies above {SAME_CLUSTERS[0]}, refuted if below.",
        "latent",
        "target",
        verdicts.two_clusters,
    ),
    Claim(
        "finetune_accuracy",
        "A fine-tuned encoder reaches an accuracy of about 87 %.",
        f"{_ACCURACY}, fine-tuned, all labels of the target",
        f"Supported if the whole 95 % interval lies {_ABOUT} of .87, refuted if wholly outside.",
        "answer",
        "target",
        partial(verdicts.accuracy_about, 0.87, "target", "finetune", "full"),
    ),
    Claim(
        "luck_of_seeds",
        "The difference between 87 % and 84 %, when it was run again, is within the luck of seeds.",
        "what 95 % of the differences between two seeds stay below (1.96 √2 sd over seeds),"
        " fine-tuned on all labels of the target; interval by chi-square; the luck of pretraining"
        " counts only where each seed pretrains",
        f"Supported if the whole 95 % interval lies above {100 * RERUN_DIFFERENCE:.0f} points,"
        " refuted if below.",
        "answer",
        "target",
        verdicts.luck_of_seeds,
    ),
    Claim(
        "forgetting",
        "Fine-tuning on the target forgets the source task.",
        "change in test AUC of a probe for the source task on the encoder's features when the"
        " encoder is fine-tuned on the most labels of the target; interval over seeds and test"
        " images",
        "Supported if the whole 95 % interval lies below 0, refuted if above.",
        "forgetting",
        "source",
        verdicts.forgetting,
    ),
    Claim(
        "similar_spaces",
        "The latent spaces of the frozen and the fine-tuned encoder are similar, not identical.",
        "linear CKA of the two spaces on test images of the target, fine-tuned on the most labels",
        f"Supported if the whole 95 % interval lies between {SIMILAR[0]} and {SIMILAR[1]}, refuted"
        " if it lies wholly outside.",
        "cka",
        "target",
        verdicts.similar_spaces,
    ),
)
"""The ledger, in the order of the earlier report."""
