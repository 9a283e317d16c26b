"""From a sharpened module to a threshold network of integers.

A threshold unit may be scaled by any positive number. Every channel of a population gets its own: the one that brings
its largest weight, over all its links, to 2^(bits-1) - 1. A threshold t becomes floor(t) + 1/2, which an integer sum
exceeds exactly when it exceeds t. An output is compared across its units and has one scale; what one of its potentials
is worth in the module's own numbers is kept with the network.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import nn

from steep.architecture import Shape, units
from steep.errors import SteepError
from steep.modules import affine
from steep.modules.affine import Affine, Convolve, Matrix, Operator, Select, Term
from steep.modules.places import evaluating, places_of
from steep.modules.trace import FRAMES, Followed, Step, follow, named
from steep.simulators.torch_threshold import convolved
from steep.threshold.network import ConvLink, DenseLink, Link, Population, SparseLink, Synapses, ThresholdNetwork

MULTIPLES = 8  # of one number that weights may be to be kept as they are
MANY = 2**20  # weights of a selection that is written as a convolution of points
DENSITIES = (0, 0.02, 0.1, 0.25, 0.5, 0.75, 1)  # of the frames that a module is held against
TIE = 1e-9  # how near to its threshold a sum of real weights may be rounded to either side, relatively
DENSE = 0.25  # part of a matrix above which it is written with its zeros


@dataclass(frozen=True)
class Currents:
    """Frames of 8-bit values: the module sees (value / full_scale - mean) / std of each channel.

    Attributes
    ----------
    shape : channels and sides.
    mean, std : of each channel, as in `torchvision.transforms.Normalize`; 0 and 1 where not given.
    full_scale : the value that the module sees as 1.

    Examples
    --------
    >>> frames = np.array([[0, 51, 255]], np.uint8)
    >>> seen(frames, Currents((3,), mean=0.2, std=0.4))
    tensor([[-0.5000,  0.0000,  2.0000]], dtype=torch.float64)

    """

    shape: Shape
    mean: tuple[float, ...] | float = 0.0
    std: tuple[float, ...] | float = 1.0
    full_scale: int = 255

    @property
    def top(self) -> int:
        """Largest value of an input."""
        return 255

    def __post_init__(self) -> None:
        """Refuse what no module sees."""
        _check_shape(self.shape)
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            if np.ndim(numbers) and len(np.atleast_1d(numbers)) != self.shape[0]:
                raise SteepError(f"{name} has {len(np.atleast_1d(numbers))} numbers for {self.shape[0]} channels")
        if not (np.asarray(self.std) > 0).all() or not self.full_scale > 0:
            raise SteepError(f"std is {self.std}, full_scale {self.full_scale}; write numbers above 0")

    def value(self) -> Affine:
        """Return what the module sees of a frame."""
        mean, std = (np.broadcast_to(np.asarray(n, np.float64), self.shape[:1]) for n in (self.mean, self.std))
        return affine.source(0, tuple(self.shape), 1 / (self.full_scale * std), -mean / std)


@dataclass(frozen=True)
class InputSpikes:
    """Frames of spikes, 0 or 1, which the module sees as they are.

    Attributes
    ----------
    shape : of a frame.

    Examples
    --------
    >>> seen(np.array([[0, 1, 1]], np.uint8), InputSpikes((3,)))
    tensor([[0., 1., 1.]], dtype=torch.float64)

    """

    shape: Shape

    def __post_init__(self) -> None:
        """Refuse what no module sees."""
        _check_shape(self.shape)

    @property
    def top(self) -> int:
        """Largest value of an input."""
        return 1

    def value(self) -> Affine:
        """Return what the module sees of a frame."""
        return affine.source(0, tuple(self.shape), np.ones(self.shape[0]), np.zeros(self.shape[0]))


def _check_shape(shape: Shape) -> None:
    if not isinstance(shape, tuple | list) or not shape or any(int(side) != side or side < 1 for side in shape):
        raise SteepError(f"the shape of a frame is {shape}; write channels and sides, such as (3, 32, 32), or (units,)")


def seen(frames: np.ndarray, given: "Currents | InputSpikes") -> torch.Tensor:
    """Return what the module sees of frames uint8 (frames, *shape), float64."""
    value = given.value()
    operator = value.terms[0].operator
    assert isinstance(operator, Select)
    gain = operator.gain.reshape(-1, *(1,) * len(value.sides))
    return torch.from_numpy(frames.astype(np.float64) * gain + value.constant)


def require_steps(module: nn.Module) -> None:
    """Raise SteepError unless every place of a module is a step."""
    places = places_of(module)
    gentle = [place.name for place, sharp in zip(places.places, places.sharpness, strict=True) if float(sharp) < 1]
    if gentle:
        raise SteepError(
            f"{len(gentle)} of {len(places.places)} places are no steps yet, the first is {gentle[0]}; train on while "
            "they are sharpened (steep.Sharpener), to the end"
        )


@contextmanager
def widened(module: nn.Module) -> Iterator[None]:
    """Let a module's numbers be float64 and on the processor; its own come back afterwards, bit for bit. A copy would
    not do: what a module calls need not be among its parts."""
    parameters = [(one, one.data) for one in module.parameters()]
    buffers = [(part, name, one) for part in module.modules() for name, one in part._buffers.items() if one is not None]
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise SteepError(f"{name} holds what is no number; train with a smaller learning rate")
    try:
        for parameter, own in parameters:
            parameter.data = _wide(own)
        for part, name, buffer in buffers:
            part._buffers[name] = _wide(buffer)
        yield
    finally:
        for parameter, own in parameters:
            parameter.data = own
        for part, name, buffer in buffers:
            part._buffers[name] = buffer


def _wide(tensor: torch.Tensor) -> torch.Tensor:
    tensor = tensor.detach().cpu()
    return tensor.double() if tensor.is_floating_point() else tensor


def followed(module: nn.Module, given: "Currents | InputSpikes") -> Followed:
    """Return what a sharpened module does to a frame, in terms of spikes, with real weights."""
    rng = np.random.default_rng(0)
    frame = rng.integers(0, given.top + 1, (FRAMES, *given.shape)).astype(np.uint8)
    with widened(module):
        found = follow(module, given.value(), seen(frame, given), given.top)
        confirm(found, module, given)
    return found


def confirm(found: Followed, module: nn.Module, given: "Currents | InputSpikes") -> None:
    """Hold what was followed against the module on other frames, place by place.

    Raises
    ------
    SteepError
        where they differ: what the module does depends on the frame in a way that PyTorch's operators do not show.

    """
    rng, shape = np.random.default_rng(1), tuple(given.shape)
    values = rng.integers(1, given.top + 1, (len(DENSITIES), *shape))
    frames = (values * (rng.random(values.shape) < np.reshape(DENSITIES, (-1, *(1,) * len(shape))))).astype(np.uint8)
    fired, outputs = observed(module, seen(frames, given))
    place_of = {number: (name, channels) for name, parts in found.members.items() for number, channels in parts}
    spikes = [frames.reshape(len(frames), -1).astype(np.float64)]
    why = (
        "the module does not do to every frame what it did to the one that it was followed on; does it use the "
        "numbers of a frame outside PyTorch's operators?"
    )
    for number, step in enumerate(found.steps, 1):
        v = _total(step.terms, step.shape, spikes) - step.threshold
        own = v > 0
        if number in place_of:
            name, channels = place_of[number]
            wanted = fired[name][:, channels].reshape(own.shape)
            if ((own != wanted) & (np.abs(v) > TIE * (1 + np.abs(v).max()))).any():
                raise SteepError(f"{name}: {why}")
            own = wanted  # sums that all but equal a threshold may be rounded to either side
        spikes.append(own.reshape(len(frames), -1).astype(np.float64))
    for name, value in found.outputs.items():
        sums = _total(value.terms, value.shape, spikes) + value.constant
        if not np.allclose(sums, outputs[name], rtol=TIE, atol=TIE * (1 + np.abs(sums).max())):
            raise SteepError(f"{name}: {why}")


def observed(module: nn.Module, x: torch.Tensor) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return which units of each place of a module of steps fire, bool (frames, ...), and its outputs by name."""
    places, fired = places_of(module), {}

    def watch(number: int, values: torch.Tensor) -> torch.Tensor:
        step = values > float(places.centre[number])
        fired[places.places[number].name] = step.numpy()
        return step.to(values.dtype) * float(places.scale[number]) + float(places.offset[number])

    places.observer = watch
    try:
        with evaluating(module), widened(module):
            outputs = dict(named(module(x)))
    finally:
        places.observer = None
    return fired, {name: tensor.numpy() for name, tensor in outputs.items()}


