"""What changed between two results files, and what can be said of it."""

import copy
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pytest
from example_results import HOSTILE, example_results

from tfmed.cli import main
from tfmed.design import FROZEN, STANDARD, Cell, Repeat
from tfmed.errors import InputError
from tfmed.evaluation import intervals, metrics
from tfmed.evaluation.case_values import METRICS
from tfmed.report import comparison
from tfmed.report.comparison.changes import Change, Compared
from tfmed.report.comparison.figure import described
from tfmed.report.comparison.page import document
from tfmed.report.comparison.reading import cleaned
from tfmed.report.comparison.words import sentences, setting_rows
from tfmed.report.wording import SYNTHETIC_MARK
from tfmed.results import predictions

ROOT = Path(__file__).resolve().parents[3]
TASK = "pneumoniamnist"
N_TEST = 300


def write_report(folder: Path, results: dict) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results))
    return folder


def small(**options: Any) -> dict:
    return example_results(evidence=False, latent=False, **options)


def scored(folder: Path, results: dict, shift: float = 0.0) -> Path:
    """A report whose runs of the target have predictions files and metrics that fit them."""
    results = copy.deepcopy(results)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, N_TEST)
    predictions.write_labels(folder / "predictions", TASK, labels)
    stacked: dict[Cell, list[np.ndarray]] = {}
    results["runs"] = [run for run in results["runs"] if run["task"] == TASK]
    results["summary"] = [row for row in results["summary"] if row["task"] == TASK]
    for run in results["runs"]:
        noise = np.random.default_rng(len(run["id"]) + 10 * run["seed"]).normal(0, 0.3, N_TEST)
        moved = shift if run["strategy"] == "frozen" else 0.0
        scores = np.clip(0.5 + (labels - 0.5) * (0.4 + moved) + noise, 0, 1)
        name = f"{run['strategy']}-{run['variant']}-{run['label_budget']}-{run['seed']}"
        path = predictions.write_predictions(folder / "predictions", TASK, labels, scores, name)
        run["threshold"] = 0.5
        run |= metrics.evaluate(labels, scores, 0.5)
        run["predictions"] = f"predictions/{path.name}"
        stacked.setdefault(Cell.of_entry(run), []).append(scores)
    for row in results["summary"]:
        of_row = np.array(stacked[Cell.of_entry(row)])
        row |= metrics.summarise(labels, of_row, np.full(len(of_row), 0.5))
    return write_report(folder, results)


