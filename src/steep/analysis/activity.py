"""What the spikes of a simulation say: how busy each layer is, how much each frame costs, which frames show it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from steep.analysis.render import Tabulated
from steep.architecture import Shape, units
from steep.errors import SteepError
from steep.files import read_npz
from steep.frames import Frames
from steep.shapes import require_pairs
from steep.spikes import Spikes
from steep.threshold.network import Synapses, ThresholdNetwork

MISTAKES = 6


def measure_activity(network: ThresholdNetwork, frames: Frames, spikes: Spikes) -> dict[str, np.ndarray]:
    """Count spikes and synaptic events, layer by layer: of every population; layer 0 is the input.

    Where the input is currents, an input counts as active where its value is not 0, and an event of a layer that it
    reaches is one such value times one weight.

    Returns
    -------
    ``labels`` and ``classes`` int64 (frames,), the class read from the potentials; ``frame_spikes`` int64
    (frames, layers + 1), active units of a frame; ``frame_events`` int64 (frames, layers), events that arrive at each
    layer: over all its links, active units of the layer before, times the synapses each has; ``synapses`` int64
    (layers,);
    ``shape<n>`` int64, and ``unit_spikes<n>`` int64 (units,), frames in which a unit is active, for n from 0; and
    ``currents`` bool.

    """
    active = layers_of(network, frames, spikes)
    events, synapses = [], []
    for arrivals, _ in network.connections():
        events.append(sum(_events(active[link.source], link.synapses) for link in arrivals))
        synapses.append(sum(len(link.synapses.source) for link in arrivals))
    return {
        "labels": frames.labels.astype(np.int64),
        "classes": spikes.classes().astype(np.int64),
        "frame_spikes": np.stack([layer.sum(1) for layer in active], 1).astype(np.int64),
        "frame_events": np.rint(np.stack(events, 1)).astype(np.int64),  # whole numbers far below 2^53
        "synapses": np.array(synapses, np.int64),
        "currents": np.array(not frames.are_spikes),
        **{f"shape{number}": np.array(shape, np.int64) for number, shape in enumerate(network.shapes)},
        **{f"unit_spikes{number}": layer.sum(0).astype(np.int64) for number, layer in enumerate(active)},
    }


def _events(active: np.ndarray, synapses: Synapses) -> np.ndarray:
    """Return how many events a link brings in each frame, float64 (frames,), where so many units before it are active,
    bool (frames, units); a part of the frames at a time: the product makes numbers of eight bytes of the spikes."""
    fan_out = np.bincount(synapses.source, minlength=active.shape[1]).astype(np.float64)
    return np.concatenate([part @ fan_out for part in np.array_split(active, len(active) // 500 + 1)])


def layers_of(network: ThresholdNetwork, frames: Frames, spikes: Spikes) -> list[np.ndarray]:
    """Return which units are active, bool (frames, units), of the input and every layer; SteepError where the spikes do
    not belong to the network and the frames."""
    sizes = [(len(frames), size) for size in network.sizes[1:]]
    found = [layer.shape for layer in spikes.layers]
    if frames.shape != network.input_shape or found != sizes or spikes.potential.shape != sizes[-1]:
        raise SteepError(
            f"the spikes are of layers {found}, potentials {spikes.potential.shape}, for frames of {frames.shape}; "
            f"network and frames make {sizes} from {network.input_shape}; simulate them again, all layers kept"
        )
    return [frames.flat > 0, *spikes.layers]


def choose_examples(network: ThresholdNetwork, frames: Frames, spikes: Spikes) -> dict[str, np.ndarray]:
    """Return a few frames with all their spikes: of each class the first that is classified rightly, then the first
    `MISTAKES` that are not, both in the order of the file, so that nobody has picked them.

    Returns
    -------
    ``index``, ``labels``, ``classes`` int64 (n,), ``potential`` float64 (n, classes), ``values`` uint8 (n, channels,
    height, width), ``full_scale``, ``layer<l>`` bool (n, units) from 1.

    """
    layers = layers_of(network, frames, spikes)
    classes = spikes.classes()
    right = classes == frames.labels
    first = [np.flatnonzero(right & (frames.labels == label))[:1] for label in range(frames.classes)]
    index = np.concatenate([*first, np.flatnonzero(~right)[:MISTAKES]])
    return {
        "index": index,
        "labels": frames.labels[index].astype(np.int64),
        "classes": classes[index],
        "potential": spikes.potential[index],
        "values": frames.values[index],
        "full_scale": np.array(frames.full_scale),
        **{f"layer{number}": layer[index] for number, layer in enumerate(layers[1:], 1)},
    }


def check_examples(examples: dict[str, np.ndarray], shapes: list[Shape]) -> None:
    """Raise a SteepError unless examples are of a network whose input and layers have these shapes."""
    count = len(examples["labels"])
    wanted = {"index": (count,), "classes": (count,), "values": (count, *shapes[0])}
    wanted |= {f"layer{number}": (count, units(shape)) for number, shape in enumerate(shapes[1:], 1)}
    wanted |= {"potential": (count, units(shapes[-1]))}
    wrong = [name for name, shape in wanted.items() if name not in examples or examples[name].shape != shape]
    if wrong:
        raise SteepError(f"examples: {', '.join(wrong)} not as the network has them; choose examples of this network")


def activity_rows(activity: dict[str, np.ndarray], labels: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one row per layer of one seed's `measure_activity`: counts per frame, and dead and saturated units."""
    rows = []
    frames = len(activity["labels"])
    for layer in range(activity["frame_spikes"].shape[1]):
        counts = activity[f"unit_spikes{layer}"]
        events = activity["frame_events"][:, layer - 1] if layer else np.zeros(frames)
        rows.append(
            {
                **labels,
                "layer": layer,
                "units": len(counts),
                "frames": frames,
                "spikes_per_frame": activity["frame_spikes"][:, layer].mean(),
                "events_per_frame": events.mean(),
                "events_lowest": events.min(),
                "events_highest": events.max(),
                "synapses": int(activity["synapses"][layer - 1]) if layer else 0,
                "dead": int((counts == 0).sum()),
                "saturated": int((counts == frames).sum()),
                "currents": bool(activity["currents"]) and layer == 0,
            }
        )
    return rows


