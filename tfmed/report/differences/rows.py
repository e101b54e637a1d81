"""Which paired differences are drawn and listed beside the answer: the question's."""

from tfmed.design import budget_size
from tfmed.report.asked import main_metrics
from tfmed.report.selection import Entry, Results, shown_budgets, tasks

MOST_ROWS = 24
"""Of a metric; where there are more, label budgets other than the few and the most are left to the
appendix."""


def question_rows(results: Results, task: str, metric: str) -> list[Entry]:
    """Comparisons of the study's question on a task, by label budget."""
    found = [
        entry
        for entry in results["comparisons"]
        if (entry["kind"], entry["task"], entry["metric"]) == ("question", task, metric)
    ]
    return sorted(found, key=lambda entry: budget_size(entry["label_budget"]))


def forest_rows(results: Results, task: str, metric: str) -> list[Entry]:
    """Those of `question_rows` that are drawn and listed."""
    found = question_rows(results, task, metric)
    if len(found) <= MOST_ROWS:
        return found
    shown = shown_budgets(results, task)
    return [entry for entry in found if entry["label_budget"] in shown]


def forest_task(results: Results) -> str | None:
    """The task whose differences are drawn: the target, or the first with any."""
    for task in tasks(results):
        if any(question_rows(results, task, metric) for metric in main_metrics(results, task)):
            return task
    return None


def left_out(results: Results, task: str) -> bool:
    """Whether some label budgets are in the appendix alone."""
    metric = main_metrics(results, task)[0]
    return len(forest_rows(results, task, metric)) < len(question_rows(results, task, metric))
