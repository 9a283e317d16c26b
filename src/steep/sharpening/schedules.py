"""Schedules: the sharpness of each layer as a pure function of where training stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from steep.recipes import Adaptive, BottomUp, Schedule, Uniform


@dataclass(frozen=True)
class Moment:
    """Where the training of a sharpened network stands.

    Attributes
    ----------
    progress : fraction of the batches already trained, 0 to 1.
    epochs : epochs in all.
    losses : validation loss after each whole epoch so far, first epoch first.

    """

    progress: float
    epochs: int = 1
    losses: Sequence[float] = ()


def uniform(moment: Moment, layers: int, full_at: float) -> tuple[float, ...]:
    """All layers sharpen together and linearly, and are steps from `full_at` on, so that training goes on after full
    sharpness."""
    return (min(1.0, moment.progress / full_at),) * layers


def bottom_up(moment: Moment, layers: int, full_at: float) -> tuple[float, ...]:
    """One layer after the other, first layer first, each in an equal part of the time until `full_at`; the layers above
    learn from what are spikes already."""
    if moment.progress >= full_at:
        return (1.0,) * layers  # which the parts, rounded, may miss
    share = full_at / layers
    return tuple(min(1.0, max(0.0, moment.progress / share - number)) for number in range(layers))


def adaptive(moment: Moment, layers: int, full_at: float, tolerance: float) -> tuple[float, ...]:
    """All layers sharpen together, as fast as the validation loss bears.

    After an epoch whose validation loss is at most ``1 + tolerance`` times the best so far, sharpness grows at twice
    the speed of `uniform`; otherwise it waits, but never so long that it could not be 1 at `full_at` at that speed.
    """
    speed, value = 2 / (full_at * moment.epochs), 0.0  # sharpness per epoch
    done = moment.progress * moment.epochs
    for epoch in range(int(done) + 1):
        left = full_at * moment.epochs - epoch
        if left <= 0:
            return (1.0,) * layers
        losses = moment.losses[:epoch]
        calm = not losses or losses[-1] <= (1 + tolerance) * min(losses)
        late = 1 - value > speed * (left - 1)
        pace = max(speed, (1 - value) / left) if calm or late else 0.0
        value = min(1.0, value + pace * min(1.0, done - epoch))
    return (value,) * layers


def sharpness_at(moment: Moment, layers: int, schedule: Schedule) -> tuple[float, ...]:
    """Return the sharpness of each of `layers` layers, first layer first.

    Parameters
    ----------
    moment : where training stands.
    layers : number of hidden layers that are sharpened.
    schedule : which, and its parameters.

    """
    match schedule:
        case Uniform():
            return uniform(moment, layers, schedule.full_at)
        case BottomUp():
            return bottom_up(moment, layers, schedule.full_at)
        case Adaptive():
            return adaptive(moment, layers, schedule.full_at, schedule.tolerance)
        case _:
            assert_never(schedule)
