"""Sharpening a module in place: every activation that its forward pass applies becomes a step, wherever it stands.

The module keeps its class, its names and its weights. What is changed is what an activation does: while the module
runs, calls of `relu`, `sigmoid` and their like, by a module, a function or a method, are answered by

    scale * a(x; sharpness) + offset

with a of `steep.sharpening.activation`. Each *place*, an activation of one forward pass, has a sharpness, centre,
slope, scale and offset of its own, also where several share one `nn.ReLU`. They are saved and loaded with the module's
state.
"""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules import module as hooks
from torch.overrides import TorchFunctionMode

from steep.errors import SteepError
from steep.modules.where import user_line
from steep.recipes import StepShape
from steep.sharpening.activation import SHAPES, ceiling, sharpened_values
from steep.sharpening.starts import STARTS

NAME = "steep"  # of the attribute, and of what is saved
NUMBERS = ("sharpness", "centre", "slope", "scale", "offset")
SURROGATE_SLOPE = 2.0

# Calls that are activations, by kind.
CALLS: dict[Callable[..., Any], str] = {
    **dict.fromkeys((functional.relu, functional.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_), "relu"),
    functional.relu6: "relu6",
    **dict.fromkeys((functional.leaky_relu, functional.leaky_relu_), "leaky_relu"),
    **dict.fromkeys((functional.hardtanh, functional.hardtanh_), "hardtanh"),
    **dict.fromkeys(
        (functional.sigmoid, torch.sigmoid, torch.sigmoid_, Tensor.sigmoid, Tensor.sigmoid_, torch.special.expit),
        "sigmoid",
    ),
    **dict.fromkeys((functional.tanh, torch.tanh, torch.tanh_, Tensor.tanh, Tensor.tanh_), "tanh"),
}
IN_PLACE = {
    functional.relu_, torch.relu_, Tensor.relu_, functional.leaky_relu_, functional.hardtanh_, torch.sigmoid_,
    Tensor.sigmoid_, torch.tanh_, Tensor.tanh_,
}  # fmt: skip
# Activations that have no step: what to write instead.
REFUSED: dict[Callable[..., Any], str] = {
    getattr(functional, name): name
    for name in ("silu", "gelu", "hardswish", "mish", "elu", "elu_", "selu", "selu_", "celu", "softplus", "softsign",
                 "glu", "prelu", "rrelu", "logsigmoid", "hardsigmoid", "softmax", "log_softmax", "tanhshrink",
                 "hardshrink", "softshrink")
}  # fmt: skip
ACTIVATION_MODULES = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.Hardtanh, nn.Sigmoid, nn.Tanh)


@dataclass(frozen=True)
class Place:
    """An activation of a forward pass: its name, the module that applies it and which of its calls it is (from 0), and
    what it was."""

    name: str
    owner: str
    call: int
    kind: str


def start(kind: str, arguments: dict[str, float], level: float) -> tuple[float, float, float, float]:
    """Return centre, slope, scale and offset with which an activation begins to be sharpened.

    Parameters
    ----------
    kind : of `CALLS`.
    arguments : of a Hardtanh its limits, ``low`` and ``high``.
    level : the ceiling of an activation that has none (see `steep.sharpening.activation`).

    """
    if kind in ("relu", "leaky_relu", "relu6"):
        level = min(level, 6.0) if kind == "relu6" else level
        centre, slope, scale, offset = STARTS["relu"]
        return centre * level, slope / level, scale * level, offset
    if kind == "hardtanh":
        low, high = arguments["low"], arguments["high"]
        return (low + high) / 2, 4 / (high - low), high - low, low
    return STARTS[kind]


