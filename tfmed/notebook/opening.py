"""What a notebook shows of results: the question, the answer and, if there is one, the decision."""

from collections.abc import Iterator
from html import escape
from pathlib import Path

from tfmed import report
from tfmed.design import method_of
from tfmed.report.selection import Results
from tfmed.report.wording import SYNTHETIC_MARK, budget_name, method_name


def opening(results: Results, folder: Path) -> str:
    """The opening of a report as HTML.

    Args:
        results: the content of `results.json`.
        folder: of the report.
    """
    study = results["study"]
    mark = [f"<p><strong>{escape(SYNTHETIC_MARK)}</strong></p>"] if results["synthetic"] else []
    choices = "".join(f"<li>{escape(choice)}</li>" for choice in _choices(results))
    parts = [
        f"<p><strong>{escape(study['title'])}</strong><br>{escape(study['question'])}</p>",
        *mark,
        f"<p>{escape(' '.join(report.answer(results)))}</p>",
        *([f"<ul>{choices}</ul>"] if choices else []),
        f"<p>Report: <code>{escape(str(folder / 'report.html'))}</code></p>",
    ]
    return f"<div>{''.join(parts)}</div>"


def _choices(results: Results) -> Iterator[str]:
    """What to use with so many labels, where the results say so."""
    decision = results.get("decision") or {}
    for choice in decision.get("budgets", ()):
        start = f"With {budget_name(results, choice['task'], choice['label_budget'])}"
        if choice["recommended"]:
            yield f"{start}: use “{method_name(results, method_of(choice['strategy']))}”"
        else:
            yield f"{start}: no recommendation, {choice['against'][0]}"
