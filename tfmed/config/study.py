"""Study: the whole question, as a study file writes it."""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

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
    allowed_words,
    did_you_mean,
    out_of_range,
    refusal,
)
from tfmed.config.ledger import check_ledger
from tfmed.config.registered import REGISTERED, EncoderSettings, Pretrainings, listed, named
from tfmed.config.tasks import TaskSettings
from tfmed.design import (
    RANDOM,
    STRATEGIES,
    Strategy,
    largest_budget,
    nearest_budget,
)
from tfmed.encoders.residual import Settings as Residual
from tfmed.errors import InputError
from tfmed.pretraining import settings_class
from tfmed.pretraining.autoencoder import Settings as Autoencoder
from tfmed.pretraining.simclr import Settings as SimCLR
from tfmed.training.settings import FitSettings

TASKS = ("source_task", "target_task")
_TYPES = {
    "int_type": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a text",
}
_RANGES = ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number")
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
        InputError: a setting is unknown, of the wrong type or out of range; the line names it, its
            value and what it may be.
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

    if not TYPE_CHECKING:  # type checkers know the settings by the fields above

        def __init__(self, **values: Any) -> None:
            """Checks the settings; what is left out keeps its default."""
            _refuse_long_integers(values, "")
            try:
                super().__init__(**values)
            except ValidationError as error:
                raise InputError(_line(error.errors(include_url=False)[0])) from None

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
        """The same study, small: fewer images, epochs, seeds, budgets, and one recipe.

        The target keeps its largest budget and that of the experiments, the source only the last.
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
                    search=classifiers.search.first(),
                    head=_capped(classifiers.head, 12),
                    finetune=_capped(classifiers.finetune, 3),
                    scratch=_capped(classifiers.scratch, 10),
                    overtrained_epochs=min(classifiers.overtrained_epochs, 10),
                ),
                "source_task": source.only(
                    nearest_budget(of_source, few) or largest_budget(of_source)
                ),
                "target_task": target.only(
                    nearest_budget(of_target, few),
                    largest_budget(of_target),
                ),
                "latent": self.latent.replaced(max_images=min(self.latent.max_images, 500)),
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


def _refuse_long_integers(value: Any, where: str) -> None:
    """Refuses integers that TOML does not have either: Python can't even print some of them."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            _refuse_long_integers(item, f"{where}.{name}" if where else name)
    elif isinstance(value, list):
        for item in value:
            _refuse_long_integers(item, where)
    elif type(value) is int and abs(value) >= 2**63:
        raise InputError(f"{where} has more than 64 bits; give a smaller number")


def _line(error: Mapping[str, Any]) -> str:
    """One line for what pydantic found: the setting's name, its value, what is allowed."""
    kind, value, given = error["type"], error["input"], error.get("ctx", {})
    section, names = _place(error["loc"])
    where = ".".join(names)
    if kind == "refused":
        where = ".".join(filter(None, (where, given["at"])))
        return f"{where} = {given['value']!r} {given['wrong']}"
    if kind == "extra_forbidden":
        known = list(section.model_fields)
        near = did_you_mean(names[-1], known) or f"; known are {', '.join(known)}"
        return f"unknown setting {where!r}{near}"
    no_list = kind == "tuple_type" and where in REGISTERED
    if kind in ("model_type", "model_attributes_type") or no_list:
        return f"{where} must be a table; write it as [{where}]"
    if kind == "too_short" and where in REGISTERED:
        return f"{where} has no table; leave it out, or write [{where}]"
    if kind == "tuple_type":
        return f"{where} = {value!r} must be a list; write [{value!r}]"
    if kind == "union_tag_invalid":
        registered = REGISTERED[where]
        named = value[registered.naming]
        return _one_of(f"{where}.{registered.naming}", named, registered.members)
    if kind == "literal_error":
        return _one_of(where, value, re.findall(r"'([^']*)'", given["expected"]))
    if kind in _RANGES:
        allowed = allowed_words(section.model_fields[names[-1]])
        return f"{where} = {value!r} is out of range; it must be {allowed}"
    return f"{where} = {value!r} must be {_TYPES.get(kind, error['msg'])}"


def _one_of(where: str, value: object, known: Sequence[str]) -> str:
    choice = f"one of {', '.join(map(repr, known))}" if len(known) > 1 else repr(known[0])
    return f"{where} = {value!r} must be {choice}{did_you_mean(value, known)}"


def _place(loc: Iterable[int | str]) -> tuple[type[BaseModel], list[str]]:
    """The section that holds a setting, and the setting's dotted name in parts."""
    holder: Any = Study
    inner: Any = Study
    names: list[str] = []
    chosen = False  # a member's name may be a setting of it too, such as `masked`
    for part in (part for part in loc if isinstance(part, str)):
        registered = REGISTERED.get(names[0]) if len(names) == 1 and not chosen else None
        if registered and len(registered.members) > 1 and part in registered.members:
            inner = registered.settings_class(part)  # pydantic puts the member's name between
            chosen = True
            continue
        holder = inner
        names.append(part)
        setting = holder.model_fields.get(part)
        inner = setting and setting.annotation
    return holder, names
