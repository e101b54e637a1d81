"""The study's answer in a few sentences."""

from tfmed.report.answering import one_method, several_methods
from tfmed.report.pretraining.health import collapsed_words
from tfmed.report.selection import Results, pretrained_by, trained_tasks
from tfmed.report.wording import pretraining_name


def answer(results: Results) -> list[str]:
    """The study's answer in three or four sentences with numbers.

    It follows the paired differences in the study's primary metric alone: a difference is "clear"
    where it is so after the correction for all comparisons of its kind.

    Args:
        results: the content of `results.json`.

    Returns:
        Sentences on the target task (or, where nothing was trained on it, on the first task there
        is): with few labels, with the most labels, what all comparisons say, and which encoders
        collapsed.
    """
    if not results["summary"]:
        return ["No classifier was trained in this study, so the question stays open."]
    task = trained_tasks(results)[0]
    several = len(pretrained_by(results)) > 1 or several_methods.declared(results)
    kind = several_methods if several else one_method
    return [*kind.sentences(results, task), *_collapsed(results)]


def _collapsed(results: Results) -> list[str]:
    """A sentence on each method whose pretraining failed."""
    found = {name: collapsed_words(results, name) for name in pretrained_by(results)}
    return [
        f"The encoder of {pretraining_name(name)} {words}: all images get nearly the same "
        "embedding there, and its numbers say little of the method."
        for name, words in found.items()
        if words
    ]
