"""Networks of odd shapes and habits, what figures are drawn from, and what a figure's file must be."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from steep.analysis.activity import activity_rows, activity_table, choose_examples, measure_activity
from steep.architecture import Conv, MaxPool, layer_shapes, parse_layers, units
from steep.frames import Frames
from steep.simulators.torch_threshold import simulate
from steep.threshold.network import ConvLink, Population, ThresholdNetwork, or_pool
from steep.threshold.network import conv as convolution
from steep.threshold.network import dense as densely


def conv(filters: int, *kernel: int, **more: Any) -> dict[str, Any]:
    return {"kind": "conv", "filters": filters, "kernel": list(kernel)} | more


def pool(*size: int) -> dict[str, Any]:
    return {"kind": "maxpool", "size": list(size)}


def dense(units: int) -> dict[str, Any]:
    return {"kind": "dense", "units": units}


SAME = {"padding": "same"}
# Shape of a frame, number of classes, hidden layers.
NETWORKS: dict[str, tuple[tuple[int, int, int], int, list[dict[str, Any]]]] = {
    "even kernel, zeros around": ((1, 9, 8), 3, [conv(3, 2, 2, **SAME), dense(4)]),
    "even kernel inside": ((1, 9, 8), 3, [conv(2, 4, 2), dense(4)]),
    "kernel larger than the image": ((1, 5, 4), 3, [conv(3, 9, 10, **SAME), dense(4)]),
    "kernel as large as the image": ((1, 5, 4), 3, [conv(3, 5, 4), dense(4)]),
    "kernel of one pixel": ((1, 5, 4), 3, [conv(1, 1, 1), dense(4)]),
    "steps larger than the kernel": ((1, 9, 8), 3, [conv(2, 2, 2, stride=[4, 3]), dense(4)]),
    "steps, zeros around": ((1, 9, 8), 3, [conv(3, 4, 3, stride=[2, 3], **SAME), dense(4)]),
    "steps larger than the image": ((1, 9, 8), 3, [conv(3, 2, 2, stride=[20, 20], **SAME), dense(4)]),
    "one row": ((1, 1, 30), 3, [conv(2, 1, 5), pool(1, 2), dense(4)]),
    "one row, zeros around": ((1, 1, 30), 3, [conv(3, 1, 4, **SAME), dense(4)]),
    "one row, kernel higher than it": ((1, 1, 30), 3, [conv(3, 4, 5, **SAME), dense(4)]),
    "one column": ((1, 30, 1), 3, [conv(2, 5, 1), dense(4)]),
    "one pixel": ((1, 1, 1), 2, [conv(3, 2, 2, **SAME), dense(1)]),
    "colour": ((3, 8, 8), 3, [conv(3, 2, 2, **SAME), dense(4)]),
    "colour, one filter": ((3, 8, 8), 3, [conv(1, 3, 3), dense(4)]),
    "64 filters": ((1, 8, 8), 3, [conv(64, 3, 3), pool(2, 2), dense(4)]),
    "two poolings": ((1, 12, 12), 3, [conv(3, 5, 5), pool(2, 2), pool(2, 2), dense(4)]),
    "pooling first": ((1, 8, 8), 3, [pool(2, 2), conv(3, 3, 3)]),
    "pooling last": ((1, 8, 8), 3, [conv(3, 3, 3), pool(6, 6)]),
    "one unit": ((1, 6, 6), 2, [dense(1)]),
    "one unit after another": ((1, 6, 6), 2, [dense(1), dense(1), dense(1)]),
    "many layers": ((1, 6, 6), 3, [dense(5)] * 12),
    "one class": ((1, 6, 6), 1, [dense(5)]),
    "many classes": ((1, 6, 6), 70, [dense(5)]),
}
ODD = {
    "ordinary": {},
    "no mistake": {"mistakes": False},
    "all wrong": {"mistakes": True},
    "a class is missing": {"missing": True},
    "one frame": {"count": 1},
    "all frames blank": {"density": 0.0},
    "all frames full": {"density": 1.0},
    "dead layers": {"threshold": 1e6},
    "units that always fire": {"threshold": -1e6},
    "no weight but zero": {"largest": 0},
    "currents": {"top": 255},
}


def threshold_network(
    shape: tuple[int, ...], classes: int, hidden: list, top: int, largest: int, threshold: float | None
) -> ThresholdNetwork:
    """Return a network of random weights up to `largest`; all hidden thresholds are `threshold` where that is given."""
    rng = np.random.default_rng(0)
    parsed = parse_layers(hidden)
    shapes = layer_shapes(shape, parsed, classes)
    made: list[Population] = []
    for number, (layer, before, after) in enumerate(zip([*parsed, None], shapes, shapes[1:], strict=False)):
        if isinstance(layer, MaxPool):
            made.append(or_pool(number, before, layer.size))
            continue
        theta = np.full(after[0], 0.5) if threshold is None or layer is None else np.full(after[0], threshold + 0.5)
        if isinstance(layer, Conv):
            weight = rng.integers(-largest, largest + 1, (layer.filters, before[0], *layer.kernel), dtype=np.int32)
            made.append(convolution(ConvLink(number, weight, layer.stride, layer.padding(before)), before, theta))
        else:
            weight = rng.integers(-largest, largest + 1, (after[0], units(before)), dtype=np.int32)
            made.append(densely(number, weight, theta))
    return ThresholdNetwork(shape, tuple(made), top)


@cache
def simulated(name: str, odd: str) -> dict[str, Any]:
    """Return what figures are drawn from: a network, examples, activity, labels and classes."""
    shape, classes, hidden = NETWORKS[name]
    chosen = {"count": 30, "density": 0.4, "top": 1, "largest": 4, "threshold": None} | ODD[odd]
    top = chosen["top"] if hidden[0]["kind"] != "maxpool" else 1
    network = threshold_network(shape, classes, hidden, top, chosen["largest"], chosen["threshold"])
    rng = np.random.default_rng(1)
    values = (rng.random((chosen["count"], *shape)) < chosen["density"]).astype(np.uint8) * top
    frames = Frames(values, rng.integers(0, classes, len(values)).astype(np.uint8), classes, top)
    spikes = simulate(network, frames.values)
    given = spikes.classes()
    if "mistakes" in chosen:
        frames = replace(frames, labels=((given + chosen["mistakes"]) % classes).astype(np.uint8))
    if chosen.get("missing"):
        frames = frames.take(frames.labels != 0)
        spikes = simulate(network, frames.values)
    counted = measure_activity(network, frames, spikes)
    return {
        "network": network,
        "examples": choose_examples(network, frames, spikes),
        "activity": counted,
        "table": activity_table(pd.DataFrame(activity_rows(counted, {"experiment": "e", "seed": 0}))),
        "names": [f"class {number}" for number in range(classes)],
    }


def check_svg(text: str) -> None:
    """No number that is none, no side below 0: what browsers refuse."""
    for element in ElementTree.fromstring(text).iter():
        for name, value in element.attrib.items():
            assert name.endswith("href") or not re.search(r"\b(nan|inf)\b", value), element.attrib
            assert name not in ("width", "height") or not value.startswith("-"), element.attrib
