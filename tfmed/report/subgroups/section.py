"""The section on groups of test images."""

from tfmed.report.asked import is_multilabel, main_name
from tfmed.report.blocks import (
    Block,
    appendix,
    figure,
    paragraph,
    strong,
    table,
    text,
)
from tfmed.report.selection import Entry, Results, class_names
from tfmed.report.subgroups.chosen import columns, gaps_of, metrics_of, picks, shown, subgroups
from tfmed.report.subgroups.figure import ID, TABLE
from tfmed.report.wording import (
    capitalised,
    count,
    counted,
    difference,
    interval,
    listed,
    p_value,
    repeats_words,
    row_name,
    stacked,
    task_title,
)

TITLE = "For whom does it work?"
MOST_NAMED = 3
"""Groups with a clear gap that a sentence names."""
MOST_CLASSES = 4
"""Of which a table gives the number of images each."""
NO_PROOF = "A gap that is not clear may still be there, the more so where groups are small."


def subgroup_blocks(results: Results) -> list[Block]:
    """Nothing where no group of the test images is known."""
    part = subgroups(results)
    if part is None:
        return []
    blocks = [_opening(results, part)]
    measured = columns(results) and picks(results)
    if measured:
        blocks.append(paragraph(*_verdict(results, part)))
    if unsaid := _unsaid(part):
        blocks.append(paragraph(f"Left out: {'; '.join(unsaid)}."))
    if measured:
        blocks.append(figure(ID))
        blocks += appendix(_groups_table(results, part), *_gaps_table(results, part))
    return blocks


def _opening(results: Results, part: Entry) -> Block:
    names = [shown(column["name"]) for column in part["columns"]]
    of = task_title(results, part["task"])
    if not columns(results):
        return paragraph(
            f"The data say of which groups the test images of {of} are, but none can be measured."
        )
    ages = "Ages are in four groups: under 18, 18 to 39, 40 to 64, 65 and over. "
    ages *= any(column["by_age"] for column in part["columns"])
    known = any(each["patients"] for column in part["columns"] for each in column["groups"])
    cases = "patients" if known else "images"
    return paragraph(
        f"Metrics on the test images of {of} by {listed(names)}. {ages}Intervals cover "
        f"{repeats_words(results)} and the group's own {cases}. Groups may differ in more than "
        "their name: in how many are ill, how ill, and how they were imaged."
    )


def _unsaid(part: Entry) -> list[str]:
    """Columns and groups that are left out, each with its reason."""
    lines = []
    for column in part["columns"]:
        parts = [f"{shown(group['name'])} ({group['why']})" for group in column["left_out"]]
        if column["not_given"]:
            parts.append(f"not given ({count(column['not_given'])} images)")
        if parts:
            lines.append(f"{shown(column['name'])} {', '.join(parts)}")
    for column in part["not_used"]:
        lines.append(f"{shown(column['name'])} (it {column['why']})")
    return lines


def _verdict(results: Results, part: Entry) -> list:
    """Which gaps are clear, and how large others may be."""
    gaps = gaps_of(results)
    if not gaps:
        return ["No column has two groups that can be compared."]
    of = "of what the decision picks"
    among = f"the {count(len(gaps))} gaps between two groups, {of},"
    clear = [gap for gap in gaps if gap["clear"]]
    name = capitalised(main_name(results, part["task"], part["metric"]))
    if clear:
        of_group = {(gap["column"], gap["a"]): gap for gap in reversed(clear)}
        worst = sorted(of_group.values(), key=clear.index)
        named = "; ".join(_worse(results, gap) for gap in worst[:MOST_NAMED])
        rest = "; and for others" * (len(worst) > MOST_NAMED)
        are = "is" if len(clear) == 1 else "are"
        unclear = "" if len(clear) == len(gaps) else f" {NO_PROOF}"
        tested = f"Of {among} {count(len(clear))} {are} clear after Holm's correction.{unclear}"
        if len(gaps) == 1:
            tested = f"No other gap between two groups, {of}, was there to be compared."
        return [strong(f"{name} is clearly worse for {named}{rest}."), f" {tested}"]
    once = " With one seed no gap is called clear." * (gaps[0]["n_seeds"] == 1)
    none = f"None of {among} is clear after Holm's correction."
    if len(gaps) == 1:
        none = f"The only gap between two groups, {of}, is not clear."
    largest = f"{_named(results, gaps[0])}, {difference(gaps[0])}"
    return [strong(none), f"{once} {NO_PROOF} The largest: {largest}."]


