"""The form of `results.json`, the contract between computing and showing.

    >>> StudyResults.model_json_schema()["title"]
    'tfmed results'

The models check what a study writes and what a report reads. `python -m tfmed.results.schema`
prints the JSON Schema that is made from them, for other programs.
"""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator

from tfmed.results.schema.base import Part
from tfmed.results.schema.closing import ClaimEntry, ModelEntry
from tfmed.results.schema.deciding import DecisionEntry, LearningCurvesEntry
from tfmed.results.schema.inspection import AttributionEntry, RobustnessEntry
from tfmed.results.schema.latent import LatentEntry
from tfmed.results.schema.runs import ComparisonEntry, RunEntry, SummaryEntry
from tfmed.results.schema.study import (
    DatasetEntry,
    PretrainingEntry,
    ProvenanceEntry,
    StudyEntry,
)
from tfmed.results.schema.subgroups import SubgroupsEntry

SCHEMA_VERSION = 3
"""Rises whenever a part is renamed, removed or means something else."""


class StudyResults(Part):
    """What reports/<study>/results.json holds."""

    model_config = ConfigDict(title="tfmed results")

    schema_version: Literal[3]
    study: StudyEntry
    synthetic: bool
    provenance: ProvenanceEntry
    datasets: Annotated[list[DatasetEntry], Field(min_length=1, max_length=2)]
    pretraining: list[PretrainingEntry]
    runs: list[RunEntry]
    summary: list[SummaryEntry]
    comparisons: list[ComparisonEntry]
    latent: LatentEntry
    claims: list[ClaimEntry]
    models: list[ModelEntry]
    decision: DecisionEntry | None = None
    """Null where no classifier was trained, and in results of earlier versions."""
    learning_curves: LearningCurvesEntry | None = None
    """Null where no strategy was trained on the target, and in results of earlier versions."""
    attribution: Annotated[list[AttributionEntry], Field(default_factory=list)]
    robustness: Annotated[list[RobustnessEntry], Field(default_factory=list)]
    subgroups: SubgroupsEntry | None = None
    """Null where the target does not say of which groups its images are, and in results of earlier
    versions."""

    @model_validator(mode="after")
    def _is_of_its_data(self) -> Self:
        """The parts name the same data sets and measure the same."""
        known = {dataset.name for dataset in self.datasets}
        tasks = {entry.task for entry in (*self.runs, *self.summary, *self.latent.spaces)}
        if unknown := {self.study.source, self.study.target, *tasks} - known:
            raise ValueError(f"datasets lacks {', '.join(sorted(unknown))}")
        metrics: dict[str, set[str]] = {}
        for run in self.runs:
            if metrics.setdefault(run.task, set(run.metrics)) != set(run.metrics):
                raise ValueError(f"run {run.id} has other metrics than those before it")
        for row in self.summary:
            if row.metrics != metrics.get(row.task, row.metrics):
                raise ValueError(f"summary of {row.strategy} has other metrics than its runs")
        return self


def first_error(error: ValidationError) -> str:
    """Where the first thing that does not fit is, and what is wrong with it."""
    found = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(map(str, found["loc"]))
    return f"{where}: {found['msg']}" if where else found["msg"]
