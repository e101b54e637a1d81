"""`[source_task]` and `[target_task]`: what is run on one data set."""

from typing import Self

from pydantic import model_validator

from tfmed.config.items import LabelBudgets, Section, StrategyNames, out_of_range
from tfmed.design import STRATEGIES, LabelBudget


class TaskSettings(Section):
    """What is run on one data set; an empty list of budgets runs nothing.

    Attributes:
        label_budgets: numbers of labels, or `full`.
        strategies: names of `tfmed.design.Strategy`.
        overtrained: adds `scratch` without early stopping at the budget of the experiments.
        baselines: adds the simple classifiers of `tfmed.design.BASELINES` at every budget.
    """

    label_budgets: LabelBudgets = ()
    strategies: StrategyNames = tuple(str(strategy) for strategy in STRATEGIES)
    overtrained: bool = False
    baselines: bool = True

    @model_validator(mode="after")
    def _has_strategies(self) -> Self:
        if self.label_budgets and not self.strategies:
            raise out_of_range([], "a list with at least one strategy", at="strategies")
        return self

    def only(self, *budgets: LabelBudget | None) -> Self:
        """The same with no other label budgets than these."""
        kept = tuple(budget for budget in self.label_budgets if budget in budgets)
        return self.replaced(label_budgets=kept)
