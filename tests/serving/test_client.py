"""The client over real sockets, REST and gRPC: answers, retries and error messages."""

import json
import socket

import numpy as np
import pytest
from example_model import IMPORTED, STEPS, evidence
from picture_table import ROWS
from small_server import serve

from tfmed.cli import main
from tfmed.data.pictures.recipe import prepared, steps_from
from tfmed.errors import InputError
from tfmed.serving import client, gate
from tfmed.serving.client import BadImageError, ServerError, Target, over_rest
from tfmed.training import fitting

pytestmark = pytest.mark.slow

NAME = evidence().name
WAYS = ("rest", "grpc")


@pytest.fixture(scope="module")
def running(example):
    with pytest.MonkeyPatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            patch.delenv(name, raising=False)
            patch.delenv(name.upper(), raising=False)
        with serve(NAME, example.version) as server:
            yield server


@pytest.fixture
def server(running):
    running.states, running.labels = {1: "AVAILABLE"}, {"stable": 1}
    running.failures, running.requests = [], 0
    return running


@pytest.fixture(scope="module")
def files(images):
    return gate.as_png_files(images)


def ask(server, way, content, *, retries=3, pauses=None, **target):
    values = {"url": getattr(server, way), "model": NAME, **target}
    pauses = [] if pauses is None else pauses
    connection = client.connect(Target(**values))
    return client.predict(connection, content, retries=retries, sleep=pauses.append)


@pytest.mark.parametrize("way", WAYS)
def test_answers_are_those_of_the_keras_original(example, server, way, images, files):
    expected = fitting.scores(example.classifier, images[:5], "binary")
    for content, score in zip(files[:5], expected, strict=True):
        answer = ask(server, way, content)
        assert answer.probabilities[1] == pytest.approx(score, abs=1e-6)
        assert answer.label == ("pneumonia" if score > evidence().threshold else "normal")


@pytest.mark.parametrize("way", WAYS)
def test_label_version_or_neither_choose_what_is_asked(server, way, files):
    server.labels["candidate"] = 1
    for target in ({"label": "candidate"}, {"label": "", "version": 1}, {"label": ""}):
        assert ask(server, way, files[0], **target).label in ("normal", "pneumonia")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"model": "other"}, "serves no model other; names are those in models.config"),
        ({"model": "other", "label": ""}, "serves no model other"),
        ({"label": "", "version": 7}, "it serves version 1"),
        ({"label": "old"}, "no version labelled old; give another --label"),
    ],
    ids=str,
)
def test_what_is_not_served_is_an_error_at_once(server, way, files, target, words):
    with pytest.raises(ServerError, match=words):
        ask(server, way, files[0], **target)
    assert server.requests == 1


@pytest.mark.parametrize("way", WAYS)
def test_bytes_that_are_not_an_image_are_refused_with_the_reason_and_not_tried_again(
    server, way, files
):
    for content in (b"", b"GIF89a", files[0][:60]):
        with pytest.raises(BadImageError, match="PNG"):
            ask(server, way, content)
    assert server.requests == 3
    assert ask(server, way, files[0]).label


def test_an_array_of_the_wrong_shape_is_refused_by_the_model(server):
    connection = client.connect(Target(server.rest, NAME))
    body = {"instances": np.zeros((1, 9, 9, 1), int).tolist()}
    status, answer = connection._send(f"{connection.model_url}:predict", body)
    assert status == 400
    assert "error" in answer


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("failure", ["drop", "unavailable"])
def test_transient_failures_are_tried_again_after_growing_pauses(server, way, files, failure):
    server.failures, pauses = [failure, failure], []
    assert ask(server, way, files[0], pauses=pauses).label
    assert pauses == [0.5, 1.0]
    assert server.requests == 3


@pytest.mark.parametrize("way", WAYS)
def test_a_failure_that_lasts_is_an_error_after_the_last_try(server, way, files):
    server.failures = ["drop"] * 9
    with pytest.raises(ServerError, match="tried 3 times"):
        ask(server, way, files[0], retries=2)
    assert server.requests == 3


@pytest.mark.parametrize("way", WAYS)
def test_an_internal_error_of_the_server_is_an_error_at_once(server, way, files):
    server.failures = ["internal"]
    with pytest.raises(ServerError, match="internal"):
        ask(server, way, files[0])
    assert server.requests == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_model_that_is_still_loading_is_waited_for(server, way, files):
    server.states = {1: "LOADING"}
    seen = []

    def pause(seconds):
        seen.append(seconds)
        server.states = {1: "AVAILABLE"} if len(seen) == 2 else server.states

    connection = client.connect(Target(getattr(server, way), NAME))
    assert client.predict(connection, files[0], sleep=pause).label
    server.states = {1: "LOADING"}
    with pytest.raises(ServerError, match="still loading; tried 2 times"):
        ask(server, way, files[0], retries=1)


