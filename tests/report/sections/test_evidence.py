"""What the page shows of answer, tables and ledger is what the results hold, to the digit."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from example_results import BASELINES, STRATEGIES, example_results

from tfmed import report
from tfmed.design import method_of
from tfmed.report import wording
from tfmed.report.document import document
from tfmed.report.figures.drawing import described
from tfmed.report.sections.method import method_blocks
from tfmed.report.selection import is_standard
from tfmed.results.schema import StudyResults


class Tables(HTMLParser):
    """Rows of cells of each table by its id, the ids of the page, and the links of each cell."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: dict[str, list[list[str]]] = {}
        self.links: dict[str, list[list[str]]] = {}
        self.ids: set[str] = set()
        self.statement = ""
        self._table = ""
        self._cell = self._stated = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        identifier = found.get("id") or ""
        self.ids.add(identifier)
        if tag == "table":
            self._table = found.get("data-name") or ""
            self.rows[self._table], self.links[self._table] = [], []
        elif tag == "div":
            self._stated = found.get("class") == "statement"
        elif tag == "tr":
            self.rows[self._table].append([])
            self.links[self._table].append([])
        elif tag in ("td", "th"):
            self.rows[self._table][-1].append("")
            self._cell = True
        elif tag == "a" and self._cell:
            self.links[self._table][-1].append(found.get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._cell = False
        elif tag == "div":
            self._stated = False

    def handle_data(self, data: str) -> None:
        if self._cell:
            self.rows[self._table][-1][-1] += data
        if self._stated:
            self.statement += data


@pytest.fixture(scope="module")
def results() -> dict:
    return example_results()


@pytest.fixture(scope="module")
def page(example_report: Path) -> Tables:
    return Tables((example_report / "report.html").read_text(encoding="utf-8"))


def digits(value: float) -> str:
    return f"{value:.3f}".replace("-", "−")


def estimate(found: dict) -> str:
    return f"{digits(found['mean'])} [{digits(found['low'])}, {digits(found['high'])}]"


def in_points(value: float) -> str:
    return f"{round(100 * value, 1) + 0.0:+.1f}".replace("-", "−")


def change(found: dict) -> str:
    ends = ", ".join(in_points(found[key]) for key in ("low", "high"))
    return f"{in_points(found['difference'])} [{ends}]"


def plain(cell: str) -> str:
    return " ".join(cell.split())


def find(entries: list[dict], **asked: Any) -> dict:
    found = [e for e in entries if all(e[key] == value for key, value in asked.items())]
    assert len(found) == 1
    return found[0]


def standard(strategy: str) -> dict:
    return {"strategy": strategy, "variant": "standard"}


def test_the_answer_shows_the_numbers_of_few_and_of_all_labels(results: dict, page: Tables) -> None:
    for budget in (300, "full"):
        cell = {"task": "pneumoniamnist", "label_budget": budget}
        scratch = find(results["summary"], **cell, **standard("scratch"))
        assert estimate(scratch["accuracy"]) in page.statement
        for a, b in (("finetune", "scratch"), ("frozen", "scratch"), ("frozen", "random_frozen")):
            sides = {"a": standard(a), "b": standard(b)}
            found = find(results["comparisons"], **cell, **sides, metric="accuracy")
            assert change(found).replace(" [", " points [") in page.statement


@pytest.mark.parametrize("metric", ["accuracy", "auc"])
@pytest.mark.parametrize(
    ("task", "slug", "shown"),
    [
        ("pneumoniamnist", "pneumoniamnist", [30, 100, 300, 1000, "full"]),
        ("chest_nih", "chest-nih", [30, 100, 300, 1000]),
    ],
)
def test_tables_over_label_budgets_hold_every_strategy_and_baseline(
    results: dict, page: Tables, task: str, slug: str, shown: list, metric: str
) -> None:
    rows = {row[0]: row[1:] for row in page.rows[f"{metric}-{slug}"] if len(row) > 1}
    for strategy in (*STRATEGIES, *BASELINES):
        for cell, budget in zip(
            rows[wording.method_name(results, method_of(strategy))], shown, strict=True
        ):
            asked = {"task": task, "label_budget": budget, **standard(strategy)}
            assert plain(cell) == estimate(find(results["summary"], **asked)[metric])


def test_the_appendix_holds_every_metric_of_every_cell(results: dict, page: Tables) -> None:
    shown = [[plain(cell) for cell in row[1:]] for row in page.rows["metrics"] if len(row) > 1]
    assert len(shown) == len(results["summary"]) + 1
    for row in results["summary"]:
        assert [estimate(row[metric]) for metric in wording.METRIC_NAMES] in shown


def test_thresholds_are_those_of_few_and_most_labels_of_the_target(
    results: dict, page: Tables
) -> None:
    assert "thresholds-chest-nih" not in page.rows
    shown = [[plain(cell) for cell in row[2:]] for row in page.rows["thresholds-pneumoniamnist"]]
    names = ("balanced_accuracy", "balanced_accuracy_at_threshold", "ece")
    wanted = [
        [estimate(find(results["summary"], **cell, **standard(strategy))[name]) for name in names]
        for budget in (300, "full")
        for strategy in STRATEGIES
        for cell in [{"task": "pneumoniamnist", "label_budget": budget}]
    ]
    assert sorted(cells for cells in shown[1:] if cells) == sorted(wanted)


def test_differences_come_with_p_corrected_p_and_detectable(results: dict, page: Tables) -> None:
    rows = page.rows["differences-table"]
    assert sum(len(row) > 1 for row in rows) == 1 + 5 * 2 * 4
    for entry in results["comparisons"]:
        names = [wording.method_name(results, method_of(entry[side]["strategy"])) for side in "ab"]
        usual = all(is_standard(entry[side]) for side in "ab")
        if entry["task"] != "pneumoniamnist" or not usual:
            continue
        if entry["metric"] not in ("accuracy", "auc"):
            continue
        p, corrected = (
            "<0.001" if v < 0.001 else digits(v) for v in (entry["p_value"], entry["p_adjusted"])
        )
        reach = f"{100 * entry['detectable']:.1f}"
        wanted = [" − ".join(map(str, names)), change(entry), p, corrected, reach]
        assert any([plain(cell) for cell in row[:5]] == wanted for row in rows)


def test_the_appendix_holds_every_comparison_and_marks_the_clear(
    results: dict, page: Tables
) -> None:
    cells = [plain(cell) for row in page.rows["comparisons-table"] for cell in row[1:]]
    for entry in results["comparisons"]:
        mark = " ✓" if entry["clear"] else ""
        assert change(entry).replace(" [", f"{mark} [") in cells
    assert sum("✓" in cell for cell in cells) == sum(c["clear"] for c in results["comparisons"])


def test_the_ledger_shows_every_claim_with_its_numbers(results: dict, page: Tables) -> None:
    rows = page.rows["claims"][1:]
    assert len(rows) == len(results["claims"])
    for claim, (name, measured, criterion, verdict, needed, _) in zip(
        results["claims"], rows, strict=True
    ):
        assert claim["claim"] in plain(name)
        assert criterion == claim["criterion"]
        assert claim["verdict"].replace("_", " ") in verdict
        found = claim["measured"]
        share = found["unit"].startswith("difference in") and "|" not in found["unit"]
        unsigned = claim["id"] == "luck_of_seeds"
        for value in (found[key] for key in ("value", "low", "high")):
            if value is not None:
                words = in_points(value) if share else digits(value)
                assert (words.lstrip("+") if unsigned else words) in measured
        if claim["needed"]:
            assert f"{claim['needed']['n']:,} {claim['needed']['of']}" in plain(needed)


def test_every_claim_links_to_what_is_on_the_page(page: Tables) -> None:
    for links in page.links["claims"][1:]:
        assert len(links) == 1
        assert links[0].removeprefix("#") in page.ids


def test_a_claim_links_to_the_figure_of_its_own_task_and_experiment(results: dict) -> None:
    content = document(results, described(results))
    section = next(part for part in content["sections"] if part["id"] == "ledger")
    table = next(block for block in section["blocks"] if block["kind"] == "table")
    places = {
        claim["id"]: row[5][0][2]
        for claim, row in zip(results["claims"], table["rows"], strict=True)
    }
    assert places["accuracy_300"] == "budgets-chest-nih"
    assert places["finetune_accuracy"] == "answer"
    assert places["focal_sensitivity"] == "losses"
    assert places["early_stopping"] == "stopping"
    assert places["no_clusters"] == "latent-tests-chest-nih"
    assert places["similar_spaces"] == "cka-pneumoniamnist"
    assert places["lower_training_accuracy"] == "curves-pneumoniamnist"


def test_claims_without_data_say_what_is_missing(tmp_path: Path) -> None:
    results = example_results(n_seeds=1, strategies=("finetune",), latent=False)
    reasons = [claim["reason"] for claim in results["claims"] if claim["verdict"] == "not_tested"]
    assert reasons
    (tmp_path / "results.json").write_text(json.dumps(results))
    html, _ = report.render(tmp_path)
    page = Tables(html.read_text(encoding="utf-8"))
    shown = [row[1] for row in page.rows["claims"]]
    assert set(reasons) <= set(shown)
    links = [link for row in page.links["claims"] for link in row]
    assert {link.removeprefix("#") for link in links} <= page.ids


def test_the_method_says_why_large_images_have_no_baselines_on_pixels(results: dict) -> None:
    left_out = "is streamed, has none"
    assert left_out not in json.dumps(method_blocks(results))
    rows = [
        row
        for row in results["summary"]
        if row["task"] == "pneumoniamnist" or row["strategy"] != "pixels_logistic"
    ]
    words = json.dumps(method_blocks({**results, "summary": rows}))
    assert words.count(left_out) == 1
    assert f"NIH ChestX-ray14 subset, which {left_out}" in words


def test_the_ledger_marks_synthetic_data() -> None:
    results = example_results(synthetic=True, n_seeds=1, latent=False)
    content = document(results, described(results))
    section = next(part for part in content["sections"] if part["id"] == "ledger")
    rows = section["blocks"][-1]["rows"]
    assert all("on synthetic data" in row[3][0][1] for row in rows)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"synthetic": True, "n_seeds": 1, "strategies": ("finetune",)},
        {"evidence": False},
        {"hostile": True, "latent": False, "comparisons": False},
    ],
)
def test_example_results_of_any_size_keep_the_contract(options: dict) -> None:
    StudyResults.model_validate_json(json.dumps(example_results(**options)))


