"""A compiled module: its integer network with everything that one does with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from steep.errors import SteepError
from steep.spikes import Spikes
from steep.threshold.network import ConvLink, DenseLink, Link, Population, ThresholdNetwork

SIMULATORS = ("torch", "stpu", "brian2")


def parts_of(network: ThresholdNetwork, name: str) -> list[tuple[int, np.ndarray | None]]:
    """Return the populations that a place is, with the channels that each of them has; None for all."""
    parts: list[tuple[int, np.ndarray | None]] = []
    for number, population in enumerate(network.populations, 1):
        if population.name == name:
            parts.append((number, None))
        elif population.name.startswith(f"{name}[") and population.name.endswith("]"):
            spans = [span.split(":") for span in population.name[len(name) + 1 : -1].split(",")]
            parts.append((number, np.concatenate([np.arange(int(a), int(b)) for a, b in spans])))
    if not parts:
        names = dict.fromkeys(population.name.split("[")[0] for population in network.populations)
        raise SteepError(f"there is no place {name!r}; there are {', '.join(names)}")
    return parts


@dataclass(frozen=True)
class Run:
    """What a simulation returned.

    Attributes
    ----------
    network : that ran.
    spikes : of its populations, by number (see `steep.spikes`).

    """

    network: ThresholdNetwork
    spikes: Spikes

    def __getitem__(self, name: str) -> np.ndarray:
        """Return the spikes of a place, bool (frames, *shape)."""
        parts = [
            (self.network.populations[number - 1].shape, self.spikes.layers[number - 1], channels)
            for number, channels in parts_of(self.network, name)
        ]
        if parts[0][2] is None:
            shape, fired, _ = parts[0]
            return fired.reshape(len(fired), *shape)
        count = sum(shape[0] for shape, _, _ in parts)
        frames = len(parts[0][1])
        whole = np.zeros((frames, count, *parts[0][0][1:]), bool)
        for shape, fired, channels in parts:
            whole[:, channels] = fired.reshape(frames, *shape)
        return whole

    @property
    def potential(self) -> np.ndarray:
        """Sum of weights minus threshold of each output unit, float64 (frames, units)."""
        return self.spikes.potential

    @property
    def outputs(self) -> np.ndarray:
        """The potentials in the module's own numbers, as far as rounded weights give them, float64 (frames, units)."""
        worth = self.network.worth
        return self.spikes.potential * (1.0 if worth is None else worth)

    def classes(self) -> np.ndarray:
        """The class of the largest potential, of equals the lowest; int64 (frames,)."""
        return self.spikes.classes()