def _worse(results: Results, gap: Entry) -> str:
    return (
        f"{shown(gap['column'])} {shown(gap['a'])} than for {shown(gap['b'])} (largest: "
        f"{difference(gap)}, {row_name(results, gap)})"
    )


def _named(results: Results, gap: Entry) -> str:
    return f"{_pair(gap)} ({row_name(results, gap)})"


def _pair(gap: Entry) -> str:
    return f"{shown(gap['column'])} {shown(gap['a'])} − {shown(gap['b'])}"


def _groups_table(results: Results, part: Entry) -> Block:
    """A row for each group, of each pick."""
    cells = picks(results)
    first = metrics_of(results, cells[0], columns(results)[0]["name"])
    names = [*next(iter(first.values()))]
    rows: list[list[str]] = []
    for cell in cells:
        for column in columns(results):
            rows.append([f"{row_name(results, cell)}: {shown(column['name'])}"])
            measured = metrics_of(results, cell, column["name"])
            rows += [
                [
                    shown(group["name"]),
                    _size(group),
                    _classes(group),
                    *(stacked(interval(measured[group["name"]][name])) for name in names),
                ]
                for group in column["groups"]
            ]
    classes = class_names(results, part["task"])
    each = " / ".join(classes) if len(classes) <= MOST_CLASSES else "smallest to largest"
    what = "findings" if is_multilabel(results, part["task"]) else "classes"
    words = text(
        f"Groups of the test images of {task_title(results, part['task'])} in what the decision "
        f"picks, mean over {repeats_words(results)} with 95 % intervals. Of {what}: {each}."
    )
    titles = [capitalised(main_name(results, part["task"], name)) for name in names]
    widths = [1.3, 0.8, 0.9, *[1.1] * len(names)]
    return table(
        TABLE, words, ["Group", "Images", f"Of {what}", *titles], rows, size="small", widths=widths
    )


def _size(group: Entry) -> str:
    if group["patients"] is None:
        return count(group["n"])
    return counted(group["n"], group["patients"]).replace(" (", "\n(")


def _classes(group: Entry) -> str:
    counts = [count(n) for n in group["counts"]]
    if len(counts) <= MOST_CLASSES:
        return " / ".join(counts)
    return f"{count(min(group['counts']))} to {count(max(group['counts']))}"


def _gaps_table(results: Results, part: Entry) -> list[Block]:
    """Of each pick and column the largest and the smallest gap, and all that are clear."""
    rows: list[list[str]] = []
    for cell in picks(results):
        found = [
            (gap, which)
            for column in columns(results)
            for gap, which in _told(gaps_of(results, cell, column["name"]))
        ]
        if found:
            rows.append([row_name(results, cell)])
            rows += [_gap_row(gap, which) for gap, which in found]
    if not rows:
        return []
    family = part["gaps"][0]["family"]
    findings = " Of several findings, those count that both groups have with and without."
    words = text(
        f"Gaps in {main_name(results, part['task'], part['metric'])}: the worse group minus the "
        "better, over the same runs, each on its own images. Of each column the largest and the "
        f"smallest, and others that are clear. Corrected p: by Holm, for {count(family)} gaps, "
        "which are all pairs of groups of all columns and of every label budget.",
        findings * is_multilabel(results, part["task"]),
    )
    titles = ["Groups", "", "Points [95 % interval]", "p", "Corrected p", "Reading"]
    widths = [2.4, 0.8, 1.8, 0.6, 0.9, 1.6]
    return [table("gaps-table", words, titles, rows, left=2, size="small", widths=widths)]


def _told(gaps: list[Entry]) -> list[tuple[Entry, str]]:
    """The gaps of a column that a table gives, each with what it is; given largest first."""
    if len(gaps) < 2:
        return [(gap, "only pair") for gap in gaps]
    last = len(gaps) - 1
    named = {0: "largest", last: "smallest"}
    return [
        (gap, named.get(place, ""))
        for place, gap in enumerate(gaps)
        if place in named or gap["clear"]
    ]


def _gap_row(gap: Entry, which: str) -> list[str]:
    reading = f"clear: worse for {shown(gap['a'])}" if gap["clear"] else "no clear gap"
    if not gap["clear"] and gap["p_value"] < 0.05:
        reading = "not clear after correction"
    return [
        _pair(gap),
        which,
        difference(gap).replace(" points", ""),
        p_value(gap["p_value"]),
        p_value(gap["p_adjusted"]),
        reading,
    ]
