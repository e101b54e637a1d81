"""Metrics of groups of test cases, such as those of one sex, and gaps between two groups."""
