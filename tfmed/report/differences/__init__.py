"""Paired differences between the strategies and baselines that the study's question is about."""
