"""The table on the terminal stays short however many runs a study has."""

from example_results import example_results

from tfmed.report.terminal import summary_table
from tfmed.report.wording import interval


def test_the_terminal_shows_strategies_with_few_and_with_all_labels_alone():
    results = example_results()
    table = summary_table(results)
    assert len(table.splitlines()) < 30
    assert "majority class" not in table
    cell = ("pneumoniamnist", "finetune", "standard", "full")
    names = ("task", "strategy", "variant", "label_budget")
    row = next(row for row in results["summary"] if tuple(row[name] for name in names) == cell)
    line = next(line for line in table.splitlines() if interval(row["accuracy"]) in line)
    assert "fine-tuned" in line
    assert interval(row["auc"]) in line


def test_synthetic_results_are_marked():
    results = example_results(n_seeds=1, strategies=("scratch",), latent=False)
    assert "SYNTHETIC" not in summary_table(results)
    assert "SYNTHETIC DATA, no medical meaning" in summary_table({**results, "synthetic": True})
