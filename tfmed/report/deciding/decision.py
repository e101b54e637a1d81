"""What to use with so many labels, in the opening and in a section of its own."""

from tfmed.design import method_of
from tfmed.report.asked import main_metrics, main_name
from tfmed.report.blocks import (
    Block,
    Text,
    bullets,
    code,
    heading,
    paragraph,
    strong,
    table,
    text,
)
from tfmed.report.selection import Entry, Results, dataset_of, shown_budgets
from tfmed.report.wording import (
    MISSING,
    budget_name,
    capitalised,
    count,
    duration,
    interval,
    listed,
    method_name,
    number,
    stacked,
    test_patients,
)

MOST_NAMED = 3
"""Strategies that a sentence names."""


def decision_text(results: Results) -> Text | None:
    """What to use with few labels, what to expect of it and how sure that is; None without one."""
    choice = _shown(results)
    if choice is None:
        return None
    start = f"With {_budget(results, choice)},"
    name, expected = method_name(results, method_of(choice["strategy"])), _expected(results, choice)
    if not choice["recommended"]:
        reason = choice["against"][0]
        return text(
            strong(f"{start} no recommendation: {reason}."), f" By the rule: “{name}”, {expected}."
        )
    cases = f"on new {_new_cases(results, choice)}"
    return text(
        strong(f"{start} use “{name}”:"), f" {expected} {cases}. {_how_sure(results, choice)}"
    )


def decision_lines(results: Results) -> list[str]:
    """`decision_text` for a terminal, and how its model is asked; empty without a decision."""
    choice, words = _shown(results), decision_text(results)
    if choice is None or words is None:
        return []
    asked = [f"ask it: {choice['command']}"] if choice["recommended"] and choice["command"] else []
    return ["".join(span[1] for span in words), *asked]


def decision_blocks(results: Results) -> list[Block]:
    """What to use with each label budget, how it was chosen, and when not to use it."""
    if not results.get("decision"):
        return []
    decision = results["decision"]
    return [
        paragraph(
            f"{decision['rule']} Costs are put in order by what has to be trained: without "
            "pretraining before with, then a frozen encoder before a trained one, no encoder "
            "before one, baselines before networks. The test split chooses nothing: it says what "
            "to expect, and holds a recommendation back where it should. Validation labels also "
            "tell a fit when to stop: they flatter networks, with few labels by several points, "
            "and baselines not.",
        ),
        _choices(results),
        *_use(results),
        heading("When not to use it"),
        bullets(_reservations(results)),
    ]


def _shown(results: Results) -> Entry | None:
    """The choice with the few labels that the answer starts with; else the first there is."""
    decision = results.get("decision")
    if not decision:
        return None
    few = shown_budgets(results, decision["task"])[:1]
    choices: list[Entry] = decision["budgets"]
    return next((each for each in choices if each["label_budget"] in few), choices[0])


def _budget(results: Results, choice: Entry) -> str:
    return budget_name(results, choice["task"], choice["label_budget"])


def _expected(results: Results, choice: Entry) -> str:
    """Its main metric on the test split."""
    metric = main_metrics(results, choice["task"])[0]
    return f"{main_name(results, choice['task'])} {interval(choice['expected'][metric])}"


def _new_cases(results: Results, choice: Entry) -> str:
    dataset = dataset_of(results, choice["task"])
    known = dataset is not None and test_patients(dataset) is not None
    return "patients" if known else "images"


def _how_sure(results: Results, choice: Entry) -> str:
    """How far validation labels tell it from others, and whether the test split agrees."""
    near = [each for each in choice["candidates"] if each["tied"]]
    own = next(each for each in near if each["strategy"] == choice["strategy"])
    value = f"validation {_with_error(own)}"
    among = count(len(choice["candidates"]))
    if len(choice["candidates"]) == 1:
        return f"How sure: nothing else was compared ({value})."
    if len(near) == 1:
        chosen = f"best of {among}"
    else:
        chosen = f"cheapest of {count(len(near))} within a standard error of the best of {among}"
    return f"How sure: {chosen} ({value}); {_on_test(results, choice)}."


