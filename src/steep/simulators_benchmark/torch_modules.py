"""The threshold network in PyTorch, by itself and with the neurons of snnTorch, SpikingJelly and Norse.

All take weights from `torch.nn.Linear` and `torch.nn.Conv2d` in float32, where sums of these integers are exact, with
the bias 1/2 - theta and one threshold for all, 1/2, as in the portable NIR form; poolings are `torch.nn.MaxPool2d` of
spikes. A frame is one time step of one element of a batch, with a membrane at rest, as these frameworks do it for
frames that have nothing to do with each other; a network in this form has no time to loop over.
"""

from collections.abc import Callable
from importlib.metadata import version as installed
from typing import Any, assert_never

import numpy as np
import torch
from torch import Tensor, nn

from steep.architecture import Shape
from steep.simulators_benchmark.simulation import Job, Recorded, plain_chain
from steep.threshold.network import ConvLink, DenseLink, Population, ThresholdNetwork

PACKAGES = {"plain": "torch", "snntorch": "snntorch", "spikingjelly": "spikingjelly", "norse": "norse"}


class Shift(nn.Module):
    """Adds a constant of its own to each unit."""

    shift: Tensor

    def __init__(self, shift: Tensor) -> None:
        """Keep the constants, (units, ...)."""
        super().__init__()
        self.register_buffer("shift", shift)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` (frames, units, ...) shifted."""
        return x + self.shift


def modules(network: ThresholdNetwork, dtype: torch.dtype = torch.float32) -> list[nn.Module]:
    """Return for each population of a chain what computes sum - theta + 1/2 of every unit, for those that
    `hidden_poolings` names their spikes."""
    found: list[nn.Module] = []
    for (link, population), before, pools in zip(
        plain_chain(network), network.shapes, hidden_poolings(network), strict=False
    ):
        if pools and isinstance(link, ConvLink):
            found.append(_padded(link, nn.MaxPool2d(link.kernel, link.stride, dilation=link.dilation)))
        else:
            found.append(_weighted(link, population, before, dtype))
    return found


def hidden_poolings(network: ThresholdNetwork) -> list[bool]:
    """Return which populations of a chain are poolings of spikes, and not the output, whose sums are wanted."""
    last = network.populations[-1]
    return [
        population.pools and population is not last and (link.source > 0 or network.input_top == 1)
        for link, population in plain_chain(network)
    ]


def _weighted(link: DenseLink | ConvLink, population: Population, before: Shape, dtype: torch.dtype) -> nn.Module:
    """Return what computes sum - theta + 1/2 of every unit of a population whose only link comes from one of the shape
    `before`."""
    match link:
        case DenseLink(_, weight):
            linear: nn.Linear | nn.Conv2d = nn.Linear(weight.shape[1], weight.shape[0], dtype=dtype)
            module: nn.Module = nn.Sequential(nn.Flatten(), linear) if len(before) > 1 else linear
        case ConvLink(_, weight):
            (down, across), (rows, columns), ((above, below), (left, right)) = link.stride, link.dilation, link.padding
            even = above == below and left == right
            filters, _, *kernel = weight.shape
            linear = nn.Conv2d(
                before[0],
                filters,
                (kernel[0], kernel[1]),
                (down, across),
                padding=(above, left) if even else 0,
                dilation=(rows, columns),
                groups=link.groups,
                dtype=dtype,
            )
            module = linear if even else _padded(link, linear)
        case _:
            assert_never(link)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(link.weight))
        bias = torch.from_numpy(0.5 - population.threshold).to(dtype)
        own = linear.get_parameter("bias")
        if bias.numel() == len(own):
            own.copy_(bias.flatten())
        else:  # positions of a filter differ
            own.zero_()
            module = nn.Sequential(module, Shift(bias))
    return module.eval()


def _padded(link: ConvLink, module: nn.Module) -> nn.Module:
    """Return a module behind the zeros that a convolution of images has around it."""
    (above, below), (left, right) = link.padding
    zeros = (left, right, above, below)
    return nn.Sequential(nn.ZeroPad2d(zeros), module) if any(zeros) else module


def _plain() -> Callable[[Tensor], Tensor]:
    return lambda current: (current > 0.5).to(current.dtype)


def _snntorch() -> Callable[[Tensor], Tensor]:
    import snntorch

    # beta 0 forgets the membrane, so there is nothing to reset, neither by the neuron nor between frames.
    neuron = snntorch.Leaky(beta=0.0, threshold=0.5, reset_mechanism="none").eval()
    return lambda current: neuron(current)[0]


def _spikingjelly() -> Callable[[Tensor], Tensor]:
    from spikingjelly.activation_based import functional, neuron

    node = neuron.IFNode(v_threshold=0.5, v_reset=0.0, step_mode="s").eval()

    def fire(current: Tensor) -> Tensor:
        functional.reset_net(node)  # between frames, as its documentation tells
        spikes: Tensor = node(current)
        return spikes

    return fire


def _norse() -> Callable[[Tensor], Tensor]:
    from norse.torch import LIFBoxCell
    from norse.torch.functional.lif_box import LIFBoxParameters

    # One Euler step of a time constant of one step: the membrane is the current.
    parameters = LIFBoxParameters(tau_mem_inv=torch.as_tensor(1000.0), v_th=torch.as_tensor(0.5))
    cell = LIFBoxCell(parameters, dt=0.001).eval()
    return lambda current: cell(current)[0]


NEURONS = {"plain": _plain, "snntorch": _snntorch, "spikingjelly": _spikingjelly, "norse": _norse}


class TorchSimulation:
    """Layer after layer, `batch` frames at a time, one compute thread."""

    def __init__(self, network: ThresholdNetwork, frames: np.ndarray, neurons: str, batch: int) -> None:
        """Build weights and neurons."""
        torch.set_num_threads(1)
        self.frames, self.granularity = torch.from_numpy(frames).to(torch.float32), batch
        self.stages = [
            (module, None if pools else NEURONS[neurons]())
            for module, pools in zip(modules(network), hidden_poolings(network), strict=True)
        ]
        self.kept: list[list[Tensor]] = []

    def run(self, count: int) -> None:
        """Simulate and keep every layer's spikes, and the output layer's current."""
        self.kept = [[] for _ in range(len(self.stages) + 1)]
        with torch.inference_mode():
            for first in range(0, count, self.granularity):
                x = self.frames[first : first + self.granularity]
                for (weights, neuron), kept in zip(self.stages, self.kept, strict=False):
                    current = weights(x)
                    x = current if neuron is None else neuron(current)
                    # A quarter of the memory; for a single frame, a copy costs more than it saves.
                    kept.append(x if self.granularity == 1 else x.to(torch.bool))
                self.kept[-1].append(current)

    def recorded(self) -> Recorded:
        """Return spikes and potentials."""
        *layers, current = (torch.cat(kept).flatten(1) for kept in self.kept)
        potential = current.numpy().astype(np.float64) - 0.5
        return Recorded(tuple(layer.to(torch.bool).numpy() for layer in layers), potential)


def prepare(network: ThresholdNetwork, frames: np.ndarray, job: Job) -> TorchSimulation:
    """Build the network with the neurons that ``options["neurons"]`` names."""
    return TorchSimulation(network, frames, job.options["neurons"], job.batch)


def version(options: dict[str, Any]) -> str:
    """Return the package's version, and PyTorch's."""
    package = PACKAGES[options["neurons"]]
    return (
        f"PyTorch {torch.__version__}"
        if package == "torch"
        else f"{package} {installed(package)}, PyTorch {torch.__version__}"
    )
