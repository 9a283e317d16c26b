"""One way to a file: mirrors, cache, network. The network here is a server on this machine."""

import gzip
import hashlib
import http.server
import os
import resource
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO

import pytest
import requests
from permissions import closed
from urllib3.exceptions import MaxRetryError
from urllib3.exceptions import SSLError as LowerSSLError

from steep.datasets import fetch
from steep.datasets.fetch import explain, obtain
from steep.errors import SteepError
from steep.files import reading

DATA = bytes(range(256)) * 4000
DIGEST = hashlib.sha256(DATA).hexdigest()
EVIL = b"x" + DATA[1:]
EVIL_DIGEST = hashlib.sha256(EVIL).hexdigest()


def whole(path: Path) -> Path:
    """Read nothing: the path is what the tests look at."""
    return path


def content(path: Path) -> bytes:
    """Read a gzip file, as a data set does."""
    with reading_data(path) as file:
        if not (data := file.read()):
            raise EOFError
        return gzip.decompress(data)


def reading_data(path: Path) -> AbstractContextManager[BinaryIO]:
    return reading(path, "damaged; copy it anew", (EOFError, ValueError))


@pytest.fixture(autouse=True)
def _this_machine_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting, and nothing of the user's network settings."""
    monkeypatch.setattr(fetch.time, "sleep", lambda seconds: None)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "requests_ca_bundle", "curl_ca_bundle"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SimpleNamespace]:
    """Serve DATA as /good/file.gz, cut short as /cut/file.gz, other bytes as /evil/file.gz, a page as /portal/file.gz,
    nothing as /slow/file.gz, an error as /500/file.gz; refuse the first `broken` requests."""
    state = SimpleNamespace(address="", asked=[], encodings=set(), broken=0, over=threading.Event())
    page = b"\n<!DOCTYPE html><html><body>Please log in</body></html>"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            state.encodings.add(self.headers["Accept-Encoding"])
            kind = self.path.split("/")[1]
            if state.broken:
                state.broken -= 1
                self.send_error(503)
                return
            if kind == "slow":
                state.over.wait(30)
                return
            if kind == "circle":
                self.send_response(302)
                self.send_header("Location", self.path)
                self.end_headers()
                return
            body = {
                "good": DATA,
                "unsized": DATA,
                "cut": DATA,
                "odd": DATA,
                "evil": EVIL,
                "portal": page,
            }.get(kind)
            if body is None:
                self.send_error(int(kind) if kind.isdecimal() else 404)
                return
            self.send_response(200)
            if kind != "unsized":
                self.send_header("Content-Length", "many" if kind == "odd" else str(len(body)))
            self.end_headers()
            self.wfile.write(body[:5000] if kind == "cut" else body)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        threading.Thread(target=running.serve_forever, daemon=True).start()
        state.address = f"http://127.0.0.1:{running.server_port}"
        yield state
        state.over.set()
        running.shutdown()


@pytest.fixture
def closed_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def refused(addresses: tuple[str, ...], mirrors: list[Path], cache: Path) -> str:
    """Return the one line that says why the file cannot be had."""
    with pytest.raises(SteepError) as caught:
        obtain("set", "file.gz", DIGEST, addresses, mirrors, cache, whole)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_mirror_comes_first(tmp_path: Path, server: SimpleNamespace) -> None:
    (tmp_path / "mirror" / "set").mkdir(parents=True)
    (tmp_path / "mirror" / "set" / "file.gz").write_bytes(b"local")
    mirrors = [tmp_path / "none", tmp_path / "mirror"]
    found = obtain("set", "file.gz", DIGEST, (f"{server.address}/good/",), mirrors, tmp_path / "cache", whole)
    assert found == tmp_path / "mirror" / "set" / "file.gz"
    assert server.asked == []


def test_a_mirror_may_be_at_home_or_beside_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    for mirror, place in (("~/data", "home/data"), ("../data", "data")):
        (tmp_path / place / "set").mkdir(parents=True)
        (tmp_path / place / "set" / "file.gz").write_bytes(b"local")
        found = obtain("set", "file.gz", DIGEST, (), [Path(mirror)], tmp_path / "cache", Path.read_bytes)
        assert found == b"local"
        (tmp_path / place / "set" / "file.gz").unlink()
    assert "is missing" in refused((), [Path("~nobody-of-that-name/data")], tmp_path / "cache")


