"""Brian2's settings, which are global: its own for a simulation, whatever the user prefers, and afterwards as they
were."""

from collections.abc import Iterator
from contextlib import contextmanager

from steep.extras import optional

with optional():
    from brian2 import defaultclock, prefs


@contextmanager
def brian2_settings() -> Iterator[None]:
    """Let what is inside, or the function that this decorates, begin with Brian2's own preferences; those from before,
    which may be from the user's files, and the step of the clock come back after it."""
    before, step = dict(prefs.prefs), defaultclock.dt
    prefs.reset_to_defaults()
    try:
        yield
    finally:
        prefs.prefs.update(before)
        defaultclock.dt = step
