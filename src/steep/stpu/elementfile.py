"""The files that SST's *gensa* element records into, written and read.

Text with a tab between cells. The first cell of a line is the step, ``$t`` in headers; a line is there for each step
in which something is recorded. A column begins with the first value recorded under its name; then a new header line
comes, in which the cells of the columns known before are empty. A spike is a 1, no spike an empty cell; a probe of V
has the membrane at the end of the step, after reset and leak. Numbers have six digits. The files written here are the
element's to the last byte but for minus zero, which it writes ``-0`` where nothing has arrived, and which is 0 here.

What is written under which name says an output of the text model (`steep.stpu.textmodel`): probe, file, column.
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from steep.errors import SteepError
from steep.stpu.network import Recording
from steep.stpu.textmodel import Output, read_text

TIME = "$t"
FILE = "out"  # where an output goes that names no file
SIX_DIGITS = 10**6  # a step from here on is written with fewer digits than it has
STEP = re.compile(r"[0-9]{1,6}", re.ASCII)
VALUE = re.compile(r"-?(([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|inf)", re.ASCII)


@dataclass(frozen=True)
class Trace:
    """One output as the element takes it: what of a neuron is recorded, where."""

    neuron: int
    membrane: bool
    file: str
    column: str


def traces_of(outputs: tuple[Output, ...]) -> list[Trace]:
    """Return what outputs record, in the element's order: by neuron, and of one neuron the last output first."""
    traces = []
    for output in sorted(reversed(outputs), key=lambda output: output.neuron):
        said = {"p": "spike", "f": FILE, "c": ""} | {option[:1]: option[1:] for option in output.options}
        name = str(output.neuron) if said["p"] == "spike" else f"{output.neuron}.{said['p']}"
        traces.append(Trace(output.neuron, said["p"] == "V", said["f"], said["c"] or name))
    return traces


def traces_into(file: str | None, traces: list[Trace]) -> list[Trace]:
    """Return what is recorded into a file, None for the only one; SteepError where that is nothing, or not the only
    one."""
    names = sorted({trace.file for trace in traces})
    if not names:
        raise SteepError("the model records nothing, so the element writes no file; give a neuron an output, ' o'")
    if file not in names and (file or len(names) > 1):
        raise SteepError(f"the outputs of the model go to {', '.join(names)}; write --element-file and one of these")
    return [trace for trace in traces if file is None or trace.file == file]


def recorded_text(
    traces: list[Trace], recording: Recording, watched: np.ndarray, steps: int, is_input: np.ndarray
) -> str:
    """Return what the element writes into one file.

    Parameters
    ----------
    traces : those of the file, in the order of `traces_of`.
    recording : all spikes, and the membranes of `watched`.
    watched : int64 (watched,), ascending; all neurons whose membrane is traced are among them.
    steps : number of steps that were simulated, each 1 long.
    is_input : bool (neurons,); input neurons have no membrane to trace.

    Raises
    ------
    SteepError
        when there are more steps than six digits can tell.

    """
    if steps > SIX_DIGITS:
        raise SteepError(f"the element writes steps in six digits; simulate at most {SIX_DIGITS} steps, not {steps}")
    traced = np.unique([trace.neuron for trace in traces])
    fired = recording.raster_of(traced, steps)
    place = {neuron: number for number, neuron in enumerate(traced.tolist())}
    membrane = {neuron: number for number, neuron in enumerate(watched.tolist())}
    columns = {TIME: 0}
    headed = 0
    lines: list[str] = []
    always = any(trace.membrane and not is_input[trace.neuron] for trace in traces)
    for step in range(steps) if always else np.flatnonzero(fired.any(axis=1)).tolist():
        row = {0: float(step)}
        for trace in traces:
            if trace.membrane and not is_input[trace.neuron]:
                value = float(recording.membrane[step, membrane[trace.neuron]])
            elif not trace.membrane and fired[step, place[trace.neuron]]:
                value = 1.0
            else:
                continue
            row[columns.setdefault(trace.column, len(columns))] = value
        if not row.keys() - {0} and not always:
            continue
        if len(columns) > headed:
            names = [name.replace(" ", "_") if number >= max(headed, 1) else "" for name, number in columns.items()]
            lines.append("\t".join([TIME, *names[1:]]))
            headed = len(columns)
        lines.append("\t".join(_six_digits(row.get(number)) for number in range(len(columns))))
    return "".join(f"{line}\n" for line in lines)


def _six_digits(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value + 0.0:g}"  # 0.0 takes the sign from minus zero


def read_recorded(path: Path | str) -> dict[str, dict[int, float]]:
    """Read a file that the element has recorded into: by column, the values by step.

    Raises
    ------
    SteepError
        ``file:line: what is wrong``, in one line.

    """
    text = read_text(path)
    if not text:
        raise SteepError(f"{path}:1: the file is empty: nothing was recorded into it")
    lines = text.split("\n")
    if lines.pop():
        raise SteepError(f"{path}:{len(lines) + 1}: the line is cut off; let the simulation run to its end")
    names: list[str] = []
    columns: dict[str, dict[int, float]] = {}
    last = -1
    for number, line in enumerate(lines, 1):
        cells = line.removesuffix("\r").split("\t")
        try:
            if cells[0] == TIME:
                new = cells[max(len(names), 1) :]
                if any(cells[1 : len(names)]) or not new or "" in new or len({*names, *new}) < len(names) + len(new):
                    raise SteepError("a header has empty cells for the columns above it and new names after them")
                names += [TIME, *new] if not names else new
                columns |= {name: {} for name in new}
                continue
            if not names:
                raise SteepError(f"the first line of what the element records begins with {TIME} and names columns")
            last = _read_row(cells, names, columns, last)
        except SteepError as error:
            raise SteepError(f"{path}:{number}: {error}") from error
    return columns


def _read_row(cells: list[str], names: list[str], columns: dict[str, dict[int, float]], last: int) -> int:
    """Add a line of values to the columns; return its step."""
    if len(cells) != len(names):
        raise SteepError(f"the line has {len(cells)} cells; the headers name {len(names)} columns")
    if not STEP.fullmatch(cells[0]):
        raise SteepError(
            f"the time is {cells[0][:40]!r}, not a whole step of up to six digits; run the element with dt 1, for at"
            f" most {SIX_DIGITS} steps"
        )
    step = int(cells[0])
    if step <= last:
        raise SteepError(f"step {step} stands after step {last}")
    for name, cell in zip(names[1:], cells[1:], strict=True):
        if cell:
            if not VALUE.fullmatch(cell):
                raise SteepError(f"column {name[:40]} holds {cell[:40]!r}, not a number")
            columns[name][step] = float(cell)
    return step
