"""Three implementations of the STPU, the same spikes and the same membranes to the last bit; and the step, worked out
by hand."""

import os
import struct
import tracemalloc
import warnings
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_stpu import STEPS, simulations

from steep.errors import SteepError
from steep.stpu import brian2_stpu, reference
from steep.stpu.network import Stimulus, StpuNetwork
from steep.stpu.reference import Faults

# At ten networks an example 600 cases; STEEP_STPU_EXAMPLES=2000 makes them 20,000. STEEP_STPU_TARGETS=numpy,cython
# runs Brian2's compiled target too.
EXAMPLES = int(os.environ.get("STEEP_STPU_EXAMPLES", "60"))
TARGETS = os.environ.get("STEEP_STPU_TARGETS", "numpy").split(",")


def run_plainly(network: StpuNetwork, stimulus: Stimulus, steps: int) -> tuple[list, np.ndarray, np.ndarray]:
    """Run with loops over neurons and synapses, and buffers as dictionaries: spikes, potentials, membranes (steps,
    neurons)."""
    kind = network.dtype
    v = [kind(0) if is_input else kind(x) for x, is_input in zip(network.initial, network.is_input, strict=True)]
    buffers: list[dict[int, np.floating]] = [{} for _ in v]
    told = set(zip(stimulus.step.tolist(), stimulus.neuron.tolist(), strict=True))
    chance = [np.float32(1)] * len(v) if network.probability is None else [np.float32(p) for p in network.probability]
    random = np.random.default_rng(0)
    spikes, potentials, membranes = [], np.zeros((steps, len(v)), kind), np.zeros((steps, len(v)), kind)
    for step in range(steps):
        for at, neuron, value in zip(stimulus.injected_step, stimulus.injected_neuron, stimulus.injected, strict=True):
            if at == step:
                buffers[neuron][step] = buffers[neuron].get(step, kind(0)) + kind(value)
        fired = []
        luck = {n: random.random() for n in range(len(v)) if not network.is_input[n] and 0 < chance[n] < 1}
        for n in range(len(v)):
            threshold, reset, leak = kind(network.threshold[n]), kind(network.reset[n]), kind(network.leak[n])
            if network.is_input[n]:
                fired += [n] if (step, n) in told else []
                continue
            if network.variant == "subtractive":
                v[n] = v[n] - leak
                v[n] = reset if v[n] < reset else v[n]
            v[n] = v[n] + buffers[n].pop(step, kind(0))
            potentials[step, n] = v[n]
            if v[n] > threshold:
                if luck.get(n, 0.0 if chance[n] else 2.0) <= chance[n]:
                    v[n] = reset
                    fired.append(n)
            elif network.variant == "multiplicative":
                v[n] = v[n] * kind(1.0 - float(network.leak[n]))
            membranes[step, n] = v[n]
        for n in fired:
            spikes.append((step, n))
            for synapse in np.flatnonzero(network.source == n):
                target, at = network.target[synapse], step + int(network.delay[synapse])
                buffers[target][at] = buffers[target].get(at, kind(0)) + kind(network.weight[synapse])
    return spikes, potentials, membranes


@settings(max_examples=EXAMPLES, deadline=None)
@given(simulation=simulations(10))
def test_buffer_delays_and_reference_are_one(simulation: tuple[StpuNetwork, Stimulus]) -> None:
    network, stimulus = simulation
    watched = np.arange(network.count)
    expected = reference.simulate(network, stimulus, STEPS, watched)
    for travel, target in product(("buffer", "delays", "rows"), TARGETS):
        found = brian2_stpu.simulate(network, stimulus, STEPS, watched, travel, target)
        for name in ("step", "neuron", "potential", "membrane"):
            assert np.array_equal(getattr(found, name), getattr(expected, name)), (travel, target, name)


