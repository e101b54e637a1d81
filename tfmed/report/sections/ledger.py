"""The ledger: each finding with its criterion, what was measured and the verdict."""

from collections.abc import Container

from tfmed.report.blocks import Block, Text, appendix, mark, paragraph, ref, table, text
from tfmed.report.selection import Entry, Results, spaces_of, task_slugs
from tfmed.report.wording import MISSING, count, number, points, task_title

MARKS = {"supported": "✓", "refuted": "✗", "undecided": "?", "not_tested": MISSING}


def ledger_blocks(results: Results, figures: Container[str]) -> list[Block]:
    """The table of claims; nothing where the results hold none.

    Args:
        results: the content of `results.json`.
        figures: ids of the figures there are.
    """
    claims = results["claims"]
    if not claims:
        return []
    counts = {name: sum(c["verdict"] == name for c in claims) for name in MARKS}
    parts = ", ".join(f"{n} {_verdict_name(name)}" for name, n in counts.items() if n)
    caption = text(
        "Findings under test. “Needed” is the sample size at which the interval would decide if "
        "the value stayed the same."
    )
    columns = ["Finding", "Measured [95 % interval]", "Criterion", "Verdict", "Needed", "See"]
    rows = [_row(results, claim, figures) for claim in claims]
    widths = [2.2, 1.9, 2.6, 1.2, 1.5, 1.05]
    introduction = results["study"]["ledger"]
    return [
        *([paragraph(introduction)] if introduction else []),
        paragraph(f"{len(claims)} findings are under test: {parts}; see ", ref("claims"), "."),
        *appendix(
            paragraph(
                "A finding is supported or refuted only where the whole 95 % interval lies on one "
                "side of its margin, unless its criterion has no interval; “undecided” is not "
                "“wrong”. Verdicts are not corrected for their number, so a difference may be "
                "supported here and not be clear in a table that corrects for many comparisons."
            ),
            table("claims", caption, columns, rows, left=6, size="small", widths=widths),
        ),
    ]


def _row(results: Results, claim: Entry, figures: Container[str]) -> list:
    target = shown_in(results, claim, figures)
    needed = claim["needed"]
    wanted = MISSING
    if needed:
        wanted = f"{count(needed['n'])} {needed['of']}\nnow {count(needed['now'])}"
    name = f"{claim['claim']}\n{task_title(results, claim['task'])}"
    seen: str | Text = text(ref(target)) if target else MISSING
    return [name, measured(claim), claim["criterion"], _verdict(claim), wanted, seen]


def _verdict_name(verdict: str) -> str:
    return verdict.replace("_", " ")


def _verdict(claim: Entry) -> Text:
    name = claim["verdict"]
    synthetic = " on synthetic data" if claim["synthetic"] else ""
    return text(mark(f"{MARKS[name]}\u00a0{_verdict_name(name)}{synthetic}", name))


def measured(claim: Entry) -> str:
    """What a claim's quantity came to, with its interval and unit; else why it was not tested."""
    found = claim["measured"]
    if found is None:
        return claim["reason"] or MISSING
    value, low, high, unit = (found[key] for key in ("value", "low", "high", "unit"))
    in_points = unit.startswith("difference in") and "|" not in unit
    if in_points:
        words = points(value, low, high)
        words = words.replace("+", "") if not claim["signed"] else words
    elif low is None or high is None:
        words = number(value)
    else:
        words = f"{number(value)} [{number(low)}, {number(high)}]"
    return f"{words}\n{unit.replace(' - ', ' − ')}"


def shown_in(results: Results, claim: Entry, figures: Container[str]) -> str | None:
    """Id of the figure or table of this report that shows a claim best, or None."""
    slug = task_slugs(results).get(claim["task"])
    kind = claim["figure"]
    special = claim["shown_in"]
    wanted = [special, f"{special}-{slug}"] if special else [kind]
    if kind == "answer" and claim["task"] != results["study"]["target"]:
        wanted = []
    kinds = ("budgets" if kind == "answer" else kind, f"{kind}-{slug}-1")
    wanted += [f"{kinds[0]}-{slug}", kinds[1], kind]
    if kind == "latent" and spaces_of(results, claim["task"]):
        return f"latent-tests-{slug}"
    return next((name for name in wanted if name in figures), None)
