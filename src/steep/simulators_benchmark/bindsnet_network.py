"""The threshold network in BindsNET: its McCulloch-Pitts neurons, which keep no state, with a threshold for each.

Frames are time steps, a batch takes as many side by side, and ``one_step`` lets a frame pass all layers in its step.
A pooling is a convolution with weights of 1 and a threshold of 1/2: BindsNET's own pools firing rates, not spikes.
"""

from importlib.metadata import version as installed
from typing import Any, assert_never

import numpy as np
import torch

from steep.errors import SteepError
from steep.simulators_benchmark.simulation import Job, Recorded
from steep.threshold.network import ConvLayer, DenseLayer, OrPoolLayer, ThresholdNetwork

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
        """Build layers and connections."""
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
        for number, (layer, shape, after) in enumerate(
            zip(network.layers, network.shapes, network.shapes[1:], strict=False), 1
        ):
            theta = layer.unit_thresholds(shape).reshape(after)
            target = McCullochPitts(shape=after, thresh=theta)
            match layer:
                case DenseLayer(weight):
                    connection = Connection(source, target, w=torch.from_numpy(weight.T.astype(np.float32)))
                case ConvLayer(weight, _, stride, ((above, below), (left, right))):
                    if above != below or left != right:
                        raise SteepError("BindsNET pads both sides of an image alike")
                    connection = Conv2dConnection(
                        source,
                        target,
                        kernel_size=weight.shape[2:],
                        stride=stride,
                        padding=(above, left),
                        w=torch.from_numpy(weight.astype(np.float32)),
                    )
                case OrPoolLayer(size):
                    every = np.eye(shape[0], dtype=np.float32)[:, :, None, None] * np.ones(size, np.float32)
                    connection = Conv2dConnection(source, target, size, size, w=torch.from_numpy(every))
                case _:
                    assert_never(layer)
            name = f"layer{number}"
            self.network.add_layer(target, name)
            self.network.add_connection(connection, before, name)
            last = number == len(network.layers)
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
