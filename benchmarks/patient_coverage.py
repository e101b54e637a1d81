"""How often the 95 % intervals hold the truth where a patient has several test images.

Patients are drawn, each with a class and an effect on the scores of all its images; half of the
images are of their patient's class, the others of any. Two classifiers score the same images. The
truth is the metric at infinitely many patients. Each interval is computed by `tfmed.evaluation`
twice: of patients, and as if each image were of another patient. Run from the repository by
`OMP_NUM_THREADS=1 python -m benchmarks.interval_coverage --part patients`.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import product

import numpy as np
from scipy.special import softmax

from tfmed.evaluation.case_values import case_values
from tfmed.evaluation.intervals import difference_of, interval_of

SHARES = {
    2: (0.375, 0.625),
    3: (0.5, 0.3, 0.2),
    7: (0.3, 0.2, 0.15, 0.12, 0.1, 0.08, 0.05),
}
STEP = {2: 1.0, 3: 1.2, 7: 0.8}
"""Logits that an answer loses for each class that it lies beside the true one."""
METRICS = {
    2: ("accuracy", "auc", "average_precision", "balanced_accuracy", "sensitivity", "specificity"),
    3: ("auc", "balanced_accuracy", "quadratic_kappa"),
    7: ("auc", "balanced_accuracy", "quadratic_kappa"),
}
# Standard deviations in logits: of a patient, of an image, and of what is each classifier's own.
PATIENT, IMAGE, OWN = 0.7, 0.7, 0.3
OF_OWN_CLASS = 0.5
"""Chance that an image is of its patient's class for sure."""
IMAGES = (150, 400, 879)
IMAGES_A_PATIENT = (1, 2, 5, 10, "1 to 10")
WORSE = 0.85
"""The second classifier's step, as a share of the first's."""
BATCH = 250


def draw(
    rng: np.random.Generator, k: int, n: int, a_patient: int | str
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Labels (n,), patients (n,), and per classifier the scores of one run."""
    sizes = rng.integers(1, 11, n) if isinstance(a_patient, str) else np.full(n, a_patient)
    patients = np.repeat(np.arange(n), sizes)[:n]
    n_patients = int(patients[-1]) + 1
    of_patient = rng.choice(k, n_patients, p=SHARES[k])[patients]
    labels = np.where(rng.random(n) < OF_OWN_CLASS, of_patient, rng.choice(k, n, p=SHARES[k]))
    distance = np.abs(labels[:, None] - np.arange(k))
    common = rng.normal(0, PATIENT, (n_patients, k))[patients] + rng.normal(0, IMAGE, (n, k))
    scores = []
    for step in (STEP[k], WORSE * STEP[k]):
        own = rng.normal(0, OWN, (n_patients, k))[patients] + rng.normal(0, OWN, (n, k))
        probabilities = softmax(common + own - step * distance, axis=1)
        scores.append(probabilities[None, :, 1] if k == 2 else probabilities[None])
    return labels, patients, scores


def truth(k: int) -> np.ndarray:
    """Metrics (2, metrics) of both classifiers, of a million images each of another patient."""
    rng, found = np.random.default_rng(k), []
    for _ in range(20):
        labels, _, scores = draw(rng, k, 50_000, 1)
        found.append(
            [[float(_values(k, m, labels, s).estimates[0]) for m in METRICS[k]] for s in scores]
        )
    return np.mean(found, axis=0)


def _values(k: int, metric: str, labels: np.ndarray, scores: np.ndarray, patients=None):
    task = "binary" if k == 2 else "ordinal"
    return case_values(metric, labels, scores, np.array([0.5]), task, patients)


def _batch(
    design: tuple[int, int, int | str], wanted: np.ndarray, number: int, size: int
) -> np.ndarray:
    """Simulations that are defined, and how many intervals hold the truth.

    Returns:
        (metrics, 5): defined; the first classifier's mean by patient and by image; the difference
        by patient and by image.
    """
    k, n, a_patient = design
    rng = np.random.default_rng([k, n, IMAGES_A_PATIENT.index(a_patient), number])
    held = np.zeros((len(METRICS[k]), 5))
    for _ in range(size):
        labels, patients, scores = draw(rng, k, n, a_patient)
        if len(np.unique(labels)) < k:
            continue
        for i, metric in enumerate(METRICS[k]):
            held[i, 0] += 1
            ways = (patients, None) if a_patient != 1 else (None,)
            for j, counted in enumerate(ways):
                a, b = (_values(k, metric, labels, each, counted) for each in scores)
                mean, difference = interval_of(a), difference_of(a.minus(b))
                true = wanted[0, i] - wanted[1, i]
                held[i, 1 + j] += mean["low"] <= wanted[0, i] <= mean["high"]
                held[i, 3 + j] += difference["low"] <= true <= difference["high"]
    return held


def coverage(simulations: int) -> Iterator[tuple[int, int | str, dict[int, np.ndarray]]]:
    """Per number of classes and images a patient: images to what `_batch` counts, in sum."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for k, a_patient in product(SHARES, IMAGES_A_PATIENT):
            wanted = truth(k)
            found = {}
            for n in IMAGES:
                batches = range(-(-simulations // BATCH))
                parts = [
                    pool.submit(_batch, (k, n, a_patient), wanted, number, BATCH)
                    for number in batches
                ]
                found[n] = sum(part.result() for part in parts)
            yield k, a_patient, found


def print_patients(simulations: int) -> None:
    """A row per number of classes, metric and images a patient."""
    print("share of 95 % intervals that hold the truth, in %: of patients (as if of images)")
    heads = [f"{what}, {n} images" for what in ("mean", "difference") for n in IMAGES]
    print("| classes | metric | images a patient | " + " | ".join(heads) + " |")
    print("| ---: | --- | ---: |" + " ---: |" * len(heads))
    for k, a_patient, found in coverage(simulations):
        for i, metric in enumerate(METRICS[k]):
            cells = []
            for first in (1, 3):
                for held in found.values():
                    right, wrong = 100 * held[i, first : first + 2] / held[i, 0]
                    cells.append(f"{right:.1f}" + (f" ({wrong:.1f})" if a_patient != 1 else ""))
            print(f"| {k} | {metric} | {a_patient} | " + " | ".join(cells) + " |", flush=True)
