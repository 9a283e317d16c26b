"""Schedules are pure, start at 0, end at 1 and never fall."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steep.recipes import SCHEDULES, Adaptive, Schedule, schedule_of
from steep.sharpening.schedules import Moment, bottom_up, sharpness_at

EPOCHS = 10


def at(progress: float, layers: int, schedule: Schedule, losses: list[float] | None = None) -> tuple[float, ...]:
    """Return the sharpness at a moment, knowing the losses of the epochs that are over."""
    known = (losses or [1.0] * EPOCHS)[: int(progress * EPOCHS)]
    return sharpness_at(Moment(progress, EPOCHS, known), layers, schedule)


def schedule(kind: str, full_at: float) -> Schedule:
    return schedule_of({"kind": kind, "full_at": full_at} | ({"tolerance": 0.1} if kind == "adaptive" else {}))


@pytest.mark.parametrize("kind", SCHEDULES)
@given(
    full_at=st.floats(0.01, 1),
    layers=st.integers(1, 5),
    points=st.lists(st.floats(0, 1), min_size=2),
    losses=st.lists(st.floats(0.01, 10), min_size=EPOCHS, max_size=EPOCHS),
)
def test_every_schedule(kind: str, full_at: float, layers: int, points: list[float], losses: list[float]) -> None:
    chosen = schedule(kind, full_at)
    values = [at(p, layers, chosen, losses) for p in sorted(points)]
    assert all(len(value) == layers and all(0 <= s <= 1 for s in value) for value in values)
    assert all(a <= b + 1e-9 for one, other in pairwise(values) for a, b in zip(one, other, strict=True))
    assert at(0, layers, chosen, losses) == (0.0,) * layers
    assert at(1, layers, chosen, losses) == (1.0,) * layers
    assert at(full_at, layers, chosen, losses) == pytest.approx((1.0,) * layers)


def test_uniform_is_linear() -> None:
    assert at(0.25, 2, schedule("uniform", 0.5)) == (0.5, 0.5)


def test_bottom_up_takes_one_layer_after_the_other() -> None:
    chosen = schedule("bottom_up", 0.6)
    assert at(0.1, 3, chosen) == pytest.approx((0.5, 0, 0))
    assert at(0.3, 3, chosen) == pytest.approx((1, 0.5, 0))
    assert at(0.5, 3, chosen) == pytest.approx((1, 1, 0.5))


def test_adaptive_waits_while_the_loss_is_high_and_hurries_at_the_end() -> None:
    """Full at epoch 8 of 10: speed 1/4 an epoch. High losses after epochs 1 to 3; from epoch 4 on it must hurry."""
    slow = Adaptive(full_at=0.8, tolerance=0.5)
    calm = [at(epoch / 10, 1, slow)[0] for epoch in range(6)]
    assert calm == pytest.approx([0, 0.25, 0.5, 0.75, 1, 1])
    high = [1.0, 1.6, 1.6, 1.6, 9, 9, 9, 9, 9, 9]
    waiting = [at(epoch / 10, 1, slow, high)[0] for epoch in range(9)]
    assert waiting == pytest.approx([0, 0.25, 0.5, 0.5, 0.5, 0.5, 0.5, 0.75, 1])


def test_bottom_up_ends_in_steps_whatever_the_number_of_layers() -> None:
    """1 / (1 / 93) is less than 93."""
    for layers in range(1, 400):
        assert bottom_up(Moment(1.0), layers, 1.0) == (1.0,) * layers
