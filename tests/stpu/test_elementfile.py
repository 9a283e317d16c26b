"""What the element records: written as it writes it, read back, refused with file and line."""

import random
import re
from pathlib import Path

import fuzz
import numpy as np
import pytest

from steep.cli import main
from steep.errors import SteepError
from steep.stpu.elementfile import read_recorded, recorded_text, traces_into, traces_of
from steep.stpu.network import Recording
from steep.stpu.textmodel import Output

# Neuron 1 fires at 2 and 4, neuron 0, an input, at 0 and 2.
MODEL = "0\n r101\n 1,0.75,1\n 1,1,2\n o\n  cin put\n1,0,1,0,0.5,1\n o\n o\n  pV\n o\n  felse\n"
# The last output of neuron 1 into this file stands first; V has a value in every step; names lose their blanks.
FILE = "$t\tin_put\t1.V\n0\t1\t0\n1\t\t0.375\n$t\t\t\t1\n2\t1\t0\t1\n3\t\t0.375\t\n4\t\t0\t1\n5\t\t0\t\n"


@pytest.mark.parametrize("simulator", ["reference", "brian2-buffer", "brian2-delays", "brian2-rows"])
def test_the_file_is_the_element_s(tmp_path: Path, simulator: str) -> None:
    """The expected text is what the unmodified element wrote of this model."""
    (tmp_path / "model").write_text(MODEL)
    arguments = ["--model", str(tmp_path / "model"), "--raster", str(tmp_path / "raster"), "--steps", "6"]
    arguments += ["--simulator", simulator, "--element-output", str(tmp_path / "out"), "--element-file"]
    assert main(["simulate-model", *arguments, "out"]) == 0
    assert (tmp_path / "out").read_text() == FILE
    read = {"in_put": {0: 1, 2: 1}, "1.V": {0: 0, 1: 0.375, 2: 0, 3: 0.375, 4: 0, 5: 0}, "1": {2: 1, 4: 1}}
    assert read_recorded(tmp_path / "out") == read
    assert main(["simulate-model", *arguments, "else"]) == 0
    assert (tmp_path / "out").read_text() == "$t\t1\n2\t1\n4\t1\n"


def test_which_file_must_be_said_where_there_are_several() -> None:
    traces = traces_of((Output(0), Output(1, ("felse",))))
    assert [trace.neuron for trace in traces_into("else", traces)] == [1]
    assert traces_into(None, traces[:1]) == traces[:1]
    for wrong in (None, "x"):
        with pytest.raises(SteepError, match="go to else, out; write --element-file"):
            traces_into(wrong, traces)
    with pytest.raises(SteepError, match="records nothing"):
        traces_into(None, [])


def test_six_digits_and_no_sign_of_zero() -> None:
    traces = traces_of((Output(0, ("pV",)),))
    membrane = np.array([[123456.7], [-0.0], [1e-5], [np.nan], [np.inf], [-99999.5]], np.float32)
    empty = np.zeros(0, np.int64)
    recording = Recording(empty, empty, membrane, membrane)
    text = recorded_text(traces, recording, np.array([0]), 6, np.array([False]))
    assert text == "$t\t0.V\n0\t123457\n1\t0\n2\t1e-05\n3\t\n4\tinf\n5\t-99999.5\n"
    with pytest.raises(SteepError, match="at most 1000000 steps, not 1000001"):
        recorded_text(traces, recording, np.array([0]), 10**6 + 1, np.array([False]))


WRONG = [
    ("", 1, "the file is empty: nothing was recorded"),
    (FILE[:-1], 8, "the line is cut off"),
    ("0\t1\n" + FILE, 1, "begins with \\$t and names columns"),
    (FILE.replace("2\t1\t0\t1", "2\t1\t0"), 5, "the line has 3 cells; the headers name 4 columns"),
    (FILE.replace("4\t\t0\t1", "3\t\t0\t1"), 7, "step 3 stands after step 3"),
    (FILE.replace("4\t\t0\t1", "4.5\t\t0\t1"), 7, "the time is '4.5', not a whole step"),
    (FILE.replace("4\t\t0\t1", "1e+06\t\t0\t1"), 7, "the time is '1e\\+06', not a whole step"),
    (FILE.replace("4\t\t0\t1", "\t\t0\t1"), 7, "the time is '', not a whole step"),
    (FILE.replace("4\t\t0\t1", "4\t\tx\t1"), 7, "column 1.V holds 'x', not a number"),
    (FILE.replace("4\t\t0\t1", "4\t\tnan\t1"), 7, "column 1.V holds 'nan', not a number"),
    (FILE.replace("$t\t\t\t1", "$t\t\t\t1.V"), 4, "a header has empty cells"),
    (FILE.replace("$t\t\t\t1", "$t\tx\t\t1"), 4, "a header has empty cells"),
    (FILE.replace("$t\t\t\t1", "$t\t\t\t"), 4, "a header has empty cells"),
]


