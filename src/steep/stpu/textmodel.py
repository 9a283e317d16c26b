"""The text model of SST's *gensa* element, read and written.

    0,0,1,0,1,1        LIF neuron: id, initial V, threshold, reset, leak, probability of firing
     2,-3,1            synapse: target, weight, delay; one space before it
     o                 record the spikes; below it, two spaces before each, may stand p (probe), f (file), c (column),
     m (mode)
    1                  input neuron: its id alone
     r0110             its spikes as a raster, a digit a step
     t3,7              or as a list of steps

An empty line ends the model. Ids, delays and steps are 16 bits wide in the element. It computes in float32, in the
multiplicative variant.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from steep.errors import SteepError
from steep.files import write_text
from steep.stpu.network import Stimulus, StpuNetwork, no_injection

WIDEST = 2**16


@dataclass(frozen=True)
class Output:
    """A recording: neuron, and the lines below its ``o`` (probe, file, column, mode), as they stand."""

    neuron: int
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class TextModel:
    """A network, what enters it and what is recorded of it."""

    network: StpuNetwork
    stimulus: Stimulus
    outputs: tuple[Output, ...] = ()


@dataclass
class _Reading:
    """What has been read so far, with the line of each synapse."""

    neurons: dict[int, tuple[float, ...] | None] = field(default_factory=dict)
    synapses: list[tuple[int, int, float, int]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    spikes: list[tuple[int, int]] = field(default_factory=list)
    outputs: list[tuple[int, list[str]]] = field(default_factory=list)


def read_model(path: Path | str, precision: str = "float32", slots: int | None = None) -> TextModel:
    """Read a text model.

    Parameters
    ----------
    path : the file.
    precision : as for `StpuNetwork`; ``float32`` is the element's own.
    slots : number of buffer slots, if delays are to be held against it.

    Raises
    ------
    SteepError
        ``file:line: what is wrong``, in one line.

    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SteepError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or 'not text'})") from error
    reading = _Reading()
    current: int | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            break
        try:
            if line[0] != " ":
                current = _read_neuron(reading, line)
            elif current is None:
                raise SteepError("an indented line stands before the first neuron")
            else:
                _read_indented(reading, current, line, number, slots)
        except SteepError as error:
            raise SteepError(f"{path}:{number}: {error}") from error
    count = len(reading.neurons)
    if missing := sorted(set(range(count)) - set(reading.neurons)):
        raise SteepError(f"{path}: neuron {missing[0]} is missing; ids run from 0 without a gap")
    for (_, target, _, _), number in zip(reading.synapses, reading.lines, strict=True):
        if target >= count:
            raise SteepError(f"{path}:{number}: target {target} does not exist; the model has {count} neurons")
        if reading.neurons[target] is None:
            raise SteepError(f"{path}:{number}: target {target} is an input neuron, which has no membrane")
    return _assemble(reading, precision)


def _number(text: str, what: str, lowest: float = -math.inf, highest: float = math.inf) -> float:
    """Return a finite number within bounds; SteepError says what was wrong."""
    try:
        value = float(text)
    except ValueError as error:
        raise SteepError(f"{what} is {text!r}, not a number") from error
    if not math.isfinite(value) or not lowest <= value <= highest:
        raise SteepError(
            f"{what} is {text}; it must be {'a number' if not math.isfinite(value) else f'{lowest:g} to {highest:g}'}"
        )
    return value


def _integer(text: str, what: str, lowest: int = 0) -> int:
    """Return a 16-bit integer; SteepError says what was wrong."""
    try:
        value = int(text)
    except ValueError as error:
        raise SteepError(f"{what} is {text!r}, not an integer") from error
    if not lowest <= value < WIDEST:
        raise SteepError(f"{what} is {value}; it must be {lowest} to {WIDEST - 1}")
    return value


def _read_neuron(reading: _Reading, line: str) -> int:
    parts = line.strip().split(",")
    if len(parts) not in (1, 6):
        raise SteepError(
            f"a neuron is id,Vinit,Vthreshold,Vreset,leak,p or, for an input, id alone; here are {len(parts)} values"
        )
    neuron = _integer(parts[0], "id")
    if neuron in reading.neurons:
        raise SteepError(f"neuron {neuron} stands twice")
    if len(parts) == 1:
        reading.neurons[neuron] = None
        return neuron
    initial, threshold, reset = (
        _number(text, what) for text, what in zip(parts[1:4], ("Vinit", "Vthreshold", "Vreset"), strict=True)
    )
    leak, probability = _number(parts[4], "leak", 0, 1), _number(parts[5], "p", 0, 1)
    if probability < 1:
        raise SteepError(f"p is {parts[5]}; only neurons that always fire over threshold, p 1, are modelled")
    reading.neurons[neuron] = (initial, threshold, reset, leak)
    return neuron


