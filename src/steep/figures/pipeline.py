"""Figure: frames in a pipeline, as an animation (the talk's slides "Visualizing a deep spiking CNN", in motion).

At every step a new frame enters while each layer works on the frame that the layer before it had a step ago: several
frames are in flight at once, and one leaves at every step. Each frame has a colour, which goes through the network with
it. The file is an SVG with CSS animation: no script, a few pictures per step. Where nothing moves (in print, or where
the reader asked for less motion) a step with every layer at work is shown.
"""

import base64
import html
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from steep.analysis.activity import check_examples
from steep.figures.layers import choose
from steep.figures.style import BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILION, as_grid, layer_name, plt
from steep.figures.text import readable
from steep.files import read_npz
from steep.study.trace import as_text
from steep.threshold.network import ThresholdNetwork

SECONDS = 1.1  # a step stays on the screen
FULL = 3  # at least so many steps every layer is at work
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE)
SIDE, GAP, TOP, LEFT = 130, 34, 92, 20
FONT = "font-family='DejaVu Sans,Arial,sans-serif'"


def png(image: np.ndarray) -> str:
    """Return uint8 RGB (height, width, 3) as the address of a PNG that holds it."""
    buffer = io.BytesIO()
    plt.imsave(buffer, image, format="png", metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def tinted(spikes: np.ndarray, colour: str) -> np.ndarray:
    """Return a picture of spikes in a colour: uint8 (height, width, 3) of float64 values 0 (white) to 1; NaN is a gap,
    light grey."""
    ink = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    value = np.nan_to_num(spikes)[..., None]
    image = 255 - value * (255 - ink)
    return np.rint(np.where(np.isnan(spikes)[..., None], 225, image)).astype(np.uint8)


def draw(examples: dict[str, np.ndarray], shapes: list[tuple[int, ...]], title: str, trace: dict | None = None) -> str:
    """Return the animation as the text of an SVG.

    Parameters
    ----------
    examples : `steep.analysis.activity.choose_examples`; the frames classified rightly are run, in that order, or
        all where none is; few frames come round again, until every layer has had one of its own at the same time.
    shapes : of the input and of every layer.
    title : heading.
    trace : what it was made from, for the metadata.

    """
    check_examples(examples, shapes)
    chosen, heading = choose(examples, readable(title))
    last = len(shapes) - 1
    chosen = np.resize(chosen, max(len(chosen), last + FULL))
    steps = len(chosen) + last
    width, height = LEFT * 2 + (last + 1) * SIDE + last * GAP, TOP + SIDE + 96
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}'>",
        f"<title>{html.escape(heading)}</title>",
        f"<metadata>{html.escape(as_text(trace))}</metadata>" if trace else "",
        _style(steps),
        "<rect width='100%' height='100%' fill='white'/>",
        _text(width / 2, 24, heading, 15),
        _text(width / 2, 46, "one frame, one step: a new frame enters at every step, each colour is a frame", 11, GREY),
    ]
    for number, shape in enumerate(shapes):
        x = LEFT + number * (SIDE + GAP)
        count = "×".join(map(str, shape))
        parts.append(_text(x + SIDE / 2, TOP - 10, f"{layer_name(number, last)} ({count})", 11))
        parts.append(f"<rect x='{x}' y='{TOP}' width='{SIDE}' height='{SIDE}' fill='none' stroke='{GREY}'/>")
        if number < last:
            y = TOP + SIDE / 2
            parts.append(f"<path d='M{x + SIDE + 6} {y} h{GAP - 16} m-6 -5 l8 5 l-8 5' fill='none' stroke='{GREY}'/>")
    for step in range(steps):
        kind = "step still" if step == last else "step"
        shown = [f"<g class='{kind}' style='--n:{step}'>"]
        for number, shape in enumerate(shapes):
            if 0 <= step - number < len(chosen):
                shown.append(_layer(examples, int(chosen[step - number]), step - number, number, shape, last))
        shown.append(_text(width / 2, height - 42, f"step {step}", 13))
        leaving = step - last
        if 0 <= leaving < len(chosen):
            frame = chosen[leaving]
            words = f"frame {examples['index'][frame]} leaves: class {examples['classes'][frame]}"
            shown.append(_text(width / 2, height - 20, words, 12, COLOURS[leaving % len(COLOURS)]))
        parts.append("".join(shown) + "</g>")
    return "\n".join([*filter(None, parts), "</svg>", ""])


