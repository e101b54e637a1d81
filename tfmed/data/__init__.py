"""Data sets: names and paths to verified arrays, label budgets, tf.data pipelines, the phantom."""

from tfmed.data.dataset import SPLITS, DatasetInfo, Split

__all__ = ["SPLITS", "DatasetInfo", "Split"]
