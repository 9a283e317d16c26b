"""Figure: data conversion, a frame each way (the talk's slide of that name): as it is, binarized, as contours, as
injected current."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from steep.encodings import encode
from steep.figures.style import BLUE, GREY, ORANGE, SPIKE, picture, plt
from steep.frames import Frames

EXAMPLES = 3
# What encodings are drawn with where the study gives the data to no experiment so.
USUAL: dict[str, dict[str, Any]] = {
    "binarize": {"kind": "binarize", "threshold": 0.5},
    "contours": {"kind": "contours", "sigma": 1, "low": 0.1, "high": 0.2},
    "current": {"kind": "current"},
}
TITLES = {"binarize": "binarized", "contours": "contours", "current": "injected current"}


def settings(encodings: dict[str, dict[str, Any]]) -> dict[str, tuple[dict[str, Any], bool]]:
    """Return by kind the first encoding in use of that kind, and whether there is one."""
    own = {spec["kind"]: spec for spec in reversed(encodings.values())}
    return {kind: (own.get(kind, usual), kind in own) for kind, usual in USUAL.items()}


def examples(frames: Frames) -> np.ndarray:
    """Return the first frame of each of the first classes, int64."""
    classes = np.unique(frames.labels)[:EXAMPLES]
    return np.array([int(np.argmax(frames.labels == label)) for label in classes])


def draw(frames: Frames, encodings: dict[str, dict[str, Any]], title: str) -> Figure:
    """Draw one row per example frame and one column per way; ways that are not in use and leave nothing of the frames
    are named in a note instead.

    Parameters
    ----------
    frames : raw frames, values 0 to 255.
    encodings : that the study's experiments give these data in, by name.
    title : heading.

    """
    chosen = frames.take(examples(frames))
    ways = [(kind, spec, own, encode(chosen, spec).values) for kind, (spec, own) in settings(encodings).items()]
    shown = [way for way in ways if way[2] or way[3].any()]
    spectrum = frames.shape[1] == 1
    columns, lowest = len(shown) + 1, len(chosen) - 1
    figure, axes = plt.subplots(
        len(chosen),
        columns,
        figsize=(2.75 * columns, 1.6 * len(chosen) + 0.7) if spectrum else (1.9 * columns, 1.95 * len(chosen) + 0.5),
        layout="constrained",
        squeeze=False,
    )
    figure.suptitle(title, fontsize=11)
    show = _spectrum if spectrum else _image
    band = "band\n" if spectrum else ""
    for row, value in enumerate(chosen.values):
        show(axes[row, 0], value, "raw")
        axes[row, 0].set_ylabel(f"class {chosen.labels[row]}", fontsize=8)
        for kind, spec, _, _ in ways:
            if kind == "binarize" and spectrum:
                level = 255 * spec["threshold"]
                axes[row, 0].axhline(level, color=GREY, linestyle=":", linewidth=1)
                words = f"binarized: threshold {spec['threshold']:g} of 255"
                axes[row, 0].text(value.size, level + 6, words, ha="right", fontsize=7, color=GREY)
    axes[0, 0].set_title("as it is\n0 to 255", fontsize=9)
    axes[lowest, 0].set_xlabel(band.rstrip(), fontsize=7)
    for column, (kind, spec, own, encoded) in enumerate(shown, 1):
        for row, value in enumerate(encoded):
            show(axes[row, column], value, kind)
            active = f"{np.count_nonzero(value):,} of {value.size:,} {'values' if kind == 'current' else 'spikes'}"
            axes[row, column].set_xlabel(band * (row == lowest) + active, fontsize=7)
        axes[0, column].set_title(f"{TITLES[kind]}{'' if own else '*'}\n{_details(spec)}", fontsize=9)
    notes = [] if all(own for _, _, own, _ in shown) else ["* not used for these data; drawn with usual settings"]
    notes += [
        f"{TITLES[kind]} ({_details(spec)}) leaves nothing of these frames and is not used"
        for kind, spec, own, encoded in ways
        if not own and not encoded.any()
    ]
    if notes:
        figure.supxlabel("\n".join(notes), fontsize=7, color=GREY)
    return figure


def _details(spec: dict[str, Any]) -> str:
    """Return what an encoding is set to, in words."""
    if spec["kind"] == "current":
        return "the values, not yet weighted"
    if spec["kind"] == "binarize":
        return f"threshold {spec['threshold']:g} of full scale"
    return ", ".join(f"{key} {value:g}" for key, value in spec.items() if key != "kind")


def _image(axis: Axes, value: np.ndarray, kind: str) -> None:
    """Show uint8 (channels, height, width): raw in grey or colour, spikes black (of colour images: each
    channel its own), currents in blue."""
    top = 255 if kind in ("raw", "current") else 1
    scaled = value.astype(np.float64) / top
    if len(value) == 3:
        # A spike takes its channel's light away: dark where all three channels fire, white where none does.
        picture(axis, scaled.transpose(1, 2, 0) if top == 255 else 1 - 0.85 * (scaled.transpose(1, 2, 0)))
    else:
        picture(axis, scaled[0], cmap={"raw": "gray", "current": "Blues"}.get(kind, "gray_r"), vmin=0, vmax=1)


def _spectrum(axis: Axes, value: np.ndarray, kind: str) -> None:
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


def plot(images: Path, encodings: dict[str, dict[str, Any]], title: str) -> Figure:
    """Draw some of the frames in `images`."""
    return draw(Frames.load(images), encodings, title)
