"""Records the run that tests of the report look at; some minutes on two cores.

python tests/recorded/record.py
"""

import lzma
import shutil
import tempfile
from pathlib import Path

import tfmed

HERE = Path(__file__).parent


def main() -> None:
    """Runs `study.toml` and keeps its results and its pictures of test images."""
    with tempfile.TemporaryDirectory() as folder:
        found = tfmed.run(
            HERE / "study.toml", out=folder, models=Path(folder) / "models", command="recorded"
        )
        (HERE / "results.json.xz").write_bytes(
            lzma.compress((found.folder / "results.json").read_bytes(), preset=9)
        )
        shutil.rmtree(HERE / "images", ignore_errors=True)
        shutil.copytree(found.folder / "images", HERE / "images")


if __name__ == "__main__":
    main()
