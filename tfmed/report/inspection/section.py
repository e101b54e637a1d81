"""The section on where classifiers look and on what they withstand."""

from tfmed.report.asked import main_name
from tfmed.report.blocks import Block, appendix, figure, heading, paragraph, ref, table, text
from tfmed.report.inspection.chosen import (
    METHOD_NAMES,
    attributed,
    best_attributed,
    correlations,
    corrupted,
    kind_name,
    kinds,
    mean_of,
    metrics_shown,
    steps_of,
)
from tfmed.report.selection import Entry, Results
from tfmed.report.wording import (
    MISSING,
    capitalised,
    count,
    number,
    percent,
    place_name,
    row_name,
    signed,
    strategy_name,
)

TITLE = "Where classifiers look, and what they withstand"


def inspection_blocks(results: Results) -> list[Block]:
    """Nothing of results of earlier versions, which hold none of it."""
    return [*_looking(results), *_withstanding(results)]


def _looking(results: Results) -> list[Block]:
    entries, best = attributed(results), best_attributed(results)
    if best is None:
        return []
    where = place_name(results, best)
    return [
        heading("Where they look"),
        paragraph(
            f"Maps of attribution show which parts of an image speak for an answer, with {where}, "
            "one run of each strategy that has learned. Occlusion (Zeiler & Fergus, 2014) is how "
            "far the score falls when a window of the image is covered with its lower quartile of "
            "grey; Grad-CAM (Selvaraju et al., 2017) weighs the encoder's last map by the gradient "
            "of the score, and is as coarse as that map. Which cases are shown follows from their "
            "scores, not from their maps. ",
            ref("attribution"),
            f" shows those of one: {row_name(results, best)}.",
        ),
        figure("attribution"),
        paragraph(
            "A map that hardly changes when all weights are drawn at random shows the image and "
            "not what was learned (Adebayo et al., 2018): the rank correlation of both maps should "
            f"be near 0. {_inside_words(entries)}",
            ref("attribution-table"),
            " has both for each strategy.",
        ),
        *appendix(_looking_table(results, entries)),
    ]


def _inside_words(entries: list[Entry]) -> str:
    if not any(entry["inside"] for entry in entries):
        return (
            "Where a finding lies in these images is not known, so nobody can say here whether "
            "a map points at it. "
        )
    return (
        "In phantom images the opacity's place is known: of right answers of the diseased class, "
        "the share of the attribution above 0 that lies in the box around it, beside that of "
        "random weights, and the share of the image that the box takes, which an even map would "
        "have there. "
    )


def _looking_table(results: Results, entries: list[Entry]) -> Block:
    inside = any(entry["inside"] for entry in entries)
    columns = ["Strategy", *(f"Correlation, {name}" for name in METHOD_NAMES.values())]
    columns += [f"In the box, {name}" for name in METHOD_NAMES.values()] if inside else []
    rows = [
        [
            strategy_name(results, entry),
            *(_correlation(entry, name) for name in METHOD_NAMES),
            *(_share(entry, name) for name in METHOD_NAMES if inside),
        ]
        for entry in entries
    ]
    words = text(
        "Rank correlation of maps with those of random weights (mean, and the number of cases "
        "whose maps are not constant)"
        + ("; share of the attribution in the opacity's box." * inside)
        + "." * (not inside)
    )
    widths = [1.3, *[1.0] * (len(columns) - 1)]
    return table("attribution-table", words, columns, rows, widths=widths)


def _correlation(entry: Entry, method: str) -> str:
    values = correlations(entry, method)
    mean = mean_of(values)
    return MISSING if mean is None else f"{signed(mean, 2)}\n{count(len(values))} cases"


def _share(entry: Entry, method: str) -> str:
    found = (entry["inside"] or {}).get(method)
    if not found or found["share"] is None:
        return MISSING
    random = MISSING if found["random"] is None else percent(found["random"])
    by_chance = f"random {random}, box {percent(found['area'])}"
    return f"{percent(found['share'])}\n{by_chance}\n{count(found['n'])} images"


def _withstanding(results: Results) -> list[Block]:
    entries = corrupted(results)
    if not entries:
        return []
    first, *rest = metrics_shown(results, entries)
    name, task = main_name(results, entries[0]["task"], first), entries[0]["task"]
    second = f" and {main_name(results, task, rest[0])}" if rest else ""
    return [
        heading("What they withstand"),
        paragraph(
            f"The same classifiers, with {place_name(results, entries[0])}, answer test images "
            "that were made worse by a program: blurred, with noise, brighter, with less contrast, "
            "compressed, turned (kinds as Hendrycks & Dietterich, 2019). Nothing was chosen by "
            "these numbers. ",
            ref("robustness"),
            f" shows {name}, ",
            ref("robustness-table"),
            f" {name}{second} at the strongest of three strengths.",
        ),
        *appendix(figure("robustness"), _robustness_table(results, entries, [first, *rest])),
    ]


def _robustness_table(results: Results, entries: list[Entry], metrics: list[str]) -> Block:
    shown = kinds(entries)
    rows = [
        [
            strategy_name(results, entry),
            _numbers(entry["clean"], metrics),
            *(_numbers(steps_of(entry, kind)[-1]["metrics"], metrics) for kind in shown),
        ]
        for entry in entries
    ]
    names = [main_name(results, entries[0]["task"], metric) for metric in metrics]
    words = text(
        f"{capitalised(names[0])}"
        + (f" and, below it, {names[1]}" if names[1:] else "")
        + f" on {count(entries[0]['n'])} test images: as they are, and at the strongest strength."
    )
    columns = ["Strategy", "As they are", *(capitalised(kind_name(kind)) for kind in shown)]
    return table("robustness-table", words, columns, rows, size="small")


def _numbers(found: Entry, metrics: list[str]) -> str:
    return "\n".join(number(found[metric]) for metric in metrics)
