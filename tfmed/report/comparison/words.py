"""What changed between two results files, in a few sentences."""

from collections.abc import Iterable

from tfmed.report.comparison.changes import Change, Compared
from tfmed.report.selection import Results, pretraining_methods
from tfmed.report.wording import (
    MISSING,
    budget_name,
    cell_method_name,
    count,
    flat_settings,
    interval,
    listed,
    points,
    task_title,
)

NOT_COMPARED = ("examples", "description", "role")
WHAT = {
    "Study": ("setting", "settings"),
    "Data": ("property of the data", "properties of the data"),
    "Versions": ("version", "versions"),
    "Code and machine": ("property of code and machine", "properties of code and machine"),
}
"""Groups of what a run depends on, and how one and several of their entries are called."""


def sentences(found: Compared) -> list[str]:
    """What changed and whether a conclusion flipped, in two or three sentences."""
    if found.same == "all":
        return ["The two results files are identical: nothing changed."]
    if found.same == "numbers":
        return [
            "The two results files hold the same settings, data, versions, numbers and verdicts; "
            "only times and the commands may differ."
        ]
    return [_setting_sentence(found), _accuracy_sentence(found), _conclusion_sentence(found)]


def _setting_sentence(found: Compared) -> str:
    parts = [
        f"{len(rows)} {WHAT[group][len(rows) > 1]}"
        for group, rows in setting_rows(found).items()
        if rows
    ]
    if not parts:
        return "Settings, data, versions, code and machine are the same in A and B."
    return f"B differs from A in {listed(parts)}."


def _accuracy_sentence(found: Compared) -> str:
    of_metric = [change for change in found.changes if change.metric == "accuracy"]
    if not of_metric:
        return "No combination of task, strategy and label budget is in both."
    changed = [change for change in of_metric if change.changed]
    numbers = sum(change.changed for change in found.changes)
    if not numbers:
        return f"None of the {count(len(found.changes))} metrics that both hold changed."
    start = f"Of {count(len(found.changes))} metrics that both hold {count(numbers)} changed"
    largest = next((change for change in changed if change.difference is not None), None)
    if largest is None:
        return f"{start}, but no accuracy did."
    task = task_title(found.a.results, largest.cell.task)
    return (
        f"{start}; the largest change in accuracy is that of {cell_name(found, largest)} on "
        f"{task}, which went from {interval(largest.a)} in A to {interval(largest.b)} in B "
        f"({difference_words(largest)}{_of_seeds(found, largest)}; {_judged(largest)}); "
        f"{_clear_words(of_metric)}."
    )


def _of_seeds(found: Compared, change: Change) -> str:
    seeds = common_seeds(found, change)
    return "" if seeds is None else f" over {seeds}"


def common_seeds(found: Compared, change: Change) -> str | None:
    """How many seeds a paired difference is over, where the means are over others as well."""
    if change.paired is None or change.cell not in found.only:
        return None
    n = change.paired["n_seeds"]
    return f"{n} {'seed' if n == 1 else 'seeds'} in common"


def _judged(change: Change) -> str:
    if change.paired is None:
        return f"not paired; the intervals {'do not overlap' if change.apart else 'overlap'}"
    family = count(change.paired["family"])
    return f"{'clear' if change.clear else 'not clear'} after correction for {family} comparisons"


def _clear_words(changes: Iterable[Change]) -> str:
    changes = list(changes)
    paired = [change for change in changes if change.paired is not None]
    parts = []
    if paired:
        clear = sum(change.clear for change in paired)
        parts.append(f"{count(clear)} of {count(len(paired))} accuracies changed clearly")
    if len(paired) < len(changes):
        apart = sum(change.apart for change in changes if change.paired is None)
        rest = len(changes) - len(paired)
        parts.append(
            f"of {count(rest)} that can't be paired {count(apart)} have intervals that do not "
            "overlap"
        )
    return " and ".join(parts)


def _conclusion_sentence(found: Compared) -> str:
    kinds = (
        (len(found.flipped), found.kept["claims"], "verdicts on findings"),
        (len(found.turned), found.kept["comparisons"], "comparisons of strategies"),
    )
    there = [(n, total, what) for n, total, what in kinds if total]
    if not there:
        return "No verdict and no comparison is in both, so no conclusion could flip."
    if not any(n for n, _, _ in there):
        kept = [f"{count(total)} {what}" for _, total, what in there]
        return f"No conclusion flipped: {listed(kept)} are unchanged."
    parts = [f"{count(n)} of {count(total)} {what}" for n, total, what in there]
    return f"Conclusions flipped: {listed(parts)}."


def setting_rows(found: Compared) -> dict[str, list[list[str]]]:
    """Name, value in A and in B of what differs in settings, data, versions, code and machine."""
    facts = [_facts(side.results) for side in (found.a, found.b)]
    rows: dict[str, list[list[str]]] = {}
    for group in WHAT:
        a, b = (side[group] for side in facts)
        names = dict.fromkeys((*a, *b))
        rows[group] = [
            [name, a.get(name, MISSING), b.get(name, MISSING)]
            for name in names
            if a.get(name) != b.get(name)
        ]
    return rows


def _facts(results: Results) -> dict[str, dict[str, str]]:
    """Per group of `WHAT` the names and values that are compared."""
    study, provenance = results["study"], results["provenance"]
    own = {key: value for key, value in study.items() if key != "settings"}
    data = {
        entry["name"]: {k: v for k, v in entry.items() if k not in NOT_COMPARED}
        for entry in results["datasets"]
    }
    machine = {"commit": provenance["commit"], **provenance["hardware"]}
    groups = ({**study["settings"], **own}, data, provenance["versions"], machine)
    return {group: dict(flat_settings(values)) for group, values in zip(WHAT, groups, strict=True)}


def cell_name(found: Compared, change: Change) -> str:
    """A cell in words, such as `frozen, 300 labels`."""
    cell = change.cell
    budget = budget_name(found.a.results, cell.task, cell.label_budget)
    return f"{cell_method_name(named_as(found), cell.method, cell.variant)}, {budget}"


def named_as(found: Compared) -> Results:
    """The results whose methods name the strategies: of the side that has more."""
    return max((found.a.results, found.b.results), key=lambda r: len(pretraining_methods(r)))


def difference_words(change: Change) -> str:
    """B - A of a metric that is a share, in points, with its interval where there is one."""
    if change.difference is None:
        raise ValueError(f"{change.metric} has no difference")
    ends = (change.paired["low"], change.paired["high"]) if change.paired else (None, None)
    return points(change.difference, *ends)
