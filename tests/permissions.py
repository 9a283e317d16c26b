"""Permissions that count for root too: root may read and write everything, which this takes away for a while."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OVERRIDES = 0b110  # the capabilities CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
THIRD_VERSION = 0x20080522  # of the system call, with two words for each set


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("process", ctypes.c_int))


class _Set(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


@contextmanager
def as_a_user() -> Iterator[None]:
    """Let this thread, root's or not, meet permissions as a user's does."""
    system, header, sets = ctypes.CDLL(None, use_errno=True), _Header(THIRD_VERSION, 0), (_Set * 2)()
    assert system.capget(ctypes.byref(header), sets) == 0
    before = sets[0].effective
    sets[0].effective = before & ~OVERRIDES
    assert system.capset(ctypes.byref(header), sets) == 0
    try:
        yield
    finally:
        sets[0].effective = before
        assert system.capset(ctypes.byref(header), sets) == 0


@contextmanager
def closed(path: Path, mode: int = 0) -> Iterator[None]:
    """Give a file or folder other permissions, which count; give the old ones back."""
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        with as_a_user():
            assert mode & 0o400 or not os.access(path, os.R_OK, effective_ids=True)
            yield
    finally:
        path.chmod(before)