@settings(max_examples=100, deadline=None)
@given(simulation=simulations(1))
def test_the_reference_is_what_loops_say(simulation: tuple[StpuNetwork, Stimulus]) -> None:
    network, stimulus = simulation
    found = reference.simulate(network, stimulus, STEPS, np.arange(network.count))
    spikes, potentials, membranes = run_plainly(network, stimulus, STEPS)
    assert list(zip(found.step.tolist(), found.neuron.tolist(), strict=True)) == spikes
    assert np.array_equal(found.potential, potentials) and np.array_equal(found.membrane, membranes)


def test_compiled_brian2_too() -> None:
    """The functions of buffer and rows exist in Cython as well; without a compiler, Brian2's NumPy target serves."""
    rng = np.random.default_rng(4)
    from random_stpu import network_of, stimulus_of

    network = network_of(rng, "multiplicative", "float64")
    stimulus = stimulus_of(rng, network)
    watched = np.arange(network.count)
    expected = reference.simulate(network, stimulus, STEPS, watched)
    for travel in ("buffer", "rows"):
        found = brian2_stpu.simulate(network, stimulus, STEPS, watched, travel, target="cython")
        assert np.array_equal(found.neuron, expected.neuron) and np.array_equal(found.membrane, expected.membrane)


IMPLEMENTATIONS = {
    "reference": reference.simulate,
    "buffer": lambda *arguments: brian2_stpu.simulate(*arguments, "buffer"),
    "delays": lambda *arguments: brian2_stpu.simulate(*arguments, "delays"),
    "rows": lambda *arguments: brian2_stpu.simulate(*arguments, "rows"),
}


def one_neuron(weights: list[float], delays: list[int], **values: object) -> StpuNetwork:
    """Return an input neuron, 0, joined to neuron 1 by a synapse for each weight; threshold 2, no leak, reset 0
    if not given."""
    settings_ = {"initial": 0.0, "threshold": 2.0, "reset": 0.0, "leak": 0.0} | {
        k: v for k, v in values.items() if k not in ("variant", "precision", "probability")
    }
    return StpuNetwork(
        **{name: np.array([0.0, value]) for name, value in settings_.items()},
        is_input=np.array([True, False]),
        source=np.zeros(len(weights), np.int64),
        target=np.ones(len(weights), np.int64),
        weight=np.array(weights, float),
        delay=np.array(delays, np.int64),
        probability=np.array([1.0, values["probability"]]) if "probability" in values else None,
        **{k: v for k, v in values.items() if k in ("variant", "precision")},
    )


