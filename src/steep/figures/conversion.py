"""Figure: data conversion, a frame each way (the talk's slide of that name): as it is, binarized, as contours, as
injected current."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from steep.encodings import encode
from steep.figures.style import BLUE, GREY, ORANGE, SPIKE, picture, plt
from steep.frames import Frames

EXAMPLES = 3
# What encodings are drawn with where the study has none of that kind.
USUAL = {
    "binarize": {"kind": "binarize", "threshold": 0.5},
    "contours": {"kind": "contours", "sigma": 1, "low": 0.1, "high": 0.2},
    "current": {"kind": "current"},
}
TITLES = {"binarize": "binarized", "contours": "contours", "current": "injected current"}


def settings(encodings: dict[str, dict[str, Any]]) -> dict[str, tuple[dict[str, Any], bool]]:
    """Return by kind the first encoding of the study of that kind, and whether the study has one."""
    own = {spec["kind"]: spec for spec in reversed(encodings.values())}
    return {kind: (own.get(kind, usual), kind in own) for kind, usual in USUAL.items()}


def examples(frames: Frames) -> np.ndarray:
    """Return the first frame of each of the first classes, int64."""
    classes = np.unique(frames.labels)[:EXAMPLES]
    return np.array([int(np.argmax(frames.labels == label)) for label in classes])


def draw(frames: Frames, encodings: dict[str, dict[str, Any]], title: str) -> Figure:
    """Draw one row per example frame and one column per way.

    Parameters
    ----------
    frames : raw frames, values 0 to 255.
    encodings : the config's encodings, by name.
    title : heading.

    """
    chosen = frames.take(examples(frames))
    ways = settings(encodings)
    spectrum = frames.shape[1] == 1
    figure, axes = plt.subplots(
        *(len(chosen), 4),
        figsize=(11, 1.6 * len(chosen) + 0.5) if spectrum else (7.6, 1.95 * len(chosen) + 0.4),
        **{"layout": "constrained", "squeeze": False},
    )
    figure.suptitle(title, fontsize=11)
    show = _spectrum if spectrum else _image
    for row, value in enumerate(chosen.values):
        show(axes[row, 0], value, "raw", first=row == 0)
        axes[row, 0].set_ylabel(f"class {chosen.labels[row]}", fontsize=8)
    axes[0, 0].set_title("as it is, 0 to 255", fontsize=9)
    for column, (kind, (spec, own)) in enumerate(ways.items(), 1):
        encoded = encode(chosen, spec)
        details = ", ".join(f"{key} {value:g}" for key, value in spec.items() if key != "kind")
        for row, value in enumerate(encoded.values):
            show(axes[row, column], value, kind, first=row == 0)
            active = f"{np.count_nonzero(value):,} of {value.size:,}"
            axes[row, column].set_xlabel(f"{active} {'values' if kind == 'current' else 'spikes'}", fontsize=7)
        name = TITLES[kind] + ("" if own else "*")
        axes[0, column].set_title(name + (f"\n{details}" if details else "\nvalue × weight"), fontsize=9)
    if not all(own for _, own in ways.values()):
        figure.supxlabel("* not an encoding of this study; drawn with usual settings", fontsize=7, color=GREY)
    return figure


def _image(axis: Axes, value: np.ndarray, kind: str, first: bool) -> None:
    """Show uint8 (channels, height, width): raw in grey or colour, spikes black (of colour images: each
    channel its own), currents in blue."""
    top = 255 if kind in ("raw", "current") else 1
    scaled = value.astype(np.float64) / top
    if len(value) == 3:
        # A spike takes its channel's light away: dark where all three channels fire, white where none does.
        picture(axis, scaled.transpose(1, 2, 0) if top == 255 else 1 - 0.85 * (scaled.transpose(1, 2, 0)))
    else:
        picture(axis, scaled[0], cmap={"raw": "gray", "current": "Blues"}.get(kind, "gray_r"), vmin=0, vmax=1)


def _spectrum(axis: Axes, value: np.ndarray, kind: str, first: bool) -> None:
    """Show a spectrum: raw as a curve, spikes as lines, currents as bars."""
    line = value.reshape(-1)
    band = np.arange(len(line))
    if kind == "raw":
        axis.plot(band, line, color=ORANGE, linewidth=1)
    elif kind == "current":
        axis.fill_between(band, line, step="mid", color=BLUE, linewidth=0)
    else:
        axis.vlines(band[line > 0], 0, 1, color=SPIKE, linewidth=0.4)
        axis.set(ylim=(0, 1.4), yticks=[])
        if not line.any():
            axis.text(0.5, 0.5, "nothing is left", transform=axis.transAxes, ha="center", color=GREY, fontsize=8)
    if kind in ("raw", "current"):
        axis.set(ylim=(0, 260), yticks=[0, 255])
    axis.set(xlim=(0, len(line)), xticks=[0, len(line)])
    axis.tick_params(labelsize=7)