ACTIVITY_NOTE = (
    "Per frame, mean over frames and seeds. Where the input is currents its row counts values that are not 0, and the "
    "events of layer 1 are such values times weights. An event is one spike arriving over one synapse; of all: events "
    "as a part of the layer's synapses. Dead: units that never fire on any frame; saturated: that fire on every frame."
)


def activity_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `activity_rows`, mean over seeds."""
    keys = ["experiment", "layer", "units", "currents"]
    columns = ["spikes_per_frame", "events_per_frame", "synapses", "dead", "saturated"]
    grouped = rows.groupby(keys, sort=False)
    table = grouped[columns].mean()
    table["events_lowest"], table["events_highest"] = grouped["events_lowest"].min(), grouped["events_highest"].max()
    return table.assign(seeds=grouped["seed"].nunique(), frames=grouped["frames"].first()).reset_index()


def activity_view(table: pd.DataFrame) -> pd.DataFrame:
    """Return the activity as text for people."""

    def part(value: float, whole: float) -> str:
        return f"{100 * value / whole:.1f}%" if whole else "–"

    inputs = table["layer"] == 0
    return pd.DataFrame(
        {
            "Experiment": table["experiment"],
            "Layer": ["input" if layer == 0 else f"{layer}" for layer in table["layer"]],
            "Units": [f"{units:,}" for units in table["units"]],
            "Active per frame": [f"{value:,.1f}" for value in table["spikes_per_frame"]],
            "of all units": [
                part(value, units) for value, units in zip(table["spikes_per_frame"], table["units"], strict=True)
            ],
            "Events per frame": [
                "–" if first else f"{value:,.0f}"
                for value, first in zip(table["events_per_frame"], inputs, strict=True)
            ],
            "of all synapses": [
                part(value, whole) for value, whole in zip(table["events_per_frame"], table["synapses"], strict=True)
            ],
            "Dead": [f"{value:.1f}" for value in table["dead"]],
            "Saturated": [f"{value:.1f}" for value in table["saturated"]],
            "Seeds": table["seeds"],
        }
    )


def tabulate(activity: list[Path], rows: list[dict[str, Any]]) -> Tabulated:
    """Say how busy every layer is; `rows` says what each file is about."""
    require_pairs(activity=activity, rows=rows)
    measured = [row for path, words in zip(activity, rows, strict=True) for row in activity_rows(read_npz(path), words)]
    table = activity_table(pd.DataFrame(measured))
    return Tabulated(table, activity_view(table), "Spikes and events of a frame", ACTIVITY_NOTE)