def _with_error(candidate: Entry) -> str:
    error = candidate["standard_error"]
    return number(candidate["mean"]) + (f" ± {number(error)}" if error is not None else "")


def _on_test(results: Results, choice: Entry) -> str:
    above = choice["above_on_test"]
    if not above:
        return "none is higher on the test split"
    clear = [each for each in above if each["clear"]]
    if not clear and len(above) > 1:
        best = _named(results, [above[0]["strategy"]])
        higher = count(len(above))
        return f"{higher} are higher on the test split, {best} most ({number(above[0]['mean'])})"
    named = _named(results, [each["strategy"] for each in (clear or above)])
    if not clear:
        return f"{named} is higher on the test split ({number(above[0]['mean'])})"
    return f"{named} {'are' if len(clear) > 1 else 'is'} clearly better on the test split"


def _named(results: Results, strategies: list[str]) -> str:
    names = [method_name(results, method_of(each)) for each in strategies[:MOST_NAMED]]
    rest = len(strategies) - len(names)
    return listed([f"“{name}”" for name in names] + ([f"{rest} more"] if rest else []))


def _choices(results: Results) -> Block:
    """A row for each label budget."""
    decision = results["decision"]
    task = decision["task"]
    first, second = main_metrics(results, task)
    validated = main_name(results, task, decision["budgets"][0]["validated_by"])
    rows = [_choice_row(results, choice, first, second) for choice in decision["budgets"]]
    columns = [
        *("Labels", "Use", f"{capitalised(validated)}, validation"),
        *(f"{capitalised(main_name(results, task, metric))}, test" for metric in (first, second)),
        *("To train", "Model"),
    ]
    caption = text(
        "What to use with so many labels. Validation: mean over seeds ± its standard error. To "
        "train: one pretraining + one classifier, as measured on this machine."
    )
    widths = [1, 1.8, 1.2, 1.2, 1.2, 1.5, 2.1]
    return table("decision", caption, columns, rows, left=2, size="small", widths=widths)


def _choice_row(results: Results, choice: Entry, first: str, second: str) -> list[str | Text]:
    name = method_name(results, method_of(choice["strategy"]))
    own = next(e for e in choice["candidates"] if e["strategy"] == choice["strategy"])
    seconds = choice["seconds"]
    parts = [seconds["pretraining"], seconds["fit"]]
    return [
        _budget(results, choice),
        name if choice["recommended"] else f"no recommendation\nby the rule: {name}",
        _with_error(own),
        *(stacked(interval(choice["expected"].get(metric))) for metric in (first, second)),
        " + ".join(duration(each) for each in parts if each is not None),
        f"{choice['model']['name']}\n{choice['model']['stage']}" if choice["model"] else MISSING,
    ]


def _use(results: Results) -> list[Block]:
    """How the models of recommendations are asked."""
    asked = [
        text(
            f"{capitalised(_budget(results, choice))}: ",
            code(choice["command"]),
            " (in the models' folder: ",
            code(choice["model"]["path"]),
            ")",
        )
        for choice in results["decision"]["budgets"]
        if choice["recommended"] and choice["model"] and choice["command"]
    ]
    if not asked:
        return []
    return [
        paragraph("With the exported models in service, an image is asked about so:"),
        bullets(asked),
    ]


def _reservations(results: Results) -> list[Text]:
    """Reasons against and caveats, each with the label budgets that it holds of."""
    choices = results["decision"]["budgets"]
    lines: dict[str, list[Entry]] = {}
    for choice in choices:
        no = [f"No recommendation: {reason}." for reason in choice["against"]]
        better = [f"{capitalised(_on_test(results, choice))}."] if choice["above_on_test"] else []
        for line in (*no, *choice["caveats"], *better):
            lines.setdefault(line, []).append(choice)
    return [
        text(line)
        if len(of) == len(choices)
        else text(strong(f"With {listed([_budget(results, each) for each in of])}: "), line)
        for line, of in lines.items()
    ]