@dataclass(frozen=True)
class Network:
    """A compiled module.

    Attributes
    ----------
    threshold : its integer network, which all of `steep` works on.

    """

    threshold: ThresholdNetwork

    def run(self, frames: np.ndarray, on: str = "torch", record: Sequence[str] | None = None) -> Run:
        """Return the spikes of all places, or of those in `record`, for frames uint8 (frames, *shape).

        Parameters
        ----------
        frames : of spikes, 0 and 1, or of 8-bit values: what the module was compiled for.
        on : the simulator: torch, stpu, brian2, brian2-fast, brian2-synapses.
        record : names of places; all if not given.

        Examples
        --------
        A unit that fires when both inputs do, and one that fires when either does:

        >>> from steep.threshold.network import dense
        >>> output = dense(0, np.array([[1, 1], [1, 1]], np.int32), np.array([1.5, 0.5]), "output")
        >>> network = Network(ThresholdNetwork((2,), (output,)))
        >>> run = network.run(np.array([[0, 0], [0, 1], [1, 1]], np.uint8), on="stpu")
        >>> run["output"]
        array([[False, False],
               [False,  True],
               [ True,  True]])
        >>> run.potential
        array([[-1.5, -0.5],
               [-0.5,  0.5],
               [ 0.5,  1.5]])

        """
        from steep.simulators import SIMULATORS as known
        from steep.simulators import load_simulator

        frames = np.asarray(frames)
        if on not in known:
            raise SteepError(f"there is no simulator {on!r}; write one of {', '.join(known)}")
        if frames.dtype != np.uint8 or frames.shape[1:] != self.threshold.input_shape:
            raise SteepError(
                f"frames are {frames.dtype} of shape {frames.shape[1:]}; the network takes uint8 of shape "
                f"{self.threshold.input_shape}"
            )
        if len(frames) and frames.max() > self.threshold.input_top:
            raise SteepError(
                f"frames have values up to {frames.max()}; the network takes up to {self.threshold.input_top}"
            )
        numbers = None
        if record is not None:
            numbers = {number for name in record for number, _ in parts_of(self.threshold, name)}
        return Run(self.threshold, load_simulator(on)(self.threshold, frames, numbers))

    def verify(self, frames: np.ndarray, on: Sequence[str] = SIMULATORS) -> str:
        """Run the network on several simulators and hold all spikes, potentials, weights and thresholds against each
        other; return in a sentence what was compared.

        Raises
        ------
        SteepError
            at the first difference, which is a bug of ours.

        Examples
        --------
        >>> from steep.threshold.network import dense
        >>> network = Network(ThresholdNetwork((2,), (dense(0, np.array([[1, -1]], np.int32), np.array([0.5])),)))
        >>> network.verify(np.array([[0, 0], [1, 0], [1, 1]], np.uint8), on=("torch", "stpu"))
        'torch, stpu: 3 frames, 6 spikes and potentials compared, 0 differ'

        """
        if len(set(on)) < 2 or not len(frames):
            raise SteepError(f"{len(frames)} frames on {len(set(on))} simulators compare nothing; give a frame and two")
        from steep.comparison import compare, compare_networks, require_equal, require_network

        spikes = {name: self.run(frames, name).spikes for name in on}
        networks = compare_networks(spikes, self.threshold)
        require_network(networks, "the compiled network")
        table = compare(spikes)
        require_equal(spikes, table)
        values = int(table["values"].sum()) if len(table) else 0
        return f"{', '.join(on)}: {len(frames)} frames, {values} spikes and potentials compared, 0 differ"

    def save(self, path: Path | str) -> None:
        """Write the network as NPZ (see `ThresholdNetwork.save`)."""
        self.threshold.save(path)

    @classmethod
    def load(cls, path: Path | str) -> "Network":
        """Read what `save` wrote, or a threshold network of the study."""
        return cls(ThresholdNetwork.load(path))

    def to_nir(self, path: Path | str, form: str = "exact") -> None:
        """Write the network in the Neuromorphic Intermediate Representation, ``exact`` or ``portable``
        (see `steep.nir_export`)."""
        from steep.nir_export import FORMS, write_graph

        if form not in FORMS:
            raise SteepError(f"form is {form!r}; write one of {', '.join(FORMS)}")
        write_graph(path, self.threshold, form)

    def to_gensa(self, path: Path | str, frames: np.ndarray, readout: str = "wta") -> None:
        """Write the network and frames of spikes as a text model for SST's gensa element, and how to read its answers
        beside it, as ``<path>.csv`` (see `steep.stpu.export`).

        Parameters
        ----------
        path : of the model.
        frames : uint8 (frames, *shape), 0 and 1.
        readout : ``wta``, the network ends in a spike of the class, or ``potential``.

        """
        from steep.frames import Frames
        from steep.stpu.export import export
        from steep.stpu.textmodel import write_model
        from steep.threshold.readouts import attach, winner_take_all

        if readout not in ("wta", "potential"):
            raise SteepError(f"readout is {readout!r}; write wta or potential")
        whole, classes = self.threshold, self.threshold.sizes[-1]
        if readout == "wta":
            whole = attach(whole, winner_take_all(whole))
        labels = np.zeros(len(frames), np.uint8)  # which are not known here, and part of the table's digest
        given = Frames(np.asarray(frames), labels, classes, full_scale=whole.input_top)
        model, answers = export(whole, given, readout, np.eye(classes, dtype=bool), 1 if readout == "wta" else 2)
        write_model(path, model)
        answers.save(f"{path}.csv")

    def __str__(self) -> str:
        """Return a line for each population: name, shape, what it listens to, bits of its weights."""
        network, depths = self.threshold, self.threshold.depths
        kind = "spikes" if network.input_top == 1 else f"currents up to {network.input_top}"
        lines = [
            f"{len(network.populations)} populations, {sum(network.sizes[1:]):,} units, "
            f"{self.synapses:,} synapses, {max(depths)} steps deep; frames of {kind}, {_sides(network.input_shape)}"
        ]
        for number, population in enumerate(network.populations, 1):
            links = ", ".join(
                f"{_what(link)} from {self.name(link.source)} (delay {depths[number] - depths[link.source]})"
                for link in population.links
            )
            lines.append(f"  {self.name(number)}: {_sides(population.shape)}, {_bits(population)} bits: {links}")
        return "\n".join(lines)

    @property
    def synapses(self) -> int:
        """Number of synapses, those of weight zero and at borders among them."""
        shapes = self.threshold.shapes
        return sum(link.synapse_count(shapes[link.source]) for one in self.threshold.populations for link in one.links)

    def name(self, number: int) -> str:
        """Return what a population is called."""
        return (self.threshold.populations[number - 1].name or f"population {number}") if number else "input"


def _sides(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _what(link: Link) -> str:
    if isinstance(link, ConvLink):
        return f"convolution {_sides(link.kernel)}"
    return "dense" if isinstance(link, DenseLink) else f"{len(link.entries.weight):,} synapses"


def _bits(population: Population) -> int:
    """Return the bits of the largest weight of a population, signed."""
    largest = max(
        int(np.abs(link.weight if isinstance(link, ConvLink | DenseLink) else link.entries.weight).max(initial=0))
        for link in population.links
    )
    return largest.bit_length() + 1
