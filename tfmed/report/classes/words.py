"""What the report says of the metrics of its tasks."""

from tfmed.report.asked import is_multilabel
from tfmed.report.blocks import Span, ref, term
from tfmed.report.selection import Results, is_binary, tasks


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
    of_classes: list[str | Span] = [ref("metrics-classes"), " and "]
    some = any(is_binary(results, task) for task in tasks(results))
    several = [task for task in tasks(results) if is_multilabel(results, task)]
    more = [task for task in tasks(results) if task not in several and not is_binary(results, task)]
    if several:
        return [
            *_finding_words(),
            "Every other metric is in ",
            *(between if some else []),
            *(of_classes if more else []),
            ref("metrics-findings"),
        ]
    return [
        term("Accuracy"),
        ": share of the images whose most probable class is theirs; ",
        term("AUC"),
        ": probability that a case of a class scores above one of the others, mean over the "
        "classes. Every other metric is in ",
        *(between if some else []),
        ref("metrics-classes"),
    ]


def _finding_words() -> list[str | Span]:
    """What the main metrics of several findings are."""
    return [
        "Of several findings each is asked for by itself, and numbers are means over the "
        "findings. ",
        term("AUC"),
        ": probability that an image with a finding scores above one without; ",
        term("average precision"),
        ": area under the precision–recall curve; ",
        term("accuracy"),
        ": share of the answers, one an image and finding, that are right. As findings are rare, "
        "accuracy is high for never finding any, and says little. ",
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
    several = any(is_multilabel(results, task) for task in tasks(results))
    means = "Of several findings every metric is the mean over them. " if several else ""
    return [
        f"Means over seeds, below them 95 % intervals. {means}",
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
