"""Following one forward pass of a sharpened module, operator by operator.

The module runs on a frame, in float64, under PyTorch's dispatcher, which tells every operator that works on tensors.
Beside each tensor that depends on the frame stands what it is in terms of spikes: an affine value
(`steep.modules.affine`). An activation makes populations; every other operator must be affine, a renumbering or a
maximum of spikes. What is none of them is one error that names the module and the line.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array, kron
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

from steep.architecture import Shape, units
from steep.errors import SteepError
from steep.modules import affine
from steep.modules.affine import Affine, Convolve, Geometry, Matrix, Select, Term
from steep.modules.places import evaluating, module_paths, places_of
from steep.modules.where import user_line


@dataclass(frozen=True)
class Pooling:
    """Windows of a maximum pooling: size, stride, padding and dilation for each dimension."""

    size: Shape
    geometry: Geometry


@dataclass(frozen=True)
class Traced:
    """What stands beside a tensor.

    Attributes
    ----------
    value : of one frame.
    order : which unit of the value each element of the tensor is, counted over the flattened value, float64 of the
        tensor's shape without the batch; None where the tensor has the value's own shape.
    poolings : maximum poolings that were taken of the value and wait for the step, first one first.

    """

    value: Affine
    order: np.ndarray | None = None
    poolings: tuple[Pooling, ...] = ()


@dataclass(frozen=True)
class Stale:
    """What stands beside a tensor whose content is not known any more, and why."""

    why: str


@dataclass(frozen=True)
class Step:
    """A population with real weights: the units of one place, or a part of its channels, or a pooling of spikes.

    Attributes
    ----------
    name : of the place.
    shape : channels and sides.
    terms : what it listens to; channels are its own.
    threshold : float64, of `shape` or with sides of 1.
    pools : whether it is an OR of spikes, with weights of 1.

    """

    name: str
    shape: Shape
    terms: tuple[Term, ...]
    threshold: np.ndarray
    pools: bool = False


class Refused(Exception):
    """What an operator cannot be, in words; `Trace` says where."""


class Trace(TorchDispatchMode):
    """Follows a forward pass.

    Attributes
    ----------
    steps : populations in the order in which they were made; population n of the network is ``steps[n - 1]``.
    members : for each place, its populations and the channels of the place that each of them is.

    """

    def __init__(self, inside: list[str], input_shape: Shape, top: int) -> None:
        """Begin; `inside` is kept by `module_paths`, `top` is the largest value of an input."""
        super().__init__()  # type: ignore[no-untyped-call]  # PyTorch's modes have no types
        self.inside, self.input_shape, self.top = inside, input_shape, top
        self.steps: list[Step] = []
        self.members: dict[str, list[tuple[int, np.ndarray]]] = {}
        self.known: dict[int, tuple[Tensor, Traced | Stale]] = {}
        self.pooled: dict[tuple[int, Pooling], int] = {}
        self.written: set[int] = set()  # memory that what depends on the frame was written to, in place

    def note(self, tensor: Tensor, traced: Traced | Stale) -> None:
        """Put beside a tensor what it is; the tensor is kept, so that its identity stays its own."""
        self.known[id(tensor)] = tensor, traced

    def beside(self, tensor: object) -> Traced | None:
        """Return what stands beside a tensor; None where it does not depend on the frame."""
        kept = self.known.get(id(tensor))
        if kept is None:
            if self.depends(tensor):
                raise Refused("a tensor was filled, in place, with what depends on the frame; concatenate its parts")
            return None
        if isinstance(kept[1], Stale):
            raise Refused(kept[1].why)
        return kept[1]

    def depends(self, tensor: object) -> bool:
        """Return whether a tensor depends on the frame."""
        return id(tensor) in self.known or (
            isinstance(tensor, Tensor) and bool(self.written) and _memory(tensor) in self.written
        )

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operator, and work out what it does to what stands beside its inputs."""
        kwargs = kwargs or {}
        if torch.Tag.nondeterministic_seeded in func.tags:
            where = f"{self.inside[-1] or 'the module'} ({user_line()})"
            raise SteepError(f"{where}: random numbers in a forward pass that is evaluated; draw them in training only")
        if func is torch.ops.aten._to_copy.default and getattr(kwargs.get("dtype"), "is_floating_point", False):
            kwargs = kwargs | {"dtype": torch.float64}  # as all is here; a module may ask for float32
        if not any(map(self.depends, _tensors((args, kwargs)))):
            return func(*args, **kwargs)
        name = func.overloadpacket._qualified_op_name.removeprefix("aten::")
        writes = func._schema.is_mutable
        rule = RULES.get(name.removesuffix("_") if writes and not name.startswith("_") else name)
        try:
            if rule is None:
                raise Refused(_advice(name))
            stale = self.known.get(id(args[0]), (None, None))[1] if rule is _moved else None
            # What is not known stays so, wherever it is put; it is an error only where it is used.
            found = stale if isinstance(stale, Stale) else rule(self, func, args, kwargs)
        except Refused as error:
            raise SteepError(f"{self.inside[-1] or 'the module'} ({user_line()}): {error}") from error
        result = func(*args, **kwargs)
        outputs = [result] if isinstance(result, Tensor) else list(result)
        beside = found if isinstance(found, list) else [found]
        # Such as the places of a maximum, which come with it.
        rest = Stale(f"a further result of {name} is used; only the first is followed")
        beside += [found if isinstance(found, Stale) else rest] * (len(outputs) - len(beside))
        for tensor, traced in zip(outputs, beside, strict=True):
            if writes:
                self._forget_views(tensor)
            self.note(tensor, traced)
        return result

    def _forget_views(self, written: Tensor) -> None:
        """Mark other tensors that share the memory of one that was written to: they are not what they were."""
        memory = _memory(written)
        self.written.add(memory)
        for key, (tensor, _) in list(self.known.items()):
            if tensor is not written and _memory(tensor) == memory:
                why = "a tensor is used after its memory was written to in place; write the operation before without _"
                self.known[key] = tensor, Stale(why)

    def structured(self, traced: Traced, shape: Shape) -> Affine:
        """Return the value of a tensor of `shape`, without the batch, with that shape."""
        if traced.poolings:
            raise Refused(
                "between a maximum pooling and the activation after it stands another operator; put the pooling behind "
                "the activation, or the other operator before the pooling"
            )
        value, order = traced.value, traced.order
        if order is None:
            return value
        flat = order.ravel().astype(np.int64)
        if shape == value.shape and _in_order(order):
            return value
        each = units(value.sides)
        if len(shape) == len(value.shape) and shape[1:] == value.sides:
            blocks = flat.reshape(shape[0], -1)
            if (blocks[:, 0] % each == 0).all() and (blocks == blocks[:, :1] + np.arange(each)).all():
                return affine.select_channels(value, blocks[:, 0] // each)
        value = affine.every_unit(value)
        if len(flat) != value.shape[0] or not _in_order(order):
            value = affine.select_channels(value, flat)
        return affine.shaped(value, shape)

    def value_of(self, tensor: Tensor) -> Affine:
        """Return the value of a tensor that depends on the frame, in its shape without the batch."""
        traced = self.beside(tensor)
        if traced is None:
            raise Refused("a weight depends on the frame")
        return self.structured(traced, tuple(tensor.shape[1:]))

    def add_step(self, step: Step) -> int:
        """Add a population; return its number."""
        self.steps.append(step)
        return len(self.steps)

    def activate(self, name: str, x: Tensor, step: Tensor, centre: float, scale: float, offset: float) -> None:
        """Note that `step` is scale times a step of `x` at `centre` plus offset: a place of the name."""
        try:
            traced = self.beside(x)
            if traced is None:
                raise Refused("an activation of what does not depend on the frame; compute it before")
            base = self._before_pooling(traced, tuple(x.shape[1:]))
            # What a place gives is its name; before a pooling that waited for it there are more units.
            parts = self._parts(f"{name}.unpooled" if traced.poolings else name, base, centre)
            for pooling in traced.poolings:
                parts = [(self.pool(number, pooling, name), channels) for number, channels in parts]
        except Refused as error:
            raise SteepError(f"{self.inside[-1] or 'the module'} ({user_line()}): {error}") from error
        self.members[name] = parts
        terms = tuple(
            Term(number, shape, Select(np.arange(shape[0]), np.full(shape[0], scale)), channels)
            for number, channels in parts
            for shape in [self.steps[number - 1].shape]
        )
        shape = tuple(step.shape[1:])
        self.note(step, Traced(Affine(shape, terms, np.full((shape[0], *(1,) * (len(shape) - 1)), offset))))

    def _before_pooling(self, traced: Traced, shape: Shape) -> Affine:
        """Return the value that is compared with the threshold; of a pooling that waits for its step, what it pools."""
        if not traced.poolings:
            return self.structured(traced, shape)
        if len(shape) != len(traced.value.shape) or not _in_order(traced.order):
            raise Refused(
                "a maximum pooling is rearranged before its activation; put the pooling behind the activation"
            )
        return traced.value

    def _parts(self, name: str, value: Affine, centre: float) -> list[tuple[int, np.ndarray]]:
        """Make the populations of a place: one, or one for each set of channels that listens to the same terms."""
        reached = np.zeros((value.shape[0], len(value.terms)), bool)
        for number, term in enumerate(value.terms):
            reached[term.channels, number] = True
        kinds, which = np.unique(reached, axis=0, return_inverse=True)
        parts = []
        for kind in range(len(kinds)):
            channels = np.flatnonzero(which.ravel() == kind)
            own = value if len(kinds) == 1 else affine.select_channels(value, channels)
            label = name if len(kinds) == 1 else f"{name}[{_ranges(channels)}]"
            parts.append((self.add_step(Step(label, own.shape, own.terms, centre - own.constant)), channels))
        return sorted(parts, key=lambda part: int(part[1][0]))

    def pool(self, number: int, pooling: Pooling, place: str = "") -> int:
        """Return the population that is a maximum pooling of the spikes of population `number`; `place` names it where
        it is what a place gives."""
        if (number, pooling) not in self.pooled:
            before = self.steps[number - 1].name if number else "input"
            shape = self.steps[number - 1].shape if number else self.input_shape
            name = place + before.removeprefix(f"{place}.unpooled") if place else f"{before}.pool"
            while any(step.name == name for step in self.steps):  # it is pooled over other windows too
                name += "_2"
            kernel = np.ones((shape[0], 1, *pooling.size))
            geometry = replace(pooling.geometry, groups=shape[0])
            after = affine.convolved_shape(kernel, geometry, shape)
            term = Term(number, shape, Convolve(kernel, geometry), np.arange(shape[0]))
            half = np.full((shape[0], *(1,) * len(pooling.size)), 0.5)
            self.pooled[number, pooling] = self.add_step(Step(name, after, (term,), half, pools=True))
        return self.pooled[number, pooling]


def _memory(tensor: Tensor) -> int:
    """Return which memory a tensor lies in."""
    return tensor.untyped_storage()._cdata if tensor.layout == torch.strided else -1


def _in_order(order: "np.ndarray | None") -> bool:
    """Return whether units stand in their own order, all of them."""
    return order is None or np.array_equal(order.ravel(), np.arange(order.size))


def _tensors(nested: Any) -> list[Tensor]:
    """Return all tensors in nested arguments."""
    if isinstance(nested, Tensor):
        return [nested]
    if isinstance(nested, dict):
        nested = nested.values()
    elif not isinstance(nested, list | tuple):
        return []
    return [tensor for one in nested for tensor in _tensors(one)]


def _ranges(channels: np.ndarray) -> str:
    """Return channels as text, such as ``0:16`` or ``0:4,8:12``."""
    ends = np.flatnonzero(np.diff(channels) != 1) + 1
    return ",".join(f"{part[0]}:{part[-1] + 1}" for part in np.split(channels, ends))


def _advice(name: str) -> str:
    """Return what to say of an operator that has no rule."""
    instead = {
        "native_layer_norm": "normalise over the batch (BatchNorm), which folds into weights",
        "native_group_norm": "normalise over the batch (BatchNorm), which folds into weights",
        "_softmax": "leave it out: the class of the largest potential is the same",
        "_log_softmax": "leave it out: the class of the largest potential is the same",
        "bmm": "a product of two values that both depend on the frame is not affine",
        "_scaled_dot_product_attention_math": "attention multiplies values that both depend on the frame",
        "_local_scalar_dense": "a forward pass that depends on the numbers of a frame is no fixed network",
    }
    activations = ("relu", "sigmoid", "tanh", "hardtanh", "leaky_relu", "threshold", "clamp_min", "clamp")
    if name.rstrip("_") in activations:
        return f"{name} is applied in a way that was not seen when the module was sharpened; use torch.nn.functional"
    return f"{name} between two steps is not affine; " + instead.get(
        name, "write it as convolutions, dense layers, sums, averages, or put a step before it"
    )


def _numbers(tensor: Tensor) -> np.ndarray:
    """Return a constant tensor as float64."""
    array: np.ndarray = tensor.detach().double().cpu().numpy()
    return array


def _constant(x: "Tensor | float", shape: Shape) -> np.ndarray:
    """Return a constant that is combined with a value of `shape`, for each channel or unit."""
    if not isinstance(x, Tensor):
        return np.full((shape[0], *(1,) * (len(shape) - 1)), float(x))
    whole = np.broadcast_to(_numbers(x), (FRAMES, *shape))
    if not np.array_equal(whole[:1].repeat(FRAMES, 0), whole):
        raise Refused("a constant that is another for every frame")
    return affine.compressed(whole[0])


# Frames that a module is followed on: more than one, so that what mixes them is seen.
FRAMES = 2

Rule = Callable[[Trace, Any, tuple[Any, ...], dict[str, Any]], "Traced | list[Traced]"]


def _same(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Traced:
    """Copies: the value stays, whatever the memory."""
    if kwargs.get("dtype") not in (None, torch.float64):
        raise Refused(f"a conversion to {str(kwargs['dtype']).removeprefix('torch.')}, which rounds, is not affine")
    traced = trace.beside(args[0])
    assert traced is not None
    return _moved(trace, func, args, kwargs) if traced.order is not None else traced  # type: ignore[return-value]


def _moved(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> "Traced | list[Traced]":
    """Renumberings: what is done to the tensor is done to the numbers of its units."""
    x: Tensor = args[0]
    traced = trace.beside(x)
    assert traced is not None
    order = traced.order if traced.order is not None else np.arange(x[0].numel()).astype(np.float64)
    # The units of every frame have numbers of their own: what mixes frames is seen.
    every = np.stack([order.reshape(x.shape[1:]) + frame * x[0].numel() for frame in range(FRAMES)])
    with _disable_current_modes():
        moved = func(torch.from_numpy(every), *args[1:], **kwargs)
    parts = [moved] if isinstance(moved, Tensor) else list(moved)
    found = []
    for part in parts:
        numbers = part.numpy()
        apart = np.arange(FRAMES).reshape(-1, *(1,) * (numbers.ndim - 1)) * x[0].numel()
        if len(numbers) != FRAMES or not np.array_equal(numbers, numbers[:1] + apart):
            raise Refused("the first axis, over frames, becomes another; keep it first, and frames apart")
        found.append(replace(traced, order=numbers[0].copy()))
    return found[0] if isinstance(moved, Tensor) else found


def _convolution(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Traced:
    x, weight, bias, stride, padding, dilation, transposed, output_padding, groups = args
    _constants(trace, weight, bias)
    value = trace.value_of(x)
    own = None if bias is None else _numbers(bias)
    dimensions = len(value.sides)
    stride, padding, dilation = (_each(one, dimensions) for one in (stride, padding, dilation))
    if not transposed:
        geometry = Geometry(stride, tuple((p, p) for p in padding), dilation, groups)
        return Traced(affine.convolve(value, _numbers(weight), own, geometry))
    # A transposed convolution is the transpose of the matrix of a convolution from its output to its input.
    kernel = _numbers(weight)
    sides = tuple(
        (side - 1) * step - 2 * pad + apart * (size - 1) + more + 1
        for side, step, pad, apart, size, more in zip(
            value.sides, stride, padding, dilation, kernel.shape[2:], _each(output_padding, dimensions), strict=True
        )
    )
    after = (kernel.shape[1] * groups, *sides)
    geometry = Geometry(stride, tuple((p, p) for p in padding), dilation, groups)
    matrix = affine.kernel_matrix(kernel, geometry, after)
    if matrix.shape[0] != units(value.shape):  # the last rows and columns reach no window
        matrix.resize((units(value.shape), units(after)))
    flat = affine.linear(affine.every_unit(value), csr_array(matrix.T), None)
    result = affine.shaped(flat, after)
    return Traced(result if own is None else _shifted(result, own))


def _shifted(value: Affine, shift: np.ndarray) -> Affine:
    """Return a value plus a number for each channel."""
    return replace(value, constant=value.constant + shift.reshape(-1, *(1,) * (len(value.shape) - 1)))


def _each(numbers: Any, dimensions: int) -> Shape:
    """Return one number for each dimension."""
    numbers = [numbers] if isinstance(numbers, int) else list(numbers)
    return tuple(int(n) for n in (numbers * dimensions if len(numbers) == 1 else numbers))


def _constants(trace: Trace, *tensors: object) -> None:
    """Refuse weights that depend on the frame."""
    if any(trace.depends(tensor) for tensor in tensors):
        raise Refused("a weight depends on the frame: a product of two such values is not affine")


def _linear(trace: Trace, x: Tensor, weight: Tensor, bias: "Tensor | None") -> Traced:
    """A dense layer: weight (units, inputs)."""
    _constants(trace, weight, bias)
    if not trace.depends(x):
        raise Refused("a weight depends on the frame: a product of two such values is not affine")
    if x.dim() != 2:
        raise Refused("a linear layer over one of several axes, as over tokens, is not supported; flatten before it")
    if x.shape[0] != FRAMES:
        raise Refused("the first axis is not that of the frames any more; keep it first")
    return Traced(affine.linear(trace.value_of(x), _numbers(weight), None if bias is None else _numbers(bias)))


def _addmm(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Traced:
    if kwargs.get("beta", 1) != 1 or kwargs.get("alpha", 1) != 1:
        raise Refused("addmm with beta or alpha; write a linear layer")
    bias, x, weight = args
    return _linear(trace, x, weight.t(), bias)


def _mm(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Traced:
    return _linear(trace, args[0], args[1].t(), None)


def _batch_norm(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Traced]:
    x, weight, bias, mean, variance = args[:5]
    epsilon = args[-1]
    if (func.overloadpacket._qualified_op_name == "aten::native_batch_norm" and args[5]) or mean is None:
        raise Refused("batch normalisation with the batch's own statistics; give it running statistics")
    gain = 1 / np.sqrt(_numbers(variance) + epsilon)
    gain = gain if weight is None else gain * _numbers(weight)
    shift = -_numbers(mean) * gain + (0 if bias is None else _numbers(bias))
    return [Traced(_shifted(affine.multiplied(trace.value_of(x), gain), shift))]


def _sum_of_two(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], sign: float = 1.0) -> Traced:
    """one + sign * alpha * other."""
    one, other = args[:2]
    factor = sign * float(kwargs.get("alpha", args[2] if len(args) > 2 else 1))
    shape = tuple(torch.broadcast_shapes(*(x.shape if isinstance(x, Tensor) else () for x in (one, other))))[1:]
    if not shape:
        raise Refused("a sum over what has no axes; keep the first axis for frames")
    if trace.depends(one) and trace.depends(other):
        left, right = _broadcast(trace, one, shape), _broadcast(trace, other, shape)
        return Traced(affine.added(left, affine.multiplied(right, np.full(shape[0], factor))))
    if trace.depends(one):
        value = _broadcast(trace, one, shape)
        return Traced(replace(value, constant=value.constant + factor * _constant(other, shape)))
    value = affine.multiplied(_broadcast(trace, other, shape), np.full(shape[0], factor))
    return Traced(replace(value, constant=value.constant + _constant(one, shape)))


def _broadcast(trace: Trace, x: Tensor, shape: Shape) -> Affine:
    """Return a value repeated to `shape`."""
    if tuple(x.shape[1:]) == shape:
        return trace.value_of(x)
    traced = trace.beside(x)
    assert traced is not None
    order = traced.order if traced.order is not None else np.arange(units(traced.value.shape)).reshape(x.shape[1:])
    return trace.structured(replace(traced, order=np.broadcast_to(order, shape).astype(np.float64)), shape)


def _difference(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Traced:
    return _sum_of_two(trace, func, args, kwargs, -1.0)


def _reversed_difference(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Traced:
    return _sum_of_two(trace, func, (args[1], args[0], *args[2:]), kwargs, -1.0)


def _product(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Traced:
    one, other = args[:2]
    if trace.depends(one) and trace.depends(other):
        raise Refused("a product of two values that both depend on the frame, as in gates and attention, is not affine")
    x, factor = (one, other) if trace.depends(one) else (other, one)
    shape = tuple(torch.broadcast_shapes(x.shape, factor.shape if isinstance(factor, Tensor) else ()))[1:]
    return Traced(affine.multiplied(_broadcast(trace, x, shape), _gain(factor, shape)))


def _quotient(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Traced:
    one, other = args[:2]
    if trace.depends(other):
        raise Refused("a division by what depends on the frame is not affine")
    if kwargs.get("rounding_mode") is not None:
        raise Refused("a division that rounds is not affine")
    shape = tuple(torch.broadcast_shapes(one.shape, other.shape if isinstance(other, Tensor) else ()))[1:]
    return Traced(affine.multiplied(_broadcast(trace, one, shape), 1 / _gain(other, shape)))


def _gain(factor: "Tensor | float", shape: Shape) -> np.ndarray:
    """Return factors for each channel, or for each unit."""
    found = _constant(factor, shape)
    return found.reshape(-1) if units(found.shape[1:]) == 1 else np.broadcast_to(found, shape)


def _negative(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Traced:
    value = trace.value_of(args[0])
    return Traced(affine.multiplied(value, -np.ones(value.shape[0])))


def _summed(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], mean: bool = False) -> Traced:
    """Sums or means over some axes."""
    x: Tensor = args[0]
    chosen = args[1] if len(args) > 1 and args[1] is not None else list(range(x.dim()))
    axes = sorted(axis % x.dim() for axis in ([chosen] if isinstance(chosen, int) else chosen))
    keep = bool(args[2]) if len(args) > 2 else bool(kwargs.get("keepdim", False))
    if 0 in axes:
        raise Refused("a sum over the frames; a threshold network sees one frame at a time")
    value, shape = trace.value_of(x), tuple(x.shape[1:])
    count = units(tuple(x.shape[axis] for axis in axes))
    factor = 1 / count if mean else 1.0
    if axes == list(range(2, x.dim())):
        kernel = np.full((shape[0], 1, *shape[1:]), factor)
        geometry = Geometry((1,) * len(shape[1:]), ((0, 0),) * len(shape[1:]), (1,) * len(shape[1:]), shape[0])
        found = affine.convolve(value, kernel, None, geometry)
    else:
        flat = affine.every_unit(value)
        numbers = np.arange(units(shape)).reshape(shape)
        moved = np.moveaxis(numbers, [axis - 1 for axis in axes], range(-len(axes), 0)).reshape(-1, count)
        row = np.repeat(np.arange(len(moved)), count)
        matrix = csr_array((np.full(row.size, factor), (row, moved.ravel())), (len(moved), units(shape)))
        flat = affine.linear(flat, matrix, None)
        found = affine.shaped(flat, tuple(1 if axis in axes else side for axis, side in enumerate(shape, 1)))
    if keep:
        return Traced(found)
    left = tuple(side for axis, side in enumerate(shape, 1) if axis not in axes)
    if not left:
        raise Refused("a sum over everything but the frames leaves no axis; keep one")
    return Traced(found, np.arange(units(left)).reshape(left).astype(np.float64))


def _mean(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Traced:
    return _summed(trace, func, args, kwargs, mean=True)


def _windows(size: Any, stride: Any, padding: Any, dilation: Any, sides: Shape, after: Shape) -> Pooling:
    """Return the windows of a pooling that gives `after`, sides that reach beyond the end among them."""
    dimensions = len(sides)
    size = _each(size, dimensions)
    stride = _each(stride, dimensions) if stride else size
    padding, dilation = _each(padding, dimensions), _each(dilation, dimensions)
    ends = tuple(
        max(0, (count - 1) * step + apart * (width - 1) + 1 - side - pad)
        for count, step, apart, width, side, pad in zip(after, stride, dilation, size, sides, padding, strict=True)
    )
    return Pooling(size, Geometry(stride, tuple(zip(padding, ends, strict=True)), dilation))


def _average_pool(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Traced:
    x: Tensor = args[0]
    value = trace.value_of(x)
    with _disable_current_modes():
        ones = func(torch.ones(1, 1, *x.shape[2:], dtype=torch.float64), *args[1:], **kwargs)[0, 0].numpy()
        whole = func(torch.ones(1, *x.shape[1:], dtype=torch.float64), *args[1:], **kwargs)
    after = tuple(whole.shape[2:])
    size = args[1]
    stride = args[2] if len(args) > 2 else None
    padding = args[3] if len(args) > 3 else 0
    windows = _windows(size, stride, padding, 1, value.sides, after)
    channels = value.shape[0]
    kernel = np.ones((channels, 1, *windows.size))
    sums = affine.convolve(value, kernel, None, replace(windows.geometry, groups=channels))
    inside = affine.convolve(
        Affine((1, *value.sides), (), np.ones((1, *value.sides))), kernel[:1], None, replace(windows.geometry, groups=1)
    )
    # What PyTorch divides by is what its average of ones says.
    factor = ones / np.broadcast_to(inside.constant, (1, *after))[0]
    if (factor == factor.flat[0]).all():
        return Traced(affine.multiplied(sums, np.full(channels, factor.flat[0])))
    return Traced(affine.multiplied(sums, np.broadcast_to(factor, (channels, *after))))


def _by_channel(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Traced:
    """Whatever does the same linear thing to the sides of every channel: the operator is asked what it does to each
    unit of one."""
    x: Tensor = args[0]
    value = trace.value_of(x)
    count = units(value.sides)
    with _disable_current_modes():
        basis = torch.eye(count, dtype=torch.float64).reshape(count, 1, *x.shape[2:])
        answer = func(basis, *args[1:], **kwargs)
    after = tuple(answer.shape[2:])
    matrix = answer.reshape(count, -1).T.numpy()
    if (uniform := _as_average(matrix, value.sides, after)) is not None:
        kernel = np.full((value.shape[0], 1, *uniform.size), 1 / units(uniform.size))
        return Traced(affine.convolve(value, kernel, None, replace(uniform.geometry, groups=value.shape[0])))
    each = csr_array(matrix)
    terms = tuple(
        replace(
            term,
            operator=Matrix(
                affine.times(
                    csr_array(kron(affine.diagonal(np.ones(len(term.channels))), each)),
                    affine.matrix(term.operator, term.shape),
                )
            ),
        )
        for term in value.terms
    )
    constant = affine.compressed((value.map_of_constants().reshape(value.shape[0], -1) @ matrix.T).reshape(-1, *after))
    return Traced(Affine((value.shape[0], *after), terms, constant))


def _as_average(matrix: np.ndarray, sides: Shape, after: Shape) -> Pooling | None:
    """Return the windows of which a matrix takes the averages, where they are alike and do not overlap; else None."""
    if any(side % count for side, count in zip(sides, after, strict=True)):
        return None
    size = tuple(side // count for side, count in zip(sides, after, strict=True))
    none = ((0, 0),) * len(sides)
    windows = Pooling(size, Geometry(size, none, (1,) * len(sides)))
    own = affine.kernel_matrix(np.full((1, 1, *size), 1 / units(size)), windows.geometry, (1, *sides)).toarray()
    return windows if own.shape == matrix.shape and np.allclose(own, matrix, rtol=1e-12, atol=0) else None


def _maximum_pool(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Traced]:
    x: Tensor = args[0]
    traced = trace.beside(x)
    assert traced is not None
    with _disable_current_modes():
        found = func(torch.zeros(x.shape, dtype=torch.float64), *args[1:], **kwargs)
    after = tuple((found[0] if isinstance(found, tuple) else found).shape[2:])
    stride, padding, dilation = (args[n] if len(args) > n else usual for n, usual in ((2, None), (3, 0), (4, 1)))
    return [_pooled(trace, traced, x, _windows(args[1], stride, padding, dilation, tuple(x.shape[2:]), after), after)]


def _adaptive_maximum_pool(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Traced]:
    x: Tensor = args[0]
    traced = trace.beside(x)
    assert traced is not None
    sides = tuple(x.shape[2:])
    after = _each(args[1], len(sides))
    if any(side % count for side, count in zip(sides, after, strict=True)):
        raise Refused("an adaptive maximum pooling with unequal windows; give it a size that divides the image")
    size = tuple(side // count for side, count in zip(sides, after, strict=True))
    return [_pooled(trace, traced, x, _windows(size, size, 0, 1, sides, after), after)]


def _pooled(trace: Trace, traced: Traced, x: Tensor, windows: Pooling, after: Shape) -> Traced:
    """Return a maximum over windows: an OR of spikes, or a maximum that waits for its step."""
    lines = _of_lines(traced, tuple(x.shape[1:]), windows)
    if lines is not None:  # PyTorch pools lines as images of one row
        found = _pooled_value(trace, replace(traced, order=None), traced.value, lines, after[1:])
        return replace(
            found, order=np.arange(units((x.shape[1], *after))).reshape(x.shape[1], *after).astype(np.float64)
        )
    return _pooled_value(
        trace, traced, traced.value if traced.poolings else trace.structured(traced, tuple(x.shape[1:])), windows, after
    )


def _of_lines(traced: Traced, shape: Shape, windows: Pooling) -> Pooling | None:
    """Return the windows over lines where those of an image of one row are meant: an axis was put in between; else
    None."""
    geometry = windows.geometry
    if (
        traced.value.shape != (shape[0], *shape[2:])
        or len(shape) != 3
        or windows.size[0] != 1
        or not _in_order(traced.order)
    ):
        return None
    return Pooling(windows.size[1:], Geometry(geometry.stride[1:], geometry.padding[1:], geometry.dilation[1:]))


def _pooled_value(trace: Trace, traced: Traced, value: Affine, windows: Pooling, after: Shape) -> Traced:
    """Return a maximum over windows of a value that has the shape of its image."""
    if traced.poolings:
        return replace(traced, order=None, poolings=(*traced.poolings, windows))
    sources = [term.operator for term in value.terms]
    reached = np.zeros(value.shape[0], int)
    for term in value.terms:
        reached[term.channels] += 1
    spikes = all(isinstance(operator, Select) for operator in sources) and (reached == 1).all()
    if not spikes or units(value.constant.shape[1:]) > 1:
        if any(term.source == 0 and isinstance(term.operator, Select) for term in value.terms) and spikes:
            raise Refused("a maximum pooling of the frame")
        return Traced(value, poolings=(windows,))
    terms = []
    for term in value.terms:
        operator = term.operator
        assert isinstance(operator, Select)
        if (operator.gain < 0).any():
            raise Refused(
                "a maximum pooling of spikes that were multiplied by a negative number (a normalisation between "
                "activation and pooling): pool before the normalisation"
            )
        if term.source == 0 and trace.top > 1:
            raise Refused("a maximum pooling of currents; put a convolution and an activation before it")
        number = trace.pool(term.source, windows)
        terms.append(replace(term, source=number, shape=trace.steps[number - 1].shape))
    return Traced(Affine((value.shape[0], *after), tuple(terms), value.constant))


def _joined(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Traced:
    """Concatenation along an axis."""
    tensors: Sequence[Tensor] = args[0]
    axis = (args[1] if len(args) > 1 else kwargs.get("dim", 0)) % tensors[0].dim()
    if axis == 0:
        raise Refused("a concatenation along the frames; a threshold network sees one frame at a time")
    values = []
    for tensor in tensors:
        shape = tuple(tensor.shape[1:])
        if trace.depends(tensor):
            values.append(trace.value_of(tensor))
        else:
            values.append(Affine(shape, (), _constant(tensor, shape)))
    if axis == 1:
        return Traced(affine.concatenated(values))
    whole = affine.concatenated([affine.every_unit(value) for value in values])
    first, numbers = 0, []
    for value in values:
        numbers.append(first + np.arange(units(value.shape), dtype=np.float64).reshape(value.shape))
        first += units(value.shape)
    return Traced(whole, np.concatenate(numbers, axis - 1))


def _padded(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Traced:
    """Constants around an image."""
    x, pads = args[:2]
    around = float(args[2]) if len(args) > 2 else float(kwargs.get("value", 0))
    value = trace.value_of(x)
    pairs = [(pads[n], pads[n + 1]) for n in range(0, len(pads), 2)][::-1]
    dimensions = len(value.sides)
    pairs = [(0, 0)] * (len(x.shape) - len(pairs)) + pairs
    if any(map(any, pairs[:1])):
        raise Refused("frames are padded")
    if any(n < 0 for pair in pairs for n in pair):
        raise Refused("a negative padding; cut the image with a slice")
    if any(pairs[1]):  # channels of a constant before and behind
        before, behind = (
            Affine((count, *value.sides), (), np.full((count, *(1,) * dimensions), around)) for count in pairs[1]
        )
        value = affine.concatenated([one for one in (before, value, behind) if one.shape[0]])
    if dimensions == 0:
        return Traced(value)
    channels, sides = value.shape[0], tuple(pairs[2:])
    geometry = Geometry((1,) * dimensions, sides, (1,) * dimensions, channels)
    found = affine.convolve(value, np.ones((channels, 1, *(1,) * dimensions)), None, geometry)
    if around:
        outside = np.pad(np.zeros(value.sides), sides, constant_values=around)
        found = replace(found, constant=found.constant + outside)
    return Traced(found)


def _copied(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Traced:
    """`x.copy_(y)`: x becomes y."""
    x, y = args[:2]
    traced = trace.beside(y)
    if traced is None:
        return Traced(Affine(tuple(x.shape[1:]), (), _constant(y, tuple(x.shape[1:]))))
    return traced if x.shape == y.shape else Traced(_broadcast(trace, y, tuple(x.shape[1:])))


RULES: dict[str, Rule] = {
    **dict.fromkeys(
        ("view", "_unsafe_view", "permute", "transpose", "t", "slice", "select", "split", "split_with_sizes", "unbind",
         "unsqueeze", "squeeze", "expand", "repeat", "flip", "roll", "index_select", "pixel_shuffle", "pixel_unshuffle",
         "channel_shuffle", "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d",
         "_upsample_nearest_exact2d"),
        _moved,
    ),
    **dict.fromkeys(("clone", "detach", "alias", "lift_fresh", "_to_copy"), _same),
    "convolution": _convolution,
    "addmm": _addmm,
    "mm": _mm,
    "native_batch_norm": _batch_norm,
    "_native_batch_norm_legit_no_training": _batch_norm,
    "add": _sum_of_two,
    "sub": _difference,
    "rsub": _reversed_difference,
    "mul": _product,
    "div": _quotient,
    "neg": _negative,
    "sum": _summed,
    "mean": _mean,
    **dict.fromkeys(("avg_pool1d", "avg_pool2d", "avg_pool3d"), _average_pool),
    **dict.fromkeys(
        ("_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_avg_pool1d", "upsample_bilinear2d",
         "upsample_linear1d", "upsample_trilinear3d", "upsample_bicubic2d"),
        _by_channel,
    ),
    **dict.fromkeys(("max_pool2d_with_indices", "max_pool3d_with_indices"), _maximum_pool),
    **dict.fromkeys(("adaptive_max_pool2d", "adaptive_max_pool3d"), _adaptive_maximum_pool),
    "cat": _joined,
    "constant_pad_nd": _padded,
    "copy": _copied,
}  # fmt: skip


@dataclass(frozen=True)
class Followed:
    """A followed forward pass: the populations, the outputs of the module by name, and which populations a place is."""

    steps: list[Step]
    outputs: dict[str, Affine]
    members: dict[str, list[tuple[int, np.ndarray]]]


def follow(module: nn.Module, frame: Affine, example: Tensor, top: int) -> Followed:
    """Follow a sharpened module's forward pass.

    Parameters
    ----------
    module : sharpened; in float64 and on the processor.
    frame : what the module sees of a frame, in terms of the network's input.
    example : `FRAMES` such frames, float64 (frames, ...), for the shapes.
    top : largest value of an input: 1 for spikes.

    Raises
    ------
    SteepError
        where an operator is none that a threshold network does, with the module's path and the line.

    """
    places = places_of(module)
    with evaluating(module), module_paths(module) as inside:
        trace = Trace(inside, frame.shape, top)
        trace.note(example, Traced(frame))

        def observe(number: int, x: Tensor) -> Tensor:
            with _disable_current_modes():
                centre, scale, offset = (float(v[number]) for v in (places.centre, places.scale, places.offset))
                step = (x > centre).to(x.dtype) * scale + offset
            trace.activate(places.places[number].name, x, step, centre, scale, offset)
            return step

        places.observer = observe
        try:
            with trace:
                output = module(example)
        finally:
            places.observer = None
        outputs = {}
        for name, tensor in named(output):
            if tensor.shape[:1] != (FRAMES,) or tensor.dim() < 2:
                raise SteepError(
                    f"output {name} of the module has shape {tuple(tensor.shape)} for {FRAMES} frames; "
                    "its first axis must be that of the frames, and another hold the outputs"
                )
            if not trace.depends(tensor):
                raise SteepError(f"output {name} of the module does not depend on the frame; leave it out")
            try:
                outputs[name] = trace.value_of(tensor)
            except Refused as error:
                raise SteepError(f"output {name} of the module: {error}") from error
    return Followed(trace.steps, outputs, trace.members)


def named(output: Any, name: str = "output") -> list[tuple[str, Tensor]]:
    """Return the tensors of what a module returned, by name."""
    if isinstance(output, Tensor):
        return [(name, output)]
    if isinstance(output, dict):
        return [found for key, one in output.items() for found in named(one, f"{name}.{key}")]
    if isinstance(output, list | tuple):
        return [found for key, one in enumerate(output) for found in named(one, f"{name}.{key}") if one is not None]
    raise SteepError(f"the module returns a {type(output).__name__} ({name}); return tensors")