def _read_indented(reading: _Reading, current: int, line: str, number: int, slots: int | None) -> None:
    body = line[1:].rstrip()
    is_input = reading.neurons[current] is None
    if body.startswith(" "):
        if not reading.outputs or reading.outputs[-1][0] != current:
            raise SteepError("two spaces stand before an option of an output, but there is no output before it")
        reading.outputs[-1][1].append(body[1:])
    elif body == "o":
        reading.outputs.append((current, []))
    elif body[0] in "rt":
        if not is_input:
            raise SteepError(f"neuron {current} has a membrane; only input neurons have a list of spikes")
        if body[0] == "r" and set(body[1:]) - set("01"):
            raise SteepError("a raster consists of 0 and 1")
        times = (
            [s for s, digit in enumerate(body[1:]) if digit == "1"]
            if body[0] == "r"
            else [_integer(t, "step") for t in body[1:].split(",")]
        )
        reading.spikes += [(step, current) for step in times]
    else:
        parts = body.split(",")
        if len(parts) != 3:
            raise SteepError(f"a synapse is target,weight,delay; here are {len(parts)} values")
        target, weight, delay = (
            _integer(parts[0], "target"),
            _number(parts[1], "weight"),
            _integer(parts[2], "delay", 1),
        )
        if slots is not None and delay >= slots:
            raise SteepError(f"delay is {delay}; a buffer of {slots} slots reaches {slots - 1} steps ahead")
        reading.synapses.append((current, target, weight, delay))
        reading.lines.append(number)


def _assemble(reading: _Reading, precision: str) -> TextModel:
    rows = [reading.neurons[n] or (0.0, 0.0, 0.0, 0.0) for n in range(len(reading.neurons))]
    values = np.array(rows, np.float64).reshape(-1, 4).T
    source, target, weight, delay = zip(*reading.synapses, strict=True) if reading.synapses else ((), (), (), ())
    network = StpuNetwork(
        **dict(zip(("initial", "threshold", "reset", "leak"), values, strict=True)),
        is_input=np.array([reading.neurons[n] is None for n in range(len(rows))], bool),
        **{"source": np.array(source, np.int64), "target": np.array(target, np.int64)},
        **{"weight": np.array(weight, np.float64), "delay": np.array(delay, np.int64), "precision": precision},
    )
    times = np.array(sorted(set(reading.spikes)), np.int64).reshape(-1, 2)
    outputs = tuple(Output(neuron, tuple(options)) for neuron, options in reading.outputs)
    return TextModel(network, Stimulus(times[:, 0], times[:, 1], *no_injection()), outputs)


def _digits(value: float) -> str:
    """Return the shortest text that reads back as the same float64."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def lines_of(model: TextModel) -> Iterator[str]:
    """Yield the lines of a text model; SteepError where the format cannot hold it."""
    network, stimulus = model.network, model.stimulus
    if network.variant != "multiplicative":
        raise SteepError(f"the text model is of the multiplicative variant; this network is {network.variant}")
    if len(stimulus.injected):
        raise SteepError("the text model has no injection into neurons; use an input neuron and a synapse")
    highest = max(network.count - 1, int(network.delay.max(initial=0)), int(stimulus.step.max(initial=0)))
    if highest >= WIDEST:
        raise SteepError(f"ids, delays and steps of the text model go up to {WIDEST - 1}; here is {highest}")
    order = np.argsort(network.source, kind="stable")
    first = np.searchsorted(network.source[order], np.arange(network.count + 1))
    spikes: dict[int, list[int]] = {}
    for step, neuron in sorted(zip(stimulus.step.tolist(), stimulus.neuron.tolist(), strict=True)):
        spikes.setdefault(neuron, []).append(step)
    outputs: dict[int, list[Output]] = {}
    for output in model.outputs:
        outputs.setdefault(output.neuron, []).append(output)
    for neuron in range(network.count):
        if network.is_input[neuron]:
            yield str(neuron)
        else:
            values = (network.initial, network.threshold, network.reset, network.leak)
            yield ",".join([str(neuron), *(_digits(array[neuron]) for array in values), "1"])
        if neuron in spikes:
            yield " t" + ",".join(map(str, spikes[neuron]))
        for synapse in order[first[neuron] : first[neuron + 1]]:
            yield f" {network.target[synapse]},{_digits(network.weight[synapse])},{network.delay[synapse]}"
        for output in outputs.get(neuron, []):
            yield " o"
            yield from (f"  {option}" for option in output.options)


def write_model(path: Path | str, model: TextModel) -> None:
    """Write a text model; what `read_model` reads back is the same, synapses ordered by source."""
    write_text(path, "".join(f"{line}\n" for line in lines_of(model)))


def raster_text(fired: np.ndarray, neurons: np.ndarray) -> str:
    """Return a raster as text: a line per neuron, its id, a space, and 0 or 1 for each step. `fired` is bool (steps,
    len(neurons))."""
    digits = np.where(fired.T, "1", "0")
    return "".join(f"{neuron} {''.join(row)}\n" for neuron, row in zip(neurons.tolist(), digits, strict=True))
