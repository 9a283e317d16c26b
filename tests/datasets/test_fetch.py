"""One way to a file: mirrors, cache, network. The network here is a server on this machine."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from steep.datasets import fetch
from steep.datasets.fetch import find_file
from steep.errors import SteepError

DATA = bytes(range(256)) * 4000
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch.time, "sleep", lambda seconds: None)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, list[str], dict[str, int]]]:
    """Serve DATA as /good/file.gz, cut short as /cut/file.gz, other bytes as /evil/file.gz; refuse the first `broken`
    requests."""
    asked: list[str] = []
    state = {"broken": 0}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if state["broken"]:
                state["broken"] -= 1
                self.send_error(503)
                return
            body = {"good": DATA, "cut": DATA, "evil": b"x" + DATA[1:]}.get(self.path.split("/")[1])
            if body is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:5000] if "/cut/" in self.path else body)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", asked, state
        running.shutdown()


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_mirror_comes_first(tmp_path: Path, server) -> None:
    (tmp_path / "mirror" / "set").mkdir(parents=True)
    (tmp_path / "mirror" / "set" / "file.gz").write_bytes(b"local")
    found = find_file(
        "set", "file.gz", DIGEST, (f"{server[0]}/good/",), [tmp_path / "none", tmp_path / "mirror"], tmp_path / "cache"
    )
    assert found == tmp_path / "mirror" / "set" / "file.gz"
    assert server[1] == []


def test_a_download_is_verified_kept_and_not_repeated(tmp_path: Path, server, caplog) -> None:
    caplog.set_level("INFO")
    arguments = ("set", "file.gz", DIGEST, (f"{server[0]}/good/",), [], tmp_path / "cache")
    found = find_file(*arguments)
    assert found.read_bytes() == DATA and files_in(tmp_path) == ["cache/set/file.gz"]
    assert find_file(*arguments) == found
    assert server[1] == ["/good/file.gz"]
    progress = [record.message for record in caplog.records if "%" in record.message]
    assert progress[-1].startswith("file.gz: 100%") and len(progress) <= 10


def test_the_next_address_and_the_next_attempt_are_tried(tmp_path: Path, server) -> None:
    server[2]["broken"] = 3
    found = find_file("set", "file.gz", DIGEST, (f"{server[0]}/none/", f"{server[0]}/good/"), [], tmp_path / "cache")
    assert found.read_bytes() == DATA
    assert server[1] == ["/none/file.gz", "/good/file.gz"] * 2


@pytest.mark.parametrize("kind", ["evil", "cut"])
def test_wrong_bytes_are_never_kept(tmp_path: Path, server, kind: str) -> None:
    with pytest.raises(SteepError, match="could not be downloaded"):
        find_file("set", "file.gz", DIGEST, (f"{server[0]}/{kind}/",), [], tmp_path / "cache")
    assert files_in(tmp_path) == []


def test_offline_one_line_gives_three_ways(tmp_path: Path) -> None:
    with pytest.raises(SteepError) as caught:
        find_file("mnist", "file.gz", DIGEST, ("http://127.0.0.1:9/",), [Path("../shared/data")], tmp_path / "cache")
    text = str(caught.value)
    assert "\n" not in text and "mnist: file.gz is missing" in text
    for way in (
        "put it into a mirror folder (../shared/data/mnist)",
        "add your own folder to `mirrors`",
        "connect to the network",
    ):
        assert way in text
    assert files_in(tmp_path) == []
