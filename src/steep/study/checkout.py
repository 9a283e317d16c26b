"""What git says about the checkout that this code lies in.

git is asked about this folder and no other: a hook's or a shell's GIT_* variables, the user's own settings and a
repository around this one do not count, and a checkout of another user is read too (in a container it usually is).
"""

import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from steep.errors import SteepError

ROOT = Path(__file__).parents[3]


def _git(*arguments: str) -> str:
    """Return what git answers about the checkout at `ROOT`; SteepError says why it does not."""
    if not os.path.lexists(ROOT / ".git"):
        raise SteepError("this copy has no .git: unpacked or installed, not cloned")
    # With the folder named, git neither looks for a repository further up nor asks whose this one is.
    command = ["git", f"--git-dir={ROOT / '.git'}", f"--work-tree={ROOT}", *arguments]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    clean |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", cwd=ROOT, env=clean)
    except FileNotFoundError as error:
        raise SteepError("git is not installed") from error
    except OSError as error:
        raise SteepError(f"git cannot be run: {error.strerror}") from error
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith(("fatal: ", "error: "))]
        reason = said[0].split(": ", 1)[1] if said else f"it ended with {done.returncode}"
        raise SteepError(f"git: {reason.replace(str(ROOT), '<this checkout>')}")
    return done.stdout.strip()


def commit() -> str:
    """Return the commit of this checkout and whether anything differs from it; what cannot be known is said to be
    unknown, with the reason."""
    try:
        found = _git("rev-parse", "--verify", "HEAD")
    except SteepError as reason:
        return f"unknown ({reason})"
    try:
        changed = _git("status", "--porcelain", "--untracked-files=normal", "--ignore-submodules=none")
    except SteepError as reason:
        return f"{found}, whether with uncommitted changes is unknown ({reason})"
    return f"{found} with uncommitted changes" if changed else found


def origin() -> str:
    """Return the web address that this checkout was cloned from, without a name or password in it; empty where none is
    known."""
    try:
        address = urlsplit(_git("remote", "get-url", "origin"))
    except (SteepError, ValueError):  # no remote of that name, or one that is no address
        return ""
    return address._replace(netloc=address.netloc.rpartition("@")[2]).geturl() if address.scheme == "https" else ""
