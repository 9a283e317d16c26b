"""The text model: read, written, refused with file and line."""

import random
import re
from pathlib import Path

import fuzz
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_stpu import STEPS, network_of, stimulus_of, union

from steep.errors import SteepError
from steep.stpu import brian2_stpu, reference
from steep.stpu.network import Stimulus, StpuNetwork, no_injection
from steep.stpu.textmodel import Output, TextModel, lines_of, raster_text, read_model, write_model

MODEL = """0
 r0110
 2,0.75,1
 2,-1,3
1
 t3,7
 2,0.1,2
 o
2,0.5,1,-1,0.25,1
 2,1,1
 o
  pV
  cmembrane
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model"
    path.write_text(MODEL)
    return path


def test_reading(path: Path) -> None:
    model = read_model(path)
    network = model.network
    assert network.is_input.tolist() == [True, True, False]
    assert (network.initial[2], network.threshold[2], network.reset[2], network.leak[2]) == (0.5, 1, -1, 0.25)
    synapses = list(zip(network.source, network.target, network.weight, network.delay, strict=True))
    assert synapses == [(0, 2, 0.75, 1), (0, 2, -1, 3), (1, 2, 0.1, 2), (2, 2, 1, 1)]
    assert list(zip(model.stimulus.step, model.stimulus.neuron, strict=True)) == [(1, 0), (2, 0), (3, 1), (7, 1)]
    assert model.outputs == (Output(1), Output(2, ("pV", "cmembrane")))
    assert (network.variant, network.precision) == ("multiplicative", "float32")


def same(one: TextModel, other: TextModel) -> None:
    for name in ("initial", "threshold", "reset", "leak", "is_input", "source", "target", "weight", "delay"):
        assert np.array_equal(getattr(one.network, name), getattr(other.network, name)), name
    for name in ("step", "neuron"):
        assert np.array_equal(getattr(one.stimulus, name), getattr(other.stimulus, name)), name
    assert one.outputs == other.outputs


def test_empty_lines_at_the_end_windows_line_ends_and_a_byte_order_mark_are_fine(path: Path) -> None:
    expected = read_model(path)
    path.write_bytes((MODEL + "\n\n").encode())
    same(read_model(path), expected)
    path.write_bytes(MODEL.replace("\n", "\r\n").encode())
    same(read_model(path), expected)
    path.write_bytes(b"\xef\xbb\xbf" + MODEL.encode())  # an editor's byte-order mark
    same(read_model(path), expected)


def test_numbers_are_read_as_c_reads_them(path: Path) -> None:
    """Blanks around numbers, signs, zeros in front, exponents: atoi and atof take them, to the same values."""
    expected = read_model(path)
    odd = (
        MODEL.replace(" 2,0.75,1", " 002, +.75 ,\t1")
        .replace(" t3,7", " t03, 7 ")
        .replace("2,0.5,1,-1,", "2,5e-1,1.,-1E0,")
    )
    path.write_text(odd)
    same(read_model(path), expected)


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_round_trip_is_exact(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """Text, network, text: the same bytes; network, text, network: the same values and the same spikes."""
    path = tmp_path_factory.mktemp("model") / "model"
    rng = np.random.default_rng(seed)
    network = network_of(rng, "multiplicative", "float64")
    spikes = stimulus_of(rng, network)
    model = TextModel(
        network,
        Stimulus(spikes.step, spikes.neuron, *no_injection()),
        (Output(0, ("fspikes",)), Output(network.count - 1)),
    )
    write_model(path, model)
    again = read_model(path, precision="float64")
    text = path.read_bytes()
    write_model(path, again)
    assert path.read_bytes() == text
    watched = np.arange(network.count)
    for name in ("initial", "threshold", "reset", "leak"):
        membranes = ~network.is_input
        assert np.array_equal(getattr(network, name)[membranes], getattr(again.network, name)[membranes])
    one, other = (reference.simulate(m.network, m.stimulus, STEPS, watched) for m in (model, again))
    assert np.array_equal(one.neuron, other.neuron) and np.array_equal(one.membrane, other.membrane)
    write_model(path, again)
    same(again, read_model(path, precision="float64"))


WRONG = [
    (" 2,0.75,1", " 2,0.75,0", 3, "delay is 0; it must be 1 to 65535"),
    (" 2,0.75,1", " 9,0.75,1", 3, "target 9 does not exist; the model has 3 neurons"),
    (" 2,0.75,1", " 1,0.75,1", 3, "target 1 is an input neuron"),
    (" 2,0.75,1", " 2,nan,1", 3, "weight is nan; it must be a number"),
    (" 2,0.75,1", " 2,heavy,1", 3, "weight is 'heavy', not a number"),
    (" 2,0.75,1", " 2,0.75", 3, "a synapse is target,weight,delay; here are 2 values"),
    (" 2,0.75,1", " 2,0.75,70000", 3, "delay is 70000"),
    (" r0110", " r0120", 2, "a raster consists of 0 and 1"),
    (" t3,7", " t3,x", 6, "step is 'x', not an integer"),
    ("2,0.5,1,-1,0.25,1", "2,0.5,1,-1,0.25", 9, "here are 5 values"),
    ("2,0.5,1,-1,0.25,1", "2,0.5,1,-1,1.25,1", 9, "leak is 1.25; it must be 0 to 1"),
    ("2,0.5,1,-1,0.25,1", "2,0.5,1,-1,0.25,1.5", 9, "p is 1.5; it must be 0 to 1"),
    (" 2,0.75,1", " 2,-1e39,1", 3, "weight is '-1e39'; that is too large for float32"),
    (" 2,0.75,1", " 2,0_0.7_5,1", 3, "weight is '0_0.7_5', not a number"),
    (" 2,0.75,1", " 2,0.7 5,1", 3, "weight is '0.7 5', not a number"),
    (" 2,0.75,1", " 2,0x1p3,1", 3, "weight is '0x1p3', not a number"),
    (" 2,0.75,1", " 2,0.75,1_0", 3, "delay is '1_0', not an integer"),
    (" 2,0.75,1", " 2,0.75,\u0663", 3, "delay is '\u0663', not an integer"),
    (" 2,0.75,1", " 2,0.75," + "9" * 5000, 3, f"delay is {'9' * 40}...; it must be 1 to 65535"),
    (" 2,0.75,1", " 2,0.75," + "x" * 5000, 3, f"delay is '{'x' * 40}...', not an integer"),
    (" 2,0.75,1", f" 2,1{'0' * 5000},1", 3, f"weight is '1{'0' * 39}...'; that is too large for float32"),
    (" 2,0.75,1", " 2,0.75,1\x0b", 3, "delay is '1\\x0b', not an integer"),
    (" t3,7", " t7,3", 6, "step 3 stands after step 7; the steps of spikes must ascend"),
    (" t3,7", " t3,3", 6, "step 3 stands after step 3"),
    (" t3,7", " t3,7\n r01", 7, "step 1 stands after step 7"),
    (" r0110", " r" + "0" * 65537, 2, "the raster has 65537 digits; steps go up to 65535"),
    ("1\n t3", "\n1\n t3", 5, "an empty line ends the model, but line 6 goes on"),
    ("1\n t3", "   \n1\n t3", 5, "the line is blank but not empty"),
    ("1\n t3", "\r\n1\n t3", 5, "the line is blank but not empty"),
    (MODEL, "", 1, "the line is empty, and an empty line ends a model"),
    (MODEL, "\n" + MODEL, 1, "the line is empty"),
    (MODEL, "\ufeff1\n0\n", 1, "a byte-order mark stands before the first neuron"),
    (MODEL, "0\n2\n", 2, "neuron 2 is here, but neuron 1 is missing; ids run from 0 without a gap"),
    ("2,0.5,1,-1,0.25,1", "1,0.5,1,-1,0.25,1", 9, "neuron 1 stands twice"),
    ("2,0.5,1,-1,0.25,1", "99999", 9, "id is 99999; it must be 0 to 65535"),
    ("0\n r0110", " 2,1,1\n0\n r0110", 1, "an indented line stands before the first neuron"),
    (" 2,1,1\n o", " r01\n o", 10, "neuron 2 has a membrane; only input neurons have a list of spikes"),
    (" o\n  pV", "  pV", 11, "two spaces stand before an option"),
]


@pytest.mark.parametrize(("old", "new", "line", "message"), WRONG, ids=range(len(WRONG)))
def test_what_is_wrong_is_said_with_file_and_line(path: Path, old: str, new: str, line: int, message: str) -> None:
    assert old in MODEL
    path.write_text(MODEL.replace(old, new, 1), newline="")
    with pytest.raises(SteepError) as caught:
        read_model(path)
    assert str(caught.value).startswith(f"{path}:{line}: ") and message in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < len(str(path)) + 200


def test_the_longest_raster_is_read_to_its_end(path: Path) -> None:
    path.write_text("0\n r" + "0" * 65535 + "1\n")
    assert read_model(path).stimulus.step.tolist() == [65535]


def test_leak_is_an_amount_in_the_subtractive_variant_and_a_fraction_in_the_other(path: Path) -> None:
    path.write_text(MODEL.replace("-1,0.25,1", "-1,2.5,1"))
    assert read_model(path, variant="subtractive").network.leak[2] == 2.5
    with pytest.raises(SteepError, match=r"model:9: leak is 2.5; it must be 0 to 1"):
        read_model(path)
    path.write_text(MODEL.replace("-1,0.25,1", "-1,-2.5,1"))
    with pytest.raises(SteepError, match=r"model:9: leak is -2.5; it must be at least 0"):
        read_model(path, variant="subtractive")


def test_probabilities_are_read_and_written(path: Path) -> None:
    path.write_text(MODEL.replace("-1,0.25,1", "-1,0.25,0.3"))
    model = read_model(path)
    assert model.network.probability.tolist() == [1, 1, 0.3]
    assert "2,0.5,1,-1,0.25,0.3" in list(lines_of(model))


ODD = [
    "0",
    "1",
    "-1",
    "0.5",
    ".7",
    "+2",
    "1e-45",
    "3e38",
    "-3e38",
    "-1e39",
    "nan",
    "1_0",
    "65535",
    "0.999999999",
    "0.3",
]


def broken(rng: random.Random, text: str) -> bytes:
    """Return a model with a few bytes changed, or a few of its numbers."""
    if rng.random() < 0.5:
        return fuzz.cut_bytes(rng, text.encode())
    for _ in range(rng.choice((1, 1, 2))):
        number = rng.choice(list(re.finditer(r"[-+.\w]+", text)))
        text = text[: number.start()] + rng.choice(ODD) + text[number.end() :]
    return text.encode()


@pytest.mark.parametrize("variant", ["multiplicative", "subtractive"])
def test_a_broken_model_is_refused_with_its_line_or_runs_the_same_everywhere(path: Path, variant: str) -> None:
    """Four hundred broken models; those that are still models go side by side through every implementation."""
    read, refused = [], 0
    for number in range(400):
        rng = random.Random(f"{variant} {number}")
        path.write_bytes(broken(rng, fuzz.TEXT_MODEL))
        try:
            read.append(read_model(path, variant=variant))
        except SteepError as error:
            refused += 1
            assert re.fullmatch(rf"{path}:\d+: .+", str(error)), error
    assert len(read) > 30 and refused > 30
    network, stimulus = union([model.network for model in read], [model.stimulus.until(20) for model in read])
    watched = np.arange(network.count)
    expected = reference.simulate(network, stimulus, 20, watched)
    for travel in ("buffer", "delays", "rows"):
        found = brian2_stpu.simulate(network, stimulus, 20, watched, travel)
        assert np.array_equal(found.step, expected.step) and np.array_equal(found.neuron, expected.neuron)
        assert np.array_equal(found.potential, expected.potential, equal_nan=True)
        assert np.array_equal(found.membrane, expected.membrane, equal_nan=True)


def test_a_delay_beyond_the_buffer_is_refused_where_it_stands(path: Path) -> None:
    assert read_model(path, slots=4).network.slots == 4
    with pytest.raises(SteepError, match=r"model:4: delay is 3; a buffer of 3 slots reaches 2 steps ahead"):
        read_model(path, slots=3)


def test_a_gap_is_refused(path: Path) -> None:
    path.write_text("0\n2\n")
    with pytest.raises(SteepError, match=r"model:2: .*neuron 1 is missing"):
        read_model(path)


@pytest.mark.parametrize("keep", range(1, len(MODEL)))
def test_a_model_cut_anywhere_is_read_or_refused_in_one_line(path: Path, keep: int) -> None:
    path.write_text(MODEL[:keep])
    try:
        read_model(path)
    except SteepError as error:
        assert str(path) in str(error) and "\n" not in str(error)


def test_a_million_neurons_are_refused_at_the_first_that_does_not_fit(path: Path) -> None:
    path.write_text("".join(f"{n}\n" for n in range(1_000_000)))
    with pytest.raises(SteepError, match=r"model:65537: id is 65536"):
        read_model(path)


def test_bytes_that_are_no_text_are_refused(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(SteepError, match="not text"):
        read_model(path)


def test_what_the_format_cannot_hold_is_refused(path: Path) -> None:
    from dataclasses import replace

    model = read_model(path)
    with pytest.raises(SteepError, match="multiplicative variant"):
        list(lines_of(replace(model, network=replace(model.network, variant="subtractive"))))
    injected = Stimulus(model.stimulus.step, model.stimulus.neuron, np.array([1]), np.array([2]), np.array([0.5]))
    with pytest.raises(SteepError, match="no injection"):
        list(lines_of(replace(model, stimulus=injected)))


def test_raster_text() -> None:
    fired = np.array([[True, False], [False, False], [True, True]])
    assert raster_text(fired, np.array([4, 7])) == "4 101\n7 001\n"


@pytest.mark.parametrize("count", [2**16, 2**16 + 1])
def test_as_many_neurons_are_written_as_ids_can_name(path: Path, count: int) -> None:
    zeros = np.zeros(count)
    nothing = np.zeros(0, np.int64)
    network = StpuNetwork(zeros, zeros + 1, zeros, zeros + 1, zeros < 1, nothing, nothing, np.zeros(0), nothing)
    lines = lines_of(TextModel(network, Stimulus(nothing, nothing, *no_injection())))
    if count > 2**16:
        with pytest.raises(SteepError, match="go up to 65535; here is 65536"):
            next(lines)
    else:
        assert next(lines).startswith("0")
