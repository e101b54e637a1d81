"""Pretraining without labels, and how its reconstructions are measured."""
