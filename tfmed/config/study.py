"""Study: what to run, read from TOML and checked before any work."""

import dataclasses
import difflib
import re
import tomllib
import types
import typing
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tfmed.errors import InputError

_NEVER_SHOWN = ("Cc", "Co", "Cs")
"""Unicode's categories of characters that no page can show: control, private use, surrogates."""
LabelBudget = int | Literal["full"]
Strategy = Literal["scratch", "random_frozen", "frozen", "finetune"]
STRATEGIES: tuple[Strategy, ...] = typing.get_args(Strategy)
BASELINES = (
    "majority",
    "pixels_logistic",
    "pca_logistic",
    "frozen_knn",
    "frozen_logistic",
    "random_knn",
    "random_logistic",
)
"""Simple classifiers beside the strategies: of pixels, and of embeddings of the autoencoder's
(`frozen`) or an untrained (`random`) encoder."""
Loss = Literal["class_weighted", "focal"]
STANDARD = "standard"
OVERTRAINED = "overtrained"
"""Variant of `scratch` that trains for a fixed number of epochs without early stopping."""
DROPOUT = "dropout_"
"""Start of the name of a variant of `finetune` with another dropout, such as `dropout_0.5`."""


@dataclass(frozen=True)
class FitConfig:
    """How long and how fast to fit.

    Attributes:
        epochs: the most epochs to fit.
        batch_size: images in a batch.
        learning_rate: of the Adam optimiser.
        patience: epochs without a better validation loss after which fitting stops; 0 fits all
            epochs and keeps the last weights.
        augment: shift training images by a few pixels.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    patience: int
    augment: bool = False


@dataclass(frozen=True)
class EncoderSettings:
    """Architecture of the encoder; see `tfmed.training.models.EncoderConfig`."""

    latent_channels: int = 64
    base_filters: int = 16
    batch_norm: bool = False


@dataclass(frozen=True)
class PretrainingSettings:
    """Fitting the autoencoder.

    Attributes:
        fit: how long and how fast.
        max_images: limits the images used (0: all).
        seed: of weights, shuffling and the choice of images.
        per_seed: pretrains once for every seed of the classifiers, with `seed` plus that seed, so
            that differences carry the luck of pretraining too; else one encoder serves all.
        all_gpus: splits every batch among all GPUs; else it takes one, like every other job.
    """

    fit: FitConfig = FitConfig(epochs=20, batch_size=128, learning_rate=2e-3, patience=3)
    max_images: int = 0
    seed: int = 0
    per_seed: bool = False
    all_gpus: bool = False


@dataclass(frozen=True)
class ClassifierSettings:
    """How classifiers are fitted.

    The defaults were chosen on validation splits of PneumoniaMNIST and an NIH ChestX-ray14
    subset; no test split took part.

    Attributes:
        dropout: share of features dropped before the logistic unit.
        penalty: squared norm of the logistic unit's weights, times this over the number of
            training examples, is added to the loss of a head on a frozen encoder (half the
            inverse of scikit-learn's C).
        head: fitting a head on the embeddings of a frozen encoder.
        finetune: fitting encoder and head together, starting from a trained head.
        scratch: fitting encoder and head from random weights.
        overtrained_epochs: epochs of the variant without early stopping.
        small_batch_size: largest batch for numeric label budgets.
        epoch_steps: fewest steps of an epoch. A training set of fewer batches is passed several
            times in it, so that with few labels `epochs` and `patience` mean no less training than
            with 300, for which they were chosen; 1 passes it once.
    """

    dropout: float = 0.2
    penalty: float = 100.0
    head: FitConfig = FitConfig(epochs=200, batch_size=128, learning_rate=3e-3, patience=10)
    finetune: FitConfig = FitConfig(epochs=60, batch_size=64, learning_rate=2e-4, patience=10)
    scratch: FitConfig = FitConfig(epochs=60, batch_size=64, learning_rate=1e-3, patience=8)
    overtrained_epochs: int = 100
    small_batch_size: int = 32
    epoch_steps: int = 8


@dataclass(frozen=True)
class TaskSettings:
    """What is run on one data set; an empty list of budgets runs nothing.

    Attributes:
        label_budgets: numbers of labels, or `full`.
        strategies: how classifiers use the encoder.
        overtrained: adds `scratch` without early stopping at the budget of the experiments.
        baselines: adds the simple classifiers of `BASELINES` at every budget.
    """

    label_budgets: tuple[LabelBudget, ...] = ()
    strategies: tuple[Strategy, ...] = STRATEGIES
    overtrained: bool = False
    baselines: bool = True

    def only(self, *budgets: LabelBudget | None) -> "TaskSettings":
        """The same with no other label budgets than these."""
        kept = tuple(budget for budget in self.label_budgets if budget in budgets)
        return dataclasses.replace(self, label_budgets=kept)

    def smallest_budget(self) -> LabelBudget | None:
        """The fewest labels; None where nothing is run."""
        return min(self.label_budgets, key=budget_size, default=None)

    def largest_budget(self) -> LabelBudget | None:
        """`full`, else the most labels; None where nothing is run."""
        return max(self.label_budgets, key=budget_size, default=None)

    def nearest_budget(self, labels: int) -> int | None:
        """The numeric budget nearest to a number of labels, the smaller of two as near."""
        numeric = sorted(int(budget) for budget in self.label_budgets if budget != "full")
        return min(numeric, key=lambda budget: abs(budget - labels), default=None)


def budget_size(budget: LabelBudget) -> float:
    """Sorting key of label budgets: few labels, many, `full`."""
    return float("inf") if budget == "full" else float(budget)


@dataclass(frozen=True)
class ExperimentSettings:
    """Variants of classifiers that differ in one thing from the standard ones.

    Attributes:
        label_budget: they are run at the numeric budget of their task nearest to this, where
            latent spaces are shown and models exported too.
        losses: of `scratch` and `finetune` on the source task, instead of plain cross-entropy.
        dropouts: of `finetune` on the target task, instead of `classifiers.dropout`.
    """

    label_budget: int = 300
    losses: tuple[Loss, ...] = ("class_weighted", "focal")
    dropouts: tuple[float, ...] = (0.0, 0.5, 0.7)


@dataclass(frozen=True)
class LatentSettings:
    """Looking into the latent space: one seed, at most `max_images` test images."""

    perplexity: float = 30.0
    max_images: int = 25_000


@dataclass(frozen=True)
class Study:
    """The whole question; every field can be set in a study file."""

    name: str = "chest-to-pneumonia"
    title: str = "Do unlabelled chest X-rays help to classify pneumonia?"
    question: str = (
        "When labels are scarce, does an encoder pretrained without labels help, "
        "and should it be frozen or fine-tuned?"
    )
    source: str = "chestmnist"
    target: str = "pneumoniamnist"
    seeds: int = 5
    quick: bool = False
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    pretraining: PretrainingSettings = field(default_factory=PretrainingSettings)
    classifiers: ClassifierSettings = field(default_factory=ClassifierSettings)
    source_task: TaskSettings = TaskSettings(label_budgets=(30, 100, 300, 1000), overtrained=True)
    target_task: TaskSettings = TaskSettings(
        label_budgets=(30, 100, 300, 1000, "full"), overtrained=True
    )
    experiments: ExperimentSettings = field(default_factory=ExperimentSettings)
    latent: LatentSettings = field(default_factory=LatentSettings)

    def settings(self) -> dict[str, Any]:
        """Every setting as plain JSON values, as `results.json` keeps them."""
        return _plain(dataclasses.asdict(self))

    def quickened(self) -> "Study":
        """The same study, small: fewer images, epochs, seeds, budgets; still every part of it.

        The target keeps its smallest and largest budget and that of the experiments, the source
        only the last.
        """
        classifiers = self.classifiers
        source, target, few = self.source_task, self.target_task, self.experiments.label_budget
        return dataclasses.replace(
            self,
            quick=True,
            name=f"{self.name}-quick",
            seeds=min(self.seeds, 2),
            pretraining=dataclasses.replace(
                self.pretraining,
                fit=_capped(self.pretraining.fit, 6),
                max_images=min(self.pretraining.max_images or 4000, 4000),
            ),
            classifiers=dataclasses.replace(
                classifiers,
                head=_capped(classifiers.head, 20),
                finetune=_capped(classifiers.finetune, 6),
                scratch=_capped(classifiers.scratch, 10),
                overtrained_epochs=min(classifiers.overtrained_epochs, 20),
            ),
            source_task=source.only(source.nearest_budget(few) or source.largest_budget()),
            target_task=target.only(
                target.smallest_budget(), target.nearest_budget(few), target.largest_budget()
            ),
            latent=dataclasses.replace(self.latent, max_images=min(self.latent.max_images, 1000)),
        )


def _capped(config: FitConfig, epochs: int) -> FitConfig:
    return dataclasses.replace(config, epochs=min(config.epochs, epochs))


def read_study(path: Path) -> Study:
    """Reads and checks a study file; what it leaves out keeps its default.

    Raises:
        InputError: the file is missing or no TOML, or a setting is unknown or out of range.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Windows puts a mark first
    except FileNotFoundError:
        raise InputError(f"{path}: no such study file; give an existing one to --study") from None
    except OSError as error:
        raise InputError(
            f"{path}: can't be read ({error.strerror}); give a file that can to --study"
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no text in UTF-8; save it in that encoding") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is no valid TOML ({error}); mend that line") from None
    try:
        study = _override(Study(), values, "")
        check(study)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return study


def check(study: Study) -> None:
    """Checks every range that a type alone does not.

    Raises:
        InputError: names the setting, its value and what it may be.
    """
    _require(
        re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", study.name) is not None,
        "name",
        study.name,
        "1 to 100 letters, digits, '.', '_' or '-' (it names the report's folder)",
    )
    _require(bool(study.title.strip()), "title", study.title, "a text (it is the report's)")
    for name, words in (("title", study.title), ("question", study.question)):
        shown = all(unicodedata.category(c) not in _NEVER_SHOWN or c in "\n\t" for c in words)
        _require(shown, name, words, "a text without control and private characters")
    _require(1 <= study.seeds <= 1000, "seeds", study.seeds, "from 1 to 1000")
    encoder = study.encoder
    _require(
        4 <= encoder.latent_channels <= 1024,
        "encoder.latent_channels",
        encoder.latent_channels,
        "from 4 to 1024",
    )
    _require(
        1 <= encoder.base_filters <= 1024,
        "encoder.base_filters",
        encoder.base_filters,
        "from 1 to 1024",
    )
    _require(
        study.pretraining.max_images >= 0,
        "pretraining.max_images",
        study.pretraining.max_images,
        "0 (all) or more",
    )
    seed = study.pretraining.seed
    _require(0 <= seed < 2**32, "pretraining.seed", seed, "from 0 to 4294967295")
    classifiers = study.classifiers
    for name, value, fits, allowed in (
        ("dropout", classifiers.dropout, 0 <= classifiers.dropout < 1, "at least 0 and below 1"),
        ("penalty", classifiers.penalty, 0 <= classifiers.penalty < 1e9, "0 or more"),
        ("overtrained_epochs", e := classifiers.overtrained_epochs, e >= 1, "1 or more"),
        ("small_batch_size", b := classifiers.small_batch_size, b >= 1, "1 or more"),
        ("epoch_steps", s := classifiers.epoch_steps, 1 <= s <= 10_000, "from 1 to 10000"),
    ):
        _require(fits, f"classifiers.{name}", value, allowed)
    for where, config in (
        ("pretraining.fit", study.pretraining.fit),
        ("classifiers.head", classifiers.head),
        ("classifiers.finetune", classifiers.finetune),
        ("classifiers.scratch", classifiers.scratch),
    ):
        _check_fit(where, config)
    for where, task in (("source_task", study.source_task), ("target_task", study.target_task)):
        for budget in task.label_budgets:
            fits = budget == "full" or int(budget) >= 10
            _require(fits, f"{where}.label_budgets", budget, "'full' or a number from 10")
        _require_once(f"{where}.label_budgets", task.label_budgets)
        _require_once(f"{where}.strategies", task.strategies)
        named = bool(task.strategies or not task.label_budgets)
        _require(named, f"{where}.strategies", [], "a list with at least one strategy")
    _require(
        bool(study.target_task.label_budgets or study.source_task.label_budgets),
        "target_task.label_budgets",
        [],
        "a list with at least one budget, here or in source_task",
    )
    _check_experiments(study.experiments)
    perplexity = study.latent.perplexity
    _require(1 < perplexity < 1e6, "latent.perplexity", perplexity, "above 1 and below a million")
    _require(study.latent.max_images >= 50, "latent.max_images", study.latent.max_images, "from 50")


def _check_experiments(experiments: ExperimentSettings) -> None:
    budget = experiments.label_budget
    _require(budget >= 10, "experiments.label_budget", budget, "a number from 10")
    for dropout in experiments.dropouts:
        fits = 0 <= dropout < 1
        _require(fits, "experiments.dropouts", dropout, "numbers from 0 and below 1")
    for name, chosen in (("losses", experiments.losses), ("dropouts", experiments.dropouts)):
        _require_once(f"experiments.{name}", chosen)


def _check_fit(where: str, config: FitConfig) -> None:
    for name, value, fits, allowed in (
        ("epochs", config.epochs, 1 <= config.epochs <= 100_000, "from 1 to 100000"),
        ("batch_size", config.batch_size, 1 <= config.batch_size <= 65_536, "from 1 to 65536"),
        ("learning_rate", r := config.learning_rate, 0 < r <= 10, "above 0, at most 10"),
        ("patience", config.patience, config.patience >= 0, "0 (never stop early) or more"),
    ):
        _require(fits, f"{where}.{name}", value, allowed)


def _require(fits: bool, name: str, value: object, allowed: str) -> None:
    if not fits:
        raise InputError(f"{name} = {value!r} is out of range; it must be {allowed}")


def _require_once(name: str, chosen: Sequence[object]) -> None:
    if len(set(chosen)) < len(chosen):
        raise InputError(f"{name} = {list(chosen)!r} names one of them twice; name each once")


def _override(default: Any, values: Any, where: str) -> Any:
    """A settings object with what a TOML table sets; what it leaves out stays as it is."""
    if not isinstance(values, dict):
        raise InputError(f"{where} must be a table; write it as [{where}]")
    hints = typing.get_type_hints(type(default))
    changed = {}
    for name, value in values.items():
        path, current = _path(where, name), getattr(default, name, None)
        if name not in hints:
            close = difflib.get_close_matches(name, hints, 1)
            mend = f"did you mean '{close[0]}'?" if close else f"known are {', '.join(hints)}"
            raise InputError(f"unknown setting {path!r}; {mend}")
        nested = dataclasses.is_dataclass(current)
        changed[name] = (
            _override(current, value, path) if nested else _typed(hints[name], value, path)
        )
    return dataclasses.replace(default, **changed)


def _typed(hint: Any, value: Any, where: str) -> Any:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if type(value) is int and abs(value) >= 2**63:
        raise InputError(f"{where} has more than 64 bits; give a smaller number")
    if origin is tuple:
        if not isinstance(value, list):
            raise InputError(f"{where} = {value!r} must be a list; write [{value!r}]")
        return tuple(_typed(inner[0], item, where) for item in value)
    if origin is Literal:
        if value not in inner:
            raise InputError(f"{where} = {value!r} must be one of {', '.join(map(repr, inner))}")
        return value
    if origin in (typing.Union, types.UnionType):
        if type(value) is int and int in inner:
            return value
        literal = next(option for option in inner if typing.get_origin(option) is Literal)
        if value not in typing.get_args(literal):
            allowed = ", ".join(map(repr, typing.get_args(literal)))
            raise InputError(f"{where} = {value!r} must be a whole number or {allowed}")
        return value
    if hint is float and type(value) in (int, float):
        return float(value)
    if type(value) is not hint:
        names = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
        raise InputError(f"{where} = {value!r} must be {names[hint]}")
    return value


def _path(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
