"""The study of the earlier report: one pretraining by one method, fixed recipes."""

from pathlib import Path

from tfmed.config.reading import read_study

EARLIER = read_study(
    Path(__file__).parents[2] / "studies" / "chest_to_pneumonia" / "as_reported.toml"
)
