"""The differences that are drawn are those of the study's question, and few enough to read."""

from example_results import example_results
from several_methods import several_methods

from tfmed.report.differences import rows
from tfmed.report.differences.section import difference_blocks
from tfmed.report.document import document
from tfmed.report.figures.drawing import described

TARGET = "pneumoniamnist"


def test_every_comparison_of_the_question_is_drawn_where_they_are_few() -> None:
    results = example_results(latent=False)
    found = rows.forest_rows(results, TARGET, "accuracy")
    assert len(found) == 4 * 5
    assert all(entry["kind"] == "question" for entry in found)
    assert not rows.left_out(results, TARGET)


def test_pairs_with_baselines_and_of_two_methods_are_drawn_where_they_are_asked_for() -> None:
    results = several_methods(example_results(latent=False))
    pairs = {
        (entry["a"]["strategy"], entry["b"]["strategy"])
        for entry in rows.forest_rows(results, TARGET, "auc")
    }
    assert len(pairs) == 12
    assert {("simclr:frozen", "pixels_logistic"), ("simclr:frozen", "frozen")} <= pairs
    assert "SimCLR, frozen − logistic, pixels" in str(difference_blocks(results))


def test_of_many_the_fewest_and_the_most_labels_are_drawn_and_the_rest_is_in_the_appendix() -> None:
    results = several_methods(example_results(latent=False))
    assert len(rows.question_rows(results, TARGET, "auc")) == 60
    found = rows.forest_rows(results, TARGET, "auc")
    assert [entry["label_budget"] for entry in found] == [300] * 12 + ["full"] * 12
    content = document(results, described(results))
    tables = {b["id"]: b for s in content["sections"] for b in s["blocks"] if b["kind"] == "table"}
    listed = [row for row in tables["differences-table"]["rows"] if len(row) > 1]
    assert len(listed) == 2 * 2 * 12
    titles = [row[0] for row in tables["comparisons-table"]["rows"] if len(row) == 1]
    assert "PneumoniaMNIST, 30 labels" in titles


def test_a_lower_limit_holds_for_results_without_the_kind_asked_for() -> None:
    results = example_results(latent=False)
    for entry in results["comparisons"]:
        entry["kind"] = "baseline"
    assert rows.forest_task(results) is None
    assert "differences" not in described(results)