def compile_module(
    module: nn.Module, given: "Currents | InputSpikes", bits: "int | dict[str, int]" = 8
) -> ThresholdNetwork:
    """Return the integer network of a sharpened module.

    Parameters
    ----------
    module : sharpened to the end; it is not changed.
    given : what frames are, and what the module sees of them.
    bits : of a signed weight, 2 to 16: one number for all populations, or numbers by the name of a place, ``output``
        for the outputs and ``""`` for all the rest.

    Raises
    ------
    SteepError
        when a place is no step yet, or the module does what no threshold network does.

    """
    require_steps(module)
    return rounded(followed(module, given), tuple(given.shape), given.top, bits)


def rounded(found: Followed, input_shape: Shape, top: int, bits: "int | dict[str, int]") -> ThresholdNetwork:
    """Return a followed forward pass as a network of integers."""
    by_name = bits if isinstance(bits, dict) else {"": bits}
    for name, number in by_name.items():
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or not 2 <= number <= 16:
            raise SteepError(f"bits{f' of {name}' if name else ''}: {number!r}; write a whole number from 2 to 16")
    place_of = {number: name for name, parts in found.members.items() for number, _ in parts}
    for name in by_name:
        if name not in ("", "output") and name not in found.members:
            raise SteepError(f"bits: there is no place {name!r}; places are {', '.join(found.members)}")
    populations = []
    for number, step in enumerate(found.steps, 1):
        name = place_of.get(number, "")
        own = by_name.get(name, by_name.get("", 8))
        populations.append(_population(step, top, own, per_channel=True)[0])
    output_bits = by_name.get("output", by_name.get("", 8))
    outputs, unit = _outputs(found.outputs, top, output_bits)
    return ThresholdNetwork(input_shape, (*populations, outputs), top, unit)


