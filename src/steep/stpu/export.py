"""A trained network as a text model that classifies, and the table that says how to read what the element records.

Frames enter one every `spacing` steps; the answer to a frame comes when it has reached the last population. One more
input neuron, the *marker*, spikes at the step of each answer and is recorded with the outputs, so that a run that
stopped early, or another model's file, is seen.

``wta``        the network ends in a winner-take-all: one output neuron spikes for each frame, the winner's. It decides
               exactly as the largest potential does.
``spikes``     the network ends in a population code: the class whose units spike most.
``potential``  the output neurons' probes of V are recorded. The element's probe shows V after reset and leak, which
               leaves nothing of a potential where neurons forget; so here the output neurons keep all (leak 0) and
               never reach their threshold by what frames bring: V begins at minus the unit's own threshold, and at
               the step of the answer it is the potential, exactly. A synapse from the marker then lifts V over the
               threshold, and the reset clears it for the next frame. That takes the step after the answer: frames
               enter at most at every second step.

The element's probes have six digits and its sums are float32. A network whose potentials are larger is refused, or
exported with a warning where that is asked for: then the element may tell other classes than the network.
"""

import hashlib
import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from steep.errors import SteepError
from steep.files import write_text
from steep.frames import Frames
from steep.stpu.elementfile import read_recorded
from steep.stpu.layout import Layout, from_threshold_network
from steep.stpu.network import Stimulus, StpuNetwork, no_injection
from steep.stpu.sweeps import stimulus_of
from steep.stpu.textmodel import Output, TextModel, read_text
from steep.threshold.network import EXACT_FLOAT32, ThresholdNetwork
from steep.threshold.readouts import READOUTS

log = logging.getLogger("steep")
# What stands in the columns of a table of answers. Neurons and steps have 16 bits, labels 8.
NUMBER, CLASS, COUNT = (re.compile(form, re.ASCII) for form in ("[0-9]{1,5}", "[0-9]{1,3}", "[1-9][0-9]{0,4}"))
DIGEST, NOTHING = re.compile("[0-9a-f]{64}", re.ASCII), re.compile("")


@dataclass(frozen=True)
class AnswerTable:
    """How to read classes from what the element records of an exported model.

    Attributes
    ----------
    readout : ``potential``, ``spikes`` or ``wta``.
    marker : neuron that spikes at the step of each answer.
    neurons, classes : int64 (pairs,): an output neuron and a class that it stands for; in a population code, a neuron
        may stand for several.
    steps : int64 (frames,): the step of the answer to each frame.
    digest : SHA-256 of the frames and their labels, in hexadecimal digits.

    """

    readout: str
    marker: int
    neurons: np.ndarray
    classes: np.ndarray
    steps: np.ndarray
    digest: str

    def save(self, path: Path | str) -> None:
        """Write a CSV with the columns what, key, value and these lines: ``readout,,NAME``, ``frames,COUNT,DIGEST``,
        ``marker,NEURON,``, ``class,NEURON,CLASS`` for each pair, ``step,FRAME,STEP`` for each frame, from 0."""
        lines = ["what,key,value", f"readout,,{self.readout}", f"frames,{len(self.steps)},{self.digest}"]
        lines.append(f"marker,{self.marker},")
        lines += [f"class,{neuron},{class_}" for neuron, class_ in zip(self.neurons, self.classes, strict=True)]
        lines += [f"step,{frame},{step}" for frame, step in enumerate(self.steps)]
        write_text(path, "".join(f"{line}\n" for line in lines))

    @classmethod
    def load(cls, path: Path | str) -> "AnswerTable":
        """Read what `save` wrote; SteepError, ``file:line: what is wrong``, for anything else."""
        rows = [line.split(",") for line in read_text(path).removeprefix("\ufeff").splitlines()]

        def line(number: int, what: str, key: re.Pattern[str], value: re.Pattern[str]) -> tuple[str, str]:
            row = rows[number] if number < len(rows) else []
            if len(row) != 3 or row[0] != what or not key.fullmatch(row[1]) or not value.fullmatch(row[2]):
                raise SteepError(f"{path}:{number + 1}: a table of answers has {what!r} in this line; export it again")
            return row[1], row[2]

        line(0, "what", re.compile("key"), re.compile("value"))
        readout = line(1, "readout", NOTHING, re.compile("|".join(READOUTS)))[1]
        count, digest = line(2, "frames", COUNT, DIGEST)
        marker = line(3, "marker", NUMBER, NOTHING)[0]
        begin = next((number for number, row in enumerate(rows) if row[0] == "step"), len(rows))
        pairs = [line(number, "class", NUMBER, CLASS) for number in range(4, max(begin, 5))]
        answers = [line(number, "step", NUMBER, NUMBER) for number in range(begin, max(begin + int(count), len(rows)))]
        neurons, classes = (np.array([int(pair[side]) for pair in pairs], np.int64) for side in (0, 1))
        frames, steps = (np.array([int(pair[side]) for pair in answers], np.int64) for side in (0, 1))
        if not np.array_equal(frames, np.arange(int(count))) or (np.diff(steps) <= 0).any():
            raise SteepError(
                f"{path}:{begin + 1}: from here a table of answers has the ascending steps of frames 0 to"
                f" {int(count) - 1}, each once; export it again"
            )
        if len({*zip(neurons.tolist(), classes.tolist(), strict=True)}) < len(pairs):
            raise SteepError(f"{path}: a neuron and its class stand twice; export the table again")
        return cls(readout, int(marker), neurons, classes, steps, digest)


