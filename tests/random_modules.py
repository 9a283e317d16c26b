"""Random PyTorch modules for property-based tests: graphs of layers with skips, concatenations and renumberings."""

import random
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

ACTIVATIONS: list[Callable[[], nn.Module]] = [
    nn.ReLU,
    lambda: nn.ReLU(inplace=True),
    nn.ReLU6,
    nn.LeakyReLU,
    nn.Sigmoid,
    nn.Tanh,
    nn.Hardtanh,
]
FUNCTIONS: list[Callable[[Tensor], Tensor]] = [
    functional.relu,
    torch.tanh,
    Tensor.sigmoid,
    functional.relu6,
    lambda x: functional.relu_(x * 1.0),
]


class RandomModule(nn.Module):
    """A module whose forward pass is a list of steps, each made from earlier results.

    Attributes
    ----------
    told : the steps, in words.

    """

    def __init__(self, seed: int, dimensions: int, shape: tuple[int, ...], length: int) -> None:
        """Draw `length` layers for frames of `shape`."""
        super().__init__()
        self.rng = random.Random(seed)
        torch.manual_seed(seed)
        self.dimensions, self.parts = dimensions, nn.ModuleList()
        self.program: list[tuple[list[int], Callable[..., Tensor]]] = []
        self.told: list[str] = []
        self.shared = nn.ReLU()
        # Shapes with the batch, and whether a value is what an activation gave (or a renumbering of it).
        self.shapes: list[tuple[int, ...]] = [(1, *shape)]
        self.fired: list[bool] = [False]
        for _ in range(length):
            self.rng.choice(self.images())()
        last = len(self.shapes) - 1
        if not self.fired[last]:
            last = self.activate(last)
        self.add("flatten", [last], lambda x: x.flatten(1), True)
        self.dense(len(self.shapes) - 1, 3)

    def images(self) -> list[Callable[[], object]]:
        """Return what may come next."""
        return [
            *3 * [self.convolution],
            *(self.skip, self.concatenate, self.normalise, self.pool, self.average, self.shuffle, self.scale),
            *(self.pad, self.enlarge, self.transposed, lambda: self.activate(self.latest())),
        ]

    def add(self, name: str, sources: list[int], act: Callable[..., Tensor], fired: bool) -> int:
        """Add a step; return its number. Steps that fail for their shapes are left out."""
        try:
            with torch.no_grad():
                found = act(*(torch.zeros(2, *self.shapes[n][1:]) for n in sources))
        except RuntimeError:
            return sources[0]
        if found.numel() == 0 or found.numel() > 1500:
            return sources[0]
        self.program.append((sources, act))
        self.told.append(f"{len(self.shapes)}: {name} of {sources} {tuple(found.shape[1:])}")
        self.shapes.append((1, *found.shape[1:]))
        self.fired.append(fired)
        return len(self.shapes) - 1

    def latest(self) -> int:
        """Return a recent result."""
        return self.rng.choice(range(max(0, len(self.shapes) - 3), len(self.shapes)))

    def part(self, module: nn.Module) -> nn.Module:
        """Keep a submodule; its numbers are drawn so that steps are not all alike."""
        for name, tensor in module.named_parameters():
            nn.init.normal_(tensor, 0.0, 0.7 if "weight" in name else 0.4)
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(module.weight, 0.3, 1.5)
            nn.init.normal_(module.running_mean, 0.0, 0.5)
            nn.init.uniform_(module.running_var, 0.4, 2.0)
        self.parts.append(module)
        return module

    def convolution(self) -> int:
        """A convolution with stride, padding, dilation, groups."""
        at = self.latest()
        channels = self.shapes[at][1]
        groups = self.rng.choice([n for n in range(1, channels + 1) if channels % n == 0])
        kind = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[self.dimensions]
        each = range(self.dimensions)
        conv = kind(
            channels,
            groups * self.rng.randint(1, 3),
            tuple(self.rng.randint(1, 3) for _ in each),
            tuple(self.rng.randint(1, 2) for _ in each),
            tuple(self.rng.randint(0, 2) for _ in each),
            tuple(self.rng.randint(1, 2) for _ in each),
            groups,
            self.rng.random() < 0.7,
        )
        found = self.add(str(conv), [at], self.part(conv), False)
        return self.activate(found) if self.rng.random() < 0.7 else found

    def transposed(self) -> int:
        """A transposed convolution."""
        at = self.latest()
        kind = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}[self.dimensions]
        stride = self.rng.randint(1, 2)
        conv = kind(self.shapes[at][1], self.rng.randint(1, 3), self.rng.randint(1, 3), stride, self.rng.randint(0, 1),
                    output_padding=self.rng.randint(0, stride - 1))  # fmt: skip
        return self.activate(self.add(str(conv), [at], self.part(conv), False))

    def normalise(self) -> int:
        """Batch normalisation, also of spikes."""
        at = self.latest()
        kind = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}[self.dimensions]
        norm = self.part(kind(self.shapes[at][1]))
        norm.eval()
        return self.add("norm", [at], norm, False)

    def activate(self, at: int) -> int:
        """An activation: a module, a shared one, a function, a method."""
        which = self.rng.randint(0, 2)
        if which == 0:
            return self.add("shared relu", [at], self.shared, True)
        act = self.part(self.rng.choice(ACTIVATIONS)()) if which == 1 else self.rng.choice(FUNCTIONS)
        # What works in place gets a copy, as it would where its input is used again.
        return self.add(f"activation {act}", [at], lambda x: act(x.clone()), True)

    def skip(self) -> int:
        """A sum of two results of one shape, or a difference."""
        at = self.latest()
        alike = [n for n, shape in enumerate(self.shapes) if shape == self.shapes[at]]
        other, sign = self.rng.choice(alike), self.rng.choice([1, -1, 0.5])
        return self.add(f"plus {sign} times", [at, other], lambda x, y: torch.add(x, y, alpha=sign), False)

    def concatenate(self) -> int:
        """Several results behind each other."""
        at = self.latest()
        alike = [n for n, shape in enumerate(self.shapes) if shape[2:] == self.shapes[at][2:]]
        chosen = [at, *(self.rng.choice(alike) for _ in range(self.rng.randint(1, 2)))]
        # A maximum of their spikes is one only where all of them are an activation's.
        return self.add("concatenation", chosen, lambda *x: torch.cat(x, 1), all(self.fired[n] for n in chosen))

    def pool(self) -> int:
        """A maximum, of spikes or before an activation; windows may overlap."""
        at = self.latest()
        size, stride = self.rng.randint(1, 3), self.rng.randint(1, 2)
        padding = self.rng.randint(0, size // 2)
        function = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}[self.dimensions]
        ceil = self.rng.random() < 0.3

        def act(x: Tensor) -> Tensor:
            return function(x, size, stride, padding, ceil_mode=ceil)

        if not self.fired[at]:
            if at == 0:
                return at
            before = len(self.shapes)
            found = self.add("maximum", [at], act, False)
            if found < before:
                return found
            return self.activate(found)
        return self.add("maximum of spikes", [at], act, True)

    def average(self) -> int:
        """An average over windows, or over everything."""
        at = self.latest()
        if self.rng.random() < 0.3:
            return self.add("mean", [at], lambda x: x.mean(tuple(range(2, x.dim())), keepdim=True), False)
        size, stride, inside = self.rng.randint(1, 3), self.rng.randint(1, 2), self.rng.random() < 0.5
        padding = self.rng.randint(0, size // 2)
        function = {1: functional.avg_pool1d, 2: functional.avg_pool2d, 3: functional.avg_pool3d}[self.dimensions]
        return self.add("average", [at], lambda x: function(x, size, stride, padding, count_include_pad=inside), False)

    def shuffle(self) -> int:
        """Channels in another order, or a part of them."""
        at = self.latest()
        channels = self.shapes[at][1]
        kind = self.rng.randint(0, 2)
        if kind == 0:
            groups = self.rng.choice([n for n in range(1, channels + 1) if channels % n == 0])

            def act(x: Tensor) -> Tensor:
                sides = x.shape[2:]
                return x.view(len(x), groups, -1, *sides).transpose(1, 2).reshape(len(x), -1, *sides)

            return self.add(f"shuffle by {groups}", [at], act, self.fired[at])
        if kind == 1:
            first = self.rng.randrange(channels)
            return self.add("slice", [at], lambda x: x[:, first:], self.fired[at])
        return self.add("flip", [at], lambda x: x.flip(2), False)

    def scale(self) -> int:
        """A multiple plus a constant."""
        at = self.latest()
        factor, shift = self.rng.uniform(-2, 2), self.rng.uniform(-1, 1)
        return self.add("scaled", [at], lambda x: factor * x + shift, False)

    def pad(self) -> int:
        """A constant around the image."""
        at = self.latest()
        value = self.rng.choice([0.0, 0.0, 0.7])
        return self.add("padded", [at], lambda x: functional.pad(x, (1, 0), value=value), False)

    def enlarge(self) -> int:
        """Every unit several times."""
        return self.add("enlarged", [self.latest()], lambda x: functional.interpolate(x, scale_factor=2), False)

    def dense(self, at: int, count: int) -> int:
        """A dense layer, the output."""
        return self.add("dense", [at], self.part(nn.Linear(self.shapes[at][1], count)), False)

    def forward(self, x: Tensor) -> Tensor:
        """Follow the program."""
        results = [x]
        for sources, act in self.program:
            results.append(act(*(results[n] for n in sources)))
        return results[-1]


def drawn(seed: int) -> tuple[RandomModule, tuple[int, ...], np.ndarray, bool]:
    """Return a module, the shape of its frames, some frames, and whether they are currents."""
    rng = random.Random(seed)
    dimensions = rng.choice([1, 2, 2, 2, 3])
    most = {1: 9, 2: 6, 3: 4}[dimensions]
    shape = (rng.randint(1, 3), *(rng.randint(2, most) for _ in range(dimensions)))
    currents = rng.random() < 0.5
    values = np.random.default_rng(seed).integers(0, 256 if currents else 2, (6, *shape)).astype(np.uint8)
    return RandomModule(seed, dimensions, shape, rng.randint(1, 9)), shape, values, currents
