"""tfmed: does an encoder pretrained without labels help when labels are scarce?

import tfmed

found = tfmed.run(tfmed.Study(source="phantom", target="phantom").quickened())
found.summary[["task", "strategy", "label_budget", "auc", "auc_low", "auc_high"]]
tfmed.load_results("reports/chest-to-pneumonia-quick").runs
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfmed.config.study import Study
    from tfmed.orchestration.running import run
    from tfmed.results.loading import load_results

__all__ = ["Study", "__version__", "load_results", "run"]
__version__ = "0.1.0"
_HOMES = {
    "Study": "tfmed.config.study",
    "load_results": "tfmed.results.loading",
    "run": "tfmed.orchestration.running",
}


def __getattr__(name: str) -> Any:
    """Imports what is asked for, no sooner: every command and every worker imports tfmed."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names."""
    return __all__