def drop_target(results: dict) -> None:
    for key in ("runs", "summary", "comparisons"):
        results[key] = [e for e in results[key] if e["task"] != "pneumoniamnist"]


def drop_source(results: dict) -> None:
    for key in ("runs", "summary", "comparisons"):
        results[key] = [e for e in results[key] if e["task"] != "chest_nih"]


def drop_full(results: dict) -> None:
    for key in ("runs", "summary", "comparisons"):
        results[key] = [e for e in results[key] if e["label_budget"] != "full"]


def drop_baselines(results: dict) -> None:
    for key in ("runs", "summary"):
        results[key] = [e for e in results[key] if e["strategy"] in STRATEGIES]


def keep_baselines_only(results: dict) -> None:
    for key in ("runs", "summary"):
        results[key] = [e for e in results[key] if e["strategy"] not in STRATEGIES]
    results["comparisons"] = []


def drop_optional_parts(results: dict) -> None:
    results["latent"]["forgetting"] = []
    results["claims"] = []
    results["pretraining"][0]["detail"] = None
    for row in results["summary"]:
        row |= {"train_accuracy": None, "pr": None}


@pytest.mark.slow
@pytest.mark.parametrize(
    "change_results",
    [
        drop_target,
        drop_source,
        drop_full,
        drop_baselines,
        keep_baselines_only,
        drop_optional_parts,
    ],
)
def test_every_part_may_be_missing(change_results: Any, tmp_path: Path) -> None:
    results = example_results(n_seeds=1)
    change_results(results)
    (tmp_path / "results.json").write_text(json.dumps(results))
    html, pdf = report.render(tmp_path)
    page = html.read_text(encoding="utf-8")
    links = re.findall(r'href="#([^"]+)"', re.sub(r"<svg.*?</svg>", "", page, flags=re.S))
    assert set(links) <= Tables(page).ids
    assert pdf.stat().st_size > 10_000