def trace(
    implementation: str, network: StpuNetwork, steps_told: list[int], steps: int, injected: list[tuple[int, float]] = ()
) -> tuple[list, list, list]:
    """Return the steps at which neuron 1 fires, its potentials and its membranes."""
    told = np.array(steps_told, np.int64)
    at = np.array([s for s, _ in injected], np.int64)
    stimulus = Stimulus(told, np.zeros_like(told), at, np.ones_like(at), np.array([x for _, x in injected], float))
    found = IMPLEMENTATIONS[implementation](network, stimulus, steps, np.array([1]))
    return found.step[found.neuron == 1].tolist(), found.potential.ravel().tolist(), found.membrane.ravel().tolist()


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
class TestByHand:
    def test_a_spike_arrives_after_its_delay_and_the_membrane_leaks(self, implementation: str) -> None:
        network = one_neuron([1, 1], [1, 3], leak=0.5)
        assert trace(implementation, network, [0], 5) == ([], [0, 1, 0.5, 1.25, 0.625], [0, 0.5, 0.25, 0.625, 0.3125])

    def test_threshold_is_strict_and_reset_replaces_the_membrane(self, implementation: str) -> None:
        network = one_neuron([2], [1], reset=-1.0)
        assert trace(implementation, network, [0, 1], 4) == ([2], [0, 2, 4, -1], [0, 2, -1, -1])

    def test_subtractive_leak_stops_at_the_floor(self, implementation: str) -> None:
        network = one_neuron([1.5, -1], [1, 3], leak=1.0, variant="subtractive")
        assert trace(implementation, network, [0], 5) == ([], [0, 1.5, 0.5, -1, 0], [0, 1.5, 0.5, -1, 0])

    def test_subtractive_spike_goes_to_the_floor(self, implementation: str) -> None:
        network = one_neuron([5], [2], leak=1.0, reset=-0.5, variant="subtractive")
        assert trace(implementation, network, [0], 4) == ([2], [-0.5, -0.5, 4.5, -0.5], [-0.5, -0.5, -0.5, -0.5])

    def test_several_synapses_join_one_pair(self, implementation: str) -> None:
        network = one_neuron([1.5, 1.5, 3], [2, 2, 4], leak=1.0)
        assert trace(implementation, network, [0], 6)[0] == [2, 4]

    def test_the_initial_membrane_counts_at_step_0(self, implementation: str) -> None:
        assert trace(implementation, one_neuron([1], [1], initial=2.5), [], 2)[0] == [0]

    def test_injection_is_read_in_its_own_step(self, implementation: str) -> None:
        network = one_neuron([1], [1], leak=1.0)
        assert trace(implementation, network, [1], 4, [(0, 2.5), (2, 1.5), (3, -4)]) == (
            [0, 2],
            [2.5, 0, 2.5, -4],
            [0, 0, 0, 0],
        )

    def test_a_delay_longer_than_the_run_never_arrives(self, implementation: str) -> None:
        assert trace(implementation, one_neuron([9, 1], [50, 1]), [0], 5)[0] == []

    def test_float32_is_not_float64(self, implementation: str) -> None:
        """0.1 leaked from 1 ten times: the two precisions part, each as its arithmetic says."""
        for precision, kind in (("float32", np.float32), ("float64", np.float64)):
            network = one_neuron([1], [1], leak=0.1, precision=precision)
            value, values = kind(1), []
            for _ in range(10):
                values.append(float(value))
                value = value * kind(0.9)
            assert trace(implementation, network, [0], 11)[1][1:] == values

    def test_the_leak_is_rounded_once(self, implementation: str) -> None:
        """The element keeps C's (float) (1 - leak): a membrane of 1 is that after a step, for every leak of two digits.
        0.6, 0.8 and 0.9 are among the 41 that come out otherwise where leak is rounded first."""
        leak = np.arange(1, 100) / 100
        one = np.ones(99)
        network = StpuNetwork(
            initial=one,
            threshold=9 * one,
            reset=one,
            leak=leak,
            is_input=one < 0,
            source=np.zeros(0, np.int64),
            target=np.zeros(0, np.int64),
            weight=np.zeros(0),
            delay=np.zeros(0, np.int64),
            precision="float32",
        )
        empty = np.zeros(0, np.int64)
        found = IMPLEMENTATIONS[implementation](
            network, Stimulus(empty, empty, empty, empty, np.zeros(0)), 1, np.arange(99)
        )
        expected = [struct.unpack("f", struct.pack("f", 1.0 - float(f"0.{digits:02}")))[0] for digits in range(1, 100)]
        assert found.membrane[0].tolist() == expected
        otherwise = np.float32(1) - leak.astype(np.float32) != np.array(expected, np.float32)
        assert otherwise.sum() == 41 and otherwise[[59, 79, 89]].all()

    def test_a_sum_beyond_float32_is_infinite_and_leaks_to_the_floor(self, implementation: str) -> None:
        """3e38 down twice is minus infinity, which the subtractive leak lifts to the floor, where 2 are not enough."""
        network = one_neuron([-3e38, -3e38, 2], [1, 1, 2], variant="subtractive", precision="float32")
        assert trace(implementation, network, [0], 4) == ([], [0, -np.inf, 2, 2], [0, -np.inf, 2, 2])

    def test_nothing_is_warned_of_an_infinite_membrane(self, implementation: str) -> None:
        """All of minus infinity leaks: what is left is no number, as in the element."""
        network = one_neuron([-3e38, -3e38], [1, 1], leak=1.0, precision="float32")
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            fired, potential, membrane = trace(implementation, network, [0], 3)
        assert fired == [] and potential[1] == -np.inf
        assert np.isnan([potential[2], *membrane[1:]]).all()

    def test_below_p_1_a_neuron_over_threshold_may_keep_all_it_has(self, implementation: str) -> None:
        """At p 0 it never fires and, over threshold, never leaks; at half of it the seed decides, for all alike."""
        never = one_neuron([5, -4], [1, 3], leak=0.5, probability=0.0)
        assert trace(implementation, never, [0], 5) == ([], [0, 5, 5, 1, 0.5], [0, 5, 5, 0.5, 0.25])
        # default_rng(0) gives 0.64 0.27 0.04 0.02 0.81 0.91 0.61: it fires in steps 1 and 2, and not from 4 on.
        coin = one_neuron([3, 3, 3], [1, 2, 5], leak=0.5, probability=0.5)
        assert trace(implementation, coin, [0, 3], 7)[0] == [1, 2]
        assert trace(implementation, coin, [0, 3], 7)[1] == [0, 3, 3, 0, 3, 9, 9]
        always = one_neuron([3], [1], probability=1 - 1e-9)  # the element's float32 of it is 1
        assert trace(implementation, always, [0, 1, 2, 3], 5)[0] == [1, 2, 3, 4]


