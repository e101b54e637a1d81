"""What changed between two reports: `tfmed compare A B`."""

from tfmed.report.comparison.reading import read_both
from tfmed.report.comparison.rendering import render, summary

__all__ = ["read_both", "render", "summary"]