def _outputs(outputs: dict[str, Affine], top: int, bits: int) -> tuple[Population, np.ndarray]:
    """Return the output population, all outputs one behind the other, and what a potential of each unit is worth in the
    module's numbers."""
    made, worth = [], []
    for name, value in outputs.items():
        # Several stand one behind the other, so of images every unit is one of its own.
        one = affine.every_unit(value) if len(outputs) > 1 else value
        population, scale = _population(Step(name, one.shape, one.terms, -one.constant), top, bits, per_channel=False)
        made.append(population)
        worth.append(np.full(units(one.shape), 1 / scale[0]))
    if len(made) == 1:
        return made[0], worth[0]
    count = sum(units(population.shape) for population in made)
    first, links = 0, []
    for population in made:
        for link in population.links:
            # Flat, so dense or sparse; a dense link says itself how many units are before it.
            entries = link.synapses((link.weight.shape[1],)) if isinstance(link, DenseLink) else link.synapses(())
            moved = Synapses(entries.source, entries.target + first, entries.weight)
            links.append(SparseLink(link.source, moved, (count,)))
        first += units(population.shape)
    thresholds = np.concatenate([population.thresholds() for population in made])
    return Population((count,), tuple(links), thresholds, "output"), np.concatenate(worth)


def _population(step: Step, top: int, bits: int, per_channel: bool) -> tuple[Population, np.ndarray]:
    """Return a population of integers, and the scale of each channel."""
    channels = step.shape[0]
    most = 2 ** (bits - 1) - 1
    largest = np.zeros(channels)
    for term in step.terms:
        np.maximum.at(largest, term.channels, _largest(term.operator, len(term.channels)))
    if step.pools:
        scale = np.ones(channels)
    elif per_channel:
        scale = _whole_scale(step, largest, most)
    else:  # where there are no weights, the constants alone tell the outputs apart
        reach = largest.max(initial=0.0) or float(np.abs(step.threshold).max(initial=0.0)) or 1.0
        scale = np.full(channels, most / reach)
    links = [_link(term, scale[term.channels], step.shape) for term in step.terms]
    by_channel = scale.reshape(-1, *(1,) * (len(step.shape) - 1))
    # A threshold that is a whole number, but for its rounding, is one: a sum that equals it does not exceed it.
    exact = step.threshold * by_channel
    threshold = np.floor(exact + TIE * (1 + np.abs(exact))) + 0.5
    if per_channel and not step.pools:
        reach = np.full((channels, *(1,) * (len(step.shape) - 1)), 0.5)
        for link in links:
            own = link.reach() * (top if link.source == 0 else 1)
            flat = own.reshape(channels, -1).max(1) if own.size > channels else own.ravel()
            reach = reach + flat.reshape(reach.shape)
        threshold = np.clip(threshold, -reach, reach)
    if not links:  # a constant: it fires always or never
        nothing = np.zeros(0, np.int64)
        links = [SparseLink(0, Synapses(nothing, nothing, nothing), step.shape)]
    return Population(step.shape, tuple(links), threshold, step.name), scale


