"""What the report says about pretraining: learning curve, reconstructions, errors."""

from tfmed.report.blocks import Block, figure, paragraph, table, term, text
from tfmed.report.differences import as_uri, difference_span, signed_difference
from tfmed.report.figures import is_worst
from tfmed.report.plotting import decode_png
from tfmed.report.wording import MISSING, count, interval, number, percent, task_title

FEW = 5


def pretraining_blocks(results: dict) -> list[Block]:
    """The autoencoder: learning curve, reconstructions, test errors."""
    if not results["pretraining"]:
        return [paragraph("No autoencoder was trained in this study.")]
    first = results["pretraining"][0]
    shape = "×".join(map(str, first["embedding_shape"]))
    blocks = [
        paragraph(
            "An ",
            term("autoencoder"),
            " learns without labels: its encoder turns an image into an ",
            term("embedding"),
            f" ({shape} numbers), and its decoder has to draw the image again from it. Here it saw "
            f"the training images of {task_title(results, first['source'])}. The encoder has "
            f"{count(first['parameters']['encoder'])} parameters, the autoencoder "
            f"{count(first['parameters']['autoencoder'])}. The weights of the epoch with the "
            "smallest validation error are kept.",
        )
    ]
    curve = "; ".join(_fit_words(fit) for fit in results["pretraining"])
    caption = text(
        "Reconstruction error in training. The marked epoch's weights are used: of seed "
        f"{first['seed']} those of epoch {first['best_epoch']} of {first['epochs']}."
    )
    blocks.append(figure("pretraining", caption, curve))
    blocks += _reconstruction_blocks(first)
    rows = [_error_row(fit) for fit in results["pretraining"]]
    columns = ["Seed", "Epochs (best)", "MSE", "MAE", "PSNR (dB)", "MSE of mean image", "Ratio"]
    caption = text(
        f"Reconstruction error on {count(first['test']['n'])} test images, pixels from 0 to 1. "
        "Ratio: how many times larger the error of always answering the mean training image is."
    )
    return [*blocks, table("errors-table", caption, columns, rows)]


def _fit_words(fit: dict) -> str:
    end = "stopped early" if fit["stopped_early"] else "ran to the last epoch"
    return f"Seed {fit['seed']}: {fit['epochs']} epochs, {end}, best epoch {fit['best_epoch']}"


def _error_row(fit: dict) -> list[str]:
    test = fit["test"]
    ratio = f"{test['mse_mean_image'] / test['mse']:.1f}" if test["mse"] > 0 else MISSING
    return [
        str(fit["seed"]),
        f"{fit['epochs']} ({fit['best_epoch']})",
        number(test["mse"], 5),
        number(test["mae"], 4),
        number(test["psnr"], 1),
        number(test["mse_mean_image"], 5),
        ratio,
    ]


def _reconstruction_blocks(fit: dict) -> list[Block]:
    errors = [item["mse"] for item in fit["reconstructions"]] or [0.0]
    seed = f"of the autoencoder of seed {fit['seed']}"
    worst = "the worst one of the test split" if _has_worst(fit) else "from good to bad"
    return [
        *_detail_blocks(fit),
        figure(
            "reconstructions",
            text(
                f"Test images over the reconstructions {seed}, {worst} included: what is lost is "
                "fine detail, which may be what a diagnosis needs. Differences: red where the "
                "reconstruction is brighter, blue where it is darker, full colour at "
                f"{difference_span(fit):.2f} of the range from black to white."
            ),
            f"Mean squared errors from {min(errors):.4f} to {max(errors):.4f}.",
        ),
        *_slider_blocks(fit),
        figure(
            "errors",
            text(
                "How the error is spread over the test images; dashes: mean of the autoencoder "
                f"({number(fit['test']['mse'], 4)}), dots: mean error of always answering the mean "
                f"training image ({number(fit['test']['mse_mean_image'], 4)})."
            ),
            f"Median error {fit['mse_quantiles'][50]:.5f}, mean {fit['test']['mse']:.5f}, "
            f"mean image {fit['test']['mse_mean_image']:.5f}.",
        ),
    ]


def _slider_blocks(fit: dict) -> list[Block]:
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


def _case(fit: dict, case: dict, span: float) -> dict[str, str]:
    original, reconstruction = (decode_png(case[k]) for k in ("original", "reconstruction"))
    larger = fit["test"]["n"] - 1 - round(case["quantile"] * fit["test"]["n"])
    rank = f"{percent(case['quantile'])} of the test images have a smaller error"
    if is_worst(fit, case):
        rank = "the worst of all test images"
    elif 0 < larger < FEW:
        rank = f"{larger} test image{'s have' if larger > 1 else ' has'} a larger error"
    elif case["quantile"] == 0:
        rank = "the best of all test images"
    return {
        "original": case["original"],
        "reconstruction": case["reconstruction"],
        "difference": as_uri(signed_difference(original, reconstruction, span)),
        "words": f"Test image {case['index']}: mean squared error {case['mse']:.5f}, {rank}.",
    }


def _detail_blocks(fit: dict) -> list[Block]:
    """What reconstructions keep, by spatial frequency."""
    detail = fit.get("detail")
    if not detail or not detail["bands"]:
        return []
    bands = [(band, _share_words(band["kept"])) for band in detail["bands"]]
    low, high = bands[0], bands[-1]
    alt = "; ".join(
        f"{number(band['from'], 2)} to {number(band['to'], 2)} cycles per pixel: {words}"
        for band, words in bands
    )
    caption = text(
        f"What reconstructions keep of {count(detail['n'])} test images: of the power of the "
        f"coarsest shapes (below {number(low[0]['to'], 2)} cycles per pixel) {low[1]}, of the "
        f"finest detail (above {number(high[0]['from'], 2)}) {high[1]}. Power need not be in its "
        f"place: of the finest detail's {_share_words(high[0]['explained'])} is (below 0: drawing "
        "none would be nearer to the image). Structural similarity "
        f"(SSIM) {interval(detail['ssim'])}, peak signal-to-noise ratio "
        f"{interval(detail['psnr'], 1)} dB."
    )
    return [figure("detail", caption, f"Power kept: {alt}.")]


def _share_words(found: dict) -> str:
    percents = {key: found[key] and 100 * found[key] for key in ("mean", "low", "high")}
    return MISSING if found["mean"] is None else f"{interval(percents, 1)} %"


def _has_worst(fit: dict) -> bool:
    return any(is_worst(fit, item) for item in fit["reconstructions"])