def test_the_seed_decides_and_a_probability_is_one() -> None:
    """A membrane that is always over threshold fires with p: of 4,000 steps within five standard deviations."""
    network = one_neuron([1], [1], initial=5.0, reset=5.0, probability=0.3)
    empty = np.zeros(0, np.int64)
    nothing = Stimulus(empty, empty, empty, empty, np.zeros(0))
    one, again, other = (
        reference.simulate(network, nothing, 4000, empty, seed=seed).step.tolist() for seed in (1, 1, 2)
    )
    assert one == again != other
    assert abs(len(one) - 1200) < 5 * np.sqrt(4000 * 0.3 * 0.7)
    with pytest.raises(SteepError, match="the seed is -1; write 0 or more"):
        reference.simulate(network, nothing, 1, empty, seed=-1)


def large(delay: int) -> StpuNetwork:
    """Return 40,000 neurons of which one synapse takes `delay` steps."""
    count = 40_000
    ends = {"source": np.zeros(2, np.int64), "target": np.array([1, 2]), "delay": np.array([1, delay])}
    zeros = np.zeros(count)
    neurons = {"initial": zeros, "threshold": zeros + 1, "reset": zeros, "leak": zeros}
    return StpuNetwork(**neurons, **ends, is_input=np.arange(count) == 0, weight=np.full(2, 5.0), precision="float32")


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_a_buffer_is_no_longer_than_the_run(implementation: str) -> None:
    """A delay of 60,000 steps of one synapse of 40,000 neurons: 9.6 GB, of which 3 steps need none."""
    stimulus = Stimulus(*(np.zeros(1, np.int64),) * 2, *(np.zeros(0, np.int64),) * 2, np.zeros(0))
    tracemalloc.start()
    found = IMPLEMENTATIONS[implementation](large(60_000), stimulus, 3, np.zeros(0, np.int64))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert list(zip(found.step.tolist(), found.neuron.tolist(), strict=True)) == [(0, 0), (1, 1)]
    assert found.potential.shape == found.membrane.shape == (3, 0) and peak < 100e6


