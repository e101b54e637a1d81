"""What is in a data set, and what is wrong with it; looked at before any work starts.

Everything that is wrong is an `InputError` of one line: the file, the fault and the remedy. What
makes results doubtful only is counted and said.
"""

from tfmed.data.checks.arrays import image_shape, n_columns, verify_arrays
from tfmed.data.checks.balance import Shift, shifts
from tfmed.data.checks.duplicates import (
    Duplicates,
    every_blank,
    find_duplicates,
    known_duplicates,
    refuse_useless,
    test_in_train,
)
from tfmed.data.checks.patients import images_of_shared, known_patients, shared_patients
from tfmed.data.checks.subgroups import verify_subgroups

__all__ = [
    "Duplicates",
    "Shift",
    "every_blank",
    "find_duplicates",
    "image_shape",
    "images_of_shared",
    "known_duplicates",
    "known_patients",
    "n_columns",
    "refuse_useless",
    "shared_patients",
    "shifts",
    "test_in_train",
    "verify_arrays",
    "verify_subgroups",
]
