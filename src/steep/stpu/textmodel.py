"""The text model of SST's *gensa* element, read and written.

    0,0,1,0,1,1        LIF neuron: id, initial V, threshold, reset, leak, probability of firing
     2,-3,1            synapse: target, weight, delay; one space before it
     o                 record the spikes; below it, two spaces before each, may stand p (probe), f (file), c (column),
     m (mode)
    1                  input neuron: its id alone
     r0110             its spikes as a raster, a digit a step
     t3,7              or as a list of steps

An empty line ends the model; nothing but empty lines may follow. Ids, delays and steps are 16 bits wide in the element,
and the steps of a neuron's spikes ascend. It computes in float32, in the multiplicative variant. What the element would
read as something else than it says (a number cut off in the middle, 1_000, Windows' empty line) is refused.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from steep.errors import SteepError
from steep.files import write_text
from steep.stpu.network import Stimulus, StpuNetwork, is_finite, no_injection

WIDEST = 2**16
# Numbers as C's atoi and atof read them to their end. Python's int and float also take 1_000 and the digits of other
# scripts.
INTEGER = re.compile(r"[ \t]*[+-]?([0-9]+)[ \t]*", re.ASCII)
DECIMAL = re.compile(r"[ \t]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t]*", re.ASCII)
NO_NUMBER = re.compile(r"[ \t]*[+-]?(nan|inf|infinity)[ \t]*", re.ASCII | re.IGNORECASE)


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
    """What has been read so far, with the line of each neuron and synapse, and how it is to be read."""

    precision: str
    slots: int | None
    variant: str
    neurons: dict[int, tuple[float, ...] | None] = field(default_factory=dict)
    begins: dict[int, int] = field(default_factory=dict)
    synapses: list[tuple[int, int, float, int]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    spikes: dict[int, list[int]] = field(default_factory=dict)
    outputs: list[tuple[int, list[str]]] = field(default_factory=list)


def read_model(
    path: Path | str, precision: str = "float32", slots: int | None = None, variant: str = "multiplicative"
) -> TextModel:
    """Read a text model.

    Parameters
    ----------
    path : the file; a byte-order mark before it is passed over, for editors on Windows write one unasked.
    precision : as for `StpuNetwork`; ``float32`` is the element's own.
    slots : number of buffer slots, if delays are to be held against it.
    variant : as for `StpuNetwork`: what ``leak`` means, a fraction or an amount.

    Raises
    ------
    SteepError
        ``file:line: what is wrong``, in one line.

    """
    reading = _Reading(precision, slots, variant)
    current: int | None = None
    for number, line in _lines(path):
        try:
            if line[0] != " ":
                current = _read_neuron(reading, line)
                reading.begins[current] = number
            elif current is None:
                raise SteepError("an indented line stands before the first neuron")
            else:
                _read_indented(reading, current, line, number)
        except SteepError as error:
            raise SteepError(f"{path}:{number}: {error}") from error
    count = len(reading.neurons)
    for place, neuron in enumerate(sorted(reading.neurons)):
        if neuron != place:
            raise SteepError(
                f"{path}:{reading.begins[neuron]}: neuron {neuron} is here, but neuron {place} is missing;"
                " ids run from 0 without a gap"
            )
    for (_, target, _, _), number in zip(reading.synapses, reading.lines, strict=True):
        if target >= count:
            raise SteepError(f"{path}:{number}: target {target} does not exist; the model has {count} neurons")
        if reading.neurons[target] is None:
            raise SteepError(f"{path}:{number}: target {target} is an input neuron, which has no membrane")
    return _assemble(reading)


def read_text(path: Path | str) -> str:
    """Return the text of a file, line ends as they are; SteepError where it cannot be read, or is no UTF-8."""
    try:
        data = Path(path).read_bytes()
        return data.decode("utf-8")
    except OSError as error:
        raise SteepError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SteepError(f"{path}:{line}: not text, for a byte is no UTF-8; write numbers and commas") from error


def _lines(path: Path | str) -> Iterator[tuple[int, str]]:
    """Yield the numbers and the lines of a model up to the empty line that ends it, without line ends; SteepError for
    an empty model, and for anything but empty lines after its end."""
    text = read_text(path)
    marked = text.startswith("\ufeff")
    # The element splits at line feeds and at nothing else; Python's splitlines knows ten more ends of a line.
    lines = text.removeprefix("\ufeff").split("\n")
    end = next((number for number, line in enumerate(lines) if not line.strip()), len(lines))
    if end == 0:
        raise SteepError(f"{path}:1: the line is empty, and an empty line ends a model; begin with a neuron")
    for number, line in enumerate(lines[:end], 1):
        if marked and number == 1 and not re.match(r"0+(\D|$)", line):
            raise SteepError(
                f"{path}:1: a byte-order mark stands before the first neuron, and the element reads its id as 0;"
                " remove the mark"
            )
        yield number, line.removesuffix("\r")
    if end < len(lines) and lines[end]:
        raise SteepError(
            f"{path}:{end + 1}: the line is blank but not empty (blanks, or a Windows line end), and the element takes"
            " it for a neuron or a synapse; remove it"
        )
    after = next((number for number, line in enumerate(lines[end:], end + 1) if line.strip()), None)
    if after:
        raise SteepError(
            f"{path}:{end + 1}: an empty line ends the model, but line {after} goes on; remove one or the other"
        )


def _shown(text: str) -> str:
    """Return text for a message, in quotes, long text cut."""
    return repr(text if len(text) <= 40 else f"{text[:40]}...")


def _number(
    text: str, what: str, lowest: float = -math.inf, highest: float = math.inf, precision: str = "float64"
) -> float:
    """Return a number within bounds that is finite in a precision; SteepError says what was wrong."""
    if NO_NUMBER.fullmatch(text):
        raise SteepError(f"{what} is {text.strip()}; it must be a number")
    if not DECIMAL.fullmatch(text):
        raise SteepError(f"{what} is {_shown(text)}, not a number")
    value = float(text)
    if not is_finite(np.array([value]), precision).all():
        raise SteepError(f"{what} is {_shown(text)}; that is too large for {precision}")
    if not lowest <= value <= highest:
        bounds = f"at least {lowest:g}" if math.isinf(highest) else f"{lowest:g} to {highest:g}"
        raise SteepError(f"{what} is {value:g}; it must be {bounds}")
    return value


def _integer(text: str, what: str, lowest: int = 0) -> int:
    """Return a 16-bit integer; SteepError says what was wrong."""
    match = INTEGER.fullmatch(text)
    if not match:
        raise SteepError(f"{what} is {_shown(text)}, not an integer")
    digits = match[1].lstrip("0") or "0"
    value = (-1 if "-" in text else 1) * int(digits[:10])  # ten digits are too many, and any more are not needed
    if not lowest <= value < WIDEST:
        raise SteepError(f"{what} is {_shown(text)[1:-1]}; it must be {lowest} to {WIDEST - 1}")
    return value


def _read_neuron(reading: _Reading, line: str) -> int:
    parts = line.split(",")
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
        _number(text, what, precision=reading.precision)
        for text, what in zip(parts[1:4], ("Vinit", "Vthreshold", "Vreset"), strict=True)
    )
    most = 1.0 if reading.variant == "multiplicative" else math.inf
    leak = _number(parts[4], "leak", 0, most, reading.precision)
    reading.neurons[neuron] = (initial, threshold, reset, leak, _number(parts[5], "p", 0, 1))
    return neuron


def _read_indented(reading: _Reading, current: int, line: str, number: int) -> None:
    body = line[1:]
    if body.startswith(" "):
        if not reading.outputs or reading.outputs[-1][0] != current:
            raise SteepError("two spaces stand before an option of an output, but there is no output before it")
        reading.outputs[-1][1].append(body[1:])
    elif body.rstrip() == "o":
        reading.outputs.append((current, []))
    elif body[0] in "rt":
        if reading.neurons[current] is not None:
            raise SteepError(f"neuron {current} has a membrane; only input neurons have a list of spikes")
        spikes = reading.spikes.setdefault(current, [])
        for step in _raster(body[1:].rstrip()) if body[0] == "r" else _times(body[1:]):
            if spikes and step <= spikes[-1]:
                raise SteepError(f"step {step} stands after step {spikes[-1]}; the steps of spikes must ascend")
            spikes.append(step)
    else:
        parts = body.split(",")
        if len(parts) != 3:
            raise SteepError(f"a synapse is target,weight,delay; here are {len(parts)} values")
        target = _integer(parts[0], "target")
        weight, delay = _number(parts[1], "weight", precision=reading.precision), _integer(parts[2], "delay", 1)
        if reading.slots is not None and delay >= reading.slots:
            raise SteepError(
                f"delay is {delay}; a buffer of {reading.slots} slots reaches {reading.slots - 1} steps ahead"
            )
        reading.synapses.append((current, target, weight, delay))
        reading.lines.append(number)


def _raster(digits: str) -> list[int]:
    if set(digits) - set("01"):
        raise SteepError("a raster consists of 0 and 1")
    if len(digits) > WIDEST:
        raise SteepError(f"the raster has {len(digits)} digits; steps go up to {WIDEST - 1}")
    return [step for step, digit in enumerate(digits) if digit == "1"]


def _times(text: str) -> list[int]:
    return [_integer(step, "step") for step in text.split(",")]


def _assemble(reading: _Reading) -> TextModel:
    rows = [reading.neurons[n] or (0.0, 0.0, 0.0, 0.0, 1.0) for n in range(len(reading.neurons))]
    initial, threshold, reset, leak, probability = np.array(rows, np.float64).reshape(-1, 5).T
    source, target, weight, delay = zip(*reading.synapses, strict=True) if reading.synapses else ((), (), (), ())
    network = StpuNetwork(
        initial=initial,
        threshold=threshold,
        reset=reset,
        leak=leak,
        is_input=np.array([reading.neurons[n] is None for n in range(len(rows))], bool),
        source=np.array(source, np.int64),
        target=np.array(target, np.int64),
        weight=np.array(weight, np.float64),
        delay=np.array(delay, np.int64),
        variant=reading.variant,
        precision=reading.precision,
        probability=None if (probability == 1).all() else probability,
    )
    times = np.array(
        sorted((step, neuron) for neuron, steps in reading.spikes.items() for step in steps), np.int64
    ).reshape(-1, 2)
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
    probability = np.ones(network.count) if network.probability is None else network.probability
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
            values = (network.initial, network.threshold, network.reset, network.leak, probability)
            yield ",".join([str(neuron), *(_digits(array[neuron]) for array in values)])
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
    digits = (fired.T + np.uint8(ord("0"))).astype(np.uint8)
    return "".join(
        f"{neuron} {row.tobytes().decode('ascii')}\n" for neuron, row in zip(neurons.tolist(), digits, strict=True)
    )
