"""The report of a study: `report.html` and `report.pdf`, rendered from `results.json` alone."""

from tfmed.report.rendering import render, render_again
from tfmed.report.sections.answer import answer

__all__ = ["answer", "render", "render_again"]
