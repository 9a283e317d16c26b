"""What compiling needs, and what it must not get: the compiler's command, a folder to work in, a clean environment."""

import os
import platform
import re
import shlex
import shutil
import subprocess
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from steep.errors import SteepError

# Paths that mean the same to make, to the shell and to everything else.
PLAIN = re.compile(r"[A-Za-z0-9_./+-]+")
# What make and compilers would take from the environment besides their command.
FOREIGN = ("CC", "CFLAGS", "CPPFLAGS", "CXXFLAGS", "GNUMAKEFLAGS", "LDFLAGS", "MAKEFILES", "MAKEFLAGS", "MAKELEVEL")


def missing_tools() -> str:
    """Return the names of the tools that building needs and that are not there; empty when all are."""
    return " and ".join(name for name in (compiler()[0], "make") if shutil.which(name) is None)


def compiler() -> list[str]:
    """Return the C++ compiler's command, word by word: what CXX says, as a shell reads it, or the path that it is."""
    given = os.environ.get("CXX", "").strip()
    if given and shutil.which(given):
        return [given]
    try:
        words = shlex.split(given)
    except ValueError:  # a quotation that does not end
        words = given.split()
    return words or ["g++"]


@cache
def machine(command: tuple[str, ...]) -> str:
    """Return the version of a compiler, given its command, and what the processor can do: what a program is made
    for."""
    try:
        said = subprocess.run([*command, "--version"], capture_output=True).stdout.decode(errors="replace")
    except OSError as error:
        said = str(error.strerror)  # it cannot compile either, and building says so
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        flags = platform.processor()
    return f"{said}\0{platform.machine()}\0{flags}"


def workshop_folder() -> Path:
    """Return a new folder to build in, of a plain path: make and the shell read others otherwise."""
    for place in dict.fromkeys([tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"]):
        if PLAIN.fullmatch(os.path.realpath(place)):
            with suppress(OSError):
                return Path(tempfile.mkdtemp(prefix="steep-build-", dir=os.path.realpath(place)))
    raise SteepError("no temporary folder of a plain path to compile in; set TMPDIR to one of letters and digits alone")


def build_environment(workshop: Path) -> dict[str, str]:
    """Return the environment to build in: the compiler's command for make, and none of its settings."""
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    return kept | {"CXX": shlex.join(compiler()).replace("$", "$$"), "TMPDIR": str(workshop)}