class Places:
    """The activations of a module, and how sharp they are.

    They are no part of the module, which may be one that runs its parts in a row, but are saved and loaded with its
    state: under names that begin with ``steep.``.

    Attributes
    ----------
    sharpness : float64 (places,), 0 (gentle) to 1 (a step).
    centre, slope, scale, offset : float32 (places,).
    places : in the order of the forward pass.
    shape, surrogate_slope : as for `steep.sharpening.activation`.

    """

    def __init__(
        self, places: list[Place], starts: list[tuple[float, ...]], shape: StepShape, surrogate_slope: float
    ) -> None:
        """Begin at sharpness 0."""
        self.places, self.shape, self.surrogate_slope = places, shape, surrogate_slope
        self.sharpness = torch.zeros(len(places), dtype=torch.float64)
        self.centre, self.slope, self.scale, self.offset = (
            torch.tensor(values, dtype=torch.float32) for values in zip(*starts, strict=True)
        )
        self.number = {(place.owner, place.call): number for number, place in enumerate(places)}
        self.handles: list[Any] = []
        self.own_forward: Callable[..., Any] | None = None  # where it is the object's and not its class's
        self.observer: Callable[[int, Tensor], Tensor] | None = None

    def attach(self, module: nn.Module) -> None:
        """Answer the activations of `module` from now on."""
        object.__setattr__(module, NAME, self)
        self.own_forward = module.__dict__.get("forward")
        object.__setattr__(module, "forward", Answered(module, self))
        for path, part in module.named_modules():
            if path:
                self.handles.append(part.register_forward_pre_hook(partial(self._enter, path)))
                self.handles.append(part.register_forward_hook(partial(self._leave, path), always_call=True))
        self.handles.append(module.register_state_dict_post_hook(partial(self._save)))
        self.handles.append(module.register_load_state_dict_pre_hook(self._load))

    def detach(self, module: nn.Module) -> None:
        """Leave the activations of `module` as they were."""
        for handle in self.handles:
            handle.remove()
        object.__delattr__(module, NAME)
        object.__delattr__(module, "forward")
        if self.own_forward is not None:
            object.__setattr__(module, "forward", self.own_forward)

    def _enter(self, path: str, module: nn.Module, args: Any) -> None:
        current = Pass.current()
        if current is not None and current.places is self:
            current.owners.append(path)
        elif any(place.owner == path for place in self.places):
            raise SteepError(
                f"{path} runs outside the sharpened module that it is a part of, where its activations would be the "
                "original ones; call the whole module (of gradient checkpointing: checkpoint the whole module)"
            )

    def _leave(self, path: str, module: nn.Module, args: Any, output: Any) -> None:
        current = Pass.current()
        if current is not None and current.places is self and current.owners[-1:] == [path]:
            current.owners.pop()

    def _save(self, module: nn.Module, state: dict[str, Any], prefix: str, metadata: Any) -> None:
        said = {
            "places": [[place.name, place.owner, place.call, place.kind] for place in self.places],
            "shape": self.shape,
            "surrogate_slope": self.surrogate_slope,
        }
        state |= {f"{prefix}{NAME}.{name}": getattr(self, name) for name in NUMBERS}
        # As a tensor, which every format of weights can hold.
        state[f"{prefix}{NAME}.places"] = torch.frombuffer(bytearray(json.dumps(said).encode()), dtype=torch.uint8)

    def _load(self, module: nn.Module, state: dict[str, Any], prefix: str, metadata: Any, strict: bool,
              missing: list[str], unexpected: list[str], errors: list[str]) -> None:  # fmt: skip
        own = {name: state.pop(f"{prefix}{NAME}.{name}", None) for name in (*NUMBERS, "places")}
        if absent := [f"{prefix}{NAME}.{name}" for name, tensor in own.items() if tensor is None]:
            missing += absent
            return
        said = json.loads(bytes(own["places"].tolist()))
        if [Place(*place) for place in said["places"]] != self.places:
            errors.append("the saved places are not those of this module; sharpen the module that was saved")
            return
        self.shape, self.surrogate_slope = said["shape"], said["surrogate_slope"]
        for name in NUMBERS:
            getattr(self, name).copy_(own[name])

    def answer(self, kind: str, x: Tensor, original: Callable[[], Tensor]) -> Tensor:
        """Return the activation of `x` at the place where the forward pass is."""
        current = Pass.current()
        assert current is not None
        if torch.is_grad_enabled() != current.grad or _saving() != current.saving:
            _refuse_checkpoints()
        owner = current.owners[-1]
        call = current.calls.get(owner, 0)
        current.calls[owner] = call + 1
        number = self.number.get((owner, call))
        if number is None:
            # What only training passes through, such as auxiliary heads, is no part of the network.
            if current.training:
                return original()
            raise SteepError(
                f"{user_line()}: a {kind} that was not there when the module was sharpened; its forward pass must take "
                "the same way for every input"
            )
        if self.observer is not None:
            return self.observer(number, x)
        return self.values(number, x)

    def check_pass(self, calls: dict[str, int]) -> None:
        """Refuse a pass of training in which a module applied its activations another number of times than when it was
        sharpened: which of them is which is not known then."""
        for owner, applied in calls.items():
            own = sum(place.owner == owner for place in self.places)
            if own and applied != own:
                raise SteepError(
                    f"{owner or 'the module'} applies {applied} activations in training, and {own} when it was "
                    "sharpened; put what only training passes through into a module of its own"
                )

    def values(self, number: int, x: Tensor) -> Tensor:
        """Return scale * a(x; sharpness) + offset of one place."""
        centre, slope, scale, offset, sharpness = (
            float(values[number]) for values in (self.centre, self.slope, self.scale, self.offset, self.sharpness)
        )
        activations = sharpened_values(x, self.shape, centre, slope, sharpness, self.surrogate_slope)
        return activations * scale + offset if offset else activations * scale

    def set_sharpness(self, sharpness: "float | list[float] | tuple[float, ...]") -> None:
        """Set the sharpness of every place, 0 to 1: one for all, or one for each."""
        self.sharpness.copy_(torch.as_tensor(sharpness, dtype=torch.float64).expand(len(self.places)))

    def __str__(self) -> str:
        """Return a line for each place."""
        lines = [f"{len(self.places)} places, sharpened as {self.shape}"]
        for number, place in enumerate(self.places):
            low, high = float(self.offset[number]), float(self.offset[number] + self.scale[number])
            lines.append(
                f"  {place.name}: {place.kind}, {low:.3g} or {high:.3g}, step at {float(self.centre[number]):.3g}, "
                f"sharpness {float(self.sharpness[number]):.2f}"
            )
        return "\n".join(lines)


