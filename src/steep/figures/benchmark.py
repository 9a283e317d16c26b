"""Figures: what `make benchmark` measured."""

from pathlib import Path

from matplotlib.figure import Figure

from steep.figures import simulators, stpu_cost
from steep.tables import read_table

# What is drawn of each table, and by what.
DRAWN = {
    "simulators": (
        simulators.draw,
        (
            "network",
            "implementation",
            "measured",
            "lowest",
            "highest",
            "frames_per_cpu_s",
            "frames_per_wall_s",
            "differing",
        ),
    ),
    "sizes": (
        simulators.draw_curves,
        (
            "curve",
            "size",
            "implementation",
            "measured",
            "synapses",
            "cpu_s",
            "frames_per_cpu_s",
            "frames_per_wall_s",
            "memory_MiB",
        ),
    ),
    "stpu": (stpu_cost.draw, ("implementation", "neurons", "fan_out", "longest", "us_per_step")),
}


def plot(table: Path, benchmark: str) -> Figure:
    """Draw a benchmark's table."""
    draw, columns = DRAWN[benchmark]
    return draw(read_table(table, *columns))
