"""The words of a study's design: strategy, baseline, variant, label budget and cell.

    >>> Strategy.parse("scratch")
    Strategy(initialisation='random', trained='finetune')
    >>> str(Strategy("simclr", "frozen"))
    'simclr:frozen'
    >>> str(Variant(dropout=0.5))
    'dropout_0.5'

Names are written and read here and nowhere else: other code asks for a field, and never takes a
name apart.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

LabelBudget = int | Literal["full"]
"""Labels that a classifier may see, training and validation together; `full`: the official
splits."""

Trained = Literal["frozen", "finetune"]
"""What of a classifier is trained: its head alone, or encoder and head."""

Features = Literal["pixels", "frozen", "random"]
"""What a baseline sees: pixels, or embeddings of a pretrained (`frozen`) or untrained encoder."""

Loss = Literal["plain", "class_weighted", "focal"]

RANDOM = "random"
"""The initialisation without any pretraining."""


def budget_size(budget: LabelBudget) -> float:
    """Sorting key of label budgets: few labels, many, `full`."""
    return float("inf") if budget == "full" else float(budget)


def largest_budget(budgets: Iterable[LabelBudget]) -> LabelBudget | None:
    """`full`, else the most labels; None where there is no budget."""
    return max(budgets, key=budget_size, default=None)


def nearest_budget(budgets: Iterable[LabelBudget], labels: int) -> int | None:
    """The numeric budget nearest to a number of labels, the smaller of two as near."""
    numeric = sorted(budget for budget in budgets if budget != "full")
    return min(numeric, key=lambda budget: abs(budget - labels), default=None)


def budget_words(budget: LabelBudget) -> str:
    """Such as `300 labels` or `all labels`."""
    return "all labels" if budget == "full" else f"{budget:,} labels"


@dataclass(frozen=True, order=True)
class Strategy:
    """A way to train a classifier: where its encoder's weights come from, and what is trained.

    Attributes:
        initialisation: `random`, or a pretraining method's name.
        trained: `frozen` (the head alone) or `finetune` (encoder and head).
    """

    initialisation: str
    trained: Trained

    @classmethod
    def parse(cls, name: str) -> "Strategy":
        """A strategy from its short name (`scratch`) or `initialisation:trained`.

        Raises:
            ValueError: `name` is neither.
        """
        if name in _OF_SHORT_NAME:
            return _OF_SHORT_NAME[name]
        initialisation, separator, trained = name.partition(":")
        if not (initialisation and separator) or trained not in get_args(Trained):
            known = ", ".join(_OF_SHORT_NAME)
            raise ValueError(f"{name!r} is neither one of {known} nor METHOD:frozen|finetune")
        return cls(initialisation, "frozen" if trained == "frozen" else "finetune")

    @property
    def frozen(self) -> bool:
        """Whether the encoder keeps its weights."""
        return self.trained == "frozen"

    @property
    def pretrained(self) -> bool:
        """Whether the encoder's weights come from somewhere."""
        return self.initialisation != RANDOM

    @property
    def slug(self) -> str:
        """Its name for files, URLs and models in service."""
        return str(self).replace(":", "-")

    def __str__(self) -> str:
        """The short name where there is one."""
        return _SHORT_NAMES.get(self, f"{self.initialisation}:{self.trained}")


_OF_SHORT_NAME = {
    "scratch": Strategy(RANDOM, "finetune"),
    "random_frozen": Strategy(RANDOM, "frozen"),
    "frozen": Strategy("autoencoder", "frozen"),
    "finetune": Strategy("autoencoder", "finetune"),
}
"""The names of the earlier report, and of every study before other methods came."""
_SHORT_NAMES = {strategy: name for name, strategy in _OF_SHORT_NAME.items()}

SCRATCH = _OF_SHORT_NAME["scratch"]
RANDOM_FROZEN = _OF_SHORT_NAME["random_frozen"]
FROZEN = _OF_SHORT_NAME["frozen"]
FINETUNE = _OF_SHORT_NAME["finetune"]
STRATEGIES = (SCRATCH, RANDOM_FROZEN, FROZEN, FINETUNE)
"""Those of the default study, in the order of the report."""


@dataclass(frozen=True, order=True)
class Baseline:
    """A simple classifier beside the strategies, which needs no gradient.

    Attributes:
        name: as in results and reports.
        method: one of `tfmed.training.baselines.BASELINES`.
        features: what it sees; None where it sees no image.
    """

    name: str
    method: str
    features: Features | None = None

    @property
    def embedded(self) -> bool:
        """Whether it sees embeddings of an encoder."""
        return self.features in ("frozen", "random")

    @property
    def slug(self) -> str:
        """Its name for files."""
        return self.name

    def __str__(self) -> str:
        """Its name."""
        return self.name