class Pass:
    """A forward pass of a sharpened module, in one thread.

    Attributes
    ----------
    places : of the module.
    owners : paths of the parts in which the pass is, innermost last.
    calls : activations that each of them has applied so far.

    """

    _threads = threading.local()

    def __init__(self, places: Places, training: bool) -> None:
        """Begin at the module itself."""
        self.places, self.training = places, training
        self.owners: list[str] = [""]
        self.calls: dict[str, int] = {}
        self.grad, self.saving = torch.is_grad_enabled(), _saving()

    @classmethod
    def current(cls) -> "Pass | None":
        """Return the pass that this thread is in."""
        return getattr(cls._threads, "current", None)

    @classmethod
    @contextmanager
    def of(cls, places: Places, training: bool) -> Iterator["Pass"]:
        """Be in a pass until the end, whatever ends it."""
        if (outer := cls.current()) is not None and outer.places is not places:
            raise SteepError("a sharpened module runs inside another one; sharpen the whole, once")
        one = cls._threads.current = cls(places, training)
        try:
            with Interception(places.answer):
                yield one
        finally:
            cls._threads.current = outer


class Answered:
    """The forward pass of a sharpened module, in the place of its own."""

    def __init__(self, module: nn.Module, places: Places) -> None:
        """Take the module, whose class has the pass."""
        self.module, self.places = module, places

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it with its activations answered."""
        forward = self.places.own_forward or partial(type(self.module).forward, self.module)
        current = Pass.current()
        if current is not None and current.places is self.places:  # it calls itself
            return forward(*args, **kwargs)
        training = self.module.training
        with Pass.of(self.places, training) as one:
            found = forward(*args, **kwargs)
        if training:
            self.places.check_pass(one.calls)
        return found


def _saving() -> bool:
    """Return whether something stands between the pass and what is saved for its backward pass."""
    return torch._C._autograd._top_saved_tensors_default_hooks(True) is not None


def _refuse_checkpoints() -> None:
    """Refuse gradient checkpointing of a part: it runs again in the backward pass, outside the module."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename.endswith(("utils/checkpoint.py", "utils\\checkpoint.py")):
            raise SteepError(
                f"{user_line()}: gradient checkpointing of a part runs it again outside the sharpened module; "
                "checkpoint the whole module"
            )
        if frame.f_back is None:
            return
        frame = frame.f_back


