"""How much a reconstruction blurs: PSNR, structural similarity, power per spatial frequency.

Originals and reconstructions have shape (n, h, w, c), either uint8 or floats in [0, 1], and row i
of one belongs to row i of the other. All is done in float64 over chunks of images, so that memory
does not grow with n.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.fft import fft2, fftfreq
from scipy.ndimage import gaussian_filter
from scipy.signal.windows import hann
from scipy.special import stdtrit

from tfmed.errors import InputError
from tfmed.evaluation.patients import covariance, numbered

BAND_EDGES = tuple(np.linspace(0, 0.5, 7).tolist())
"""Edges of six bands of spatial frequency, in cycles per pixel; .5 is Nyquist's."""

_CHUNK_VALUES = 2**21
_SMALLEST_ERROR = 1e-12
_NO_POWER = 1e-20
_SSIM_RADIUS = 5
_SSIM_CONSTANTS = (0.01**2, 0.03**2)

_Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]


def psnr(originals: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio of each image (n,) in dB, for a peak of 1.

    A mean squared error below 1e-12 counts as 1e-12, so that a perfect copy has 120 dB.

    Raises:
        InputError: the images are not pairs of one shape, uint8 or floats in [0, 1].
    """
    return _over_chunks(_psnr, originals, reconstructions)


def ssim(originals: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """Structural similarity of each image (n,), mean over pixels and channels; 1 is a copy.

    Wang et al. (2004): Gaussian windows of 11 × 11 pixels with σ = 1.5, K1 = .01, K2 = .03, data
    range 1, population variances, windows that lie inside the image only. The same number as
    scikit-image's `structural_similarity(gaussian_weights=True, use_sample_covariance=False)`.
    `tf.image.ssim` has the same definition in float32; it is 3e-5 off, and slower.

    Raises:
        InputError: the images are not pairs of one shape, uint8 or floats in [0, 1], or are
            smaller than a window.
    """
    smallest = 2 * _SSIM_RADIUS + 1
    if min(np.shape(originals)[1:3], default=0) < smallest:
        raise InputError(
            f"images of shape {np.shape(originals)[1:]} have no SSIM: give at least"
            f" {smallest} x {smallest} pixels"
        )
    return _over_chunks(_ssim, originals, reconstructions)


def band_power(
    originals: np.ndarray, reconstructions: np.ndarray, edges: ArrayLike = BAND_EDGES
) -> dict[str, np.ndarray]:
    """Power of each image in rings of spatial frequency, that of its copy, and of their difference.

    A radially binned periodogram. The image's mean is taken off and a Hann window put on first
    (Harris 1978): a photograph's opposite borders differ, and without a window that step leaks
    power into high frequencies, where it would hide the blur. The window smears a frequency over
    ± 2 / width cycles per pixel. Power is in squared intensity per pixel: over all frequencies it
    sums to the window-weighted variance. The corners of the spectrum, beyond .5, are in no band.

    Args:
        originals: (n, h, w, c).
        reconstructions: (n, h, w, c).
        edges: (k + 1,) rising cycles per pixel; a band holds its lower edge, the last one both.

    Returns:
        `original`, `reconstruction` and `error`, each (n, k), means over channels.

    Raises:
        InputError: the images are not pairs of one shape, uint8 or floats in [0, 1], or the edges
            do not rise within [0, .5].
    """
    limits = np.asarray(edges, dtype=np.float64)
    if limits.ndim != 1 or len(limits) < 2 or (np.diff(limits) <= 0).any():
        raise InputError(f"band edges {limits.tolist()} do not rise: give at least two that do")
    if limits[0] < 0 or limits[-1] > 0.5:
        raise InputError(f"band edges {limits.tolist()} leave [0, .5] cycles per pixel")

    def measure(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return _band_power(a, b, limits)

    powers = _over_chunks(measure, originals, reconstructions)
    return dict(zip(("original", "reconstruction", "error"), powers.swapaxes(0, 1), strict=True))


def detail(
    originals: np.ndarray,
    reconstructions: np.ndarray,
    edges: ArrayLike = BAND_EDGES,
    patients: np.ndarray | None = None,
) -> dict[str, Any]:
    """How much detail a set of reconstructions keeps, as JSON values, with 95 % intervals.

    Intervals are over images, or over patients (n,) where they are known, of Student's t: of means
    for `ssim` and `psnr`, and for the bands of ratios of sums over images by the delta method
    (Cochran 1977, ch. 6). One image has no interval: None. Of a band without power in the originals
    nothing can be kept: None throughout.

    Returns:
        `n`; `ssim` and `psnr` (`mean`, `low`, `high`); `bands`, each with `from` and `to` (cycles
        per pixel), `kept`: power of the reconstructions over power of the originals, the squared
        transfer of the autoencoder (above 1 where it adds noise), and `explained`: 1 minus power of
        the difference over power of the originals, the share that is not only there but right
        (below 0 where the difference outweighs the original). Both have `mean`, `low`, `high`.

    Raises:
        InputError: as `ssim` and `band_power`.
    """
    limits = np.asarray(edges, dtype=np.float64)
    powers = band_power(originals, reconstructions, limits)
    whose = numbered(patients, len(originals))
    similarity = _mean_interval(ssim(originals, reconstructions), whose)
    if similarity["high"] is not None:
        similarity["high"] = min(similarity["high"], 1.0)
    bands = []
    for i, (low, high) in enumerate(pairwise(limits)):
        original = powers["original"][:, i]
        kept = _ratio_interval(powers["reconstruction"][:, i], original, whose)
        error = _ratio_interval(powers["error"][:, i], original, whose)
        explained = {
            name: None if (value := error[mirrored]) is None else 1 - value
            for name, mirrored in (("mean", "mean"), ("low", "high"), ("high", "low"))
        }
        bands.append({"from": float(low), "to": float(high), "kept": kept, "explained": explained})
    return {
        "n": len(originals),
        "ssim": similarity,
        "psnr": _mean_interval(psnr(originals, reconstructions), whose),
        "bands": bands,
    }


def _psnr(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    errors = np.square(a - b).mean(axis=(1, 2, 3))
    return -10 * np.log10(np.maximum(errors, _SMALLEST_ERROR))


def _ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    inside = slice(_SSIM_RADIUS, -_SSIM_RADIUS)

    def local_mean(values: np.ndarray) -> np.ndarray:
        blurred = gaussian_filter(values, 1.5, axes=(1, 2), radius=_SSIM_RADIUS)
        return blurred[:, inside, inside]

    mean_a, mean_b = local_mean(a), local_mean(b)
    variances = local_mean(a * a) - mean_a**2 + local_mean(b * b) - mean_b**2
    covariance = local_mean(a * b) - mean_a * mean_b
    c1, c2 = _SSIM_CONSTANTS
    alike = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return (alike / ((mean_a**2 + mean_b**2 + c1) * (variances + c2))).mean(axis=(1, 2, 3))


def _band_power(a: np.ndarray, b: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Power (n, 3, k) of originals, reconstructions and their difference per band."""
    h, w, channels = a.shape[1:]
    # Symmetric windows are 0 at both borders; images of 1 or 2 pixels would lose everything.
    window = np.outer(hann(h + 2)[1:-1], hann(w + 2)[1:-1])[None, :, :, None]
    radius = np.hypot(fftfreq(h)[:, None], fftfreq(w)[None, :]).ravel()
    bands = np.searchsorted(limits, radius, side="right") - 1
    bands[np.isclose(radius, limits[-1])] = len(limits) - 2
    members = (bands[:, None] == np.arange(len(limits) - 1)).astype(np.float64)
    scale = np.square(window).sum() * h * w * channels

    def spectrum(images: np.ndarray) -> np.ndarray:
        means = (images * window).sum(axis=(1, 2), keepdims=True) / window.sum()
        return fft2((images - means) * window, axes=(1, 2))

    def power(transformed: np.ndarray) -> np.ndarray:
        squared = np.square(transformed.real) + np.square(transformed.imag)
        return squared.sum(axis=3).reshape(len(transformed), -1) @ members / scale

    original, reconstruction = spectrum(a), spectrum(b)
    parts = (original, reconstruction, original - reconstruction)
    return np.stack([power(part) for part in parts], axis=1)


def _mean_interval(values: np.ndarray, patients: np.ndarray | None) -> dict[str, float | None]:
    """Mean over images with its interval of Student's t."""
    mean = float(values.mean())
    if patients is not None:
        n = int(patients.max()) + 1
        if n < 2:
            return {"mean": mean, "low": None, "high": None}
        variance = covariance((values[None],), (patients,), 1)[0, 0]
        half_width = float(stdtrit(n - 1, 0.975) * np.sqrt(variance))
        return {"mean": mean, "low": mean - half_width, "high": mean + half_width}
    if len(values) < 2:
        return {"mean": mean, "low": None, "high": None}
    n = len(values)
    half_width = float(stdtrit(n - 1, 0.975) * values.std(ddof=1) / np.sqrt(n))
    return {"mean": mean, "low": mean - half_width, "high": mean + half_width}


def _ratio_interval(
    above: np.ndarray, below: np.ndarray, patients: np.ndarray | None = None
) -> dict[str, float | None]:
    """Ratio of two sums of non-negative values over images, its interval never below 0."""
    if below.mean() < _NO_POWER:
        return {"mean": None, "low": None, "high": None}
    ratio = float(above.sum() / below.sum())
    interval = _mean_interval((above - ratio * below) / below.mean(), patients)
    low, high = interval["low"], interval["high"]
    return {
        "mean": ratio,
        "low": None if low is None else max(ratio + low, 0.0),
        "high": None if high is None else ratio + high,
    }


def _over_chunks(
    measure: _Measure, originals: np.ndarray, reconstructions: np.ndarray
) -> np.ndarray:
    """Values of `measure`, which sees some pairs in float64 at a time, of all pairs (n, ...)."""
    return np.concatenate([measure(a, b) for a, b in _pairs(originals, reconstructions)])


def _pairs(
    originals: np.ndarray, reconstructions: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Chunks of originals and reconstructions in float64, or an InputError."""
    shape = np.shape(originals)
    if shape != np.shape(reconstructions):
        raise InputError(
            f"originals {shape} against reconstructions {np.shape(reconstructions)}:"
            " give pairs of one shape"
        )
    if len(shape) != 4 or 0 in shape:
        raise InputError(f"images have shape {shape}: give at least one, (n, h, w, c)")
    size = max(_CHUNK_VALUES // int(np.prod(shape[1:])), 1)
    for start in range(0, shape[0], size):
        rows = slice(start, start + size)
        yield (
            _intensities(originals[rows], "originals"),
            _intensities(reconstructions[rows], "reconstructions"),
        )


def _intensities(images: np.ndarray, name: str) -> np.ndarray:
    """Images in float64 between 0 and 1, or an InputError that names them."""
    images = np.asarray(images)
    if images.dtype == np.uint8:
        return images / 255
    if not np.issubdtype(images.dtype, np.floating):
        raise InputError(f"{name} are {images.dtype}: give uint8, or floats in [0, 1]")
    if not ((images >= 0) & (images <= 1)).all():  # false for NaN too
        raise InputError(f"{name} are NaN or outside [0, 1]: divide by 255, or clip them")
    return images.astype(np.float64)
