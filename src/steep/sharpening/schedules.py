"""Schedules: the sharpness of each layer as a pure function of training progress."""

from typing import Any


def uniform(progress: float, layers: int, full_at: float) -> tuple[float, ...]:
    """All layers sharpen together and linearly, and are steps from `full_at` on, so that training goes on after full
    sharpness."""
    return (min(1.0, progress / full_at),) * layers


SCHEDULES = {"uniform": uniform}


def sharpness_at(progress: float, layers: int, schedule: dict[str, Any]) -> tuple[float, ...]:
    """Return the sharpness of each of `layers` layers, first layer first.

    Parameters
    ----------
    progress : fraction of the sharpening batches already trained, 0 to 1.
    layers : number of hidden layers that are sharpened.
    schedule : the config's schedule: its ``kind`` and its parameters.

    """
    parameters = {key: value for key, value in schedule.items() if key != "kind"}
    return SCHEDULES[schedule["kind"]](progress, layers, **parameters)
