"""Schedules are pure, start at 0, end at 1 and never fall."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steep.sharpening.schedules import SCHEDULES, sharpness_at


@pytest.mark.parametrize("kind", SCHEDULES)
@given(full_at=st.floats(0.01, 1), layers=st.integers(1, 5), points=st.lists(st.floats(0, 1), min_size=2))
def test_every_schedule(kind: str, full_at: float, layers: int, points: list[float]) -> None:
    schedule = {"kind": kind, "full_at": full_at}
    values = [sharpness_at(p, layers, schedule) for p in sorted(points)]
    assert all(len(value) == layers and all(0 <= s <= 1 for s in value) for value in values)
    assert all(a <= b for one, other in pairwise(values) for a, b in zip(one, other, strict=True))
    assert sharpness_at(0, layers, schedule) == (0.0,) * layers
    assert sharpness_at(full_at, layers, schedule) == sharpness_at(1, layers, schedule) == (1.0,) * layers


def test_uniform_is_linear() -> None:
    assert sharpness_at(0.25, 2, {"kind": "uniform", "full_at": 0.5}) == (0.5, 0.5)
