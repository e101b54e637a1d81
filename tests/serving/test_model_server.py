"""Every exported model over REST and gRPC from a real TF Serving, where there is one.

`tensorflow_model_server` on the PATH is started with the example's own configuration. Or
`TFMED_SERVING_URL` names a server that runs already (`http://host:8501`; its gRPC address is
`TFMED_SERVING_GRPC`, by default port 8500 of the same host) and `TFMED_SERVING_MODELS` the folder
that it serves, by default `saved_models`.
"""

import os
import shutil
import socket
import subprocess
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tfmed.serving import card, client, config, gate
from tfmed.serving.client import Target
from tfmed.serving.versions import versions

SERVER = "tensorflow_model_server"
START_SECONDS = 120
# A server may be of another build than this TensorFlow, whose kernels round otherwise.
OTHER_BUILD = 1e-5


class Running(NamedTuple):
    """Addresses of a server and the folder of models that it serves."""

    rest: str
    grpc: str
    models: Path


@pytest.fixture(scope="module")
def server(example, tmp_path_factory) -> Iterator[Running]:
    if url := os.environ.get("TFMED_SERVING_URL"):
        host = urllib.parse.urlsplit(url).hostname
        grpc = os.environ.get("TFMED_SERVING_GRPC", f"grpc://{host}:8500")
        folder = os.environ.get("TFMED_SERVING_MODELS", "saved_models")
        yield Running(url.rstrip("/"), grpc, Path(folder))
        return
    if not shutil.which(SERVER):
        pytest.skip(f"no {SERVER} on the PATH, and TFMED_SERVING_URL names no server")
    rest, grpc = free_port(), free_port()
    own = tmp_path_factory.mktemp("server")
    served = config.write_configs(example.folder)
    (own / "models.config").write_text(config.models_config(served, str(example.folder)))
    command = [
        *(SERVER, f"--port={grpc}", f"--rest_api_port={rest}"),
        f"--model_config_file={own / 'models.config'}",
        "--allow_version_labels_for_unavailable_models=true",
    ]
    with (own / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as run:
        try:
            wait_for(rest, run, own / "log")
            yield Running(f"http://127.0.0.1:{rest}", f"grpc://127.0.0.1:{grpc}", example.folder)
        finally:
            run.terminate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def wait_for(port: int, process: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"{SERVER} does not start:\n{log.read_text(errors='replace')[-3000:]}")


def labelled(models: Path) -> list[tuple[str, str, Path]]:
    """Name, label and version folder of everything that the server's labels name."""
    found = []
    for folder in sorted(path for path in models.iterdir() if versions(path)):
        served = config.choose(folder)
        for label in ("stable", "candidate"):
            version = getattr(served, label)
            if version is not None:
                found.append((folder.name, label, folder / str(version)))
    return found


@pytest.mark.parametrize("way", ["rest", "grpc"])
def test_a_real_server_gives_the_keras_originals_answers_for_every_model(server, way):
    asked = labelled(server.models)
    assert asked
    for name, label, folder in asked:
        with np.load(folder / "assets.extra" / gate.REFERENCE) as arrays:
            images, expected = arrays["images"], arrays["probabilities"]
        connection = client.connect(Target(getattr(server, way), name, label), 30.0)
        answers = [client.predict(connection, file) for file in gate.as_png_files(images)]
        off = np.abs(np.array([answer.probabilities for answer in answers]) - expected).max()
        assert off <= OTHER_BUILD, (name, label)
        names = card.read_card(folder)["class_names"]
        assert {answer.label for answer in answers} <= set(names)


@pytest.mark.parametrize("way", ["rest", "grpc"])
def test_a_real_server_refuses_bytes_that_are_not_an_image_and_goes_on_answering(server, way):
    name, label, folder = labelled(server.models)[0]
    connection = client.connect(Target(getattr(server, way), name, label), 30.0)
    with pytest.raises(client.BadImageError, match="neither PNG nor JPEG"):
        client.predict(connection, b"no image")
    with np.load(folder / "assets.extra" / gate.REFERENCE) as arrays:
        (file,) = gate.as_png_files(arrays["images"][:1])
    assert client.predict(connection, file).label


@pytest.mark.parametrize("way", ["rest", "grpc"])
def test_errors_of_a_real_server_name_what_it_does_not_serve(server, way):
    url = getattr(server, way)
    name, _, _ = labelled(server.models)[0]
    for target, words in (
        (Target(url, "no-such-model"), "serves no model no-such-model"),
        (Target(url, name, "", 999_999), "it serves version"),
        (Target(url, name, "no-such-label"), "no version labelled no-such-label"),
    ):
        with pytest.raises(client.ServerError, match=words):
            client.predict(client.connect(target, 30.0), b"", retries=1)
