"""A comparison of two results files as plain data, for the templates of the report."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import tfmed
from tfmed.design import Cell
from tfmed.evaluation.case_values import METRICS
from tfmed.report.answering.sentences import answer
from tfmed.report.blocks import (
    Block,
    Text,
    bullets,
    code,
    definitions,
    figure,
    number_blocks,
    paragraph,
    ref,
    statement,
    strong,
    table,
    text,
)
from tfmed.report.comparison.changes import Change, Compared, Side
from tfmed.report.comparison.figure import FIGURE
from tfmed.report.comparison.words import (
    cell_name,
    common_seeds,
    difference_words,
    named_as,
    sentences,
    setting_rows,
)
from tfmed.report.figures.description import Figure, with_figures
from tfmed.report.figures.plotting import short
from tfmed.report.sections.ledger import measured
from tfmed.report.selection import (
    MAIN_METRICS,
    Entry,
    Results,
    dataset_of,
    reconstructing,
)
from tfmed.report.wording import (
    LONGEST_TITLE,
    MISSING,
    budget_name,
    capitalised,
    cell_method_name,
    count,
    difference,
    duration,
    interval,
    listed,
    metric_name,
    pair_name,
    repeat_name,
    signed,
    stacked,
    task_title,
    test_patients,
)
from tfmed.tasks.scoring import LOWER_IS_BETTER, OF_CLASS


def document(found: Compared, figures: Mapping[str, Figure]) -> dict:
    """A comparison as plain data, of the form of `tfmed.report.document.document`.

    Args:
        found: the comparison.
        figures: the figures there are, by id.
    """
    of_classes = any(OF_CLASS in change.metric for change in found.changes)
    others = "Every other metric of all classes" if of_classes else "Every other metric"
    sections = [
        ("answer", "What changed", _answer_blocks(found, figures)),
        ("conclusions", "Conclusions", _conclusion_blocks(found)),
        ("settings", "Settings, data, versions, machine", _setting_blocks(found)),
        ("metrics", "Accuracy and AUC", _metric_blocks(found, MAIN_METRICS)),
        ("runs", "Runs in only one of them", _only_blocks(found)),
        ("encoders", "Pretraining and latent spaces", _encoder_blocks(found)),
        ("more-metrics", others, _metric_blocks(found, _other_metrics(found))),
    ]
    return {
        "title": _title(*(short(side.name, LONGEST_TITLE) for side in (found.a, found.b))),
        "question": "Which settings, data, versions, numbers and conclusions differ between two "
        "runs, and is any difference more than chance?",
        "name": "comparison",
        "quick": False,
        "synthetic": found.synthetic,
        "date": max(str(side.results["provenance"]["started"]) for side in (found.a, found.b)),
        "version": tfmed.__version__,
        "sections": number_blocks(
            [
                {"id": i, "title": title, "blocks": with_figures(blocks, figures)}
                for i, title, blocks in sections
                if blocks
            ]
        ),
    }


def _title(a: str, b: str) -> str:
    if a == b:
        return f"What changed between two runs of {a}"
    return f"What changed from {a} (A) to {b} (B)"


def _answer_blocks(found: Compared, figures: Mapping[str, Figure]) -> list[Block]:
    blocks = [statement(sentences(found))]
    if FIGURE in figures:
        blocks.append(figure(FIGURE))
        blocks.append(
            paragraph(ref(FIGURE), " shows the changes that ", ref("changed-accuracy"), " lists.")
        )
    blocks.append(definitions((f"{s.letter}", _side_words(s)) for s in (found.a, found.b)))
    blocks.append(definitions(_words(found)))
    return blocks


def _side_words(side: Side) -> Text:
    provenance = side.results["provenance"]
    synthetic = "; synthetic data" if side.results["synthetic"] else ""
    return text(
        f"{side.name}, run of {str(provenance['started'])[:16].replace('T', ' ')}, "
        f"{duration(provenance['seconds'])}, {count(len(side.results['runs']))} runs{synthetic}; ",
        code(str(side.path)),
    )


def _words(found: Compared) -> Iterator[tuple[str, Text]]:
    paired = any(change.paired is not None for change in found.changes)
    yield "B − A", text(_pairing_words(found))
    if paired:
        yield (
            "clear",
            text(
                "the change differs from 0 with a p-value below .05 after correction for all "
                "changes of that metric (Holm, 1979). By chance alone, one in twenty uncorrected "
                "intervals excludes 0."
            ),
        )
    yield "changed", text("the mean or an end of its 95 % interval differs at three decimals.")


def _pairing_words(found: Compared) -> str:
    parts = []
    tasks = list(dict.fromkeys(change.cell.task for change in found.changes))
    of_pairs = [t for t in tasks if any(c.paired for c in found.changes if c.cell.task == t)]
    titles = {task: task_title(found.a.results, task) for task in tasks}
    if of_pairs:
        parts.append(
            f"On {listed([titles[t] for t in of_pairs])}, B’s prediction for each test image is "
            "compared with A’s, seed by seed, and the interval covers the variance of seeds and of "
            "test images."
        )
    for task in of_pairs:
        known = [_n_patients(side.results, task) for side in (found.a, found.b)]
        if any(known):
            parts.append(f"On {titles[task]} it counts {count(max(known))} patients.")
    if of_pairs and any(a or b for a, b in found.only.values()):
        parts.append("Where the seeds differ, it is over the seeds in common.")
    for reason in dict.fromkeys(found.unpaired[task] for task in tasks if task in found.unpaired):
        where = listed([titles[task] for task in tasks if found.unpaired.get(task) == reason])
        parts.append(
            f"On {where} the difference is that of the two means and has no interval, because "
            f"{reason}: read the two intervals, which may overlap although a paired comparison "
            "would be clear."
        )
    return " ".join(parts) or "the difference of the two means."


def _n_patients(results: Results, task: str) -> int:
    """Patients of the test images that intervals count; 0 where they are not known."""
    data = dataset_of(results, task)
    return (test_patients(data) or 0) if data else 0


def _conclusion_blocks(found: Compared) -> list[Block]:
    answers = [(s.letter, " ".join(answer(s.results))) for s in (found.a, found.b)]
    if answers[0][1] == answers[1][1]:
        blocks = [paragraph(strong("The answer in both. "), answers[0][1])]
    else:
        blocks = [paragraph(strong(f"The answer in {i}. "), words) for i, words in answers]
    if found.flipped:
        caption = text(
            f"Verdicts on earlier findings that flipped: {len(found.flipped)} of "
            f"{found.kept['claims']}."
        )
        rows = [_flip_row(found, x, y) for x, y in found.flipped]
        widths = [2.4, 2, 1.1, 2, 1.1]
        columns = ["Finding", "Measured in A", "Verdict in A", "Measured in B", "Verdict in B"]
        blocks.append(paragraph("Verdicts that flipped are in ", ref("flipped"), "."))
        blocks.append(table("flipped", caption, columns, rows, left=5, size="small", widths=widths))
    elif found.kept["claims"]:
        blocks.append(paragraph(f"All {found.kept['claims']} verdicts on findings are the same."))
    if found.turned:
        caption = text(
            f"Comparisons of strategies that became clear, stopped being so or turned round: "
            f"{count(len(found.turned))} of {count(found.kept['comparisons'])}. Differences of "
            "each study with 95 % intervals, clear after the correction in that study."
        )
        rows = [_turn_row(found, x, y) for x, y in found.turned]
        columns = ["Compared", "Metric", "In A", "In B", "Became"]
        widths = [2.6, 1.2, 1.7, 1.7, 1]
        blocks.append(paragraph("Comparisons that changed are in ", ref("turned"), "."))
        blocks.append(table("turned", caption, columns, rows, left=2, size="small", widths=widths))
    elif found.kept["comparisons"]:
        kept = count(found.kept["comparisons"])
        blocks.append(paragraph(f"All {kept} comparisons of strategies are as clear as they were."))
    return blocks


def _flip_row(found: Compared, a: Entry, b: Entry) -> list[str]:
    words = [entry["verdict"].replace("_", " ") for entry in (a, b)]
    other = "\nits criterion changed too" if a["criterion"] != b["criterion"] else ""
    name = f"{a['claim']}\n{task_title(found.a.results, a['task'])}{other}"
    return [name, measured(a), words[0], measured(b), words[1]]


def _turn_row(found: Compared, a: Entry, b: Entry) -> list[str]:
    where = (
        f"{task_title(found.a.results, a['task'])}, "
        f"{budget_name(found.a.results, a['task'], a['label_budget'])}"
    )
    pair = f"{pair_name(named_as(found), a)}\n{where}"
    became = "clear" if not a["clear"] else "not clear" if not b["clear"] else "turned round"
    return [pair, metric_name(a["metric"]), stacked(difference(a)), stacked(difference(b)), became]


def _setting_blocks(found: Compared) -> list[Block]:
    groups = setting_rows(found)
    if not any(groups.values()):
        return [paragraph("Settings, data, versions, code and machine are the same.")]
    rows: list[list[str]] = []
    for group, differing in groups.items():
        rows += [[group], *differing] if differing else []
    same = [group.lower() for group, differing in groups.items() if not differing]
    words = f" The same in both: {listed(same)}." if same else ""
    caption = text(f"What differs between A and B; what is not listed is the same.{words}")
    columns = ["What", "A", "B"]
    return [
        paragraph("All that differs is in ", ref("differing"), "."),
        table("differing", caption, columns, rows, left=3, widths=[1.3, 2, 2]),
    ]


def _other_metrics(found: Compared) -> tuple[str, ...]:
    """Those of single classes or findings are left out: they would fill scores of pages."""
    measured = dict.fromkeys(change.metric for change in found.changes)
    ordered = [*METRICS, *sorted(measured.keys() - set(METRICS))]
    return tuple(m for m in ordered if m not in MAIN_METRICS and OF_CLASS not in m)


def _metric_blocks(found: Compared, metrics: Iterable[str]) -> list[Block]:
    blocks: list[Block] = []
    unchanged = []
    for metric in metrics:
        changes = [change for change in found.changes if change.metric == metric]
        changed = [change for change in changes if change.changed]
        if changed:
            blocks.append(_metric_table(found, metric, changed, len(changes)))
        elif changes:
            unchanged.append(f"{metric_name(metric)} (all {len(changes)})")
    if blocks:
        names: list[Any] = [ref(block["id"]) for block in blocks]
        between = [part for name in names for part in (name, ", ")][:-1]
        blocks.insert(0, paragraph("Every change, the largest first: ", *between, "."))
    if unchanged:
        blocks.append(paragraph(f"Nothing changed in: {'; '.join(unchanged)}."))
    return blocks


def _metric_table(found: Compared, metric: str, changed: list[Change], n: int) -> Block:
    rest = n - len(changed)
    left = f"; {count(rest)} are the same to three decimals and not listed" if rest else ""
    unit = "" if metric in LOWER_IS_BETTER else " in points"
    caption = text(
        f"{capitalised(metric_name(metric))}: "
        f"{count(len(changed))} of {count(n)} changed{left}. "
        f"Mean and 95 % interval; B − A{unit}."
    )
    rows = [
        [
            f"{cell_name(found, c)}\n{task_title(found.a.results, c.cell.task)}",
            stacked(interval(c.a)),
            stacked(interval(c.b)),
            _change_cell(c),
            _verdict_words(found, c),
        ]
        for c in changed
    ]
    columns = ["", "A", "B", "B − A", "Change"]
    name = f"changed-{metric.replace('_', '-')}"
    return table(name, caption, columns, rows, size="small", widths=[2.6, 1.2, 1.2, 1.2, 1.2])


def _change_cell(change: Change) -> str:
    if change.difference is None:
        return MISSING
    if change.metric not in LOWER_IS_BETTER:
        return stacked(difference_words(change))
    if change.paired is None:
        return signed(change.difference, 3)
    return stacked(difference(change.paired))


def _verdict_words(found: Compared, change: Change) -> str:
    if change.paired is not None:
        seeds = common_seeds(found, change)
        return ("clear" if change.clear else "not clear") + (f"\n{seeds}" if seeds else "")
    if change.difference is None:
        return MISSING
    return "intervals apart" if change.apart else "intervals overlap"


def _only_blocks(found: Compared) -> list[Block]:
    if not found.only:
        return []
    rows = [
        [
            _only_name(found, cell),
            *(", ".join(map(repeat_name, repeats)) or MISSING for repeats in only),
        ]
        for cell, only in found.only.items()
    ]
    sums = [sum(len(only[side]) for only in found.only.values()) for side in (0, 1)]
    caption = text(
        f"Seeds of runs that are in one of the two only: {count(sums[0])} runs in A, "
        f"{count(sums[1])} in B."
    )
    columns = ["", "Seeds in A only", "Seeds in B only"]
    return [
        paragraph("Runs without a counterpart, by task, strategy and labels: ", ref("only"), "."),
        table("only", caption, columns, rows, size="small", widths=[2.4, 1, 1]),
    ]


def _only_name(found: Compared, cell: Cell) -> str:
    rows = found.a.results["summary"]
    side = found.a if any(row["task"] == cell.task for row in rows) else found.b
    name = cell_method_name(named_as(found), cell.method, cell.variant)
    budget = budget_name(side.results, cell.task, cell.label_budget)
    return f"{name}, {budget}\n{task_title(side.results, cell.task)}"


def _encoder_blocks(found: Compared) -> list[Block]:
    a, b = (_encoder_numbers(side.results) for side in (found.a, found.b))
    names = list(dict.fromkeys((*a, *b)))
    rows = [[n, a.get(n, MISSING), b.get(n, MISSING)] for n in names if a.get(n) != b.get(n)]
    if not names:
        return []
    if not rows:
        return [paragraph(f"All {len(names)} numbers of pretraining and latent spaces are equal.")]
    rest = len(names) - len(rows)
    left = f"; {rest} are the same and not listed" if rest else ""
    caption = text(f"{len(rows)} of {len(names)} numbers differ{left}. They are of one seed each.")
    return [
        paragraph("Numbers of pretraining and of the latent spaces: ", ref("encoders-table"), "."),
        bullets(
            [
                text(strong("MSE"), ": mean squared error of reconstructions of test images."),
                text(strong("10-NN accuracy"), ": by the class of the 10 nearest neighbours."),
                text(
                    strong("Silhouette"), ": −1 to 1, how much closer an image is to its own class."
                ),
                text(strong("CKA"), ": similarity of two latent spaces, at most 1."),
            ]
        ),
        table("encoders-table", caption, ["", "A", "B"], rows, size="small", widths=[2.6, 1, 1]),
    ]


def _encoder_numbers(results: Results) -> dict[str, str]:
    """Names and values, in words, of what was measured of encoders."""
    found = {f"{e['id']}\ntest MSE": f"{e['test']['mse']:.5f}" for e in reconstructing(results)}
    for space in results["latent"]["spaces"]:
        found[f"{space['id']}\nsilhouette"] = f"{space['silhouette']:.3f}".replace("-", "−")
        found[f"{space['id']}\n10-NN accuracy"] = f"{space['knn_accuracy']:.3f}"
    for pair in results["latent"]["cka"]:
        value = f"{pair['value']:.3f}".replace("-", "−")
        found[f"{pair['a']}, {pair['b']}\nCKA"] = value
    return found
