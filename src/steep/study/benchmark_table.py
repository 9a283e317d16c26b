"""The table of a benchmark as the report shows it."""

import math
from pathlib import Path
from typing import Any

from steep.analysis.render import Tabulated
from steep.tables import read_table


def three_digits(value: Any) -> str:
    """Return a cell of a table for people; of fractions the first three digits."""
    if isinstance(value, float):
        if math.isnan(value):
            return "–"
        return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"
    return str(value)


def tabulate(table: Path, title: str) -> Tabulated:
    """Show what a benchmark measured."""
    measured = read_table(table)
    # Numbers span six orders of magnitude: three digits of each, however large.
    view = measured.apply(lambda column: column.map(three_digits)).rename(columns=lambda name: name.replace("_", " "))
    return Tabulated(measured, view, title, "Measured on one machine; see the caption.")
