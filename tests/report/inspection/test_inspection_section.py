"""The section on where classifiers look and what they withstand."""

import json

import numpy as np
import pytest
from example_results import HOSTILE, TARGET, example_results
from inspected_results import inspected_results

from tfmed import report
from tfmed.report.document import document
from tfmed.report.figures.drawing import described
from tfmed.report.inspection import chosen, figures
from tfmed.report.inspection.section import inspection_blocks
from tfmed.results.schema import StudyResults


def words_of(blocks):
    return json.dumps(blocks, ensure_ascii=False)


def rows_of(blocks, identifier):
    return next(block["rows"] for block in blocks if block.get("id") == identifier)


def test_results_of_earlier_versions_have_no_such_section_and_are_valid():
    results = example_results()
    assert "attribution" not in results
    StudyResults.model_validate(results)
    assert inspection_blocks(results) == []
    found = document(results, described(results))
    assert "inspection" not in [section["id"] for section in found["sections"]]


@pytest.mark.parametrize("known", [False, True])
def test_the_schema_takes_what_is_shown(known):
    StudyResults.model_validate(inspected_results(known=known))


def test_the_maps_shown_are_of_the_strategy_with_the_best_mean():
    results = inspected_results()
    rows = {row["strategy"]: row for row in results["summary"] if row["label_budget"] == 300}
    metric = results["study"].get("primary_metric", "accuracy")
    names = [entry["strategy"] for entry in results["attribution"]]
    best = max(names, key=lambda name: rows[name][metric]["mean"])
    assert chosen.best_attributed(results)["strategy"] == best


def test_where_a_place_is_known_the_table_has_it_and_elsewhere_the_text_says_so():
    unknown, known = (inspection_blocks(inspected_results(known=known)) for known in (False, True))
    assert "nobody can say here whether a map points at it" in words_of(unknown)
    assert len(rows_of(unknown, "attribution-table")[0]) == 3
    first = rows_of(known, "attribution-table")[0]
    results = inspected_results(known=True)
    share = chosen.attributed(results)[0]["inside"]["occlusion"]["share"]
    assert first[3] == f"{100 * share:.0f} %\nrandom 23 %, box 20 %\n40 images"
    assert first[4] == "–"


def test_correlations_are_means_of_the_cases_that_have_one():
    results = inspected_results()
    entry = chosen.attributed(results)[0]
    values = [case["correlation"]["grad-cam"] for case in entry["cases"]]
    known = [value for value in values if value is not None]
    assert chosen.correlations(entry, "grad-cam") == known
    row = rows_of(inspection_blocks(results), "attribution-table")[0]
    assert row[2] == f"+{np.mean(known):.2f}\n{len(known)} cases"


def test_the_table_of_corruptions_holds_the_strongest():
    results = inspected_results()
    entry = chosen.corrupted(results)[0]
    row = rows_of(inspection_blocks(results), "robustness-table")[0]
    metric = chosen.metrics_shown(results, [entry])[0]
    assert row[1].startswith(f"{entry['clean'][metric]:.3f}")
    strongest = [c for c in entry["corruptions"] if c["strength"] == 3]
    assert [cell[:5] for cell in row[2:]] == [f"{c['metrics'][metric]:.3f}" for c in strongest]


def test_figures_have_words_and_numbers():
    results = inspected_results()
    maps, robustness = figures.figures(results)
    assert "wrong answers" in maps.alt
    assert "wrong answers (by the threshold chosen on validation labels)" in str(maps.caption)
    n_cases = sum(len(entry["cases"]) for entry in results["attribution"])
    assert len(maps.numbers().rows) == n_cases
    n_values = len(results["robustness"]) * 6 * 4 * 2
    assert len(robustness.numbers().rows) == n_values


def test_a_class_without_wrong_answers_and_a_metric_that_is_not_defined_are_no_error(tmp_path):
    results = inspected_results()
    for entry in results["attribution"]:
        entry["cases"] = [case for case in entry["cases"] if case["right"]]
    for entry in results["robustness"]:
        for each in (entry["clean"], *(c["metrics"] for c in entry["corruptions"])):
            each["auc"] = None
    render(tmp_path, results)


def test_many_classes_go_on_in_further_lines_and_the_caption_says_where_they_end():
    results = inspected_results(n_classes=7)
    dataset = next(data for data in results["datasets"] if data["name"] == TARGET)
    dataset["class_names"] = list("abcdefg")
    maps = next(figures.figures(results))
    assert "The first 24 cases are shown." in str(maps.caption)
    assert maps.draw().get_size_inches()[1] > 6
    assert "f right answers" in maps.alt
    assert "g right answers" not in maps.alt


def render(folder, results):
    (folder / "results.json").write_text(json.dumps(results))
    return report.render(folder)


@pytest.mark.slow
@pytest.mark.parametrize("hostile", [False, True])
def test_both_renderings_hold_the_section(tmp_path, hostile):
    results = inspected_results(known=True, hostile=hostile, synthetic=True)
    html, pdf = render(tmp_path, results)
    text = html.read_text(encoding="utf-8")
    assert "Where classifiers look, and what they withstand" in text
    assert HOSTILE not in text
    assert pdf.stat().st_size > 10_000
