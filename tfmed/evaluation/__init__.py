"""Metrics of classifiers, their intervals, and comparisons paired by seed and test case."""
