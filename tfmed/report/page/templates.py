"""The templates, and how they are filled."""

from pathlib import Path
from typing import Any


def templates_folder() -> Path:
    """The templates: inside the installed package, else at the repository's root."""
    package = Path(__file__).parents[2]
    installed = package / "templates"
    return installed if installed.is_dir() else package.parent / "templates"


def environment(*, autoescape: bool) -> Any:
    """A Jinja environment; `autoescape` for HTML."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_folder()),
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
