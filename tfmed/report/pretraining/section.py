"""What the report says about pretraining without labels."""

from tfmed.report.blocks import Block, Span, appendix, figure, paragraph, ref, strong, term, text
from tfmed.report.figures.plotting import decode_png
from tfmed.report.pretraining.curves import fits_of, fitted, probed
from tfmed.report.pretraining.health import collapsed_words
from tfmed.report.pretraining.reconstructions import (
    as_uri,
    difference_span,
    is_worst,
    signed_difference,
)
from tfmed.report.pretraining.tables import (
    cost_blocks,
    error_blocks,
    health_blocks,
    settings_blocks,
)
from tfmed.report.pretraining.views import viewed
from tfmed.report.selection import (
    DEFAULT_PRETRAINING,
    Entry,
    Results,
    learned_from,
    pretraining_method,
    pretraining_methods,
    reconstructing,
)
from tfmed.report.wording import (
    capitalised,
    count,
    listed,
    number,
    percent,
    pretraining_name,
    task_title,
)

NAMED_RANKS = 5
"""How many of the images with the largest errors are named by their rank from the worst."""


def pretraining_title(results: Results) -> str:
    """Title of that section."""
    alike = {learned_from(fit) for fit in results["pretraining"]} <= {"images"}
    return "Pretraining without labels" if alike else "Pretraining"


def pretraining_blocks(results: Results) -> list[Block]:
    """Each method: what it does, how it went, what came of it and what it cost."""
    if not results["pretraining"]:
        return [paragraph("No encoder was pretrained in this study.")]
    methods = pretraining_methods(results)
    blocks = [_method_paragraph(results, fits_of(results, name)[0]) for name in methods]
    blocks += [
        *_collapse_blocks(results),
        *_course_words(results),
        figure("probe"),
        *cost_blocks(results),
        *appendix(
            *settings_blocks(results),
            figure("views"),
            figure("pretraining"),
            *health_blocks(results),
        ),
    ]
    if fits := reconstructing(results):
        blocks += [
            figure("reconstructions"),
            *_slider_blocks(fits[0]),
            *appendix(figure("detail"), figure("errors"), *error_blocks(results)),
        ]
    return blocks


def _collapse_blocks(results: Results) -> list[Block]:
    """A warning for each method whose encoder collapsed."""
    words = {
        name: said
        for name in pretraining_methods(results)
        if (said := collapsed_words(results, name))
    }
    return [
        paragraph(
            strong(f"{pretraining_name(name)}: {said}. "),
            "There all images get nearly the same embedding: the pretraining failed, and the "
            "numbers of these encoders say little of what the method can do.",
        )
        for name, said in words.items()
    ]


def _course_words(results: Results) -> list[Block]:
    """Where settings, course and cost are shown."""
    parts: list[str | Span] = []
    if settings_blocks(results):
        parts += ["Settings are in ", ref("methods-table"), ". "]
    if viewed(results):
        parts += ["What the methods see of an image: ", ref("views"), ". "]
    if fitted(results):
        parts += ["How training went: ", ref("pretraining"), ". "]
    if probed(results):
        parts += ["What the embeddings say of the classes on the way: ", ref("probe"), ". "]
    if health_blocks(results):
        parts += ["Whether encoders collapsed: ", ref("health-table"), ". "]
    if cost_blocks(results):
        parts += ["What each cost in seconds: ", ref("costs-table"), "."]
    return [paragraph(*parts)] if parts else []


def _method_paragraph(results: Results, fit: Entry) -> Block:
    shape, name = "×".join(map(str, fit["embedding_shape"])), pretraining_method(fit)
    of = fit.get("images") or [fit["source"]]
    source = listed([task_title(results, name) for name in of])
    if name == DEFAULT_PRETRAINING:
        opening: list[str | Span] = [
            "An ",
            term("autoencoder"),
            " learns without labels: its encoder turns an image into an ",
            term("embedding"),
            f" ({shape} numbers), and its decoder reconstructs the image from it. Here it was "
            f"trained on the training images of {source}. ",
        ]
    else:
        learned = {
            "images": f" learns without labels, from the training images of {source}",
            "labels": f" pretraining learns from the labels of {source}",
            "nothing": " were published, and nothing is trained before they are used",
        }[learned_from(fit)]
        opening = [
            term(capitalised(pretraining_name(name))),
            f"{learned}; the encoder turns an image into an ",
            term("embedding"),
            f" ({shape} numbers). ",
        ]
    others = [(part, n) for part, n in fit["parameters"].items() if part != "encoder"]
    sizes = [f"The encoder has {count(fit['parameters']['encoder'])} parameters"]
    sizes += [f"the {part.replace('_', ' ')} {count(n)}" for part, n in others]
    kept = f" {_kept_words(fit)}" if fit["epochs"] else ""
    return paragraph(*opening, f"{', '.join(sizes)}.{kept}")


def _kept_words(fit: Entry) -> str:
    if fit["best_epoch"] == fit["epochs"] and not fit["stopped_early"]:
        return "The weights of the last epoch are kept."
    return "The weights of the epoch with the smallest error on images held out are kept."


def _slider_blocks(fit: Entry) -> list[Block]:
    """Every reconstruction there is, one at a time, for the page."""
    cases = sorted(fit["reconstructions"], key=lambda case: (case["mse"], case["quantile"]))
    if len(cases) < 2:
        return []
    span = difference_span(fit)
    return [
        {
            "kind": "slider",
            "title": "Reconstructions from best to worst",
            "caption": text(
                f"{len(cases)} of {count(fit['test']['n'])} test images by their error. The "
                "difference is reconstruction minus original on the range from black (0) to "
                "white (1)."
            ),
            "span": number(span, 2),
            "cases": [_case(fit, case, span) for case in cases],
        }
    ]


def _case(fit: Entry, case: Entry, span: float) -> dict[str, str]:
    original, reconstruction = (decode_png(case[k]) for k in ("original", "reconstruction"))
    larger = fit["test"]["n"] - 1 - round(case["quantile"] * fit["test"]["n"])
    rank = f"{percent(case['quantile'])} of the test images have a smaller error"
    if is_worst(fit, case):
        rank = "the worst of all test images"
    elif 0 < larger < NAMED_RANKS:
        rank = f"{larger} test image{'s have' if larger > 1 else ' has'} a larger error"
    elif case["quantile"] == 0:
        rank = "the best of all test images"
    return {
        "original": case["original"],
        "reconstruction": case["reconstruction"],
        "difference": as_uri(signed_difference(original, reconstruction, span)),
        "words": f"Test image {case['index']}: mean squared error {case['mse']:.5f}, {rank}.",
    }
