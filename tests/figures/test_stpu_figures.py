"""The STPU's figures are drawn from any such table, the same bytes twice."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from steep.figures import bits as bits_figure
from steep.figures import layout as layout_figure
from steep.figures import leak, responses, robustness
from steep.figures.style import OUTPUT, STAGES, error_bars, plt, save_figure, with_interval
from steep.stpu.layout import from_threshold_network
from steep.threshold.network import ThresholdNetwork, dense


def sweep() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    base = {"leak": 1.0, "spacing": 1, "dropped": 0.0, "inserted": 0.0, "late": 0.0}
    rows = [
        base | {"sweep": "leak", "leak": k, "spacing": s, "seed": n} for k in (1.0, 0.5) for s in (1, 2) for n in (0, 1)
    ]
    rows += [
        base | {"sweep": "faults", kind: r, "seed": n}
        for kind in ("dropped", "inserted", "late")
        for r in (0, 0.1)
        for n in (0, 1)
    ]
    return pd.DataFrame(rows).assign(accuracy=lambda frame: 90 + rng.random(len(frame)))


BITS = pd.DataFrame({"changed": "all", "bits": [2, 2, 8, 8], "seed": [0, 1, 0, 1], "accuracy": [50.0, 60, 98, 99]})
LIMITS = {"neurons": {"limit": 64, "assumed": True}, "buffer_slots": {"limit": 8, "assumed": True}}
LAYOUT = from_threshold_network(
    ThresholdNetwork(
        (1, 3, 3),
        (
            dense(0, np.ones((4, 9), np.int32), np.full(4, -0.5)),
            dense(1, np.ones((2, 4), np.int32), np.full(2, 1.5)),
        ),
    ),
    clock=True,
)
RESPONSES = {"steps": 30, "bits": 8, "alpha": 5, "difference": [2, 8]}
FIGURES = {
    "leak": lambda: leak.draw(sweep(), "t"),
    "bits": lambda: bits_figure.draw(pd.concat([BITS, BITS.assign(changed=1), BITS.assign(changed=2)]), [1, 3], "t"),
    "robustness": lambda: robustness.draw(sweep(), BITS, "t"),
    "responses": lambda: responses.draw(RESPONSES),
    "layout": lambda: layout_figure.draw(LAYOUT, LIMITS, "t"),
}


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_bytes_twice(tmp_path: Path, name: str) -> None:
    for file in ("one.svg", "two.svg"):
        save_figure(FIGURES[name](), tmp_path / file)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_the_last_layer_with_weights_is_the_output() -> None:
    figure = FIGURES["bits"]()
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["all layers", "layer 1 alone", "output alone"]
    plt.close(figure)


def test_accuracies_do_not_reach_above_100() -> None:
    figure = FIGURES["bits"]()
    whole, upper = figure.axes
    assert whole.get_ylim()[1] <= 100 and upper.get_ylim() == (95.5, 99.5)
    plt.close(figure)
    assert error_bars(np.array([98.5, 55.0]), np.array([6.0, 60.0])).tolist() == [[6, 55], [1.5, 45]]


def test_the_output_has_one_colour() -> None:
    """Whatever the number of layers, and none of a stage."""
    for count in (1, 4):
        changed = [BITS, *(BITS.assign(changed=number) for number in range(1, count + 1))]
        figure = bits_figure.draw(pd.concat(changed), [*range(1, count + 1)], "t")
        colours = [container.lines[0].get_color() for container in figure.axes[0].containers]
        assert colours[-1] == OUTPUT and len(set(colours)) == count + 1
        assert not set(colours) & {colour for _, colour in STAGES.values()}
        plt.close(figure)


def test_intervals_are_over_seeds() -> None:
    bits, mean, half = with_interval(BITS, "bits")
    assert bits.tolist() == [2, 8] and mean.tolist() == [55.0, 98.5]
    assert half[0] == pytest.approx(12.7062 * 5, rel=1e-4)
