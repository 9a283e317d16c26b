"""Networks for the STPU: what there is before anything runs.

One step of neuron j at time t, with buffer_j its temporal buffer:

    multiplicative (gensa)   V += buffer_j[t];  if V > threshold: spike, V = reset;  else V *= 1 - leak
    subtractive (GNA)        V = max(V - leak, reset);  V += buffer_j[t];  if V > threshold: spike, V = reset

A spike of neuron k at step t adds w to buffer_j[t + d] for each of its synapses (k, j, w, d), d >= 1; several
synapses may join one pair. Firing is strict. In the subtractive variant ``reset`` is also the floor that V never
leaks below (the released code sets V = 0 at a spike and doubts it in a comment; with the default, 0, both readings
agree). Input neurons have no membrane: they spike when told to. No bias input exists.

*gensa* computes in float32 and retains float32(1 - leak), the difference taken in double and rounded once; with leaks
or weights that are not short binary fractions float64 gives other spikes now and then, so the precision is part of the
network.

In gensa a neuron over threshold fires with its probability p; if it does not, V stays as it is, without leak. Here the
numbers that decide are drawn by NumPy's generator from a seed, one in every step for each neuron with 0 < p < 1. They
are not the element's own random stream: a network with such a p is the element's in distribution, not spike for spike.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from steep.errors import SteepError

VARIANTS = ("multiplicative", "subtractive")
PRECISIONS: dict[str, type[np.floating]] = {"float32": np.float32, "float64": np.float64}


@dataclass(frozen=True)
class StpuNetwork:
    """Neurons and synapses.

    Attributes
    ----------
    initial, threshold, reset, leak : float64 (neurons,)
        Membrane at step 0, firing threshold, membrane after a spike, leak per step (a fraction 0 to 1 in the
        multiplicative variant, an amount >= 0 in the subtractive one). Ignored for input neurons.
    is_input : bool (neurons,)
    source, target : int64 (synapses,), indices of neurons
    weight : float64 (synapses,)
    delay : int64 (synapses,), steps, at least 1
    variant : ``multiplicative`` or ``subtractive``
    precision : ``float64`` or ``float32``
    probability : float64 (neurons,), that a neuron over threshold fires, or None where all always do. Ignored for input
        neurons.

    Raises
    ------
    SteepError
        one line that names the first neuron or synapse that cannot be.

    """

    initial: np.ndarray
    threshold: np.ndarray
    reset: np.ndarray
    leak: np.ndarray
    is_input: np.ndarray
    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    delay: np.ndarray
    variant: str = "multiplicative"
    precision: str = "float64"
    probability: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Check shapes and values; what passes here can be run by every simulator."""
        if self.variant not in VARIANTS or self.precision not in PRECISIONS:
            raise SteepError(f"variant is one of {', '.join(VARIANTS)}, precision one of {', '.join(PRECISIONS)}")
        lengths = {len(getattr(self, name)) for name in ("initial", "threshold", "reset", "leak", "is_input")}
        if self.probability is not None:
            lengths.add(len(self.probability))
        if len(lengths) > 1 or len({len(getattr(self, name)) for name in ("source", "target", "weight", "delay")}) > 1:
            raise SteepError("the arrays of neurons, or those of synapses, differ in length")
        for field in fields(self):
            values = getattr(self, field.name)
            if isinstance(values, np.ndarray) and values.dtype.kind == "f":
                _refuse(
                    ~is_finite(values, self.precision),
                    "synapse" if field.name == "weight" else "neuron",
                    field.name,
                    values,
                    f"a number within {self.precision}",
                )
        highest = 1.0 if self.variant == "multiplicative" else np.inf
        _refuse(
            (self.leak < 0) | (self.leak > highest),
            "neuron",
            "leak",
            self.leak,
            "0 to 1" if highest == 1 else "at least 0",
        )
        if self.probability is not None:
            wrong = (self.probability < 0) | (self.probability > 1)
            _refuse(wrong, "neuron", "probability", self.probability, "0 to 1")
        for name in ("source", "target"):
            ends = getattr(self, name)
            _refuse((ends < 0) | (ends >= self.count), "synapse", name, ends, f"a neuron below {self.count}")
        _refuse(self.is_input[self.target], "synapse", "target", self.target, "no input neuron, which has no membrane")
        _refuse(self.delay < 1, "synapse", "delay", self.delay, "at least 1")

    @property
    def count(self) -> int:
        """Number of neurons, input neurons among them."""
        return len(self.threshold)

    @property
    def slots(self) -> int:
        """Number of slots of each temporal buffer: the longest delay and the present."""
        return int(self.delay.max(initial=1)) + 1

    @property
    def dtype(self) -> type[np.floating]:
        """NumPy type of membrane, weights and buffers."""
        return PRECISIONS[self.precision]

    @property
    def retained(self) -> np.ndarray:
        """What a step of the multiplicative variant leaves of the membrane, `dtype` (neurons,): 1 - leak in float64,
        then rounded, as gensa does. Rounding the leak first gives another float32 for a leak of 0.6."""
        return (1.0 - self.leak).astype(self.dtype)

    def within(self, steps: int) -> "StpuNetwork":
        """Return the network without the synapses whose spikes would arrive after `steps` steps, so that no buffer is
        longer than a run needs."""
        arrives = self.delay < steps
        if arrives.all():
            return self
        kept = {name: getattr(self, name)[arrives] for name in ("source", "target", "weight", "delay")}
        return replace(self, **kept)