def digest_of(frames: Frames) -> str:
    """Return the SHA-256 of frames, their scale and their labels."""
    shape = np.array([*frames.values.shape, frames.full_scale], "<i8")
    return hashlib.sha256(shape.tobytes() + frames.values.tobytes() + frames.labels.tobytes()).hexdigest()


def export(
    network: ThresholdNetwork, frames: Frames, readout: str, key: np.ndarray, spacing: int, inexact: bool = False
) -> tuple[TextModel, AnswerTable]:
    """Return a network with frames as a text model, and the table of its answers.

    Parameters
    ----------
    network : the whole network, whose last population is that of the readout.
    frames : spikes, at least one.
    readout : ``potential``, ``spikes`` or ``wta``.
    key : bool (classes, units): which units of the last population stand for which class.
    spacing : steps from one frame to the next, at least 1, and 2 with readout ``potential``.
    inexact : whether a network that the element cannot run exactly is exported, with a warning, and not refused.

    Raises
    ------
    SteepError
        when frames are none or do not fit the network, or the element cannot run it exactly.

    """
    _refuse_misfit(network, frames, readout, key, spacing)
    if reason := _inexactness(network, readout):
        if not inexact:
            raise SteepError(f"{reason}; use fewer weight bits, or --inexact")
        log.warning("%s: it may tell other classes than the network", reason)
    layout = _showing_potentials(network) if readout == "potential" else from_threshold_network(network, clock=True)
    stimulus, _ = stimulus_of(layout, frames.values, spacing)
    outputs = layout.outputs
    answers = np.arange(len(frames)) * spacing + int(layout.depth[-1])
    marked, marker = _with_marker(layout.network, outputs if readout == "potential" else outputs[:0])
    options = ("pV",) if readout == "potential" else ()
    classes, units = np.nonzero(key)
    model = TextModel(
        marked,
        Stimulus(
            np.concatenate([stimulus.step, answers]),
            np.concatenate([stimulus.neuron, np.full(len(answers), marker)]),
            *no_injection(),
        ),
        (*(Output(neuron, options) for neuron in np.unique(outputs[units]).tolist()), Output(marker)),
    )
    return model, AnswerTable(readout, marker, outputs[units], classes, answers, digest_of(frames))


def _refuse_misfit(network: ThresholdNetwork, frames: Frames, readout: str, key: np.ndarray, spacing: int) -> None:
    if not frames.are_spikes or network.input_top != 1:
        raise SteepError("the text model has spikes as its inputs and no currents; use an encoding of spikes")
    if frames.shape != tuple(network.input_shape):
        raise SteepError(f"the frames are of shape {frames.shape}, the network takes {tuple(network.input_shape)}")
    if key.shape[1] != network.sizes[-1]:
        raise SteepError(
            f"the key of the classes is for {key.shape[1]} units, the last population has {network.sizes[-1]}; give the"
            " population code and its own compiled network"
        )
    if not len(frames):
        raise SteepError("there are no frames; export at least one")
    if spacing < 1 + (readout == "potential"):
        raise SteepError(
            f"the spacing is {spacing}; write at least {1 + (readout == 'potential')}"
            + (": with readout potential the step after an answer clears the outputs" if spacing == 1 else "")
        )


def _inexactness(network: ThresholdNetwork, readout: str) -> str | None:
    """Return why the element cannot tell exactly what the network does, None if it can."""
    if network.largest_sum + 4 >= EXACT_FLOAT32:  # 4: what the clock brings besides, twice
        return f"sums of up to {network.largest_sum / 2:g} are not exact in the element's float32"
    theta, bound = network.populations[-1].threshold, _bound(network)
    if readout == "potential" and bound >= (10**6 if np.array_equal(theta, np.rint(theta)) else 10**5):
        return f"potentials of up to {bound:.1f} have more digits than the element's probe writes, six"
    return None


