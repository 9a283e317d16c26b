"""Where compiled programs lie: each in a folder of its own, complete or not there, for one user or several.

The folder that STEEP_CACHE names comes first, then the user's ``~/.cache/steep``. What another user has built there is
used where it may be read; what may not be written there is kept elsewhere.
"""

import errno
import fcntl
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from steep.errors import SteepError

log = logging.getLogger("steep")


def _places() -> list[Path]:
    """Return the folders of compiled programs: the one that STEEP_CACHE names, if it does, and the user's, if they have
    a home."""
    places = [os.path.expanduser(os.environ.get("STEEP_CACHE", "")), os.path.expanduser("~/.cache/steep")]
    return [Path(os.path.abspath(place)) / "brian2" for place in places if place and not place.startswith("~")]


def _private_folder() -> Path:
    """Return this user's folder among the temporary files; OSError where it is not theirs alone, for what lies there is
    run."""
    folder = Path(tempfile.gettempdir()) / f"steep-cache-{os.getuid()}"
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(errno.EPERM, "belongs to others too", str(folder))
    return folder


def cache_folder() -> Path:
    """Return the folder in which programs are kept: the first that can be written, the user's temporary one last.

    Raises
    ------
    SteepError
        when none can be written.

    """
    return _first_writable(tuple(_places()))


@cache
def _first_writable(places: tuple[Path, ...]) -> Path:
    """Return the first of the places, or else the user's temporary folder, that can be written; say so, once, where it
    is not the first."""
    refused: list[str] = []
    for place in (*places, None):
        try:
            if place is None:
                (Path(tempfile.gettempdir()) / f"steep-cache-{os.getuid()}").mkdir(mode=0o700, exist_ok=True)
                place = _private_folder()
            place.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=place):
                pass
        except OSError as error:
            refused.append(f"{place or tempfile.gettempdir()} cannot be written ({error.strerror})")
            continue
        if refused:
            warning = "%s; compiled simulations are kept in %s. Set STEEP_CACHE to a folder of your own"
            log.warning(warning, refused[0], place)
        return place
    raise SteepError(f"{refused[0]}; set STEEP_CACHE to a folder for compiled simulations")


def built(name: str) -> Path | None:
    """Return the executable of that name, one's own or another user's, that may be read and run; None if there is
    none. Places after the first that can be written are not asked."""
    for place in (*_places(), None):
        with suppress(OSError):
            place = place or _private_folder()
            for folder in (place / name, place / f"{name}-{os.getuid()}"):
                executable = folder / "simulation"
                # Both answer no, and raise nothing, where a folder may not be looked into.
                if os.path.isfile(executable) and os.access(executable, os.R_OK | os.X_OK):
                    return executable
        if place == cache_folder():
            break
    return None


@contextmanager
def one_builder(folder: Path) -> Iterator[None]:
    """Let other processes wait while one builds. Where files cannot be locked, several may build; each is right."""
    path, lock = folder.with_suffix(".lock"), None
    try:
        try:
            lock = os.open(path, os.O_RDONLY)  # another user's, perhaps, which need not be written
        except FileNotFoundError:
            lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        log.debug("no lock on %s (%s)", path, error.strerror)
    try:
        yield
    finally:
        if lock is not None:
            os.close(lock)


def put(complete: Path, folder: Path) -> None:
    """Rename a complete folder to `folder`; where another user's stands there that cannot be used, beside it."""
    try:
        complete.rename(folder)
    except OSError:
        if not built(folder.name):
            own = folder.with_name(f"{folder.name}-{os.getuid()}")
            shutil.rmtree(own, ignore_errors=True)
            complete.rename(own)


def keep_log(folder: Path, text: bytes) -> Path:
    """Write what a build said beside `folder`, or where there is another user's log, in a temporary file; return the
    path."""
    path = folder.with_suffix(".log")
    try:
        path.write_bytes(text)
    except OSError:
        number, name = tempfile.mkstemp(prefix="steep-build-", suffix=".log")
        os.close(number)
        path = Path(name)
        path.write_bytes(text)
    return path
