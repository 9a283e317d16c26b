"""Spikes and events are counted as the network has them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import chains, frames_for, graphs

from steep.analysis.activity import (
    activity_rows,
    activity_table,
    activity_view,
    check_examples,
    choose_examples,
    layers_of,
    measure_activity,
)
from steep.analysis.energy import energy_table, energy_view
from steep.errors import SteepError
from steep.frames import Frames
from steep.simulators.torch_threshold import simulate
from steep.spikes import Spikes
from steep.threshold.network import ConvLink, ThresholdNetwork, conv, dense, or_pool

RNG = np.random.default_rng(7)


def network() -> ThresholdNetwork:
    return ThresholdNetwork(
        (2, 5, 6),
        (
            conv(ConvLink(0, RNG.integers(-2, 3, (3, 2, 2, 2)).astype(np.int32)), (2, 5, 6), np.full(3, 0.5)),
            or_pool(1, (3, 4, 5), (2, 2)),
            dense(2, RNG.integers(-2, 3, (4, 12)).astype(np.int32), np.full(4, -0.5)),
        ),
    )


@settings(max_examples=60, deadline=None)
@given(drawn=st.one_of(chains(), graphs(dimensions=2)), seed=st.integers(0, 1000))
def test_events_are_counted_synapse_by_synapse(drawn: ThresholdNetwork, seed: int) -> None:
    net, values = drawn, frames_for(drawn, seed)
    classes = net.sizes[-1]
    frames = Frames(values, np.arange(len(values)).astype(np.uint8) % classes, classes, net.input_top)
    spikes = simulate(net, frames.values)
    found = measure_activity(net, frames, spikes)
    active = layers_of(net, frames, spikes)
    for number, (arrivals, _) in enumerate(net.connections()):
        expected = np.zeros(len(frames), np.int64)
        for link in arrivals:
            for source in link.synapses.source:
                expected += active[link.source][:, source]
        assert found["frame_events"][:, number].tolist() == expected.tolist()
        assert found["synapses"][number] == sum(len(link.synapses.source) for link in arrivals)
    for number, layer in enumerate(active):
        assert found[f"unit_spikes{number}"].tolist() == layer.sum(0).tolist()
        assert found["frame_spikes"][:, number].tolist() == layer.sum(1).tolist()
    assert bool(found["currents"]) == (net.input_top > 1)


def test_dead_and_saturated_units_are_counted() -> None:
    net = ThresholdNetwork((1, 1, 2), (dense(0, np.ones((3, 2), np.int32), np.array([-0.5, 9.5, 0.5])),))
    frames = Frames(np.array([[0, 0], [1, 0]], np.uint8).reshape(2, 1, 1, 2), np.zeros(2, np.uint8), 3, 1)
    rows = activity_rows(measure_activity(net, frames, simulate(net, frames.values)), {"experiment": "e", "seed": 0})
    table = activity_table(pd.DataFrame(rows))
    assert table[["dead", "saturated"]].to_numpy().tolist() == [[1, 0], [1, 1]]
    assert table["events_per_frame"].tolist() == [0, 1.5]
    assert activity_view(table)["of all synapses"].tolist() == ["–", "25.0%"]


def test_examples_are_the_first_right_of_each_class_and_the_first_wrong() -> None:
    net = network()
    frames = Frames(RNG.integers(0, 2, (60, 2, 5, 6)).astype(np.uint8), RNG.integers(0, 4, 60).astype(np.uint8), 4, 1)
    spikes = simulate(net, frames.values)
    examples = choose_examples(net, frames, spikes)
    right = spikes.classes() == frames.labels
    expected = [
        int(np.flatnonzero(right & (frames.labels == k))[0]) for k in range(4) if (right & (frames.labels == k)).any()
    ]
    assert examples["index"].tolist() == expected + np.flatnonzero(~right)[:6].tolist()
    np.testing.assert_array_equal(examples["layer3"], spikes.layers[2][examples["index"]])


def test_spikes_of_another_network_are_one_line() -> None:
    frames = Frames(np.zeros((2, 2, 5, 6), np.uint8), np.zeros(2, np.uint8), 4, 1)
    with pytest.raises(SteepError, match="simulate them again, all layers kept"):
        measure_activity(network(), frames, Spikes((np.zeros((2, 7), bool),), np.zeros((2, 4))))


def test_what_is_not_of_these_frames_is_one_line() -> None:
    """One potential for all frames, or one for all classes, would be repeated and no error."""
    net = network()
    frames = Frames(RNG.integers(0, 2, (5, 2, 5, 6)).astype(np.uint8), RNG.integers(0, 4, 5).astype(np.uint8), 4, 1)
    spikes = simulate(net, frames.values)
    for potential in (spikes.potential[:1], spikes.potential[:, :1]):
        for made in (measure_activity, choose_examples):
            with pytest.raises(SteepError, match="simulate them again"):
                made(net, frames, Spikes(spikes.layers, potential))
    for values in (frames.values.reshape(5, 2, 6, 5), frames.values[:, :1]):
        with pytest.raises(SteepError, match="simulate them again"):
            measure_activity(net, Frames(values, frames.labels, 4, 1), spikes)


@pytest.mark.parametrize("wrong", ["values", "layer1", "layer3", "potential", "classes"])
def test_examples_of_another_network_are_one_line(wrong: str) -> None:
    net = network()
    frames = Frames(RNG.integers(0, 2, (20, 2, 5, 6)).astype(np.uint8), RNG.integers(0, 4, 20).astype(np.uint8), 4, 1)
    examples = choose_examples(net, frames, simulate(net, frames.values))
    check_examples(examples, net.shapes)
    lacks = {name: array for name, array in examples.items() if name != wrong}
    one = examples | {wrong: examples[wrong][:1] if wrong == "classes" else examples[wrong][:, :1]}
    for broken in (lacks, one):
        with pytest.raises(SteepError, match=f"examples: {wrong} not as the network has them"):
            check_examples(broken, net.shapes)


def test_energy_is_events_times_picojoules(root: Path) -> None:
    activity = pd.DataFrame(
        {
            "experiment": ["e", "e"],
            "layer": [0, 1],
            "currents": [False, False],
            "events_per_frame": [0.0, 2e6],
            "synapses": [0, 5e6],
        }
    )
    per_event = pd.DataFrame(
        {
            "system": ["a", "b"],
            "counts": ["events", "synapses"],
            "low_pJ": [1.0, 2.0],
            "high_pJ": [3.0, 2.0],
            "source": ["s", "s"],
            "standing": ["read", "recalled"],
        }
    )
    table = energy_table(activity, per_event)
    assert table[["low_uJ", "high_uJ"]].to_numpy() == pytest.approx(np.array([[2, 6], [10, 10]]))
    assert energy_view(table)["µJ per frame"].tolist() == ["2 to 6", "10"]
    published = pd.read_csv(root / "report" / "published" / "energy-per-event.csv")
    assert set(published["counts"]) <= {"events", "synapses"} and (published["low_pJ"] <= published["high_pJ"]).all()
    # Every figure says where it is from, and whether that was read.
    for name in ("energy-per-event.csv", "energy-per-frame.csv"):
        table = pd.read_csv(root / "report" / "published" / name)
        assert table["source"].notna().all() and table["standing"].str.contains("read|recalled").all()
