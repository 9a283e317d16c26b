"""Brian2's settings, which outlive a simulation: set for one, then as they were."""

from collections.abc import Iterator
from contextlib import contextmanager

from brian2 import defaultclock, prefs


@contextmanager
def brian2_settings() -> Iterator[None]:
    """At the end put back the code generation target, the floating-point type and the step of the clock. Serves as a
    decorator too."""
    target, dtype, step = prefs.codegen.target, prefs.core.default_float_dtype, defaultclock.dt
    try:
        yield
    finally:
        prefs.codegen.target, prefs.core.default_float_dtype, defaultclock.dt = target, dtype, step
