"""Random STPU networks: recurrent, several synapses per pair, every delay, coincident arrivals, thresholds hit
exactly, leaks of two digits, neurons that do not always fire."""

import numpy as np
from hypothesis import strategies as st

from steep.stpu.network import PRECISIONS, VARIANTS, Stimulus, StpuNetwork

STEPS = 40


def network_of(rng: np.random.Generator, variant: str, precision: str) -> StpuNetwork:
    """Return one network; half of them have values that are short binary fractions, so that thresholds are hit
    exactly."""
    count, synapses = int(rng.integers(2, 9)), int(rng.integers(0, 40))
    is_input = rng.random(count) < 0.3
    is_input[-1] = False
    longest = int(rng.choice([1, 2, 5, 17, 39]))
    if rng.random() < 0.5:
        weight = rng.integers(-6, 9, synapses) / 4
        initial, threshold, reset = (rng.integers(low, high, count) / 4 for low, high in ((-4, 9), (-3, 9), (-4, 3)))
        leak = rng.choice([0, 0.125, 0.25, 0.5, 1], count)
    else:
        weight, leak = rng.normal(size=synapses), rng.random(count)
        initial, threshold, reset = rng.normal(size=count), rng.normal(size=count) + 0.5, rng.normal(size=count) - 1
    if rng.random() < 0.3:
        leak = rng.integers(0, 101, count) / 100
    probability = rng.choice([0, 0.25, 0.5, 0.9, 1], count) if rng.random() < 0.3 else None
    return StpuNetwork(
        probability=probability,
        initial=initial,
        threshold=threshold,
        reset=reset,
        leak=leak,
        is_input=is_input,
        source=rng.integers(0, count, synapses),
        target=rng.choice(np.flatnonzero(~is_input), synapses),
        weight=weight,
        delay=rng.integers(1, longest + 1, synapses),
        variant=variant,
        precision=precision,
    )


def stimulus_of(rng: np.random.Generator, network: StpuNetwork) -> Stimulus:
    """Return input spikes of some density, and injections into any neuron with a membrane at any step."""
    inputs = np.flatnonzero(network.is_input)
    raster = Stimulus.from_raster(rng.random((STEPS, len(inputs))) < rng.random(), inputs)
    count = int(rng.integers(0, 12))
    injected = rng.integers(-8, 13, count) / 4 if rng.random() < 0.5 else rng.normal(size=count)
    neurons = rng.choice(np.flatnonzero(~network.is_input), count)
    return Stimulus(raster.step, raster.neuron, rng.integers(0, STEPS, count), neurons, injected)


def union(networks: list[StpuNetwork], stimuli: list[Stimulus]) -> tuple[StpuNetwork, Stimulus]:
    """Put networks that know nothing of each other side by side, so that one simulation runs them all."""
    first = np.concatenate([[0], np.cumsum([network.count for network in networks])])

    def joined(items: list, name: str, shift: bool = False) -> np.ndarray:
        return np.concatenate(
            [getattr(item, name) + (offset if shift else 0) for item, offset in zip(items, first, strict=False)]
        )

    neurons = {name: joined(networks, name) for name in ("initial", "threshold", "reset", "leak", "weight", "delay")}
    ends = {name: joined(networks, name, shift=True) for name in ("source", "target")}
    flags = np.concatenate([network.is_input for network in networks])
    chances = [np.ones(network.count) if network.probability is None else network.probability for network in networks]
    network = StpuNetwork(
        **neurons,
        **ends,
        is_input=flags,
        variant=networks[0].variant,
        precision=networks[0].precision,
        probability=np.concatenate(chances) if any(n.probability is not None for n in networks) else None,
    )
    told = (joined(stimuli, "step"), joined(stimuli, "neuron", shift=True))
    injected = (
        joined(stimuli, "injected_step"),
        joined(stimuli, "injected_neuron", shift=True),
        joined(stimuli, "injected"),
    )
    return network, Stimulus(*told, *injected)


@st.composite
def simulations(draw: st.DrawFn, count: int) -> tuple[StpuNetwork, Stimulus]:
    """Draw `count` networks with their stimuli, side by side."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    variant, precision = draw(st.sampled_from(VARIANTS)), draw(st.sampled_from(list(PRECISIONS)))
    networks = [network_of(rng, variant, precision) for _ in range(count)]
    return union(networks, [stimulus_of(rng, network) for network in networks])
