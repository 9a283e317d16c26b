"""The threshold network in BindsNET: its McCulloch-Pitts neurons, which keep no state, with a threshold for each.

Frames are time steps, a batch takes as many side by side, and ``one_step`` lets a frame pass all layers in its step.
A pooling is the convolution that it is in the threshold network: BindsNET's own pools firing rates, not spikes. Groups
are channels with weights of zero.
"""

from importlib.metadata import version as installed
from typing import Any, assert_never

import numpy as np
import torch

from steep.errors import SteepError
from steep.simulators_benchmark.simulation import Job, Recorded, plain_chain, plain_kernel
from steep.threshold.network import ConvLink, DenseLink, ThresholdNetwork

OPERATORS = torch.library.Library("torchvision", "FRAGMENT")


def _bindsnet() -> Any:
    """Import BindsNET, which imports torchvision for its data sets."""
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):
        # PyPI's torchvision is built for CUDA and cannot load its operators beside the CPU build of PyTorch, but wants
        # to describe two of them. No simulation uses any.
        for operator in ("nms", "qnms"):
            OPERATORS.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import bindsnet.network

    return bindsnet.network


class BindsnetSimulation:
    """One BindsNET network with a monitor on every layer."""

    def __init__(self, network: ThresholdNetwork, frames: np.ndarray, batch: int) -> None:
        """Build layers and connections of a chain."""
        package = _bindsnet()
        from bindsnet.network.monitors import Monitor
        from bindsnet.network.nodes import Input, McCullochPitts
        from bindsnet.network.topology import Connection, Conv2dConnection

        torch.set_num_threads(1)
        self.frames, self.granularity = torch.from_numpy(frames), batch
        self.network = package.Network(dt=1.0, batch_size=batch, learning=False)
        source = Input(shape=network.input_shape)
        self.network.add_layer(source, "X")
        before, self.monitors = "X", []
        for number, (link, population) in enumerate(plain_chain(network), 1):
            theta = population.thresholds().reshape(population.shape)
            target = McCullochPitts(shape=population.shape, thresh=theta)
            match link:
                case DenseLink(_, weight):
                    connection = Connection(source, target, w=torch.from_numpy(weight.T.astype(np.float32)))
                case ConvLink(_, _, stride, padding):
                    kernel = plain_kernel(link)
                    (above, below), (left, right) = padding
                    if above != below or left != right:
                        raise SteepError("BindsNET pads both sides of an image alike")
                    connection = Conv2dConnection(
                        source,
                        target,
                        kernel_size=kernel.shape[2:],
                        stride=stride,
                        padding=(above, left),
                        w=torch.from_numpy(kernel),
                    )
                case _:
                    assert_never(link)
            name = f"layer{number}"
            self.network.add_layer(target, name)
            self.network.add_connection(connection, before, name)
            last = number == len(network.populations)
            monitor = Monitor(target, ["s", "v"] if last else ["s"])
            self.network.add_monitor(monitor, name)
            self.monitors.append(monitor)
            source, before, self.theta = target, name, theta
        self.network.train(False)

    def run(self, count: int) -> None:
        """Simulate and record."""
        for monitor in self.monitors:
            monitor.reset_state_variables()
        steps = count // self.granularity
        given = self.frames[:count].reshape(steps, self.granularity, *self.frames.shape[1:])
        with torch.no_grad():
            self.network.run({"X": given}, time=steps, one_step=True)

    def recorded(self) -> Recorded:
        """Return spikes and potentials."""
        potential = self.monitors[-1].get("v").flatten(0, 1).flatten(1).numpy().astype(np.float64) - self.theta
        layers = tuple(monitor.get("s").flatten(0, 1).flatten(1).bool().numpy() for monitor in self.monitors)
        return Recorded(layers, potential)


def prepare(network: ThresholdNetwork, frames: np.ndarray, job: Job) -> BindsnetSimulation:
    """Build the network."""
    return BindsnetSimulation(network, frames, job.batch)


def version(options: dict[str, Any]) -> str:
    """Return BindsNET's version, and PyTorch's."""
    return f"BindsNET {installed('bindsnet')}, PyTorch {torch.__version__}"
