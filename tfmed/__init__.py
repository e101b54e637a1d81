"""tfmed: does an encoder pretrained without labels help when labels are scarce?

import tfmed

found = tfmed.run(tfmed.Study(source="phantom", target="phantom").quickened())
found.summary[["task", "strategy", "label_budget", "auc", "auc_low", "auc_high"]]
found.plot("answer")
tfmed.load_results("reports/chest-to-pneumonia-quick").runs
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfmed.config.study import Study
    from tfmed.notebook.results import Results, load_results
    from tfmed.orchestration.running import run

__all__ = ["Results", "Study", "__version__", "load_results", "run"]
__version__ = "0.1.0"
_HOMES = {
    "Results": "tfmed.notebook.results",
    "Study": "tfmed.config.study",
    "load_results": "tfmed.notebook.results",
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
