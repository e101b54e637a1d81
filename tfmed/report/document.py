"""The whole report as plain data."""

from collections.abc import Mapping

from tfmed.report.answering.opening import answer_blocks
from tfmed.report.blocks import number_blocks
from tfmed.report.deciding.decision import decision_blocks
from tfmed.report.deciding.labels import label_blocks
from tfmed.report.figures.description import Figure, with_figures
from tfmed.report.inspection import section as inspection
from tfmed.report.pretraining.section import pretraining_blocks, pretraining_title
from tfmed.report.sections import (
    classifiers,
    data,
    experiments,
    latent,
    ledger,
    limits,
    method,
    models,
)
from tfmed.report.selection import Results
from tfmed.report.subgroups import section as subgroups


def document(results: Results, figures: Mapping[str, Figure]) -> dict:
    """The whole report as plain data.

    Args:
        results: the content of `results.json`.
        figures: the figures there are, by id.

    Returns:
        `title`, `question`, `name`, `synthetic`, `quick`, `date`, `version` and `sections`, each
        with `id`, `title` and `blocks` (see `tfmed.report.blocks`).
    """
    sections = [
        ("answer", "The answer", answer_blocks(results)),
        ("decision", "What to use", [*decision_blocks(results), *label_blocks(results)]),
        ("method", "How it was done", method.method_blocks(results)),
        ("data", "The data", data.data_blocks(results)),
        ("classifiers", "The classifiers", classifiers.classifier_blocks(results)),
        ("pretraining", pretraining_title(results), pretraining_blocks(results)),
        ("latent", "The latent spaces", latent.latent_blocks(results)),
        ("subgroups", subgroups.TITLE, subgroups.subgroup_blocks(results)),
        ("inspection", inspection.TITLE, inspection.inspection_blocks(results)),
        ("experiments", "Experiments", experiments.experiment_blocks(results)),
        ("ledger", "Findings under test", ledger.ledger_blocks(results, figures)),
        ("models", "The models", models.model_blocks(results)),
        ("limits", "Limits, sources and terms", limits.limit_blocks(results)),
        ("provenance", "Provenance", limits.provenance_blocks(results)),
        ("appendix", "Every metric and comparison", classifiers.appendix_blocks(results)),
    ]
    kept = [
        {"id": name, "title": title, "blocks": with_figures(blocks, figures)}
        for name, title, blocks in sections
        if blocks
    ]
    study, provenance = results["study"], results["provenance"]
    return {
        **{key: study[key] for key in ("title", "question", "name", "quick")},
        "synthetic": results["synthetic"],
        "date": provenance["started"],
        "version": provenance["versions"].get("tfmed", ""),
        "sections": number_blocks(kept),
    }