def _bound(network: ThresholdNetwork) -> float:
    """Return what no potential of an output unit exceeds, of either sign."""
    output = network.populations[-1]
    reach = np.abs(output.thresholds())
    for link in output.links:
        synapses = link.synapses(network.shapes[link.source])
        reach = reach + np.bincount(synapses.target, np.abs(synapses.weight), len(reach))
    return float(reach.max(initial=0))


def _showing_potentials(network: ThresholdNetwork) -> Layout:
    """Return a layout whose output neurons keep their potential, for a probe; a marker has to clear them."""
    *hidden, last = network.populations
    # Above 0, so that the layout lifts nothing: the outputs' thresholds become what V begins with.
    lifted = replace(last, threshold=np.full(last.shape, 0.5))
    layout = from_threshold_network(replace(network, populations=(*hidden, lifted)), clock=True)
    outputs, stpu, theta = layout.outputs, layout.network, last.thresholds()
    initial, threshold, leak = stpu.initial.copy(), stpu.threshold.copy(), stpu.leak.copy()
    initial[outputs], threshold[outputs], leak[outputs] = -theta, np.ceil(_bound(network)) + 1, 0
    return replace(layout, network=replace(stpu, initial=initial, reset=initial, threshold=threshold, leak=leak))


def _with_marker(network: StpuNetwork, cleared: np.ndarray) -> tuple[StpuNetwork, int]:
    """Return the network with one more input neuron, last, that lifts the neurons `cleared` over their thresholds one
    step after it spikes, wherever their membranes are; and its number."""
    marker = network.count
    marked = replace(
        network,
        initial=np.append(network.initial, 0.0),
        threshold=np.append(network.threshold, 0.0),
        reset=np.append(network.reset, 0.0),
        leak=np.append(network.leak, 0.0),
        is_input=np.append(network.is_input, True),
        source=np.append(network.source, np.full(len(cleared), marker)),
        target=np.append(network.target, cleared),
        weight=np.append(network.weight, 2 * network.threshold[cleared]),
        delay=np.append(network.delay, np.ones(len(cleared), np.int64)),
    )
    return marked, marker


def read_classes(table: AnswerTable, path: Path | str) -> np.ndarray:
    """Return the class of each frame from a file that the element has recorded into, int64 (frames,); of equals the
    lowest.

    Raises
    ------
    SteepError
        when the file is damaged, or is not that of the table's model, run to the last answer.

    """
    columns = read_recorded(path)
    suffix = ".V" if table.readout == "potential" else ""
    frame = {step: number for number, step in enumerate(table.steps.tolist())}
    marks = columns.pop(str(table.marker), {})
    for number, step in enumerate(table.steps.tolist()):
        if step not in marks:
            raise SteepError(
                f"{path}: frame {number} is without an answer: marker neuron {table.marker} does not spike at step"
                f" {step}; is this the file of the table's model, run for {table.steps[-1] + 1} steps?"
            )
    unknown = sorted(columns.keys() - {f"{neuron}{suffix}" for neuron in table.neurons.tolist()})
    if unknown or marks.keys() - frame.keys():
        what = f"column {unknown[0][:40]}" if unknown else f"a mark at step {min(marks.keys() - frame.keys())}"
        raise SteepError(f"{path}: {what} is not in the table; this is the file of another model")
    lowest = -np.inf if table.readout == "potential" else 0
    scores = np.full((len(table.steps), int(table.classes.max()) + 1), lowest, np.float64)
    for neuron, class_ in zip(table.neurons.tolist(), table.classes.tolist(), strict=True):
        name = f"{neuron}{suffix}"
        values = columns.get(name, {})
        if table.readout == "potential":
            scores[:, class_] = _potentials(values, table, name, path)
            continue
        for step, value in values.items():
            if value != 1 or step not in frame:
                raise SteepError(
                    f"{path}: column {name} is {value:g} at step {step}; output neurons spike, 1, at answers only, so"
                    " this is the file of another model"
                )
            scores[frame[step], class_] += 1
    if table.readout == "wta" and (scores.sum(axis=1) != 1).any():
        wrong = int(np.argmax(scores.sum(axis=1) != 1))
        raise SteepError(
            f"{path}: {scores[wrong].sum():g} output neurons spike for frame {wrong}, at step {table.steps[wrong]}; in"
            " a winner-take-all one does, so this is the file of another model"
        )
    found: np.ndarray = scores.argmax(axis=1)
    return found


def _potentials(values: dict[int, float], table: AnswerTable, name: str, path: Path | str) -> np.ndarray:
    """Return what a column holds at the answers, float64 (frames,)."""
    found = np.array([values.get(step, np.nan) for step in table.steps.tolist()])
    if not np.isfinite(found).all():
        frame = int(np.argmin(np.isfinite(found)))
        raise SteepError(f"{path}: column {name} has no number for frame {frame}, at step {table.steps[frame]}")
    return found
