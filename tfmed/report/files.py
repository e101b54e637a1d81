"""Files that are whole or not there."""

from pathlib import Path


def write_aside(path: Path, content: str | bytes) -> None:
    """Write a file under another name and move it into place, so that no half file is seen."""
    aside = path.with_name(f".{path.name}.part")
    data = content.encode() if isinstance(content, str) else content
    try:
        aside.write_bytes(data)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