def _whole_scale(step: Step, largest: np.ndarray, most: int) -> np.ndarray:
    """Return the scale of each channel: the one that brings its largest weight to `most`, or one that makes all its
    weights whole where they are small multiples of one number. Ties of such sums are part of what the module says, and
    rounding would break them."""
    scale = np.where(largest > 0, most / np.where(largest > 0, largest, 1.0), 1.0)
    rows: list[list[np.ndarray]] = [[] for _ in largest]
    for term in step.terms:
        for channel, weights in zip(term.channels, _rows(term.operator, len(term.channels)), strict=True):
            rows[channel].append(weights)
    for channel, weights in enumerate(rows):
        if not largest[channel]:
            continue
        parts = np.abs(np.concatenate(weights)) / largest[channel]
        smallest = parts[parts > 0].min()
        for count in range(1, min(MULTIPLES, most) + 1):
            # The smallest weight tells most of what are no multiples.
            if all((np.abs(some - np.rint(some)) < TIE * count).all() for some in (smallest * count, parts * count)):
                scale[channel] = (most // count) * count / largest[channel]
                break
    return scale


def _rows(operator: Operator, count: int) -> "list[np.ndarray] | np.ndarray":
    """Return the weights of each of `count` rows, flat; zeros of sparse matrices are left out."""
    match operator:
        case Select(_, gain):
            return gain[:, None]
        case Convolve(weight, _):
            return weight.reshape(count, -1)
        case Matrix(weight):
            if isinstance(weight, np.ndarray):
                return weight.reshape(count, -1)
            each = weight.shape[0] // count
            ends = weight.indptr[::each]
            return [weight.data[a:b] for a, b in pairwise(ends)]


def _largest(operator: Operator, count: int) -> np.ndarray:
    """Return the largest magnitude of a weight in each of `count` rows."""
    match operator:
        case Select(_, gain):
            magnitudes: np.ndarray = np.abs(gain)
            return magnitudes
        case Convolve(weight, _):
            largest: np.ndarray = np.abs(weight.reshape(count, -1)).max(1, initial=0.0)
            return largest
        case Matrix(weight):
            rows = np.asarray(
                abs(weight).max(axis=1).toarray() if isinstance(weight, csr_array) else np.abs(weight).max(1)
            )
            found: np.ndarray = rows.reshape(count, -1).max(1, initial=0.0)
            return found


def _link(term: Term, scale: np.ndarray, shape: Shape) -> Link:
    """Return a term as a link of integers to a population of `shape`; `scale` is that of each row."""
    each, whole = units(shape[1:]), np.array_equal(term.channels, np.arange(shape[0]))
    operator = affine.scaled(term.operator, scale, each)
    match operator:
        case Select(index, gain) if whole and len(shape) > 1 and term.shape[1:] == shape[1:]:
            points = (1,) * len(shape[1:])
            integers = np.rint(gain).astype(np.int32)
            if np.array_equal(index, np.arange(term.shape[0])):
                return ConvLink(term.source, integers.reshape(-1, 1, *points), groups=len(integers))
            if len(index) * term.shape[0] <= MANY:
                spread = np.zeros((len(index), term.shape[0]), np.int32)
                spread[np.arange(len(index)), index] = integers
                return ConvLink(term.source, spread.reshape(*spread.shape, *points))
        case Convolve(weight, geometry) if whole:
            integers = np.rint(weight).astype(np.int32)
            return ConvLink(
                term.source, integers, geometry.stride, geometry.padding, geometry.dilation, geometry.groups
            )
    entries = affine.matrix(operator, term.shape)
    count = np.count_nonzero(entries) if isinstance(entries, np.ndarray) else entries.nnz
    if whole and count > DENSE * entries.shape[0] * entries.shape[1]:
        dense = entries if isinstance(entries, np.ndarray) else entries.toarray()
        return DenseLink(term.source, np.rint(dense).astype(np.int32))
    coordinates = csr_array(entries).tocoo()
    integers = np.rint(coordinates.data).astype(np.int64)
    row = coordinates.row.astype(np.int64)
    target = term.channels[row // each] * each + row % each
    real = integers != 0
    return SparseLink(
        term.source, Synapses(coordinates.col.astype(np.int64)[real], target[real], integers[real]), shape
    )


def evaluate(found: Followed, frames: np.ndarray) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """Return the spikes of every population, bool (frames, units), and the outputs, float64, with real weights: what
    rounding is held against."""
    spikes = [frames.reshape(len(frames), -1).astype(np.float64)]
    for step in found.steps:
        fired = _total(step.terms, step.shape, spikes) > step.threshold
        spikes.append(fired.reshape(len(frames), -1).astype(np.float64))
    outputs = {name: _total(value.terms, value.shape, spikes) + value.constant for name, value in found.outputs.items()}
    return [one.astype(bool) for one in spikes[1:]], outputs


def _total(terms: tuple[Term, ...], shape: Shape, spikes: list[np.ndarray]) -> np.ndarray:
    """Return the sum of terms, float64 (frames, *shape), for the spikes of all populations, float64 (frames, units)."""
    sums = np.zeros((len(spikes[0]), shape[0], units(shape[1:])))
    for term in terms:
        sums[:, term.channels] += _applied(term, spikes[term.source]).reshape(len(sums), len(term.channels), -1)
    return sums.reshape(len(sums), *shape)


def _applied(term: Term, spikes: np.ndarray) -> np.ndarray:
    """Return a term for spikes float64 (frames, units) of its source."""
    match term.operator:
        case Select(index, gain):
            each = units(term.shape[1:])
            chosen: np.ndarray = spikes.reshape(len(spikes), term.shape[0], each)[:, index] * gain[:, None]
            return chosen
        case Convolve(weight, geometry):
            x = torch.from_numpy(spikes.reshape(len(spikes), *term.shape))
            kernel = torch.from_numpy(np.ascontiguousarray(weight))
            found: np.ndarray = convolved(x, kernel, geometry.link(weight)).numpy()
            return found
        case Matrix(weight):
            return np.asarray((weight @ spikes.T).T)
