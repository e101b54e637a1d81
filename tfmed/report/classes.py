"""What the report says of single classes, where there are more than two."""

from tfmed.report.blocks import Block, Span, ref, table, term, text
from tfmed.report.selection import Results, curve_rows, is_binary, rows_of, tasks
from tfmed.report.selection import class_names as names_of
from tfmed.report.wording import capitalised, interval, row_name, stacked, task_title

OF_CLASS = "_of_class_"
NOT_METRICS = ("confusion", "roc", "pr", "reliability", "train_accuracy")


def overall_metrics(results: Results, among: list[str]) -> tuple[str, ...]:
    """Metrics of these tasks that are not of one class, in the order of the results."""
    found = {
        name: None
        for task in among
        for row in rows_of(results, task)
        for name, value in row.items()
        if (value is None or (isinstance(value, dict) and "mean" in value))
        and name not in NOT_METRICS
        and name not in ("initialisation", "trained")
        and OF_CLASS not in name
    }
    return tuple(found)


def class_blocks(results: Results, task: str, slug: str) -> list[Block]:
    """AUC, recall and precision of each class, for the rows of the figures; none of two classes."""
    shown = curve_rows(results, task)
    if is_binary(results, task) or not shown:
        return []
    kinds = list(dict.fromkeys(key.partition(OF_CLASS)[0] for key in shown[0] if OF_CLASS in key))
    rows: list[list[str]] = []
    for row in shown:
        rows.append([capitalised(row_name(results, row))])
        for number, name in enumerate(names_of(results, task)):
            cells = [stacked(interval(row[f"{kind}{OF_CLASS}{number}"])) for kind in kinds]
            rows.append([name, *cells])
    words = text(
        f"Each class of {task_title(results, task)} on the test split. Recall: share of the class "
        "that is predicted as it; precision: share of what is predicted as the class that is of "
        "it, 0 where nothing is; AUC: against all other classes."
    )
    columns = ["Class", *(kind.upper() if kind == "auc" else capitalised(kind) for kind in kinds)]
    return [table(f"classes-{slug}", words, columns, rows, size="small")]


def metric_words(results: Results) -> list[str | Span]:
    """What accuracy and AUC are here, and where the other metrics are."""
    if all(is_binary(results, task) for task in tasks(results)):
        return [
            term("Accuracy"),
            " is given at threshold .5; ",
            term("AUC"),
            ": probability that a case of the second class scores above one of the first. Every "
            "other metric is in ",
            ref("metrics"),
            " and, at the threshold chosen on validation labels, in ",
            ref("metrics-chosen"),
        ]
    between: list[str | Span] = [ref("metrics"), " and "]
    some = any(is_binary(results, task) for task in tasks(results))
    return [
        term("Accuracy"),
        ": share of the images whose most probable class is theirs; ",
        term("AUC"),
        ": probability that a case of a class scores above one of the others, mean over the "
        "classes. Every other metric is in ",
        *(between if some else []),
        ref("metrics-classes"),
    ]


def words_on_metrics(results: Results) -> list[str | Span]:
    """What the metrics of the tables are."""
    if all(is_binary(results, task) for task in tasks(results)):
        return [
            "Means over seeds, below them 95 % intervals. ",
            term("Average precision"),
            ": area under the precision–recall curve. ",
            term("Sensitivity"),
            " and ",
            term("specificity"),
            ": share of the second and of the first class that is predicted correctly; ",
            term("balanced accuracy"),
            ": their mean. ",
            term("Brier score"),
            ": mean squared error of the predicted probability; ",
            term("ECE"),
            ": expected calibration error; both are better when lower.",
        ]
    return [
        "Means over seeds, below them 95 % intervals. ",
        term("Balanced accuracy"),
        ": mean over the classes of their recall, the share that is predicted correctly; ",
        term("macro F1"),
        ": mean over the classes of the harmonic mean of recall and precision. ",
        term("Log loss"),
        ": mean of −ln of the true class's probability; ",
        term("Brier score"),
        ": squared error of the probabilities, of more than two classes summed over them; ",
        term("ECE"),
        ": expected calibration error, of more than two classes that of the predicted one; these "
        "three are better when lower.",
    ]
