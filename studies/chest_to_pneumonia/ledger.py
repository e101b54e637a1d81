"""The findings of the earlier report under test: each with its criterion and its verdict.

How a verdict follows from an interval: `tfmed.results.verdicts`. `no_clusters` has no interval and
a rule of its own. A study that did not measure what a claim needs leaves it *not tested*. Criteria
stand here as text and as code and depend on no result; but that of `no_clusters` was changed after
results were seen, because permutations alone tell whether classes lie apart at all and not whether
they cluster.
"""

import re
from functools import partial
from typing import Any

from tfmed.results.ledger import Claim
from tfmed.results.verdicts import accuracy_about

from . import judges
from .judges import (
    FEW,
    KEPT_DETAIL,
    KEPT_SHAPE,
    RERUN_DIFFERENCE,
    SAME_CLUSTERS,
    SIMILAR,
    STRUCTURE,
    TOLERANCE,
)

INTRODUCTION = (
    "tfmed grew from an earlier report with fewer runs and no intervals; what it found is put to "
    "the test here. Technical words are explained in the section that the last column leads to. "
    "Each criterion was written down before the numbers were seen, but for that of clusters: "
    "permuted labels alone decided it at first, which find the faintest trace of the classes."
)
"""What the report says above the table."""


def applies(source: dict[str, Any], target: dict[str, Any]) -> bool:
    """Whether a study's data are those that the earlier report was about.

    They are chest X-rays with the 14 findings of ChestMNIST and PneumoniaMNIST, of any size; or
    phantoms stand in for both.
    """
    if {data.get("task", "binary") for data in (source, target)} != {"binary"}:
        return False
    if source["synthetic"] or target["synthetic"]:
        return bool(source["synthetic"] and target["synthetic"])
    is_chest = source["n_labels"] == 14
    is_pneumonia = re.fullmatch(r"pneumoniamnist(_\d+)?(-target)?", target["name"])
    return is_chest and is_pneumonia is not None


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
        judges.class_difference,
    ),
    Claim(
        "accuracy_300",
        "With 300 labels the source task is answered with an accuracy of about 58 %.",
        f"{_ACCURACY}, trained from scratch on {FEW} labels of the source",
        f"Supported if the whole 95 % interval lies {_ABOUT} of .58, refuted if wholly outside.",
        "answer",
        "source",
        partial(accuracy_about, 0.58, TOLERANCE, "source", "scratch", FEW),
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
                judges.source_difference,
                "sensitivity",
                ("scratch", variant),
                ("scratch", "standard"),
            ),
            shown_in="losses",
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
            judges.source_difference,
            "accuracy",
            ("scratch", "standard"),
            ("scratch", "overtrained"),
        ),
        shown_in="stopping",
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
        judges.no_clusters,
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
        judges.reconstructions,
        shown_in="detail",
    ),
    Claim(
        "finetune_beats_scratch",
        "A transferred and fine-tuned encoder beats random initialisation on test images.",
        "paired difference in test accuracy, fine-tuned minus from scratch, each in its own way of"
        " fitting (see the settings), at the most labels of the target",
        _MARGIN_0,
        "differences",
        "target",
        judges.beats_scratch,
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
        judges.training_accuracy,
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
        judges.dropout_sensitivity,
        shown_in="dropout",
    ),
    Claim(
        "frozen_accuracy",
        "A frozen encoder reaches an accuracy of about 85 %.",
        f"{_ACCURACY}, frozen, all labels of the target",
        f"Supported if the whole 95 % interval lies {_ABOUT} of .85, refuted if wholly outside.",
        "answer",
        "target",
        partial(accuracy_about, 0.85, TOLERANCE, "target", "frozen", "full"),
    ),
    Claim(
        "first_component",
        "Principal component 1 of the frozen encoder's space separates the classes better than"
        " component 2.",
        "difference of the two components' |AUC - .5| on test images of the target",
        _MARGIN_0,
        "latent",
        "target",
        judges.components,
    ),
    Claim(
        "two_clusters",
        "t-SNE of the frozen encoder's space shows two clusters, the classes.",
        "adjusted Rand index of the classes and of the map split by 2-means, target test images",
        f"Supported if the whole 95 % interval lies above {SAME_CLUSTERS[0]}, refuted if below.",
        "latent",
        "target",
        judges.two_clusters,
    ),
    Claim(
        "finetune_accuracy",
        "A fine-tuned encoder reaches an accuracy of about 87 %.",
        f"{_ACCURACY}, fine-tuned, all labels of the target",
        f"Supported if the whole 95 % interval lies {_ABOUT} of .87, refuted if wholly outside.",
        "answer",
        "target",
        partial(accuracy_about, 0.87, TOLERANCE, "target", "finetune", "full"),
    ),
    Claim(
        "luck_of_seeds",
        "The difference between 87 % and 84 %, when it was run again, is within seed variance.",
        "what 95 % of the differences between two seeds stay below (1.96 √2 sd over seeds),"
        " fine-tuned on all labels of the target; interval by chi-square; the variance of"
        " pretraining counts only where each seed pretrains",
        f"Supported if the whole 95 % interval lies above {100 * RERUN_DIFFERENCE:.0f} points,"
        " refuted if below.",
        "answer",
        "target",
        judges.rerun,
        shown_in="budgets",
        signed=False,
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
        judges.forgetting,
    ),
    Claim(
        "similar_spaces",
        "The latent spaces of the frozen and the fine-tuned encoder are similar, not identical.",
        "linear CKA of the two spaces on test images of the target, fine-tuned on the most labels",
        f"Supported if the whole 95 % interval lies between {SIMILAR[0]} and {SIMILAR[1]}, refuted"
        " if it lies wholly outside.",
        "cka",
        "target",
        judges.similar_spaces,
    ),
)
"""The ledger, in the order of the earlier report."""
