"""Hooks of mkdocs: files that pages link to outside `docs/` become part of the site.

The same relative links then hold in the repository and on the site, whose home is README.md.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

OUTSIDE = (
    "README.md",
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "LICENSE",
    "benchmarks/README.md",
    "studies/chest_to_pneumonia/as_reported.toml",
    "studies/default.toml",
)
"""Files outside `docs/` that the site holds, by their paths in the repository."""
_LINK = re.compile(r'(\]\(|src="|href=")([^)"#:\s]+)')


def on_config(config: Any) -> Any:
    """Replaces a pattern in the navigation (`methods/*.md`) by the pages that it fits."""
    root = Path(config.docs_dir)
    for part in config.nav:
        for title, pages in part.items():
            if isinstance(pages, str) and "*" in pages:
                part[title] = [path.relative_to(root).as_posix() for path in root.glob(pages)]
                part[title].sort()
    return config


def on_files(files: Files, config: Any) -> Files:
    """Adds the files of `OUTSIDE`."""
    for path in OUTSIDE:
        files.append(File.generated(config, _on_site(path), abs_src_path=path))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turns links between files of the repository into links between files of the site."""
    source = page.file.src_uri
    folder = posixpath.dirname(source if source in OUTSIDE else f"docs/{source}")

    def moved(link: re.Match[str]) -> str:
        target = _on_site(posixpath.normpath(posixpath.join(folder, link[2])))
        return link[1] + posixpath.relpath(target, posixpath.dirname(source) or ".")

    return _LINK.sub(moved, markdown)


def _on_site(path: str) -> str:
    """Where a file of the repository is on the site; a browser shows only known kinds as text."""
    if path in OUTSIDE and not path.endswith(".md"):
        return f"{path}.txt"
    return path.removeprefix("docs/")