def _style(steps: int) -> str:
    """Return the animation: every step is visible for its part of the time."""
    part = 100 / steps
    return (
        "<style>.step{visibility:hidden;"
        f"animation:show {steps * SECONDS:.1f}s steps(1,end) infinite;animation-delay:calc(var(--n)*{SECONDS}s)}}"
        f"@keyframes show{{0%{{visibility:visible}}{part:.4f}%{{visibility:hidden}}100%{{visibility:hidden}}}}"
        "image{image-rendering:pixelated}"
        "@media print,(prefers-reduced-motion:reduce){.step{animation:none}.still{visibility:visible}}</style>"
    )


def _text(x: float, y: float, words: str, size: int, colour: str = "#222222") -> str:
    return (
        f"<text x='{x:g}' y='{y:g}' font-size='{size}' fill='{colour}' text-anchor='middle' {FONT}>"
        f"{html.escape(words)}</text>"
    )


def _layer(
    examples: dict[str, np.ndarray], frame: int, entered: int, number: int, shape: tuple[int, ...], last: int
) -> str:
    """Return one layer's picture of one frame, in the frame's colour."""
    colour = COLOURS[entered % len(COLOURS)]
    x = LEFT + number * (SIDE + GAP)
    if number == 0:
        # Of currents the largest value has the full colour: a spectrum may be faint throughout.
        value = examples["values"][frame].astype(np.float64)
        value /= max(float(value.max()), 1.0)
        # A spectrum is shown as its bands, row by row.
        image = as_grid(value.reshape(-1), (value.size,), np.nan) if value.shape[1] == 1 else value.mean(0)
    elif number == last:
        return _classes(examples, frame, colour, x, shape[0])
    else:
        image = as_grid(examples[f"layer{number}"][frame].astype(np.float64), shape, np.nan)
    label = _text(x + SIDE / 2, TOP + SIDE + 16, f"frame {examples['index'][frame]}", 10, colour)
    return (
        f"<image x='{x + 1}' y='{TOP + 1}' width='{SIDE - 2}' height='{SIDE - 2}' href='{png(tinted(image, colour))}'/>"
        + label
    )


def _classes(examples: dict[str, np.ndarray], frame: int, colour: str, x: float, classes: int) -> str:
    """Return the output layer: a bar per class, as long as its potential above the lowest, the winner in colour."""
    potential = examples["potential"][frame]
    reach = potential - potential.min()
    reach = reach / max(float(reach.max()), 1.0)
    high = (SIDE - 8) / classes
    bars = []
    for number, part in enumerate(reach):
        y = TOP + 4 + number * high
        ink = colour if number == examples["classes"][frame] else "#BBBBBB"
        width, thick = (SIDE - 30) * part, max(high - 2, high / 2)
        bars.append(f"<rect x='{x + 22}' y='{y:.1f}' width='{width:.1f}' height='{thick:.1f}' fill='{ink}'/>")
        if classes <= 12:
            bars.append(_text(x + 12, y + high - 4, str(number), 9))
    return "".join(bars) + _text(x + SIDE / 2, TOP + SIDE + 16, f"frame {examples['index'][frame]}", 10, colour)


def plot(examples: Path, network: Path, title: str) -> Callable[[dict[str, Any]], str]:
    """Return a function that writes the animation as SVG with the trace it is given; SteepError unless the network is a
    chain."""
    loaded = ThresholdNetwork.load(network)
    loaded.chain()  # frames go from each layer to the next one
    return lambda trace: draw(read_npz(examples), loaded.shapes, title, trace)