@pytest.mark.parametrize("way", WAYS)
def test_a_server_that_is_not_there_is_named(way):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    scheme = "http" if way == "rest" else "grpc"
    connection = client.connect(Target(f"{scheme}://127.0.0.1:{port}", NAME), 5.0)
    with pytest.raises(ServerError, match=f"{scheme}://127.0.0.1:{port}: .*tried 2 times"):
        client.predict(connection, b"", retries=1, sleep=lambda _: None)


def test_a_server_of_another_kind_is_an_error():
    with pytest.raises(ServerError, match="no label and probabilities"):
        over_rest._row({"predictions": [1.0]}, Target("http://h", "m"))


@pytest.mark.parametrize("url", ["localhost:8501", "ftp://h", "", "http://", "grpc://"])
def test_an_address_of_no_known_kind_is_refused(url):
    with pytest.raises(InputError, match="grpc://host:8500"):
        client.connect(Target(url, NAME))


def test_the_command_prints_a_line_for_each_image_and_names_those_refused(
    server, files, tmp_path, capsys
):
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    good.write_bytes(files[0])
    bad.write_bytes(b"no image")
    arguments = ["models", "predict", "--url", server.rest, "--model", NAME, "--retries", "0"]
    assert main([*arguments, str(good)]) == 0
    assert f"{good}  " in capsys.readouterr().out
    assert main([*arguments, "--json", str(bad), str(tmp_path / "none.png"), str(good)]) == 2
    found = capsys.readouterr()
    assert json.loads(found.out)["image"] == str(good)
    assert f"error: {bad}: the server refuses it: is neither PNG nor JPEG\n" in found.err
    assert f"error: {tmp_path / 'none.png'}: can't be read" in found.err
    assert main([*arguments, "--version", "9", str(good)]) == 2
    assert "it serves version 1" in capsys.readouterr().err


@pytest.mark.parametrize("extra", [["--retries", "-1"], ["--timeout", "0"], ["--timeout", "x"]])
def test_options_out_of_range_are_refused(extra, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["models", "predict", "--url", "http://h", "--model", "m", *extra, "a.png"])
    assert ended.value.code == 2
    assert extra[0] in capsys.readouterr().err


@pytest.fixture(scope="module")
def server_of_imported(imported):
    with serve(IMPORTED, imported.version) as server:
        yield server


@pytest.mark.parametrize("way", WAYS)
def test_a_model_of_imported_images_is_sent_what_the_import_makes_of_a_file(
    imported, server_of_imported, way, tmp_path
):
    paths, pictures = [], []
    for row in ROWS:
        if row.refused or not row.name.endswith(("exif_6.jpg", ".dcm", "p_alpha.png", "i;16.tif")):
            continue
        paths.append(tmp_path / row.name)
        paths[-1].write_bytes(row.make())
        pictures.append(prepared(paths[-1], steps_from(STEPS)))
    assert len(paths) == 5
    expected = fitting.scores(imported.classifier, np.stack(pictures), "binary")
    target = Target(getattr(server_of_imported, way), IMPORTED)
    answers = [answer for _, answer in client.predict_files(target, paths)]
    given = [answer.probabilities[1] for answer in answers]
    assert given == pytest.approx(expected.tolist(), abs=1e-6)


@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_the_import_refuses_is_refused_before_it_is_sent(
    server_of_imported, way, tmp_path
):
    (row,) = (row for row in ROWS if row.name == "png_rgb_16.png")
    path = tmp_path / row.name
    path.write_bytes(row.make())
    before = server_of_imported.requests
    target = Target(getattr(server_of_imported, way), IMPORTED)
    found = dict(client.predict_files(target, [path, tmp_path / "none.png"]))
    assert row.refused in str(found[path])
    assert "can't be read (No such file" in str(found[tmp_path / "none.png"])
    assert server_of_imported.requests == before + 1  # for the steps


def test_steps_of_another_version_are_an_error(server_of_imported, monkeypatch):
    def unknown(*_):
        return {"steps": '[{"step": "spin"}]'}

    connection = client.connect(Target(server_of_imported.rest, IMPORTED))
    monkeypatch.setattr(connection, "ask", unknown)
    with pytest.raises(InputError, match="use the version that exported it"):
        client.image_steps(connection)