@pytest.mark.parametrize(("text", "line", "message"), WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_said_with_file_and_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    (tmp_path / "out").write_text(text)
    with pytest.raises(SteepError, match=rf"out:{line}: .*{message}"):
        read_recorded(tmp_path / "out")


def test_a_broken_file_is_read_or_refused_in_one_line(tmp_path: Path) -> None:
    refused = 0
    for number in range(300):
        (tmp_path / "out").write_bytes(fuzz.cut_bytes(random.Random(number), FILE.encode()))
        try:
            read_recorded(tmp_path / "out")
        except SteepError as error:
            refused += 1
            assert re.fullmatch(rf"{tmp_path}/out:\d+: .+", str(error)), error
    assert refused > 100


def text_of(outputs: tuple[Output, ...], spikes: dict[int, int], steps: int, inputs: int = 0) -> str:
    """Return what is recorded of two neurons, the first `inputs` of them input neurons, that spike at the steps."""
    empty = np.zeros((steps, 0), np.float32)
    recording = Recording(np.array([*spikes]), np.array([*spikes.values()]), empty, empty)
    return recorded_text(traces_of(outputs), recording, np.zeros(0, np.int64), steps, np.arange(2) < inputs)


def test_a_million_steps_are_written_and_read(tmp_path: Path) -> None:
    text = text_of((Output(0),), {999_999: 0}, 10**6)
    assert text == "$t\t0\n999999\t1\n"
    (tmp_path / "out").write_text(text)
    assert read_recorded(tmp_path / "out") == {"0": {999_999: 1}}
    (tmp_path / "out").write_text("$t\t0\n1000000\t1\n")
    with pytest.raises(SteepError, match="out:2: the time is '1000000', not a whole step of up to six digits"):
        read_recorded(tmp_path / "out")


def test_an_input_neuron_has_no_membrane_to_record() -> None:
    """Neither a column nor a line in a step in which nothing else is there."""
    outputs = (Output(0, ("pV",)), Output(1))
    assert text_of(outputs, {0: 0, 2: 1}, 4, inputs=1) == "$t\t1\n2\t1\n"
    assert text_of(outputs[:1], {0: 0}, 4, inputs=1) == ""


def test_every_blank_of_a_column_s_name_is_written_otherwise() -> None:
    assert text_of((Output(0, ("c a b  c",)),), {1: 0}, 2) == "$t\t_a_b__c\n1\t1\n"


NUMBERS = ["0", "007", "-2.5", "5.", ".5", "-.5e2", "1e5", "1e-05", "1e+05", "inf", "-inf"]
NO_NUMBERS = ["+1", "--1", ".", "-", "1e", "e5", "0x1", "1_0", "1,5", " 1", "1 ", "nan", "infinity", "\u0661"]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_numbers_are_read_in_every_form_of_c_and_in_no_other(tmp_path: Path, ending: str) -> None:
    def read(number: str) -> dict[str, dict[int, float]]:
        (tmp_path / "out").write_bytes(f"$t\ta{ending}3\t{number}{ending}".encode())
        return read_recorded(tmp_path / "out")

    for number in NUMBERS:
        assert read(number) == {"a": {3: float(number)}}
    for number in NO_NUMBERS:
        with pytest.raises(SteepError, match=re.escape(f"out:2: column a holds {number!r}, not a number")):
            read(number)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$t\ta\n" + "1" * 99 + "\t1\n", f"2: the time is '{'1' * 40}', not a whole step"),
        ("$t\ta\n1\t" + "x" * 99 + "\n", f"2: column a holds '{'x' * 40}', not a number"),
        ("$t\t" + "b" * 99 + "\n1\tx\n", f"2: column {'b' * 40} holds 'x', not a number"),
        ("$t\ta\ta\n1\t1\t1\n", "1: a header has empty cells for the columns above it and new names after them"),
    ],
)
def test_long_cells_are_cut_and_names_come_once(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "out").write_text(text)
    with pytest.raises(SteepError, match=f"out:{message}"):
        read_recorded(tmp_path / "out")