def frozen_change(found: Compared, metric: str = "accuracy", budget: Any = 300) -> Change:
    cell = Cell(TASK, FROZEN, STANDARD, budget)
    return next(c for c in found.changes if (c.cell, c.metric) == (cell, metric))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two reports on the same images; in B the frozen encoder is better."""
    folder, results = tmp_path_factory.mktemp("pair"), small()
    return scored(folder / "a", results), scored(folder / "b", results, shift=0.3)


def test_differences_are_paired_on_test_cases_as_comparisons_of_a_study_are(
    pair: tuple[Path, Path],
) -> None:
    found = comparison.read_both(*pair)
    assert found.unpaired == {}
    labels = predictions.read_labels(pair[0] / "predictions" / f"{TASK}_test_labels.csv")
    scores = []
    for side in (found.b, found.a):
        cell = Cell(TASK, FROZEN, STANDARD, 300)
        runs = [run for run in side.results["runs"] if Cell.of_entry(run) == cell]
        files = [side.path.parent / run["predictions"] for run in runs]
        scores.append(np.array([predictions.read_predictions(file) for file in files]))
    for metric in ("accuracy", "auc", "ece"):
        expected = intervals.compare(labels, *scores, metric)
        change = frozen_change(found, metric)
        assert expected is not None
        assert change.paired is not None
        assert {key: change.paired[key] for key in expected} == pytest.approx(expected)
    change = frozen_change(found)
    assert change.a is not None
    assert change.b is not None
    assert change.difference == pytest.approx(change.b["mean"] - change.a["mean"])


def test_differences_count_patients_where_a_side_knows_them(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    patients, folders = np.arange(N_TEST) // 5, []
    for folder in pair:
        copied = Path(shutil.copytree(folder, tmp_path / folder.name))
        results = json.loads((copied / "results.json").read_text())
        test = next(d for d in results["datasets"] if d["name"] == TASK)["splits"]["test"]
        test |= {"n": N_TEST, "patients": N_TEST // 5}
        (copied / "results.json").write_text(json.dumps(results))
        predictions.write_patients(copied / "predictions", TASK, patients)
        folders.append(copied)
    both, one = comparison.read_both(*folders), comparison.read_both(pair[0], folders[1])
    of_images = frozen_change(comparison.read_both(*pair)).paired
    for found in (both, one):
        paired = frozen_change(found).paired
        assert paired is not None
        assert of_images is not None
        assert paired["difference"] == of_images["difference"]
        assert paired["standard_error"] != of_images["standard_error"]
        assert paired["df"] < of_images["df"]
    assert "it counts 60 patients" in str(document(both, [described(both)]))
    predictions.write_patients(folders[1] / "predictions", TASK, np.arange(N_TEST) // 3)
    assert "patients of the test images" in comparison.read_both(*folders).unpaired[TASK]


def test_the_largest_change_comes_first_and_what_did_not_change_last(
    pair: tuple[Path, Path],
) -> None:
    changes = comparison.read_both(*pair).changes
    n = sum(change.changed for change in changes)
    assert 0 < n < len(changes)
    assert all(change.changed for change in changes[:n])
    assert {change.cell.method for change in changes[:n]} == {FROZEN}
    sizes = [round(abs(change.difference or 0), 6) for change in changes[:n]]
    assert sizes == sorted(sizes, reverse=True)


def test_a_change_from_b_to_a_is_the_opposite_one(pair: tuple[Path, Path]) -> None:
    there, back = comparison.read_both(*pair), comparison.read_both(*pair[::-1])
    one, other = frozen_change(there).paired, frozen_change(back).paired
    assert one is not None
    assert other is not None
    assert one["difference"] == -other["difference"]
    assert (one["low"], one["high"]) == pytest.approx((-other["high"], -other["low"]))


def test_without_predictions_both_intervals_stand_side_by_side(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    alone = write_report(tmp_path / "b", json.loads((pair[1] / "results.json").read_text()))
    found = comparison.read_both(pair[0], alone / "results.json")
    change = frozen_change(found)
    assert change.paired is None
    assert change.apart == (change.a["high"] < change.b["low"])  # type: ignore[index]
    assert found.unpaired == {TASK: "no predictions lie beside B"}
    words = json.dumps(document(found, {}), ensure_ascii=False)
    assert "has no interval, because no predictions lie beside B" in words
    assert "intervals apart" in words or "intervals overlap" in words


def test_other_test_images_are_never_paired(pair: tuple[Path, Path], tmp_path: Path) -> None:
    results = json.loads((pair[1] / "results.json").read_text())
    next(d for d in results["datasets"] if d["name"] == TASK)["md5"] = "0" * 32
    other = write_report(tmp_path / "b", results)
    (other / "predictions").symlink_to(pair[1] / "predictions")
    found = comparison.read_both(pair[0], other)
    assert found.unpaired == {TASK: "the two files of images are not the same"}
    assert all(change.paired is None for change in found.changes)
    assert ["pneumoniamnist.md5" in row[0] for row in setting_rows(found)["Data"]] == [True]


def test_predictions_of_another_run_are_refused(pair: tuple[Path, Path], tmp_path: Path) -> None:
    results = json.loads((pair[1] / "results.json").read_text())
    run = next(run for run in results["runs"] if run["strategy"] == "frozen")
    run["metrics"]["accuracy"] += 0.01
    other = write_report(tmp_path / "b", results)
    (other / "predictions").symlink_to(pair[1] / "predictions")
    with pytest.raises(InputError, match="does not give the accuracy that results"):
        comparison.read_both(pair[0], other)


def test_seeds_that_one_side_lacks_are_named_and_left_out_of_the_difference(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    results = json.loads((pair[1] / "results.json").read_text())
    results["runs"] = [run for run in results["runs"] if run["seed"] != 2]
    other = write_report(tmp_path / "b", results)
    (other / "predictions").symlink_to(pair[1] / "predictions")
    found = comparison.read_both(pair[0], other)
    assert found.only[Cell(TASK, FROZEN, STANDARD, 300)] == ([Repeat(2)], [])
    assert frozen_change(found).paired["n_seeds"] == 2  # type: ignore[index]
    assert "2 seeds in common" in json.dumps(document(found, {}))


def test_a_file_compared_with_itself_is_identical(pair: tuple[Path, Path]) -> None:
    found = comparison.read_both(pair[0], pair[0])
    assert sentences(found) == ["The two results files are identical: nothing changed."]
    assert not any(change.changed for change in found.changes)


def test_runs_that_differ_in_time_only_hold_the_same_numbers(tmp_path: Path) -> None:
    later = small()
    later["provenance"] |= {"seconds": 1.0, "started": "2027-01-01T00:00:00+00:00"}
    found = comparison.read_both(
        write_report(tmp_path / "a", small()), write_report(tmp_path / "b", later)
    )
    assert found.same == "numbers"
    assert "only times" in comparison.summary(found)


def changed_setting(results: dict) -> None:
    results["study"]["settings"]["pretraining"]["fit"]["epochs"] = 99


def changed_version(results: dict) -> None:
    results["provenance"]["versions"]["keras"] = "4.0.0"


def changed_machine(results: dict) -> None:
    results["provenance"]["hardware"]["gpus"] = ["A GPU"]


@pytest.mark.parametrize(
    ("change", "group", "row"),
    [
        (changed_setting, "Study", ["pretraining.fit.epochs", "6", "99"]),
        (changed_version, "Versions", ["keras", "3.15.1", "4.0.0"]),
        (changed_machine, "Code and machine", ["gpus", "none", "A GPU"]),
    ],
)
def test_what_a_run_depends_on_is_listed_where_it_differs(
    change: Callable[[dict], None], group: str, row: list[str], tmp_path: Path
) -> None:
    other = small()
    change(other)
    found = comparison.read_both(
        write_report(tmp_path / "a", small()), write_report(tmp_path / "b", other)
    )
    rows = setting_rows(found)
    assert {name: there for name, there in rows.items() if there} == {group: [row]}
    assert sentences(found)[0].startswith("B differs from A in 1 ")


def test_flipped_verdicts_and_comparisons_are_told_with_both_values(tmp_path: Path) -> None:
    other = small()
    claim = next(c for c in other["claims"] if c["measured"])
    before = claim["verdict"]
    claim["verdict"] = "refuted" if before != "refuted" else "supported"
    claim["measured"] = {"value": 0.123456, "low": 0.1, "high": 0.2, "unit": "share of images"}
    entry = other["comparisons"][0]
    entry["clear"] = not entry["clear"]
    found = comparison.read_both(
        write_report(tmp_path / "a", small()), write_report(tmp_path / "b", other)
    )
    (flip,), (turn,) = found.flipped, found.turned
    assert (flip[0]["verdict"], flip[1]["verdict"]) == (before, claim["verdict"])
    assert turn[1] == entry
    words = json.dumps(document(found, {}), ensure_ascii=False)
    assert claim["claim"] in words
    assert "0.123 [0.100, 0.200]" in words
    assert sentences(found)[-1].startswith("Conclusions flipped: 1 of ")


def test_no_flip_is_said_plainly(tmp_path: Path) -> None:
    other = small()
    changed_version(other)
    found = comparison.read_both(
        write_report(tmp_path / "a", small()), write_report(tmp_path / "b", other)
    )
    assert sentences(found)[-1].startswith("No conclusion flipped: ")


def test_tasks_of_one_side_only_are_left_out_and_named(tmp_path: Path) -> None:
    other = small()
    for part in ("runs", "summary", "comparisons"):
        other[part] = [entry for entry in other[part] if entry["task"] == TASK]
    found = comparison.read_both(
        write_report(tmp_path / "a", small()), write_report(tmp_path / "b", other)
    )
    assert {change.cell.task for change in found.changes} == {TASK}
    assert {cell.task for cell in found.only} == {"chest_nih"}
    assert "NIH ChestX-ray14 subset" in json.dumps(document(found, {}))


def of_another_task(results: dict) -> None:
    for part in ("runs", "summary", "comparisons"):
        for entry in results[part]:
            entry["task"] = f"other-{entry['task']}"
    for dataset in results["datasets"]:
        dataset["name"] = f"other-{dataset['name']}"
    for role in ("source", "target"):
        results["study"][role] = f"other-{results['study'][role]}"


def of_another_version(results: dict) -> None:
    results["schema_version"] = 1


def without_studies_form(results: dict) -> None:
    results["summary"] = [{"task": 3}]


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (of_another_task, "no data set is classified in both"),
        (of_another_version, "schema version 1"),
        (without_studies_form, r"not a study's results \(summary\.0\.strategy"),
        (dict.clear, "schema version None"),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_exit_code_2(
    spoil: Callable[[dict], None],
    named: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    other = small()
    spoil(other)
    a, b = write_report(tmp_path / "a", small()), write_report(tmp_path / "b", other)
    assert main(["compare", str(a), str(b)]) == 2
    (error,) = re.findall(r"^error: .*", capsys.readouterr().err, re.MULTILINE)
    assert re.search(named, error)
    assert not (tmp_path / "reports").exists()


def test_the_command_writes_both_formats_and_a_paragraph(
    pair: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["compare", *map(str, pair)]) == 0
    out = tmp_path / "reports" / "compare-chest-to-pneumonia-vs-chest-to-pneumonia"
    assert {path.name for path in out.iterdir()} == {"compare.html", "compare.pdf", "figures"}
    said = capsys.readouterr().err
    assert comparison.summary(comparison.read_both(*pair)) in said
    page = (out / "compare.html").read_text(encoding="utf-8")
    assert "change in accuracy, B − A" in page
    with pypdfium2.PdfDocument(out / "compare.pdf") as pdf:
        text = "".join(page.get_textpage().get_text_range() for page in pdf)
    change = frozen_change(comparison.read_both(*pair))
    for estimate in (change.a, change.b):
        assert f"{estimate['mean']:.3f}" in text  # type: ignore[index]
    assert main(["compare", *map(str, pair), "--out", str(tmp_path / "again")]) == 0
    for name in ("compare.html", "compare.pdf"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes()


def test_every_figure_and_table_is_referred_to(pair: tuple[Path, Path]) -> None:
    found = comparison.read_both(*pair)
    blocks = [b for s in document(found, described(found))["sections"] for b in s["blocks"]]
    ids = {block["id"] for block in blocks if block["kind"] in ("figure", "table")}
    referred = {s[2] for b in blocks for s in b.get("text", []) if s[0] == "ref"}
    assert ids == referred
    assert {"answer", "changed-accuracy", "changed-auc"} <= ids


@pytest.mark.parametrize("options", [{"hostile": True}, {"synthetic": True, "n_seeds": 1}])
def test_names_come_out_as_text_and_synthetic_data_is_marked(
    options: dict[str, Any], tmp_path: Path
) -> None:
    reports = [
        write_report(tmp_path / "a", small()),
        write_report(tmp_path / "b", small(seed=1, **options)),
    ]
    found = comparison.read_both(*reports)
    name = found.folder
    assert re.fullmatch(r"compare-chest-to-pneumonia-vs-[A-Za-z0-9._-]{1,60}", name)
    html, pdf = comparison.render(found, tmp_path)
    page = html.read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "{{ 7*7 }}" in page or "hostile" not in options
    assert (SYNTHETIC_MARK in page) == ("synthetic" in options)
    assert (SYNTHETIC_MARK in comparison.summary(found)) == ("synthetic" in options)
    assert pdf.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("name", ["../../etc", "a/b\\c", "", "..", "\u05e9\u05dc", HOSTILE])
def test_folder_names_are_clean(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,59}", cleaned(name))


@pytest.mark.slow
def test_comparing_imports_no_tensorflow(pair: tuple[Path, Path], tmp_path: Path) -> None:
    code = (
        "import sys\nfrom tfmed.cli import main\n"
        f"assert main(['compare', {str(pair[0])!r}, {str(pair[1])!r}, '--out', "
        f"{str(tmp_path)!r}]) == 0\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)


def test_every_metric_is_compared(pair: tuple[Path, Path]) -> None:
    found = comparison.read_both(*pair)
    rows = len(found.a.results["summary"])
    assert len(found.changes) == rows * len(METRICS)
