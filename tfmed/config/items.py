"""Sections of a study file, and the types of what they hold beyond plain numbers.

A section declares its settings as fields with defaults and `Field(ge=…, le=…)` ranges; the line
that refuses a study file is made from these (`tfmed.config.study`).
"""

import difflib
import re
import unicodedata
from collections.abc import Hashable, Iterable, Sequence
from typing import Annotated, Any, Self, TypeVar

from annotated_types import Ge, Gt, Le, Lt
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from tfmed.design import BASELINES, STRATEGIES, LabelBudget, Strategy, method_of
from tfmed.tasks import REGISTRY, task_of

_NEVER_SHOWN = ("Cc", "Co", "Cs")
"""Unicode's categories of characters that no page can show: control, private use, surrogates."""
FEWEST = 10
"""The smallest label budget."""

Item = TypeVar("Item", bound=Hashable)


class Section(BaseModel):
    """A table of a study file: typed, checked, never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def replaced(self, **changes: Any) -> Self:
        """The same with some fields changed, checked again."""
        return type(self).model_validate({**dict(self), **changes})


def refusal(value: object, wrong: str, *, at: str = "") -> PydanticCustomError:
    """An error whose line is the setting, its value and what is wrong.

    Args:
        value: what was given.
        wrong: the end of the line.
        at: dotted name of the setting below the section or field whose validator raises this.
    """
    return PydanticCustomError("refused", "{wrong}", {"value": value, "wrong": wrong, "at": at})


def out_of_range(value: object, allowed: str, *, at: str = "") -> PydanticCustomError:
    """The error of a value that is of the right type and not allowed."""
    return refusal(value, f"is out of range; it must be {allowed}", at=at)


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing where no known name is near."""
    close = difflib.get_close_matches(str(name), known, 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def allowed_words(setting: FieldInfo) -> str:
    """A setting's range in words, such as `from 4 to 1024`."""
    limits = {type(limit): limit for limit in setting.metadata}
    least: Any = limits.get(Ge)
    above: Any = limits.get(Gt)
    most: Any = limits.get(Le)
    below: Any = limits.get(Lt)
    if least and most:
        return f"from {least.ge} to {most.le}"
    lower = f"at least {least.ge}" if least else f"above {above.gt}" if above else ""
    upper = f"at most {most.le}" if most else f"below {below.lt:g}" if below else ""
    if least and not upper:
        return f"{least.ge} or more"
    return " and ".join(filter(None, (lower, upper))) or "a finite number"


def _budget(value: Any) -> Any:
    if value == "full":
        return value
    if type(value) is not int:
        raise refusal(value, f"must be an integer or 'full'{did_you_mean(value, ['full'])}")
    if value < FEWEST:
        raise out_of_range(value, f"'full' or a number from {FEWEST}")
    return value


def _strategy(name: Any) -> str:
    try:
        return str(Strategy.parse(name if isinstance(name, str) else ""))
    except ValueError:
        known = [str(strategy) for strategy in STRATEGIES]
        wrong = f"must be one of {', '.join(map(repr, known))}, or METHOD:frozen, METHOD:finetune"
        raise refusal(name, wrong + did_you_mean(name, known)) from None


def _metric(name: str) -> str:
    known = dict.fromkeys(metric for task in REGISTRY for metric in task_of(task).COMPARED_METRICS)
    if name not in known:
        wrong = f"must be one of {', '.join(map(repr, known))}{did_you_mean(name, known)}"
        raise refusal(name, wrong)
    return name


def _method(name: Any) -> str:
    try:
        return str(method_of(name if isinstance(name, str) else ""))
    except ValueError:
        known = [str(each) for each in (*STRATEGIES, *BASELINES)]
        wrong = f"must be one of {', '.join(map(repr, known))}, or METHOD:frozen, METHOD:finetune"
        raise refusal(name, wrong + did_you_mean(name, known)) from None


def _compared(pairs: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(pairs, list | tuple):
        raise refusal(pairs, "must be a list of pairs, such as [['simclr:frozen', 'scratch']]")
    found: list[tuple[str, str]] = []
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise refusal(pair, "must be two names, such as ['simclr:frozen', 'scratch']")
        a, b = map(_method, pair)
        if a == b:
            raise refusal(list(pair), "compares a strategy with itself; name two")
        if {a, b} in map(set, found):
            raise refusal(list(pair), "is there twice; name each pair once")
        found.append((a, b))
    return tuple(found)


def _share(value: float) -> float:
    if not 0 <= value < 1:  # as NaN is not
        raise out_of_range(value, "numbers from 0 and below 1")
    return value


def _each_once(chosen: Sequence[Item]) -> Sequence[Item]:
    if len(set(chosen)) < len(chosen):
        raise refusal(list(chosen), "names one of them twice; name each once")
    return chosen


def _folder_name(name: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name) is None:
        raise out_of_range(
            name, "1 to 100 letters, digits, '.', '_' or '-' (it names the report's folder)"
        )
    return name


def _shown(words: str) -> str:
    if any(unicodedata.category(c) in _NEVER_SHOWN and c not in "\n\t" for c in words):
        raise out_of_range(words, "a text without control and private characters")
    return words


def _filled(title: str) -> str:
    if not title.strip():
        raise out_of_range(title, "a text (it is the report's)")
    return title


_LISTED = (Field(strict=False), AfterValidator(_each_once))  # TOML has lists, settings have tuples

LabelBudgets = Annotated[tuple[Annotated[LabelBudget, BeforeValidator(_budget)], ...], *_LISTED]
StrategyNames = Annotated[tuple[Annotated[str, BeforeValidator(_strategy)], ...], *_LISTED]
PrimaryMetric = Annotated[str, AfterValidator(_metric)]
Compared = Annotated[tuple[tuple[str, str], ...], BeforeValidator(_compared)]
Share = Annotated[float, Field(allow_inf_nan=True), AfterValidator(_share)]
Once = Annotated[tuple[Item, ...], *_LISTED]
FolderName = Annotated[str, AfterValidator(_folder_name)]
ShownText = Annotated[str, AfterValidator(_shown)]
Title = Annotated[ShownText, AfterValidator(_filled)]
