"""Study: the whole question, as a study file writes it."""

import itertools
from collections.abc import Iterable
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator

from tfmed.config.classifiers import ClassifierSettings
from tfmed.config.experiments import ExperimentSettings, LatentSettings
from tfmed.config.images import ImageSettings
from tfmed.config.items import (
    Compared,
    FolderName,
    PrimaryMetric,
    Section,
    ShownText,
    Title,
    out_of_range,
    refusal,
)
from tfmed.config.ledger import check_ledger
from tfmed.config.registered import EncoderSettings, Pretrainings, listed, named
from tfmed.config.tasks import TaskSettings
from tfmed.design import (
    RANDOM,
    STRATEGIES,
    Strategy,
    largest_budget,
    nearest_budget,
    smallest_budget,
)
from tfmed.encoders.residual import Settings as Residual
from tfmed.pretraining import settings_class
from tfmed.pretraining.autoencoder import Settings as Autoencoder
from tfmed.pretraining.simclr import Settings as SimCLR
from tfmed.training.settings import FitSettings

TASKS = ("source_task", "target_task")
DEFAULT = Autoencoder()
METHODS = (DEFAULT, SimCLR())


def _strategies_of(methods: Iterable[str]) -> tuple[str, ...]:
    """Names of the default strategies, with other pretraining methods."""
    bare = [strategy for strategy in STRATEGIES if not strategy.pretrained]
    trained = [strategy.trained for strategy in STRATEGIES if strategy.pretrained]
    started = [Strategy(method, each) for method in methods for each in trained]
    return tuple(map(str, (*bare, *started)))


DEFAULT_STRATEGIES = _strategies_of(settings.method for settings in METHODS)