UNUSABLE = {
    "closed file": "cannot be read (Permission denied)",
    "closed folder": "cannot be read (Permission denied)",
    "link to nothing": "a link to a file that is not there",
    "link in a circle": "cannot be read (Too many levels of symbolic links)",
    "folder": "a folder, not a file",
    "pipe": "a device, not a file",
    "mirror is a file": "cannot be read (Not a directory)",
    "empty": "damaged; copy it anew",
    "cut": "damaged; copy it anew",
}


@pytest.mark.parametrize("how", UNUSABLE)
def test_what_cannot_be_used_is_said_and_the_next_place_tried(
    tmp_path: Path, server: SimpleNamespace, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    """A mirror's file, then the next mirror's, then the network's."""
    packed = gzip.compress(b"content", mtime=0)
    bad, good = tmp_path / "bad", tmp_path / "good"
    path = bad / "set" / "file.gz"
    path.parent.mkdir(parents=True)
    place = tmp_path
    match how:
        case "closed file" | "closed folder":
            path.write_bytes(packed)
            place = path if how == "closed file" else path.parent
        case "link to nothing":
            path.symlink_to(tmp_path / "nothing")
        case "link in a circle":
            path.symlink_to(path)
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "mirror is a file":
            path.parent.rmdir()
            bad.rmdir()
            bad.write_text("")
        case "empty":
            path.write_bytes(b"")
        case "cut":
            path.write_bytes(packed[:-9])
    (good / "set").mkdir(parents=True)
    (good / "set" / "file.gz").write_bytes(packed)
    digest = hashlib.sha256(DATA).hexdigest()
    with closed(place, 0 if how.startswith("closed") else 0o755):
        for mirrors in ([bad, good], [bad]):
            caplog.clear()
            try:
                found = obtain("set", "file.gz", digest, (), mirrors, tmp_path / "cache", content)
            except SteepError as error:
                assert mirrors == [bad]
                assert f"set: file.gz is not usable ({path}: {UNUSABLE[how]}" in str(error)
            else:
                assert mirrors == [bad, good] and found == b"content"
            said = [record.message for record in caplog.records if record.levelname == "WARNING"]
            assert len(said) == 1 and said[0].startswith(f"{path}: {UNUSABLE[how]}")
        fetched = obtain(
            "set",
            "file.gz",
            DIGEST,
            (f"{server.address}/good/",),
            [bad],
            tmp_path / "cache",
            lambda path: content(path) if path.is_relative_to(bad) else path.read_bytes(),
        )
    assert fetched == DATA


def test_a_damaged_download_of_earlier_is_replaced(tmp_path: Path, server: SimpleNamespace) -> None:
    """And so is one that may not be read, for the folder is ours."""

    def read(path: Path) -> bytes:
        with reading_data(path) as file:
            if (data := file.read()) != DATA:
                raise ValueError(data)
            return data

    path = tmp_path / "cache" / "set" / "file.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(DATA[:99])
    arguments = ("set", "file.gz", DIGEST, (f"{server.address}/good/",), [], tmp_path / "cache", read)
    assert obtain(*arguments) == path.read_bytes() == DATA
    path.chmod(0)
    with closed(path):
        assert obtain(*arguments) == DATA
        path.chmod(0o600)
    assert files_in(tmp_path) == ["cache/set/file.gz"] and len(server.asked) == 2


def test_a_download_is_verified_kept_and_not_repeated(
    tmp_path: Path, server: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    arguments = ("set", "file.gz", DIGEST, (f"{server.address}/good/",), [], tmp_path / "cache", whole)
    before = os.umask(0o022)
    try:
        found = obtain(*arguments)
    finally:
        os.umask(before)
    assert found.read_bytes() == DATA and files_in(tmp_path) == ["cache/set/file.gz"]
    assert found.stat().st_mode & 0o777 == 0o644  # whoever shares the folder may read it
    assert obtain(*arguments) == found
    assert server.asked == ["/good/file.gz"] and server.encodings == {"identity"}  # the file's own bytes
    progress = [record.message for record in caplog.records if "%" in record.message]
    assert progress == [f"file.gz: {tenth}0% of 1.0 MB" for tenth in range(1, 11)]
    assert f"file.gz: downloading from {server.address}/good/ (attempt 1 of 3)" in caplog.messages
    # A server that does not say how long the file is gives it all the same.
    assert obtain("other", "file.gz", DIGEST, (f"{server.address}/unsized/",), *arguments[4:]).read_bytes() == DATA


def test_the_next_address_and_the_next_attempt_are_tried(
    tmp_path: Path, server: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(fetch.time, "sleep", waited.append)
    server.broken = 3
    addresses = (f"{server.address}/none/", f"{server.address}/good/")
    found = obtain("set", "file.gz", DIGEST, addresses, [], tmp_path / "cache", whole)
    assert found.read_bytes() == DATA
    assert server.asked == ["/none/file.gz", "/good/file.gz"] * 2 and waited == [2]
    waited.clear()
    refused((f"{server.address}/500/",), [], tmp_path / "other")
    assert waited == [2, 4, 0]
    waited.clear()
    refused((f"{server.address}/404/",), [], tmp_path / "other")
    assert waited == []  # there is nobody left to ask again


@pytest.mark.parametrize(
    ("kind", "times", "words"),
    [
        ("403", 1, "HTTP 403 Forbidden"),
        ("404", 1, "HTTP 404 Not Found"),
        ("407", 1, "HTTP 407 Proxy Authentication Required"),
        ("429", 3, "HTTP 429 Too Many Requests"),
        ("500", 3, "HTTP 500 Internal Server Error"),
        ("cut", 3, "the transfer was cut off (IncompleteRead(5000 bytes read, 1019000 more expected))"),
        ("evil", 3, f"1024000 bytes came with SHA-256 {EVIL_DIGEST[:16]}..., not {DIGEST[:16]}...: cut off or altered"),
        ("portal", 3, "a web page came instead of the file, perhaps a login page of this network; open the address"),
        ("slow", 3, "no answer within 0.2 s"),
        ("odd", 3, "not an answer of a web server ("),
        ("circle", 1, "Exceeded 30 redirects.)"),
    ],
)
def test_each_failure_is_told_as_what_it_is(
    tmp_path: Path, server: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, kind: str, times: int, words: str
) -> None:
    """Asked again where that may help; nothing is kept; with another address the file is had all the same."""
    if kind == "slow":
        monkeypatch.setattr(fetch, "TIMEOUT_S", 0.2)
    address = f"{server.address}/{kind}/"
    said = refused((address,), [tmp_path / "mirror"], tmp_path / "cache")
    assert f"set: file.gz is missing and could not be downloaded ({address}file.gz: {words}" in said
    assert str(tmp_path / "mirror" / "set") in said and files_in(tmp_path) == []
    assert len(server.asked) == (31 if kind == "circle" else times)
    server.over.set()
    monkeypatch.setattr(fetch, "TIMEOUT_S", 30)
    addresses = (address, f"{server.address}/good/")
    assert obtain("set", "file.gz", DIGEST, addresses, [], tmp_path / "cache", whole).read_bytes() == DATA


def test_a_proxy_is_not_called_a_wrong_digest(
    tmp_path: Path, server: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    """Whatever is wrong with it, and its password is not shown."""

    def no_socks(*_: object, **__: object) -> None:
        raise requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support.")

    monkeypatch.setattr("requests.adapters.SOCKSProxyManager", no_socks)  # as without PySocks
    for proxy, words in (
        ("socks5://127.0.0.1:1080", "a SOCKS proxy is set, which needs the package PySocks"),
        (f"http://me:secret@127.0.0.1:{closed_port}", "the proxy cannot be used (Connection refused)"),
        ("http://", "the proxy cannot be used (Please check proxy URL."),
        ("http://me:secret@[broken", "Failed to parse"),
    ):
        monkeypatch.setenv("http_proxy", proxy)
        said = refused((f"{server.address}/good/",), [], tmp_path / "cache")
        assert f"file.gz: {words}" in said and "secret" not in said, proxy
    assert server.asked == [] and files_in(tmp_path) == []


def test_certificates(
    tmp_path: Path, server: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    address = f"{server.address.replace('http', 'https')}/good/"
    assert "file.gz: no trusted connection (" in refused((address,), [], tmp_path / "cache")  # no TLS is spoken there
    (tmp_path / "no.pem").write_text("no certificate")
    for name, words in (
        ("none.pem", f"Could not find a suitable TLS CA certificate bundle, invalid path: {tmp_path}/none.pem"),
        ("no.pem", "no trusted connection ("),
    ):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / name))
        said = refused((address,), [], tmp_path / "cache")
        assert f"file.gz: {words}" in said and "REQUESTS_CA_BUNDLE" in said
    # The next address is tried all the same.
    addresses = (address, f"{server.address}/good/")
    assert obtain("set", "file.gz", DIGEST, addresses, [], tmp_path / "cache", whole).read_bytes() == DATA
    inner = ssl.SSLCertVerificationError(1, "certificate verify failed")
    inner.verify_message = "self-signed certificate in certificate chain"
    error = requests.exceptions.SSLError(MaxRetryError(None, "/", LowerSSLError(inner)))
    assert "no trusted connection (self-signed certificate in certificate chain)" in str(explain(error))


def test_a_file_of_certificates_that_is_not_there_is_not_asked_for_again() -> None:
    """Asking again does not bring it."""
    found = explain(FileNotFoundError(2, "No such file or directory", "/none.pem"))
    assert found.lasting and "look at REQUESTS_CA_BUNDLE" in str(found)
    assert not explain(ValueError("no header")).lasting


def test_no_network_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed_port: int) -> None:
    def nobody(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    assert "file.gz: no connection (Connection refused)" in refused(
        (f"http://127.0.0.1:{closed_port}/",), [], tmp_path / "cache"
    )
    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    said = refused(("https://example.org/",), [], tmp_path / "cache")
    assert "https://example.org/file.gz: the name of the host is not found (Name or service not known)" in said


def test_a_folder_for_downloads_that_refuses_them(tmp_path: Path, server: SimpleNamespace) -> None:
    """One line, before anything is fetched; what lies there is read all the same."""
    cache = tmp_path / "cache"
    (cache / "set").mkdir(parents=True)
    for place in (cache / "set", cache):
        with closed(place, 0o555):
            said = refused((f"{server.address}/good/",), [], cache)
            assert "file.gz: cannot be written (Permission denied)" in said
        (cache / "set").rmdir() if place != cache else None
    assert server.asked == []
    (cache / "set").mkdir()
    (cache / "set" / "file.gz").write_bytes(DATA)
    with closed(cache / "set", 0o555):
        obtained = obtain("set", "file.gz", DIGEST, (f"{server.address}/good/",), [], cache, Path.read_bytes)
    assert obtained == DATA


def test_a_full_disk_is_not_the_network_s_fault(tmp_path: Path, server: SimpleNamespace) -> None:
    """A limit on the size of files stands in for it; no other address is asked."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(DATA) // 2, before[1]))
    try:
        said = refused((f"{server.address}/good/", f"{server.address}/good/"), [], tmp_path / "cache")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "file.gz: cannot be written (File too large); make room" in said
    assert files_in(tmp_path) == [] and server.asked == ["/good/file.gz"]


def test_offline_one_line_gives_three_ways(tmp_path: Path, closed_port: int) -> None:
    text = refused((f"http://127.0.0.1:{closed_port}/",), [Path("../shared/data")], tmp_path / "cache")
    for way in (
        "set: file.gz is missing",
        "put it into a mirror folder (../shared/data/set)",
        "add your own folder to `mirrors`",
        "connect to the network",
    ):
        assert way in text
    assert files_in(tmp_path) == []


def answered(status: int) -> requests.exceptions.HTTPError:
    response = requests.Response()
    response.status_code, response.reason = status, "Words"
    return requests.exceptions.HTTPError(response=response)


FAILURES = [
    (answered(404), "HTTP 404 Words", True),
    (answered(408), "HTTP 408 Words", False),
    (answered(429), "HTTP 429 Words", False),
    (answered(499), "HTTP 499 Words", True),
    (answered(500), "HTTP 500 Words", False),
    (requests.exceptions.ProxyError("x"), "the proxy cannot be used (x); look at HTTPS_PROXY and HTTP_PROXY", False),
    (
        requests.exceptions.InvalidProxyURL("x"),
        "the proxy cannot be used (x); look at HTTPS_PROXY and HTTP_PROXY",
        False,
    ),
    (
        requests.exceptions.InvalidSchema("no SOCKS"),
        "a SOCKS proxy is set, which needs the package PySocks; look at HTTPS_PROXY and ALL_PROXY",
        True,
    ),
    (requests.exceptions.InvalidSchema("x"), "x", True),
    (
        requests.exceptions.SSLError("x"),
        "no trusted connection (x); a network with a certificate of its own needs REQUESTS_CA_BUNDLE",
        True,
    ),
    (requests.exceptions.ConnectTimeout("x"), "no answer within 30 s", False),
    (requests.exceptions.ReadTimeout("x"), "no answer within 30 s", False),
    (requests.exceptions.ChunkedEncodingError("x"), "the transfer was cut off (x)", False),
    (requests.exceptions.ContentDecodingError("x"), "the transfer was cut off (x)", False),
    (
        requests.exceptions.ConnectionError(socket.gaierror(-2, "x")),
        "the name of the host is not found (x); is there a network?",
        False,
    ),
    (requests.exceptions.ConnectionError(OSError(5, "x")), "no connection (x)", False),
    (requests.exceptions.TooManyRedirects("x"), "x", True),
    (OSError(5, "x"), "x; look at REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE", True),
    (ValueError(), "not an answer of a web server (ValueError)", False),
]


@pytest.mark.parametrize(("error", "words", "lasting"), FAILURES, ids=range(len(FAILURES)))
def test_every_error_has_its_words_and_is_lasting_or_not(error: Exception, words: str, lasting: bool) -> None:
    found = explain(error)
    assert (str(found), found.lasting) == (words, lasting)


def test_the_cause_of_an_error_is_told() -> None:
    outer = requests.exceptions.ConnectionError("outer")
    outer.__cause__ = ConnectionResetError(104, "inner")
    assert str(explain(outer)) == "no connection (inner)"


def test_progress_is_told_at_every_tenth_and_never_beyond_the_whole(caplog: pytest.LogCaptureFixture) -> None:
    """Also where more comes than was announced, and where nothing was."""
    caplog.set_level("INFO")
    progress = fetch.SparseProgress("file")
    progress.update(5)
    progress.total = 2_000_000
    progress.reset()
    for count in (199_999, 1, 399_999, 3_000_000, 1):
        progress.update(count)
    assert caplog.messages == ["file: 10% of 2.0 MB", "file: 20% of 2.0 MB", "file: 100% of 2.0 MB"]


def test_all_places_are_named(tmp_path: Path, server: SimpleNamespace) -> None:
    """Every mirror, what is wrong with every file, and every address."""
    mirrors = [tmp_path / name for name in ("one", "two")]
    for mirror in mirrors:
        (mirror / "set" / "file.gz").mkdir(parents=True)
    said = refused((f"{server.address}/404/", f"{server.address}/403/"), mirrors, tmp_path / "cache")
    one, two = (mirror / "set" for mirror in mirrors)
    assert f"not usable ({one}/file.gz: a folder, not a file; {two}/file.gz: a folder, not a file) and could" in said
    first, second = (f"{server.address}/{code}/file.gz: HTTP {code}" for code in (404, 403))
    assert f"downloaded ({first} Not Found; {second} Forbidden)." in said
    assert f"put it into a mirror folder ({one}, {two});" in said


def test_a_mirror_s_file_comes_before_a_download_of_earlier(tmp_path: Path) -> None:
    for folder in ("mirror", "cache"):
        (tmp_path / folder / "set").mkdir(parents=True)
        (tmp_path / folder / "set" / "file.gz").write_text(folder)
    found = obtain("set", "file.gz", DIGEST, (), [tmp_path / "mirror"], tmp_path / "cache", Path.read_text)
    assert found == "mirror"


def sending(monkeypatch: pytest.MonkeyPatch, body: bytes | Exception) -> None:
    """Let every address send `body`, or fail so."""

    def send(url: str, place: Path, _: None) -> None:
        if isinstance(body, Exception):
            raise body
        place.write_bytes(body)

    monkeypatch.setattr("pooch.HTTPDownloader", lambda **_: send)


@pytest.mark.parametrize(
    ("body", "is_page"),
    [
        (b"<!DOCTYPE html>", True),
        (b"<!doctype html>", True),
        (b" \r\n\t<html>", True),
        (b"<HEAD>", True),
        (b"<?xml version='1.0'?>", True),
        (b"text <html>", False),
        (b"<body>", False),
    ],
)
def test_a_page_is_told_from_a_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: bytes, is_page: bool
) -> None:
    sending(monkeypatch, body)
    said = refused(("https://a/",), [], tmp_path)
    digest = (
        f"{len(body)} bytes came with SHA-256 {hashlib.sha256(body).hexdigest()[:16]}..., not {DIGEST[:16]}...: cut"
    )
    assert ("a web page came instead of the file" in said, f"{digest} off" in said) == (is_page, not is_page)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ssl.SSLError(1, "bad record"), "https://b/file.gz: bad record; look at REQUESTS_CA_BUNDLE"),
        (OSError("no number"), "https://b/file.gz: no number; look at REQUESTS_CA_BUNDLE"),
        (OSError(28, "No space left on device"), "file.gz: cannot be written (No space left on device); make room"),
    ],
)
def test_the_disk_s_errors_are_told_from_the_network_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, words: str
) -> None:
    """A library's errors may have a number too; after one of them the next address is tried."""
    sending(monkeypatch, error)
    assert words in refused(("https://a/", "https://b/"), [], tmp_path)