BASELINES = (
    Baseline("majority", "majority"),
    Baseline("pixels_logistic", "pixels_logistic", "pixels"),
    Baseline("pca_logistic", "pca_logistic", "pixels"),
    Baseline("frozen_knn", "knn", "frozen"),
    Baseline("frozen_logistic", "logistic", "frozen"),
    Baseline("random_knn", "knn", "random"),
    Baseline("random_logistic", "logistic", "random"),
)
"""Every baseline, in the order of the report."""

Method = Strategy | Baseline
"""What gives a classifier."""


def method_of(name: str) -> Method:
    """The baseline or strategy of a name; errors as for `Strategy.parse`."""
    found = next((each for each in BASELINES if each.name == name), None)
    return found or Strategy.parse(name)


@dataclass(frozen=True, order=True)
class Variant:
    """How a classifier differs from the standard one of its strategy, in one thing at most.

    Attributes:
        loss: what it is fitted with.
        dropout: share of features dropped; None: the study's.
        overtrained: fitted for a fixed number of epochs without early stopping.
    """

    loss: Loss = "plain"
    dropout: float | None = None
    overtrained: bool = False

    @classmethod
    def parse(cls, name: str) -> "Variant":
        """The inverse of `str`.

        Raises:
            ValueError: `name` is of no variant.
        """
        if name == "standard":
            return cls()
        if name == "overtrained":
            return cls(overtrained=True)
        if name == "class_weighted" or name == "focal":
            return cls(loss="class_weighted" if name == "class_weighted" else "focal")
        if name.startswith(_DROPOUT):
            return cls(dropout=float(name.removeprefix(_DROPOUT)))
        raise ValueError(f"{name!r} is not a variant")

    def __str__(self) -> str:
        """`standard`, `overtrained`, the loss, or such as `dropout_0.5`."""
        if self.overtrained:
            return "overtrained"
        if self.dropout is not None:
            return f"{_DROPOUT}{self.dropout:g}"
        return "standard" if self.loss == "plain" else self.loss


_DROPOUT = "dropout_"
STANDARD = Variant()
OVERTRAINED = Variant(overtrained=True)


@dataclass(frozen=True, order=True)
class Repeat:
    """What tells the runs of one cell apart.

    Attributes:
        seed: of the label subset, weights, shuffling and dropout.
        pretraining: number, from 0, of the pretraining that the encoder comes from; 0 as well where
            there is only one, or none.
    """

    seed: int
    pretraining: int = 0

    @classmethod
    def of_entry(cls, entry: dict[str, Any]) -> "Repeat":
        """That of a run in `results.json`."""
        return cls(entry["seed"], entry.get("pretraining") or 0)

    def __str__(self) -> str:
        """Such as `seed0` or `seed0-pretraining1`."""
        return f"seed{self.seed}" + (f"-pretraining{self.pretraining}" if self.pretraining else "")


def repeat_words(repeat: Repeat) -> str:
    """Such as `seed 0` or `seed 0 of pretraining 1`."""
    return f"seed {repeat.seed}" + (
        f" of pretraining {repeat.pretraining}" if repeat.pretraining else ""
    )


@dataclass(frozen=True)
class Cell:
    """What the seeds of one row of the summary share.

    Attributes:
        task: name of the data set that is classified.
        method: a strategy or a baseline.
        variant: of that strategy.
        label_budget: labels seen.
    """

    task: str
    method: Method
    variant: Variant = field(default=STANDARD)
    label_budget: LabelBudget = "full"

    def entry(self) -> dict[str, Any]:
        """What names a cell in `results.json`."""
        strategy = self.method if isinstance(self.method, Strategy) else None
        return {
            "task": self.task,
            "strategy": str(self.method),
            "initialisation": strategy and strategy.initialisation,
            "trained": strategy and strategy.trained,
            "variant": str(self.variant),
            "label_budget": self.label_budget,
        }

    @classmethod
    def of_entry(cls, entry: dict[str, Any]) -> "Cell":
        """The cell that an entry of `results.json` names; errors as for the parts' `parse`."""
        return cls(
            entry["task"],
            method_of(entry["strategy"]),
            Variant.parse(entry["variant"]),
            entry["label_budget"],
        )

    def label(self, separator: str = "-") -> str:
        """Name within its task, for files: such as `scratch-300-overtrained`."""
        variant = [] if self.variant == STANDARD else [str(self.variant)]
        return separator.join([self.method.slug, str(self.label_budget), *variant])
