"""The report of a study: a page, a PDF and its appendix, rendered from `results.json` alone."""

from tfmed.report.answering.sentences import answer
from tfmed.report.deciding.decision import decision_lines
from tfmed.report.rendering import APPENDIX_FILE, render, render_again

__all__ = ["APPENDIX_FILE", "answer", "decision_lines", "render", "render_again"]
