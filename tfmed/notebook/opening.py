"""What a notebook shows of results: the question, the answer and, if there is one, the decision."""

from html import escape
from pathlib import Path

from tfmed import report
from tfmed.report.selection import Results
from tfmed.report.wording import SYNTHETIC_MARK


def opening(results: Results, folder: Path) -> str:
    """The opening of a report as HTML.

    Args:
        results: the content of `results.json`.
        folder: of the report.
    """
    study = results["study"]
    mark = [f"<p><strong>{escape(SYNTHETIC_MARK)}</strong></p>"] if results["synthetic"] else []
    parts = [
        f"<p><strong>{escape(study['title'])}</strong><br>{escape(study['question'])}</p>",
        *mark,
        *(f"<p>{escape(line)}</p>" for line in report.decision_lines(results)),
        *(f"<p>{escape(sentence)}</p>" for sentence in report.answer(results)),
        f"<p>Report: <code>{escape(str(folder / 'report.html'))}</code></p>",
    ]
    return f"<div>{''.join(parts)}</div>"
