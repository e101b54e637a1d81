"""Whether encoders collapsed: all images get nearly the same embedding."""

from tfmed.design import Baseline, Method
from tfmed.report.selection import Entry, Results, pretraining_method, pretraining_methods
from tfmed.report.wording import method_name

LEAST_SPREAD, LEAST_RANK = 0.05, 2.0
"""Below either an encoder is called collapsed."""
COLLAPSED = "collapsed"


def is_collapsed(fit: Entry) -> bool:
    """Whether the embeddings of a pretraining are all but one point or one line."""
    found = fit.get("health")
    if not found:
        return False
    return bool(found["spread"] < LEAST_SPREAD or found["effective_rank"] < LEAST_RANK)


def collapsed_words(results: Results, method: str) -> str:
    """Such as `collapsed` or `collapsed in 1 of 3 pretrainings`; nothing where none did."""
    fits = [fit for fit in results["pretraining"] if pretraining_method(fit) == method]
    collapsed = sum(map(is_collapsed, fits))
    if not collapsed:
        return ""
    return (
        COLLAPSED if len(fits) == 1 else f"{COLLAPSED} in {collapsed} of {len(fits)} pretrainings"
    )


def flagged_name(results: Results, method: Method) -> str:
    """A strategy's or baseline's name for tables, and below whether its encoder collapsed."""
    name = method_name(results, method)
    if isinstance(method, Baseline):
        methods = pretraining_methods(results) if method.features == "frozen" else []
        words = collapsed_words(results, methods[0]) if methods else ""
    else:
        words = collapsed_words(results, method.initialisation)
    return f"{name}\n{words}" if words else name