def is_finite(values: np.ndarray, precision: str) -> np.ndarray:
    """Return where float64 values are numbers, infinite ones none, once they are rounded to a precision."""
    with np.errstate(over="ignore"):
        finite: np.ndarray = np.isfinite(np.asarray(values, np.float64).astype(PRECISIONS[precision]))
    return finite


class Chances:
    """What decides whether a neuron over threshold fires, where its probability is neither 0 nor 1.

    The same seed gives the same decisions in every implementation of the STPU: in every step one number is drawn for
    each such neuron, by id, whether the neuron is over threshold or not. `certain` says that all always fire.
    """

    def __init__(self, network: StpuNetwork, seed: int) -> None:
        """Take the network's probabilities, rounded to float32 as the element keeps them, and a seed of at least 0."""
        if seed < 0:
            raise SteepError(f"the seed is {seed}; write 0 or more")
        given = np.ones(network.count) if network.probability is None else network.probability
        self._probability = np.where(network.is_input, 1, given).astype(np.float32)
        self._drawn = np.flatnonzero((self._probability > 0) & (self._probability < 1))
        self._allowed = self._probability >= 1
        self._random = np.random.default_rng(seed)
        self.certain = bool(self._allowed.all())

    def draw(self) -> np.ndarray:
        """Return which neurons fire in the next step if they are over threshold, bool (neurons,)."""
        allowed = self._allowed.copy()
        allowed[self._drawn] = self._random.random(len(self._drawn)) <= self._probability[self._drawn]
        return allowed


def _refuse(wrong: np.ndarray, what: str, name: str, values: np.ndarray, right: str) -> None:
    """Raise a SteepError for the first element that is `wrong`."""
    if wrong.any():
        first = int(np.argmax(wrong))
        raise SteepError(f"{what} {first}: {name} is {values[first]}; it must be {right}")


@dataclass(frozen=True)
class Stimulus:
    """What enters a network from outside.

    Attributes
    ----------
    step, neuron : int64 (spikes,)
        Spikes of input neurons.
    injected_step, injected_neuron, injected : int64, int64, float64 (injections,)
        Values written into the buffers of other neurons from outside: any neuron, any step, positive or negative.

    """

    step: np.ndarray
    neuron: np.ndarray
    injected_step: np.ndarray
    injected_neuron: np.ndarray
    injected: np.ndarray

    @classmethod
    def from_raster(cls, raster: np.ndarray, neurons: np.ndarray) -> "Stimulus":
        """Return the stimulus of a raster (steps, len(neurons)) of zeros and ones for the input neurons `neurons`.

        Examples
        --------
        >>> stimulus = Stimulus.from_raster(np.array([[1, 0], [0, 0], [1, 1]]), neurons=np.array([4, 7]))
        >>> stimulus.step, stimulus.neuron
        (array([0, 2, 2]), array([4, 4, 7]))

        """
        step, column = np.nonzero(raster)
        return cls(step, np.asarray(neurons, np.int64)[column], *no_injection())

    def until(self, steps: int) -> "Stimulus":
        """Return what enters before step `steps`."""
        kept, injected = self.step < steps, self.injected_step < steps
        return Stimulus(
            self.step[kept],
            self.neuron[kept],
            self.injected_step[injected],
            self.injected_neuron[injected],
            self.injected[injected],
        )

    def check(self, network: StpuNetwork, steps: int) -> None:
        """Raise a SteepError for spikes of neurons that are no inputs, and for anything outside the steps."""
        for neuron, step, wanted in ((self.neuron, self.step, True), (self.injected_neuron, self.injected_step, False)):
            what = "input spike" if wanted else "injection"
            _refuse((neuron < 0) | (neuron >= network.count), what, "neuron", neuron, f"below {network.count}")
            role = "an input neuron" if wanted else "a neuron with a membrane"
            _refuse(network.is_input[neuron] != wanted, what, "neuron", neuron, role)
            _refuse((step < 0) | (step >= steps), what, "step", step, f"below {steps}")


def no_injection() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the empty injections of a `Stimulus`."""
    return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)


@dataclass(frozen=True)
class Recording:
    """What a simulation returns.

    Attributes
    ----------
    step, neuron : int64 (spikes,), ordered by step, then neuron
        Every spike of every neuron, input neurons among them.
    potential : (steps, watched)
        Membrane of the watched neurons where the threshold reads it: leaked and with the step's arrivals.
    membrane : (steps, watched)
        Membrane at the end of the step: after reset, or after the leak of the multiplicative variant.

    """

    step: np.ndarray
    neuron: np.ndarray
    potential: np.ndarray
    membrane: np.ndarray

    def raster(self, steps: int, count: int) -> np.ndarray:
        """Return the spikes as bool (steps, count)."""
        return self.raster_of(np.arange(count), steps)

    def raster_of(self, neurons: np.ndarray, steps: int) -> np.ndarray:
        """Return the spikes of `neurons`, ascending, as bool (steps, len(neurons))."""
        fired = np.zeros((steps, len(neurons)), bool)
        chosen = np.isin(self.neuron, neurons)
        fired[self.step[chosen], np.searchsorted(neurons, self.neuron[chosen])] = True
        return fired
