"""Studies and tables of the STPU."""

import numpy as np
import pytest

from steep.frames import Frames
from steep.simulators import load_simulator
from steep.stpu.layout import from_threshold_network
from steep.stpu.reference import Faults
from steep.stpu.sweeps import classify, sweep_faults, sweep_leak
from steep.study.stpu_table import stpu_table, stpu_view
from steep.threshold.network import ThresholdNetwork, dense

LIMITS = {"neurons": {"limit": 40, "assumed": True}, "buffer_slots": {"limit": 4, "assumed": False}}


@pytest.fixture
def network() -> ThresholdNetwork:
    rng = np.random.default_rng(1)
    sizes = [(10, 16), (8, 10), (3, 8)]
    return ThresholdNetwork(
        (1, 4, 4),
        tuple(
            dense(source, rng.integers(-5, 6, size, dtype=np.int32), rng.integers(-4, 5, size[0]) + 0.5)
            for source, size in enumerate(sizes)
        ),
    )


@pytest.fixture
def frames(network: ThresholdNetwork) -> Frames:
    """Return frames labelled with what the undisturbed network says, so that 100% is the undisturbed accuracy."""
    values = (np.random.default_rng(2).random((60, 1, 4, 4)) < 0.5).astype(np.uint8)
    return Frames(values, load_simulator("torch")(network, values).classes().astype(np.uint8), 3, full_scale=1)


def test_undisturbed_settings_change_nothing(network: ThresholdNetwork, frames: Frames) -> None:
    rows = sweep_leak(network, frames, [1.0, 0.8], [1, 2, 40]) + sweep_faults(network, frames, [0.0, 0.3], seed=0)
    by_setting = {
        (r["sweep"], r["leak"], r["spacing"], r["dropped"], r["inserted"], r["late"]): r["accuracy"] for r in rows
    }
    assert len(by_setting) == 6 + 4  # the three faults share rate 0
    assert all(
        value == 100
        for (study, leak, spacing, *_), value in by_setting.items()
        if study == "leak" and (leak == 1 or spacing == 40)
    )
    assert by_setting["leak", 0.8, 1, 0, 0, 0] < 100
    assert by_setting["faults", 1, 1, 0, 0, 0] == 100
    assert (
        max(value for (study, _, _, *rates), value in by_setting.items() if study == "faults" and max(rates) > 0) < 100
    )


def test_faults_are_repeatable(network: ThresholdNetwork, frames: Frames) -> None:
    layout = from_threshold_network(network, clock=True)
    one, two, other = (classify(layout, frames.values, faults=Faults(dropped=0.2, seed=s)).tolist() for s in (1, 1, 2))
    assert one == two != other


def test_the_table_says_what_fits_and_why_not(network: ThresholdNetwork) -> None:
    layout = from_threshold_network(network, clock=True)
    table = stpu_table({("here", "potential"): layout}, LIMITS)
    row = table.iloc[0]
    assert row["neurons"] == 16 + 10 + 8 + 3 + (layout.clock is not None)
    assert row["fits"] and row["latency"] == 3 and row["steps_per_frame"] == 1
    view = stpu_view(table).iloc[0]
    assert view["Neurons"] == f"{row['neurons']} of 40*" and view["Buffer slots"].endswith("of 4")
    small = stpu_table({("here", "potential"): layout}, {"neurons": {"limit": 20, "assumed": True}}).iloc[0]
    assert not small["fits"] and "the STPU has 20" in small["why_not"]


def test_faults_meet_the_network_with_its_clock(network: ThresholdNetwork, frames: Frames) -> None:
    """Thresholds below 0 need it; its spikes are lost, and come late, as those of any neuron."""
    layout = from_threshold_network(network, clock=True)
    assert layout.clock is not None
    for row in sweep_faults(network, frames, [0.1, 0.3], seed=5):
        faults = Faults(dropped=row["dropped"], inserted=row["inserted"], late=row["late"], seed=5)
        assert row["correct"] == (classify(layout, frames.values, 1, faults) == frames.labels).sum()
        assert row["accuracy"] == 100 * row["correct"] / 60 and row["frames"] == 60
    for row in sweep_leak(network, frames, [0.8], [1, 3]):
        leaking = from_threshold_network(network, clock=True, leak=0.8)
        assert row["correct"] == (classify(leaking, frames.values, row["spacing"]) == frames.labels).sum()