class Study(Section):
    """The whole question; every field can be set in a study file.

    Beside its sections: `primary_metric` decides what the answer speaks of (a task without it: its
    first one), and `comparisons` are the pairs that it speaks of, corrected together (none: those
    of `tfmed.evaluation.comparisons`).

        >>> Study(seeds=2, target="breastmnist").classifiers.dropout
        0.2

    Raises:
        pydantic.ValidationError: a setting is unknown, of the wrong type or out of range.
    """

    name: FolderName = "chest-to-pneumonia"
    title: Title = "Do unlabelled chest X-rays help to classify pneumonia?"
    question: ShownText = (
        "When labels are scarce, does an encoder pretrained without labels help, "
        "and should it be frozen or fine-tuned?"
    )
    source: str = "chestmnist"
    target: str = "pneumoniamnist"
    ledger: Annotated[str, AfterValidator(check_ledger)] = "chest_to_pneumonia"
    primary_metric: PrimaryMetric = "auc"
    comparisons: Compared = ()
    images: ImageSettings = ImageSettings()
    seeds: int = Field(default=5, ge=1, le=1000)
    quick: bool = False
    encoder: EncoderSettings = Residual()
    pretraining: Pretrainings = METHODS
    classifiers: ClassifierSettings = ClassifierSettings()
    source_task: TaskSettings = TaskSettings(
        label_budgets=(300,), strategies=DEFAULT_STRATEGIES, overtrained=True
    )
    target_task: TaskSettings = TaskSettings(
        label_budgets=(30, 100, 300, "full"), strategies=DEFAULT_STRATEGIES, overtrained=True
    )
    experiments: ExperimentSettings = ExperimentSettings()
    latent: LatentSettings = LatentSettings()

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, values: Any) -> Any:
        """A table that sets a part of a section leaves the rest of that section's default."""
        if not isinstance(values, dict):
            return values
        defaults = {name: field.get_default() for name, field in cls.model_fields.items()}
        encoder = named(values.get("encoder"), "encoder")
        if encoder is not None:
            defaults["encoder"] = encoder
        tables = listed(values.get("pretraining", ()))
        if isinstance(tables, list | tuple) and tables:
            methods, completed = zip(*map(_completed_method, tables), strict=True)
            values = {**values, "pretraining": completed}
            for task in TASKS:
                fair = [method for method in methods if not _knows_labels(method, task)]
                own = _strategies_of(dict.fromkeys(fair))
                defaults[task] = defaults[task].replaced(strategies=own)
                values = {task: defaults[task], **values}
        return _completed(values, defaults)

    @model_validator(mode="after")
    def _runs_something(self) -> Self:
        if not (self.target_task.label_budgets or self.source_task.label_budgets):
            allowed = "a list with at least one budget, here or in source_task"
            raise out_of_range([], allowed, at="target_task.label_budgets")
        return self

    @model_validator(mode="after")
    def _pretrains_what_strategies_start_from(self) -> Self:
        methods = [settings.method for settings in self.pretraining]
        for task in TASKS:
            for name in getattr(self, task).strategies:
                if Strategy.parse(name).initialisation not in (RANDOM, *methods):
                    known = ", ".join(map(repr, _strategies_of(methods)))
                    wrong = f"starts from a pretraining that this study lacks; choose of {known}"
                    raise refusal(name, wrong, at=f"{task}.strategies")
                if _knows_labels(Strategy.parse(name).initialisation, task):
                    wrong = "has seen the labels that its label budgets hold back; leave it out"
                    raise refusal(name, wrong, at=f"{task}.strategies")
        return self

    @model_validator(mode="after")
    def _has_an_encoder_that_methods_take(self) -> Self:
        encoder = self.encoder.name  # type: ignore[attr-defined]  # every member of the registry
        for settings in self.pretraining:
            if settings.ENCODERS and encoder not in settings.ENCODERS:
                known = " or ".join(map(repr, settings.ENCODERS))
                wrong = f"can't start from the pretraining {settings.method!r}; it must be {known}"
                raise refusal(encoder, wrong, at="encoder.name")
        return self

    @model_validator(mode="after")
    def _runs_what_it_compares(self) -> Self:
        run = [each.methods for each in (self.source_task, self.target_task) if each.label_budgets]
        for pair in self.comparisons:
            if not any(set(pair) <= set(methods) for methods in run):
                known = ", ".join(map(repr, dict.fromkeys(itertools.chain(*run))))
                wrong = f"are not both run on one data set of this study; choose of {known}"
                raise refusal(list(pair), wrong, at="comparisons")
        return self

    def settings(self) -> dict[str, Any]:
        """Every setting as plain JSON values, as `results.json` keeps them."""
        return self.model_dump(mode="json")

    def quickened(self) -> Self:
        """The same study, small: fewer images, epochs, seeds, budgets; still every part of it.

        The target keeps its smallest and largest budget and that of the experiments, the source
        only the last.
        """
        classifiers = self.classifiers
        source, target, few = self.source_task, self.target_task, self.experiments.label_budget
        of_source, of_target = source.label_budgets, target.label_budgets
        return self.model_copy(
            update={
                "quick": True,
                "name": f"{self.name}-quick",
                "seeds": min(self.seeds, 2),
                "pretraining": tuple(settings.quickened() for settings in self.pretraining),
                "classifiers": classifiers.replaced(
                    search=classifiers.search.replaced(
                        learning_rates=classifiers.search.learning_rates[:1]
                    ),
                    head=_capped(classifiers.head, 20),
                    finetune=_capped(classifiers.finetune, 4),
                    scratch=_capped(classifiers.scratch, 10),
                    overtrained_epochs=min(classifiers.overtrained_epochs, 20),
                ),
                "source_task": source.only(
                    nearest_budget(of_source, few) or largest_budget(of_source)
                ),
                "target_task": target.only(
                    smallest_budget(of_target),
                    nearest_budget(of_target, few),
                    largest_budget(of_target),
                ),
                "latent": self.latent.replaced(max_images=min(self.latent.max_images, 1000)),
            }
        )


def _knows_labels(initialisation: str, task: str) -> bool:
    """Whether encoders have seen all labels of a task, whatever its label budgets."""
    if task != "source_task" or initialisation == RANDOM:
        return False
    return settings_class(initialisation).LEARNS_FROM == "labels"


def _completed_method(table: Any) -> tuple[str, Any]:
    """A method's name, and its table with what it leaves out; other values as they are."""
    if isinstance(table, BaseModel):
        return getattr(table, "method", DEFAULT.method), table
    default = named(table, "pretraining") or DEFAULT
    if not isinstance(table, dict):
        return default.method, table
    inner = dict(default)
    return default.method, {**inner, **_completed(table, inner)}


def _completed(values: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Values with what their tables leave out."""
    completed = dict(values)
    for name, value in values.items():
        default = defaults.get(name)
        if isinstance(value, dict) and isinstance(default, BaseModel):
            inner = dict(default)
            completed[name] = {**inner, **_completed(value, inner)}
    return completed


def _capped(fit: FitSettings, epochs: int) -> FitSettings:
    return fit.model_copy(update={"epochs": min(fit.epochs, epochs)})
