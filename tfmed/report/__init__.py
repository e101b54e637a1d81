"""The report of a study: `report.html` and `report.pdf`, rendered from `results.json` alone."""

from tfmed.report.answering.sentences import answer
from tfmed.report.deciding.decision import decision_lines
from tfmed.report.rendering import render, render_again

__all__ = ["answer", "decision_lines", "render", "render_again"]
