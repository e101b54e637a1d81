"""How many labels are needed: what learning curves say, and how far they can be trusted."""

import math

from tfmed.design import method_of
from tfmed.report.asked import main_name
from tfmed.report.blocks import Block, appendix, figure, heading, paragraph, ref, table, text
from tfmed.report.selection import Entry, Results, method_order
from tfmed.report.wording import (
    MISSING,
    capitalised,
    count,
    interval,
    method_name,
    number,
    stacked,
)

FIGURE = "learning-curves"
TOO_MANY = "over a million"
DIGITS = 2


def fitted(results: Results) -> list[Entry]:
    """Learning curves that could be fitted, in the order of strategies."""
    found = (results.get("learning_curves") or {}).get("curves", [])
    curves = [curve for curve in found if curve["fit"]]
    return sorted(curves, key=lambda curve: method_order(method_of(curve["strategy"])))


def label_blocks(results: Results) -> list[Block]:
    """What more labels would bring; why that is not said where label budgets are too few."""
    found = results.get("learning_curves")
    if not found:
        return []
    blocks = [heading("How many labels?")]
    if not fitted(results):
        most = max((len(curve["labels"]) for curve in found["curves"]), default=0)
        return [
            *blocks,
            paragraph(
                "What more labels would bring is not estimated: a learning curve has three "
                f"parameters, and {'only ' if most else ''}{count(most)} "
                f"{'label budget was' if most == 1 else 'label budgets were'} run. Three or more "
                "are needed, four to test the curve."
            ),
        ]
    name = main_name(results, found["task"], found["metric"])
    return [
        *blocks,
        paragraph(
            f"The error in {name} with n labels is taken for a + b·n⁻ᶜ, with c from 0.05 to 1 "
            "(Cortes et al. 1994, Figueroa et al. 2012), and every such curve is weighed by how "
            "well it agrees with the measured intervals. Numbers are medians with 95 % intervals "
            "over these curves; they hold for labels drawn as in this study. ",
            ref(FIGURE),
            " draws them, and ",
            ref("labels-needed"),
            " gives the labels. ",
            _held_out_words(results),
        ),
        figure(FIGURE),
        *appendix(_table(results)),
    ]


def _held_out_words(results: Results) -> str:
    """How often a curve without the largest budget predicted what was measured there."""
    tests = [curve["fit"]["held_out"] for curve in fitted(results) if curve["fit"]["held_out"]]
    if not tests:
        return "With three label budgets no curve could be tested on a larger one."
    within = sum(test["within"] for test in tests)
    off = sum(abs(test["predicted"]["value"] - test["measured"]) for test in tests) / len(tests)
    return (
        "How sure: fitted without the largest label budget, "
        f"{count(within)} of {count(len(tests))} curves predict what was measured there within "
        f"their interval; their medians are off by {number(off)} in the mean."
    )


def _table(results: Results) -> Block:
    found = results["learning_curves"]
    reach = found["reach"]
    name = capitalised(main_name(results, found["task"], found["metric"]))
    columns = ["Strategy", "Plateau", "Labels to within a point of it"]
    if reach is not None:
        columns.append(f"Labels to reach {number(reach)}")
    columns += ["Most labels, predicted by fewer", "Measured there"]
    rows = [_row(results, curve, reach) for curve in fitted(results)]
    caption = text(f"{name}: where each curve leads, and the labels that it takes.")
    widths = [1.6, *[1.2] * (len(columns) - 1)]
    return table("labels-needed", caption, columns, rows, size="small", widths=widths)


def _row(results: Results, curve: Entry, reach: float | None) -> list[str]:
    fit = curve["fit"]
    test = fit["held_out"]
    reached = [] if reach is None else [labels_words(fit["reach"])]
    return [
        method_name(results, method_of(curve["strategy"])),
        stacked(_interval(fit["plateau"])),
        labels_words(fit["near_plateau"]),
        *reached,
        stacked(_interval(test["predicted"])) if test else MISSING,
        number(test["measured"]) if test else MISSING,
    ]


def _interval(found: Entry) -> str:
    return interval({**found, "mean": found["value"]})


def labels_words(found: Entry) -> str:
    """Labels with their interval, to two digits: `1,900` above `[550, over a million]`."""
    value, low, high = (_rounded(found[key]) for key in ("value", "low", "high"))
    return f"{value}\n[{low}, {high}]"


def _rounded(labels: float | None) -> str:
    if labels is None:
        return TOO_MANY
    places = DIGITS - 1 - math.floor(math.log10(max(labels, 1.0)))
    return count(round(labels, places))
