"""What is measured: a name for the table, the module that knows it, where it lives, and what it is given."""

from dataclasses import dataclass, field
from typing import Any

PACKAGE = "steep.simulators_benchmark"
BATCHES = (1, 10, 100, 500, 1000, 2000, 5000)


@dataclass(frozen=True)
class Implementation:
    """One row of the table for every network.

    Attributes
    ----------
    name : in table and figure.
    module : a `simulation.Family`.
    options : what the module wants to know.
    peer : whether it runs in the peers' environment.
    batch : frames that are worked on together; None for the fastest of `BATCHES`, which is searched for.
    threads : compute threads.
    note : how it takes the network.

    """

    name: str
    module: str
    options: dict[str, Any] = field(default_factory=dict)
    peer: bool = False
    batch: int | None = 1
    threads: int = 1
    note: str = ""


def _both(name: str, module: str, options: dict[str, Any], peer: bool, note: str) -> list[Implementation]:
    """Return an implementation frame by frame and at its best batch."""
    return [
        Implementation(f"{name}, frame by frame", module, options, peer, 1, note=note),
        Implementation(f"{name}, best batch", module, options, peer, None, note=note),
    ]


def _of_torch(title: str, neurons: str, note: str) -> list[Implementation]:
    return _both(title, f"{PACKAGE}.torch_modules", {"neurons": neurons}, neurons != "plain", note)


PLAIN_BRIAN2 = "LIF neurons, one of Brian2's synapses for each connection"
IMPLEMENTATIONS = (
    Implementation("Brian2 numpy", f"{PACKAGE}.brian2_plain", {"target": "numpy"}, note=PLAIN_BRIAN2),
    Implementation("Brian2 cython", f"{PACKAGE}.brian2_plain", {"target": "cython"}, note=PLAIN_BRIAN2),
    Implementation(
        "Brian2 C++ standalone", f"{PACKAGE}.brian2_plain", {"target": "standalone", "threads": 1}, note=PLAIN_BRIAN2
    ),
    Implementation(
        "Brian2 C++ standalone, 2 OpenMP threads",
        f"{PACKAGE}.brian2_plain",
        {"target": "standalone", "threads": 2},
        threads=2,
        note=PLAIN_BRIAN2,
    ),
    Implementation(
        "Steep, Brian2 synapses",
        f"{PACKAGE}.delivered",
        {"module": "steep.simulators.brian2_lif"},
        note="the workflow's brian2-synapses: LIF neurons, numpy target",
    ),
    Implementation(
        "Steep, Brian2 fast",
        f"{PACKAGE}.delivered",
        {"module": "steep.simulators.brian2_fast"},
        note="LIF neurons, rows of weights delivered in C++",
    ),
    *_of_torch("PyTorch threshold network", "plain", "weights as modules, frames as a batch"),
    *_of_torch("snnTorch", "snntorch", "torch.nn weights, Leaky neurons with beta 0, no reset"),
    *_of_torch("SpikingJelly", "spikingjelly", "torch.nn weights, IFNode in single-step mode, reset for each batch"),
    *_of_torch("Norse", "norse", "torch.nn weights, LIFBoxCell with a time constant of one step"),
    *_both(
        "BindsNET", f"{PACKAGE}.bindsnet_network", {}, True, "McCulloch-Pitts neurons, frames as time steps, one_step"
    ),
    Implementation(
        "Nengo",
        f"{PACKAGE}.nengo_network",
        {},
        True,
        note="threshold neuron type of its own, neuron to neuron, float32",
    ),
    Implementation("NEST", f"{PACKAGE}.nest_network", {}, True, note="iaf_psc_delta, one synapse for each connection"),
)
