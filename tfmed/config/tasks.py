"""`[source_task]` and `[target_task]`: what is run on one data set."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from tfmed.config.items import (
    LabelBudgets,
    Section,
    StrategyNames,
    did_you_mean,
    out_of_range,
    refusal,
)
from tfmed.design import BASELINES, STRATEGIES, LabelBudget
from tfmed.tasks import REGISTRY

AUTO = "auto"
"""The task that the labels say."""


def _task(name: str) -> str:
    known = (AUTO, *REGISTRY)
    if name not in known:
        wrong = f"must be one of {', '.join(map(repr, known))}{did_you_mean(name, known)}"
        raise refusal(name, wrong)
    return name


class TaskSettings(Section):
    """What is run on one data set; an empty list of budgets runs nothing.

    Attributes:
        task: what is asked of its images, of `tfmed.tasks`; `auto`: what the labels say.
        binarise: how several label columns become one question, where the task is binary: `any`
            of them against none.
        label_budgets: numbers of labels, or `full`.
        strategies: names of `tfmed.design.Strategy`.
        overtrained: adds `scratch` without early stopping at the budget of the experiments.
        baselines: adds the simple classifiers of `tfmed.design.BASELINES` at every budget.
    """

    task: Annotated[str, AfterValidator(_task)] = AUTO
    binarise: Literal["any"] = "any"
    label_budgets: LabelBudgets = ()
    strategies: StrategyNames = tuple(str(strategy) for strategy in STRATEGIES)
    overtrained: bool = False
    baselines: bool = True

    @model_validator(mode="after")
    def _has_strategies(self) -> Self:
        if self.label_budgets and not self.strategies:
            raise out_of_range([], "a list with at least one strategy", at="strategies")
        return self

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the strategies and baselines."""
        return (*self.strategies, *(map(str, BASELINES) if self.baselines else ()))

    @property
    def chosen_task(self) -> str | None:
        """The task that is asked for; None for what the labels say."""
        return None if self.task == AUTO else self.task

    def only(self, *budgets: LabelBudget | None) -> Self:
        """The same with no other label budgets than these."""
        kept = tuple(budget for budget in self.label_budgets if budget in budgets)
        return self.replaced(label_budgets=kept)
