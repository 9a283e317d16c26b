"""The text model: read, written, refused with file and line."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_stpu import STEPS, network_of, stimulus_of

from steep.errors import SteepError
from steep.stpu import reference
from steep.stpu.network import Stimulus, no_injection
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


def test_an_empty_line_ends_the_model_and_windows_line_ends_are_fine(path: Path) -> None:
    path.write_bytes((MODEL + "\nthe rest is not read").replace("\n", "\r\n").encode())
    assert read_model(path).network.count == 3


def same(one: TextModel, other: TextModel) -> None:
    for name in ("initial", "threshold", "reset", "leak", "is_input", "source", "target", "weight", "delay"):
        assert np.array_equal(getattr(one.network, name), getattr(other.network, name)), name
    for name in ("step", "neuron"):
        assert np.array_equal(getattr(one.stimulus, name), getattr(other.stimulus, name)), name
    assert one.outputs == other.outputs


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
    (
        "2,0.5,1,-1,0.25,1",
        "2,0.5,1,-1,0.25,0.5",
        9,
        "p is 0.5; only neurons that always fire over threshold, p 1, are modelled",
    ),
    ("2,0.5,1,-1,0.25,1", "1,0.5,1,-1,0.25,1", 9, "neuron 1 stands twice"),
    ("2,0.5,1,-1,0.25,1", "99999", 9, "id is 99999; it must be 0 to 65535"),
    ("0\n r0110", " 2,1,1\n0\n r0110", 1, "an indented line stands before the first neuron"),
    (" 2,1,1\n o", " r01\n o", 10, "neuron 2 has a membrane; only input neurons have a list of spikes"),
    (" o\n  pV", "  pV", 11, "two spaces stand before an option"),
]


@pytest.mark.parametrize(("old", "new", "line", "message"), WRONG, ids=[message for *_, message in WRONG])
def test_what_is_wrong_is_said_with_file_and_line(path: Path, old: str, new: str, line: int, message: str) -> None:
    assert old in MODEL
    path.write_text(MODEL.replace(old, new, 1))
    with pytest.raises(SteepError) as caught:
        read_model(path)
    assert str(caught.value).startswith(f"{path}:{line}: ") and message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_delay_beyond_the_buffer_is_refused_where_it_stands(path: Path) -> None:
    assert read_model(path, slots=4).network.slots == 4
    with pytest.raises(SteepError, match=r"model:4: delay is 3; a buffer of 3 slots reaches 2 steps ahead"):
        read_model(path, slots=3)


def test_a_gap_is_refused(path: Path) -> None:
    path.write_text("0\n2\n")
    with pytest.raises(SteepError, match="neuron 1 is missing"):
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
