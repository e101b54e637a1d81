"""Downloads against a local server that behaves well, badly, or not at all."""

import hashlib
import http.server
import os
import re
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tfmed.data import download as module
from tfmed.data.download import download, is_reachable
from tfmed.data.integrity import file_md5
from tfmed.errors import InputError

CONTENT = bytes(range(256)) * 4000
MD5 = hashlib.md5(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT; `server.behaviour` says how well."""

    def log_message(self, *_args):
        pass

    def do_GET(self):
        behaviour = self.server.behaviour
        asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        self.server.ranges.append(int(asked[1]) if asked else None)
        if behaviour.get("hang"):
            self.server.release.wait(5)
            return
        if status := behaviour.get("status"):
            self.send_error(status)
            return
        content = behaviour.get("content", CONTENT)
        start = int(asked[1]) if asked and not behaviour.get("ignores_range") else 0
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            shown = start + behaviour.get("range_shift", 0)
            self.send_header("Content-Range", f"bytes {shown}-{len(content) - 1}/{len(content)}")
        body = content[start:]
        if not behaviour.get("unknown_length"):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        drops = behaviour.get("drops", 0)
        behaviour["drops"] = drops - 1
        self.wfile.write(body[: len(body) // 2] if drops > 0 else body)


class Server(http.server.ThreadingHTTPServer):
    """Says nothing of clients that hang up, which is what these tests are about."""

    def handle_error(self, *_args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0)
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost,nowhere.invalid")
    with Server(("127.0.0.1", 0), Handler) as server:
        server.behaviour, server.ranges, server.release = {}, [], threading.Event()
        server.url = f"http://127.0.0.1:{server.server_port}/own.npz"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.release.set()
        server.shutdown()


def fetch(server, folder, **options):
    options = {"label": "own.npz", "progress": False} | options
    return download(server.url, folder / "own.npz", MD5, **options)


def line_of(server, folder, **options):
    with pytest.raises(InputError) as caught:
        fetch(server, folder, **options)
    line = str(caught.value)
    assert not (folder / "own.npz").exists()
    assert "\n" not in line
    assert "own.npz" in line
    assert "by hand" in line or "--data-root" in line
    return line


def test_a_good_download_leaves_the_file_alone_in_its_folder(server, tmp_path):
    path = fetch(server, tmp_path / "new" / "folder")
    assert path.read_bytes() == CONTENT
    assert [entry.name for entry in path.parent.iterdir()] == ["own.npz"]
    assert file_md5(path) == MD5


def test_a_download_of_unknown_length_is_whole(server, tmp_path):
    server.behaviour["unknown_length"] = True
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_progress_goes_to_stderr_only(server, tmp_path, capsys):
    fetch(server, tmp_path, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(r"downloading own\.npz .* 100%", err)


def test_a_part_is_resumed_where_it_ends(server, tmp_path):
    (tmp_path / "own.npz.part").write_bytes(CONTENT[:1000])
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [1000]
    assert not (tmp_path / "own.npz.part").exists()


def test_a_dropped_connection_is_resumed(server, tmp_path):
    server.behaviour["drops"] = 2
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, 512_000, 768_000]


@pytest.mark.parametrize("behaviour", [{"ignores_range": True}, {"range_shift": 1}])
def test_a_server_that_cannot_resume_is_begun_again(server, tmp_path, behaviour):
    server.behaviour.update(behaviour)
    (tmp_path / "own.npz.part").write_bytes(b"x" * 1000)
    assert fetch(server, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("n_bytes", [1000, len(CONTENT), len(CONTENT) + 5])
def test_a_part_of_another_file_is_begun_again(server, tmp_path, n_bytes):
    (tmp_path / "own.npz.part").write_bytes(b"x" * n_bytes)
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_a_whole_part_is_moved_into_place(server, tmp_path):
    (tmp_path / "own.npz.part").write_bytes(CONTENT)
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [len(CONTENT)]


def test_a_server_that_drops_for_ever_leaves_a_part_to_resume(server, tmp_path):
    server.behaviour["drops"] = 10**6
    line = line_of(server, tmp_path)
    assert "broke off" in line
    assert "in the last of 3 attempts" in line
    part = (tmp_path / "own.npz.part").read_bytes()
    assert part == CONTENT[: len(part)]
    server.behaviour["drops"] = 0
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_a_part_that_cannot_be_resumed_is_removed(server, tmp_path):
    server.behaviour.update(drops=10**6, ignores_range=True)
    line_of(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_wrong_bytes_are_refused_and_removed(server, tmp_path):
    server.behaviour["content"] = b"<html>log in</html>"
    line = line_of(server, tmp_path)
    assert MD5 in line
    assert "19 bytes" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("status", "n_requests"), [(404, 1), (403, 1), (503, 3)])
def test_http_errors_are_named_by_their_code(server, tmp_path, status, n_requests):
    server.behaviour["status"] = status
    assert f"answered {status}" in line_of(server, tmp_path)
    assert len(server.ranges) == n_requests
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_falls_silent_is_given_up(server, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "STALL_SECONDS", 0.1)
    server.behaviour["hang"] = True
    assert "sent nothing for 0.1 s" in line_of(server, tmp_path)


def test_a_port_that_nobody_listens_on_is_noticed_at_once(server, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        server.url = f"http://127.0.0.1:{unused.getsockname()[1]}/own.npz"
        line = line_of(server, tmp_path)
        assert not is_reachable(server.url)
    assert "cannot reach 127.0.0.1" in line
    assert list(tmp_path.iterdir()) == []


def _resolve_too_late(*_args, **_options):
    time.sleep(1)
    raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_resolution_that_hangs_is_given_up_in_time(server, tmp_path, monkeypatch, scheme):
    monkeypatch.setattr(socket, "getaddrinfo", _resolve_too_late)
    server.url = f"{scheme}://nowhere.invalid/own.npz"
    started = time.monotonic()
    assert "no connection within 0.2 s" in line_of(server, tmp_path, timeout=0.2)
    assert not is_reachable(server.url, timeout=0.2)
    assert time.monotonic() - started < 1.8


def test_the_default_timeout_notices_offline_within_ten_seconds():
    assert download.__kwdefaults__["timeout"] <= 8
    assert is_reachable.__kwdefaults__["timeout"] <= 8


def test_reachable_means_that_the_file_is_there(server):
    assert is_reachable(server.url)
    assert server.ranges == [0]
    server.behaviour["status"] = 404
    assert not is_reachable(server.url)


@pytest.mark.parametrize(
    "url", ["", "ftp://host/x", "file:///x", "http://", "http://a b/", "http://h:x/"]
)
def test_what_is_no_web_address_is_refused(tmp_path, url):
    with pytest.raises(InputError, match="is not an address"):
        download(url, tmp_path / "own.npz", MD5, label="own")


def test_a_full_disk_is_noticed_before_the_download(server, tmp_path, monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: _Usage())
    assert "no space left" in line_of(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


class _Usage:
    free = 10


def test_a_folder_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"own\.npz cannot be written"):
        fetch(server, tmp_path / "file")


def test_an_empty_file_in_the_way_is_replaced(server, tmp_path):
    (tmp_path / "own.npz").touch()
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_two_processes_at_once_download_once(server, tmp_path):
    code = (
        "import sys; from pathlib import Path; from tfmed.data.download import download;"
        "download(sys.argv[1], Path(sys.argv[2]), sys.argv[3], label='own', progress=False)"
    )
    command = [sys.executable, "-c", code, server.url, str(tmp_path / "own.npz"), MD5]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    both = [subprocess.Popen(command, env=env) for _ in range(2)]
    assert [process.wait(30) for process in both] == [0, 0]
    assert (tmp_path / "own.npz").read_bytes() == CONTENT
    assert [entry.name for entry in tmp_path.iterdir()] == ["own.npz"]
    assert len(server.ranges) == 1