class Interception(TorchFunctionMode):
    """While it is entered, activations are answered by `answer` (kind, input, what PyTorch would return)."""

    def __init__(self, answer: Callable[[str, Tensor, Callable[[], Tensor]], Tensor]) -> None:
        """Take the answer."""
        super().__init__()
        self.answer = answer

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Answer activations; let everything else be."""
        kwargs = kwargs or {}
        kind = CALLS.get(func)
        if kind is None:
            return func(*args, **kwargs)
        x: Tensor = args[0] if args else kwargs["input"]
        in_place = func in IN_PLACE or bool(kwargs.get("inplace", False)) or _inplace_position(func, args)
        if not in_place:
            return self.answer(kind, x, lambda: func(*args, **kwargs))
        # The input is overwritten, as was asked for, but only after its own value is not needed any more.
        found = self.answer(kind, x.clone(), lambda: func(*args, **kwargs))
        return x.copy_(found) if found is not x else x


def _inplace_position(func: Callable[..., Any], args: tuple[Any, ...]) -> bool:
    """Return whether a function of `torch.nn.functional` was told to work in place, by position."""
    place = {functional.relu: 1, functional.relu6: 1, functional.leaky_relu: 2, functional.hardtanh: 3}.get(func)
    return place is not None and len(args) > place and bool(args[place])


def limits(func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, float]:
    """Return the limits of a Hardtanh call, by name; nothing for other activations."""
    if CALLS[func] != "hardtanh":
        return {}
    low = args[1] if len(args) > 1 else kwargs.get("min_val", -1.0)
    high = args[2] if len(args) > 2 else kwargs.get("max_val", 1.0)
    return {"low": float(low), "high": float(high)}


@contextmanager
def module_paths(module: nn.Module) -> Iterator[list[str]]:
    """Keep the paths of the modules in which a forward pass of `module` is, innermost last."""
    paths = {id(one): path for path, one in module.named_modules()}
    inside = [""]

    def enter(one: nn.Module, args: Any) -> None:
        inside.append(paths.get(id(one), inside[-1]))

    def leave(one: nn.Module, args: Any, output: Any) -> None:
        inside.pop()

    handles = [
        hooks.register_module_forward_pre_hook(enter),
        hooks.register_module_forward_hook(leave, always_call=True),
    ]
    try:
        yield inside
    finally:
        for handle in handles:
            handle.remove()


class Finder(TorchFunctionMode):
    """Watches a forward pass and notes its activations."""

    def __init__(self, module: nn.Module, inside: list[str], quantile: float) -> None:
        """Watch `module`; `inside` is kept by `module_paths`."""
        super().__init__()
        self.module, self.inside, self.quantile = module, inside, quantile
        self.places: list[Place] = []
        self.starts: list[tuple[float, ...]] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Note activations, refuse those that have no step."""
        kwargs = kwargs or {}
        owner = self.inside[-1]
        if func in REFUSED:
            raise SteepError(
                f"{owner or 'the module'} ({user_line()}): {REFUSED[func]} has no step to become; "
                "write a ReLU, a sigmoid or a tanh in its place"
            )
        found = func(*args, **kwargs)
        kind = CALLS.get(func)
        if kind is not None:
            call = sum(place.owner == owner for place in self.places)
            own = isinstance(self.module.get_submodule(owner), ACTIVATION_MODULES)
            base = owner if own else f"{owner}.{kind}".lstrip(".")
            taken = {place.name for place in self.places} | {"input", "output", ""}
            names = (base if again == 1 else f"{base}_{again}" for again in count(1))
            self.places.append(Place(next(name for name in names if name not in taken), owner, call, kind))
            level = ceiling(found.detach().flatten().float().cpu(), self.quantile)
            self.starts.append(start(kind, limits(func, args, kwargs), level))
        return found


def places_of(module: nn.Module) -> Places:
    """Return the places of a sharpened module; SteepError where it is not sharpened."""
    found = getattr(module, NAME, None)
    if not isinstance(found, Places):
        raise SteepError("the module has its original activations; sharpen it first (steep.sharpen)")
    return found


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode, and each of its parts back into its own afterwards."""
    training = [(one, one.training) for one in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for one, before in training:
            one.training = before


def find(module: nn.Module, batch: Any, shape: StepShape, surrogate_slope: float, ceiling_quantile: float) -> Places:
    """Return the places of a module that is not sharpened, as one forward pass shows them; see `steep.sharpen`."""
    if hasattr(module, NAME):
        raise SteepError(f"the module is sharpened already, or has an attribute {NAME!r}; rename that")
    if inner := [path for path, part in module.named_modules() if hasattr(part, NAME)]:
        raise SteepError(f"{inner[0]}, a part of the module, is sharpened already; sharpen the whole, once")
    if not surrogate_slope > 0 or not 0 < ceiling_quantile <= 1:
        raise SteepError(
            f"surrogate_slope is {surrogate_slope}, ceiling_quantile {ceiling_quantile}; write a slope above 0 and a "
            "part above 0 and up to 1"
        )
    if shape not in SHAPES:
        raise SteepError(f"shape is {shape!r}; write one of {', '.join(SHAPES)}")
    with evaluating(module), module_paths(module) as inside, Finder(module, inside, ceiling_quantile) as finder:
        module(batch)
    if not finder.places:
        raise SteepError("the module's forward pass applies no activation; there is nothing to sharpen")
    return Places(finder.places, finder.starts, shape, surrogate_slope)
