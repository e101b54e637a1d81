"""Labels and scores of cases: checked; the threshold that validation cases choose."""

from tfmed.tasks.binary import check_cases as checked_cases
from tfmed.tasks.binary import choose as choose_threshold

__all__ = ["checked_cases", "choose_threshold"]
