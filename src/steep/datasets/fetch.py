"""One way to a data file: a local mirror folder, an earlier download, then the public addresses.

What cannot be used is named in one line with its own cause, and the next place is tried.
"""

import logging
import os
import re
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from steep.errors import SteepError
from steep.files import atomic, cannot_be_read, file_digest

log = logging.getLogger(__name__)
ATTEMPTS = 3
TIMEOUT_S = 30
CHUNK = 2**16  # bytes
Content = TypeVar("Content")


class SparseProgress:
    """Download progress for a log file: one line for every tenth of the file (the interface pooch asks for)."""

    def __init__(self, name: str) -> None:
        """Start at nothing; pooch sets `total` in bytes."""
        self.name, self.total, self.done, self.tenths = name, 0, 0, 0

    def update(self, count: int) -> None:
        """Count `count` more bytes."""
        self.done += count
        tenths = min(10 * self.done // self.total, 10) if self.total else 0
        if tenths > self.tenths:
            self.tenths = tenths
            log.info("%s: %d%% of %.1f MB", self.name, 10 * tenths, self.total / 1e6)

    def reset(self) -> None:
        """Start over: pooch does so before it counts the whole file once more at the end."""
        self.done = 0

    def close(self) -> None:
        """Do nothing: there is no bar to close."""


class NotDownloadedError(Exception):
    """Why an address did not give the file; `lasting` where asking again would not help."""

    def __init__(self, reason: str, lasting: bool = False) -> None:
        """Keep the reason in one line, without a proxy's password."""
        super().__init__(re.sub(r"//[^/@\s]*@", "//", " ".join(reason.split())))
        self.lasting = lasting


def _root(error: BaseException) -> BaseException:
    """Return what lies at the bottom of an error: libraries wrap the system's into their own."""
    for inner in (getattr(error, "reason", None), *error.args, error.__cause__):
        if isinstance(inner, BaseException):
            return _root(inner)
    return error


def explain(error: Exception) -> NotDownloadedError:
    """Return what an error of the transfer means and what to do; by what happened, for one type stands for many."""
    from requests import Response, exceptions

    root = _root(error)
    # A certificate that is not trusted says why in a field of its own.
    words = getattr(root, "verify_message", None) or getattr(root, "strerror", None) or str(root) or type(root).__name__
    match error:
        case exceptions.HTTPError(response=Response() as answer):
            code = answer.status_code
            return NotDownloadedError(f"HTTP {code} {answer.reason}", code < 500 and code not in (408, 429))
        case exceptions.ProxyError() | exceptions.InvalidProxyURL():
            return NotDownloadedError(f"the proxy cannot be used ({words}); look at HTTPS_PROXY and HTTP_PROXY")
        case exceptions.InvalidSchema() if "SOCKS" in str(error):
            return NotDownloadedError(
                "a SOCKS proxy is set, which needs the package PySocks; look at HTTPS_PROXY and ALL_PROXY", True
            )
        case exceptions.SSLError():
            return NotDownloadedError(
                f"no trusted connection ({words}); a network with a certificate of its own needs REQUESTS_CA_BUNDLE",
                True,
            )
        case exceptions.Timeout():
            return NotDownloadedError(f"no answer within {TIMEOUT_S} s")
        case exceptions.ChunkedEncodingError() | exceptions.ContentDecodingError():
            return NotDownloadedError(f"the transfer was cut off ({words})")
        case exceptions.ConnectionError() if isinstance(root, socket.gaierror):
            return NotDownloadedError(f"the name of the host is not found ({words}); is there a network?")
        case exceptions.ConnectionError():
            return NotDownloadedError(f"no connection ({words})")
        case exceptions.RequestException():
            return NotDownloadedError(words, True)
        case OSError():  # requests looks for the file of certificates before it connects
            return NotDownloadedError(f"{words}; look at REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE", True)
    return NotDownloadedError(f"not an answer of a web server ({words})")


def _download(url: str, target: Path, sha256: str) -> None:
    """Put a file into place once it has the digest `sha256`.

    Raises
    ------
    NotDownloadedError
        when the address does not give it.
    SteepError
        when it cannot be written.

    """
    import pooch

    get = pooch.HTTPDownloader(
        progressbar=SparseProgress(target.name),
        chunk_size=CHUNK,
        timeout=TIMEOUT_S,
        headers={"Accept-Encoding": "identity"},  # the file's own bytes
    )
    with atomic(target) as temporary:
        try:
            get(url, temporary, None)
        except (OSError, ValueError) as error:
            # The library's own have no errno, or are of its kind; what is left is the disk's and is told by `atomic`.
            if isinstance(error, OSError) and type(error).__module__ == "builtins" and error.errno is not None:
                raise
            raise explain(error) from error
        if (found := file_digest(temporary)) != sha256:
            with open(temporary, "rb") as file:
                page = re.match(rb"\s*<(!doctype|html|\?xml|head)", file.read(1000), re.IGNORECASE)
            raise NotDownloadedError(
                "a web page came instead of the file, perhaps a login page of this network; open the address in a "
                "browser"
                if page
                else f"{temporary.stat().st_size} bytes came with SHA-256 {found[:16]}..., not {sha256[:16]}...: cut "
                "off or altered on the way"
            )


def _is_there(path: Path) -> bool:
    """Return whether there is a file; SteepError where the system refuses to say or something else has its name."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if os.path.islink(path):
            raise SteepError(f"{path}: a link to a file that is not there") from None
        return False
    except OSError as error:
        raise cannot_be_read(path, error) from error
    if not stat.S_ISREG(mode):
        raise SteepError(f"{path}: {'a folder' if stat.S_ISDIR(mode) else 'a device'}, not a file")
    return True


def folders(dataset: str, mirrors: list[Path], cache: Path) -> list[Path]:
    """Return the folders in which a data set's files may lie, in the order they are searched; ``~`` is the user's home,
    relative ones are relative to the working directory."""
    return [Path(os.path.expanduser(folder)) / dataset for folder in (*mirrors, cache)]


def obtain(
    dataset: str,
    name: str,
    sha256: str,
    addresses: tuple[str, ...],
    mirrors: list[Path],
    cache: Path,
    read: Callable[[Path], Content],
) -> Content:
    """Return what a data file holds, from the first place that has a whole one; downloaded where no folder has.

    Parameters
    ----------
    dataset : folder of the data set below each mirror and below `cache`.
    name : file name.
    sha256 : digest a *download* must have before it is used; files in mirrors are judged by their content, later.
    addresses : https addresses of folders that hold the file.
    mirrors, cache : local folders; downloads go to `cache`.
    read : reads the file; raises SteepError where it is unreadable or damaged. Then the next place is tried.

    Raises
    ------
    SteepError
        when no folder has the file and no address gives it, with what was wrong at each; when a download cannot be
        written.

    """
    unusable: list[str] = []
    for folder in folders(dataset, mirrors, cache):
        path = folder / name
        try:
            if _is_there(path):
                content = read(path)
                log.info("%s: taken from %s", name, folder)
                return content
        except SteepError as reason:
            log.warning("%s; not used, looking further", reason)
            unusable.append(str(reason))
    target = cache / dataset / name
    reasons: dict[str, str] = {}
    left = list(addresses)
    for attempt in range(1, ATTEMPTS + 1):
        for address in tuple(left):
            try:
                log.info("%s: downloading from %s (attempt %d of %d)", name, address, attempt, ATTEMPTS)
                _download(address + name, target, sha256)
                return read(target)
            except NotDownloadedError as reason:
                log.warning("%s%s: %s", address, name, reason)
                reasons[address + name] = str(reason)
                if reason.lasting:
                    left.remove(address)
        if not left:
            break
        time.sleep(2**attempt if attempt < ATTEMPTS else 0)
    places = ", ".join(str(mirror / dataset) for mirror in mirrors) or "no mirror configured"
    state = f"is not usable ({'; '.join(unusable)})" if unusable else "is missing"
    failures = "; ".join(f"{url}: {reason}" for url, reason in reasons.items())
    raise SteepError(
        f"{dataset}: {name} {state} and could not be downloaded ({failures}). Provide it in one of three ways: "
        f"put it into a mirror folder ({places}); add your own folder to `mirrors` in the config; "
        f"or connect to the network and run again (downloads are kept in {cache / dataset})"
    )
