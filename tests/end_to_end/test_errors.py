"""What a user can fix ends with exit code 2 and one line that says how."""

import http.server
import threading

import numpy as np
import pytest


def write_npz(path, **changes):
    """A small sound file, but for `changes` (key to array; None leaves the key out)."""
    rng = np.random.default_rng(0)
    arrays = {}
    for split in ("train", "val", "test"):
        arrays[f"{split}_images"] = rng.integers(0, 256, (12, 28, 28), np.uint8)
        arrays[f"{split}_labels"] = np.arange(12, dtype=np.uint8)[:, None] % 2
    arrays |= changes
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    return path


def assert_refused(done, *words):
    lines = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert (done.code, done.out, len(lines)) == (2, "", 1), done.err
    assert done.err.rstrip().endswith(lines[0])
    assert "Traceback" not in done.err
    for word in words:
        assert word in lines[0]


def labels(value, dtype=np.uint8):
    array = np.arange(12, dtype=dtype)[:, None] % 2
    array[3] = value
    return array


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"val_labels": None}, "lacks val_labels"),
        ({"test_images": np.zeros((12, 28, 20), np.uint8)}, "test_images is not square"),
        ({"train_images": np.zeros((12, 30, 30), np.uint8)}, "image shape differs between splits"),
        ({"train_images": np.full((12, 28, 28), np.nan)}, "dtype float64 and not uint8"),
        ({"train_labels": labels(np.nan, float)}, "train_labels holds NaN in 1 of 12 places"),
        ({"train_labels": labels(7)}, "train_labels holds 7 (row 3, column 0) and not 0 or 1"),
        ({"train_labels": labels(2)}, "val_labels has no image of class 2"),
        (
            {"val_images": np.zeros((0, 28, 28), np.uint8), "val_labels": np.zeros((0, 1))},
            "val_images is empty",
        ),
        ({"test_labels": np.zeros((11, 1), np.uint8)}, "12 images and test_labels 11 labels"),
    ],
)
def test_a_file_with_a_fault_is_named_with_it(command, changes, fault):
    bad = write_npz(command.folder / "bad.npz", **changes)
    done = command.run("--source", "bad.npz", "--target", "phantom")
    assert_refused(done, str(bad), fault)
    assert done.files == [bad]


def test_a_missing_file_is_named(command):
    done = command.run("--source", "none/here.npz")
    assert_refused(done, "none/here.npz does not exist")
    assert done.files == []


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_named(command, share):
    whole = write_npz(command.folder / "cut.npz").read_bytes()
    (command.folder / "cut.npz").write_bytes(whole[: int(share * len(whole))])
    assert_refused(command.run("--source", "cut.npz"), "cut.npz", "get or write the file again")


def test_two_sets_of_different_image_sizes_are_named(command):
    rng = np.random.default_rng(0)
    large = {
        f"{split}_images": rng.integers(0, 256, (12, 64, 64), np.uint8)
        for split in ("train", "val", "test")
    }
    write_npz(command.folder / "small.npz")
    write_npz(command.folder / "large.npz", **large)
    done = command.run("--source", "small.npz", "--target", "large.npz")
    assert_refused(done, "small", "28 × 28 × 1", "large", "64 × 64 × 1")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--source", "phantom", "--target", "pneumoniamist"], "did you mean pneumoniamnist"),
        (["--source", "phantom", "--target", "organmnist3d"], "organmnist3d is not for tfmed"),
        (["--sedes", "3"], "--sedes"),
        (["--seeds", "0"], "'0' is not an integer from 1"),
        (["--study", "none.toml"], "none.toml: no such study file"),
        (["--report-only"], "results.json: not found"),
    ],
)
def test_an_unknown_name_or_option_is_named(command, arguments, words):
    done = command.run(*arguments)
    assert_refused(done, words)
    assert done.files == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seeds = ", "is not valid TOML"),
        ("sedes = 3", "did you mean 'seeds'"),
        ("[encoder]\nchannels = 'many'", "must be an integer"),
    ],
)
def test_a_study_file_with_a_fault_is_named(command, text, words):
    (command.folder / "own.toml").write_text(text, encoding="utf-8")
    assert_refused(command.run("--study", "own.toml"), "own.toml: ", words)


@pytest.mark.parametrize("place", ["a-file/inside", "/proc/tfmed"])
@pytest.mark.parametrize("option", ["--out", "--models"])
def test_a_folder_that_cannot_be_written_is_named_with_its_option(command, option, place):
    (command.folder / "a-file").write_text("in the way", encoding="utf-8")
    done = command.run("--source", "phantom", "--target", "phantom", option, place)
    assert_refused(done, place, "can't be written to", f"choose another {option}")


def test_a_cache_that_cannot_be_written_is_named_with_its_variable(command):
    (command.folder / "a-file").write_text("in the way", encoding="utf-8")
    done = command.run("--source", "phantom", TFMED_CACHE="a-file/inside")
    assert_refused(done, "a-file/inside", "TFMED_CACHE")


def test_a_label_budget_beyond_the_data_is_named_before_any_training(command):
    write_npz(command.folder / "own.npz")
    (command.folder / "own.toml").write_text(
        'source = "phantom"\ntarget = "own.npz"\n[target_task]\nlabel_budgets = [500]\n',
        encoding="utf-8",
    )
    done = command.run("--study", "own.toml")
    assert_refused(done, "own has 12 training images", "label budget 500")
    assert "training and looking" not in done.err


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers as `server.behaviour` says."""

    def log_message(self, *_args):
        pass

    def do_GET(self):
        if self.server.behaviour == "missing":
            self.send_error(404)
            return
        body = b"PK\x03\x04" + bytes(4000)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:1000] if self.server.behaviour == "half-way" else body)


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("half-way", ["broke off", "of 4004 bytes", "run the command again"]),
        ("wrong bytes", ["sent other bytes than expected"]),
        ("missing", ["answered 404"]),
    ],
)
def test_a_server_that_fails_leaves_no_file_under_its_name(command, server, behaviour, words):
    server.behaviour = behaviour
    url = f"http://127.0.0.1:{server.server_port}"
    done = command.run("--source", "phantom", "--target", "breastmnist", TFMED_MEDMNIST_URL=url)
    assert_refused(done, "breastmnist.npz", *words)
    root = command.folder.parent / "medmnist"
    assert [path for path in root.iterdir() if path.suffix != ".part"] == []
    assert done.files == []


def test_a_server_out_of_reach_is_named(command):
    done = command.run("--source", "phantom", "--target", "breastmnist")
    assert_refused(done, "breastmnist.npz", "cannot reach 127.0.0.1", "by hand")