@pytest.mark.parametrize("travel", ["buffer", "rows"])
def test_buffers_that_brian2_cannot_number_are_refused(travel: str) -> None:
    stimulus = Stimulus(*(np.zeros(1, np.int64),) * 2, *(np.zeros(0, np.int64),) * 2, np.zeros(0))
    with pytest.raises(SteepError, match="40000 neurons with buffers of 60001 slots are more than Brian2 can number"):
        brian2_stpu.simulate(large(60_000), stimulus, 60_010, np.zeros(0, np.int64), travel)


def test_faults_of_rate_zero_change_nothing_and_of_rate_one_are_total() -> None:
    network = one_neuron([3], [1], leak=1.0)
    told = np.arange(0, 10, 2)
    stimulus = Stimulus(told, np.zeros_like(told), *(np.zeros(0, np.int64),) * 2, np.zeros(0))
    watched = np.array([1])

    def fired(faults: Faults | None) -> list[int]:
        found = reference.simulate(network, stimulus, 12, watched, faults)
        return found.step[found.neuron == 1].tolist()

    assert fired(None) == fired(Faults()) == [1, 3, 5, 7, 9]
    assert fired(Faults(dropped=1)) == []
    assert fired(Faults(late=1)) == [2, 4, 6, 8, 10]
    assert fired(Faults(inserted=1, seed=3)) == list(range(12))
    assert (
        fired(Faults(dropped=0.5, seed=1)) == fired(Faults(dropped=0.5, seed=1)) != fired(Faults(dropped=0.5, seed=2))
    )


BROKEN = [
    ({"delay": np.array([1, 0])}, "synapse 1: delay is 0; it must be at least 1"),
    ({"target": np.array([1, 7])}, "synapse 1: target is 7; it must be a neuron below 2"),
    ({"target": np.array([1, 0])}, "synapse 1: target is 0; it must be no input neuron, which has no membrane"),
    ({"weight": np.array([np.nan, 1])}, "synapse 0: weight is nan; it must be a number"),
    (
        {"weight": np.array([1, -1e39]), "precision": "float32"},
        "synapse 1: weight is -1e+39; it must be a number within",
    ),
    ({"probability": np.array([1, 1.5])}, "neuron 1: probability is 1.5; it must be 0 to 1"),
    ({"probability": np.ones(3)}, "differ in length"),
    ({"leak": np.array([0, 1.5])}, "neuron 1: leak is 1.5; it must be 0 to 1"),
    ({"threshold": np.array([0, np.inf])}, "neuron 1: threshold is inf; it must be a number"),
    ({"variant": "other"}, "variant is one of multiplicative, subtractive"),
    ({"weight": np.ones(3)}, "differ in length"),
]


@pytest.mark.parametrize(("change", "message"), BROKEN, ids=[message for _, message in BROKEN])
def test_what_cannot_be_is_refused_in_one_line(change: dict, message: str) -> None:
    from dataclasses import replace

    with pytest.raises(SteepError) as caught:
        replace(one_neuron([1, 1], [1, 2]), **change)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("step", "neuron", "message"),
    [(0, 1, "neuron is 1; it must be an input neuron"), (9, 0, "step is 9"), (0, 5, "neuron is 5")],
)
def test_a_stimulus_that_cannot_be_is_refused(step: int, neuron: int, message: str) -> None:
    empty = np.zeros(0, np.int64)
    stimulus = Stimulus(np.array([step]), np.array([neuron]), empty, empty, np.zeros(0))
    with pytest.raises(SteepError, match=message):
        reference.simulate(one_neuron([1], [1]), stimulus, 9, np.array([1]))


@given(seed=st.integers(0, 100))
@settings(max_examples=10, deadline=None)
def test_a_raster_holds_every_spike(seed: int) -> None:
    from random_stpu import network_of, stimulus_of

    rng = np.random.default_rng(seed)
    network = network_of(rng, "multiplicative", "float64")
    found = reference.simulate(network, stimulus_of(rng, network), STEPS, np.zeros(0, np.int64))
    assert found.raster(STEPS, network.count).sum() == len(found.step)
