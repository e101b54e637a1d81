"""Patients with several test images: what one patient's images say together counts once.

Images of one patient resemble each other, so that 879 images of 412 patients tell less than 879 of
as many. The draw of cases is then one of patients, and the variance it leaves in a metric is that
of a jackknife that leaves out a patient at a time (cluster-robust variance: Cameron & Miller 2015;
its jackknife form, which bears patients of unlike numbers of images best: MacKinnon, Nielsen & Webb
2023). Metrics are sums of means over groups of cases (`tfmed.evaluation.case_values`), so that what
a patient's absence changes is known in closed form and nothing is computed again; of AUC these
are the sums of structural components of Obuchowski (1997). Degrees of freedom are patients - 1.

With one image a patient all of this is what it is without patients.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from tfmed.errors import InputError


def numbered(patients: ArrayLike | None, n: int) -> np.ndarray | None:
    """Patients as numbers from 0, (n,); None where each has one image, or none is known.

    Args:
        patients: (n,) integers or texts, equal where images are of one patient; None: not known.
        n: images.

    Raises:
        InputError: they are not one for each image.
    """
    if patients is None:
        return None
    names = np.asarray(patients)
    if names.shape != (n,):
        raise InputError(f"patients of shape {names.shape} for {n} cases: give one for each case")
    found, numbers = np.unique(names, return_inverse=True)
    return numbers.astype(np.int64) if len(found) < n else None


def covariance(
    groups: tuple[np.ndarray, ...], patients: tuple[np.ndarray, ...], n_seeds: int
) -> np.ndarray:
    """Covariance (n_seeds, n_seeds) of a metric's estimates due to the draw of patients.

    Args:
        groups: per independent group of cases an array (n_seeds, cases of the group).
        patients: per group the number of each of its cases' patient, (cases of the group,).
        n_seeds: rows of the groups.
    """
    n_patients = 1 + max(int(numbers.max()) for numbers in patients)
    changes = np.zeros((n_seeds, n_patients))
    for values, numbers in zip(groups, patients, strict=True):
        images = np.bincount(numbers, minlength=n_patients)
        present = images > 0
        n = int(present.sum())
        if n < 2:
            continue
        centred = values - values.mean(axis=1, keepdims=True)
        sums = np.array([np.bincount(numbers, row, n_patients) for row in centred])
        # The mean of all images minus that of those of other patients.
        change = sums[:, present] / (images.sum() - images[present])
        changes[:, present] += np.sqrt((n - 1) / n) * change
    return changes @ changes.T


def n_counted(
    of_labels: Callable[[np.ndarray], int], labels: np.ndarray, patients: np.ndarray
) -> int:
    """Patients that a metric rests on: of the smallest class that it needs, or all.

    Args:
        of_labels: what the metric rests on, from labels of cases (`tfmed.tasks.Task.n_cases`).
        labels: (n, ...).
        patients: (n,) numbers from 0.
    """
    rows = np.column_stack([patients, labels.reshape(len(labels), -1)])
    # A patient counts once for each class.
    _, first = np.unique(rows, axis=0, return_index=True)
    return min(of_labels(labels[np.sort(first)]), int(patients.max()) + 1)


def n_inside(inside: np.ndarray, patients: np.ndarray | None) -> int:
    """Cases of a mask (n,), or their patients where these are known."""
    return int(inside.sum()) if patients is None else len(np.unique(patients[inside]))
