"""Exported models classify: what they record, read back with the table, is what the network says."""

import random
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import fuzz
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_networks import chains, frames_for, graphs

from steep.cli import main
from steep.errors import SteepError
from steep.frames import Frames
from steep.simulators import load_simulator
from steep.stpu import reference
from steep.stpu.elementfile import recorded_text, traces_of
from steep.stpu.export import AnswerTable, digest_of, export, read_classes
from steep.stpu.textmodel import read_model, write_model
from steep.threshold.network import DenseLink, Population, ThresholdNetwork, dense, or_pool
from steep.threshold.readouts import attach, decode, winner_take_all


def recorded(path: Path, table: AnswerTable, steps: int | None = None) -> str:
    """Return what the element would record of the model in a file, run until the last answer if not given."""
    model = read_model(path)
    steps = int(table.steps[-1]) + 1 if steps is None else steps
    traces = traces_of(model.outputs)
    watched = np.unique([trace.neuron for trace in traces])
    recording = reference.simulate(model.network, model.stimulus.until(steps), steps, watched)
    return recorded_text(traces, recording, watched, steps, model.network.is_input)


@settings(max_examples=60, deadline=None)
@given(network=st.one_of(chains(), graphs(2)), seed=st.integers(0, 1000), spacing=st.integers(2, 3), data=st.data())
def test_exported_models_classify_as_the_network(
    tmp_path_factory: pytest.TempPathFactory, network: ThresholdNetwork, seed: int, spacing: int, data: st.DataObject
) -> None:
    """Small integer weights: ties are frequent, thresholds of either sign."""
    assume(network.input_top == 1)
    folder = tmp_path_factory.mktemp("export")
    values = frames_for(network, seed)
    frames = Frames(values, np.zeros(len(values), np.uint8), 4, full_scale=1)
    whole = load_simulator("torch")(network, values)
    key = np.random.default_rng(seed).random((3, network.sizes[-1])) < 0.5
    key[0, 0] = True
    readout = data.draw(st.sampled_from(["potential", "wta", "spikes"]))
    expected = decode(whole, key) if readout == "spikes" else whole.classes()
    classes = key if readout == "spikes" else np.eye(network.sizes[-1], dtype=bool)
    if readout == "wta":
        assume(network.sizes[-1] > 1)
        network = attach(network, winner_take_all(network))
    model, table = export(network, frames, readout, classes, spacing if readout == "potential" else spacing - 1)
    write_model(folder / "model", model)
    table.save(folder / "table")
    (folder / "out").write_text(recorded(folder / "model", table))
    assert np.array_equal(read_classes(AnswerTable.load(folder / "table"), folder / "out"), expected)
    # What the element does after the last answer changes nothing.
    (folder / "out").write_text(recorded(folder / "model", table, int(table.steps[-1]) + 9))
    assert np.array_equal(read_classes(table, folder / "out"), expected)


@pytest.fixture
def network() -> ThresholdNetwork:
    rng = np.random.default_rng(8)
    populations = (
        or_pool(0, (1, 6, 6), (2, 2)),
        dense(1, rng.integers(-9, 10, (12, 9), dtype=np.int32), rng.integers(-9, 10, 12) + 0.5),
        dense(2, rng.integers(-9, 10, (4, 12), dtype=np.int32), rng.integers(-9, 10, 4) + 0.5),
    )
    return ThresholdNetwork((1, 6, 6), populations)


@pytest.fixture
def frames(network: ThresholdNetwork) -> Frames:
    """Return frames of which the network gets 8 of 9 right."""
    values = (np.random.default_rng(8).random((9, 1, 6, 6)) < 0.3).astype(np.uint8)
    labels = load_simulator("torch")(network, values).classes()
    labels[4] = (labels[4] + 1) % 4
    return Frames(values, labels.astype(np.uint8), 4, full_scale=1)


@pytest.fixture
def exported(tmp_path: Path, network: ThresholdNetwork, frames: Frames) -> list[str]:
    """Save both, and return the options that name them."""
    network.save(tmp_path / "threshold.npz")
    frames.save(tmp_path / "frames.npz")
    return ["--network", str(tmp_path / "threshold.npz"), "--frames", str(tmp_path / "frames.npz")]


def test_potentials_are_shown_exactly(tmp_path: Path, network: ThresholdNetwork, frames: Frames) -> None:
    """Step by step: minus the threshold, the potential at the answer, and cleared one step later."""
    model, table = export(network, frames, "potential", np.eye(4, dtype=bool), 2)
    write_model(tmp_path / "model", model)
    (tmp_path / "out").write_text(recorded(tmp_path / "model", table, 3 + 2 * 8 + 2))
    from steep.stpu.elementfile import read_recorded

    columns = read_recorded(tmp_path / "out")
    potential = load_simulator("torch")(network, frames.values).potential
    for unit in range(4):
        shown = columns[f"{36 + 9 + 12 + unit}.V"]
        assert [shown[step] for step in range(3, 20, 2)] == potential[:, unit].tolist()
        assert {shown[step] for step in [0, 1, 2, *range(4, 21, 2)]} == {-network.populations[-1].threshold[unit]}


def test_an_output_of_several_links_that_is_not_the_deepest(tmp_path: Path) -> None:
    """Its potentials are shown two steps after each frame, those of a population behind it are not waited for; both
    links and the one that skips count in what the element can tell."""
    rng = np.random.default_rng(3)

    def weights(*shape: int) -> np.ndarray:
        return rng.integers(-9, 10, shape, dtype=np.int32)

    links = DenseLink(1, weights(3, 5)), DenseLink(1, weights(3, 5)), DenseLink(0, weights(3, 36))
    populations = (
        dense(0, weights(5, 36), np.array([-3.5, 0.5, 1.5, -0.5, 2.5])),
        dense(1, weights(4, 5), np.array([-3.5, 0.5, 1.5, -0.5])),
        dense(2, weights(4, 4), np.full(4, -1.5)),
        Population((3,), links, np.array([-2.0, 3.5, 0.5])),
    )
    network = ThresholdNetwork((1, 6, 6), populations)
    values = frames_for(network, 1)
    frames = Frames(values, np.zeros(len(values), np.uint8), 3, full_scale=1)
    model, table = export(network, frames, "potential", np.eye(3, dtype=bool), 2)
    assert table.steps.tolist() == list(range(2, 2 + 2 * len(values), 2))
    write_model(tmp_path / "model", model)
    (tmp_path / "out").write_text(recorded(tmp_path / "model", table))
    assert np.array_equal(read_classes(table, tmp_path / "out"), load_simulator("torch")(network, values).classes())
    large = replace(links[1], weight=np.full((3, 5), 20_000, np.int32))
    network = replace(network, populations=(*populations[:3], replace(populations[3], links=(*links, large))))
    with pytest.raises(SteepError, match=r"potentials of up to 100\d\d\d"):
        export(network, frames, "potential", np.eye(3, dtype=bool), 2)


@pytest.mark.parametrize("readout", ["wta", "potential"])
@pytest.mark.parametrize("simulator", ["reference", "brian2-rows"])
def test_from_network_to_accuracy(
    tmp_path: Path, exported: list[str], caplog: pytest.LogCaptureFixture, readout: str, simulator: str
) -> None:
    model, out, classes = (str(tmp_path / name) for name in ("model", "out", "classes.csv"))
    caplog.set_level("INFO")
    assert main(["export-model", *exported, "--output", model, "--readout", readout]) == 0
    steps = str(int(caplog.text.split("simulate ")[1].split()[0]))
    assert steps == {"wta": "13", "potential": "20"}[readout]
    run = ["--raster", str(tmp_path / "raster"), "--steps", steps, "--simulator", simulator, "--element-output", out]
    assert main(["simulate-model", "--model", model, *run]) == 0
    given_ = ["--recorded", out, "--table", f"{model}.csv", "--output", classes]
    assert main(["classify-spikes", *given_, *exported[2:]]) == 0
    assert "9 frames, 8 right, accuracy 88.89%" in caplog.text
    lines = Path(classes).read_text().splitlines()
    assert lines[0] == "frame,step,class,label" and len(lines) == 10
    assert sum(line.split(",")[2] != line.split(",")[3] for line in lines[1:]) == 1
    assert main(["classify-spikes", *given_]) == 0
    assert Path(classes).read_text().splitlines()[0] == "frame,step,class"


def refusal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line that a verb ends with."""
    assert main(arguments) == 1
    error = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert len(error) == 1
    return error[0]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--readout", "potential", "--spacing", "1"], "the spacing is 1; write at least 2: with readout potential"),
        (["--spacing", "0"], "the spacing is 0; write at least 1"),
        (["--count", "0"], "--count is 0; write at least 1"),
        (["--count", "-5"], "--count is -5; write at least 1"),
        (["--readout", "spikes"], "readout spikes needs --circuit and --population"),
        (["--circuit", "threshold.npz"], "readout spikes needs --circuit and --population"),
        (["--spacing", "9000"], "ids, delays and steps of the text model go up to 65535; here is 72004"),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    tmp_path: Path, exported: list[str], capsys: pytest.CaptureFixture[str], extra: list[str], message: str
) -> None:
    assert message in refusal(["export-model", *exported, "--output", str(tmp_path / "model"), *extra], capsys)
    assert not (tmp_path / "model").exists() and not (tmp_path / "model.csv").exists()


def test_what_the_element_cannot_run_exactly_is_refused(
    network: ThresholdNetwork, frames: Frames, caplog: pytest.LogCaptureFixture
) -> None:
    key = np.eye(4, dtype=bool)

    def scaled(factor: int) -> ThresholdNetwork:
        *hidden, last = network.populations
        (link,) = last.links
        last = replace(last, links=(replace(link, weight=link.weight * np.int32(factor)),))
        return replace(network, populations=(*hidden, last))

    export(scaled(1000), frames, "potential", key, 2)
    with pytest.raises(SteepError, match="more digits than the element's probe writes, six"):
        export(scaled(3000), frames, "potential", key, 2)
    export(scaled(3000), frames, "wta", key, 1)
    with pytest.raises(SteepError, match="not exact in the element's float32"):
        export(scaled(10**6), frames, "wta", key, 1)
    for factor, readout in ((3000, "potential"), (10**6, "wta"), (10**6, "potential")):
        caplog.clear()
        export(scaled(factor), frames, readout, key, 2, inexact=True)
        assert "it may tell other classes than the network" in caplog.text
    with pytest.raises(SteepError, match="no currents"):
        export(network, replace(frames, full_scale=255), "wta", key, 1)
    with pytest.raises(SteepError, match=r"shape \(1, 4, 9\), the network takes \(1, 6, 6\)"):
        export(network, replace(frames, values=frames.values.reshape(9, 1, 4, 9)), "wta", key, 1)
    with pytest.raises(SteepError, match="key of the classes is for 5 units, the last population has 4"):
        export(network, frames, "spikes", np.eye(5, dtype=bool), 1)
    with pytest.raises(SteepError, match="there are no frames"):
        export(network, frames.first(0), "wta", key, 1)


def table(readout: str) -> AnswerTable:
    """Return the table of a model with output neurons 5 and 6, marker 7, and answers at steps 3 and 4."""
    return AnswerTable(readout, 7, np.array([5, 6]), np.array([0, 1]), np.array([3, 4]), "0" * 64)


SPIKES = "$t\t5\t7\n3\t1\t1\n$t\t\t\t6\n4\t\t1\t1\n"
PROBES = "$t\t5.V\t6.V\n2\t0\t0\n$t\t\t\t7\n3\t-2\t-1\t1\n4\t-2\t-2.5\t1\n"


def test_recorded_files_are_read_with_the_table(tmp_path: Path) -> None:
    for readout, text, expected in (
        ("wta", SPIKES, [0, 1]),
        ("spikes", SPIKES.replace("4\t\t1\t1", "4\t\t1\t"), [0, 0]),
        ("potential", PROBES, [1, 0]),
    ):
        (tmp_path / "out").write_text(text)
        assert read_classes(table(readout), tmp_path / "out").tolist() == expected


OTHERS = [
    ("wta", SPIKES[: SPIKES.index("$t\t\t")], "frame 1 is without an answer: marker neuron 7 .* run for 5 steps"),
    ("wta", SPIKES.replace("\t7", "\t8"), "frame 0 is without an answer"),
    ("wta", SPIKES.replace("\t6", "\t9"), "column 9 is not in the table; this is the file of another model"),
    ("wta", SPIKES + "5\t\t1\t\n", "a mark at step 5 is not in the table"),
    ("wta", SPIKES + "5\t1\t\t\n", "column 5 is 1 at step 5; output neurons spike, 1, at answers only"),
    ("wta", SPIKES.replace("3\t1", "3\t2"), "column 5 is 2 at step 3"),
    ("wta", SPIKES.replace("4\t\t1", "4\t1\t1"), "2 output neurons spike for frame 1, at step 4"),
    ("wta", SPIKES.replace("3\t1\t1", "3\t\t1"), "0 output neurons spike for frame 0, at step 3"),
    ("potential", PROBES.replace("-2.5", ""), "column 6.V has no number for frame 1, at step 4"),
    ("potential", PROBES.replace("-2.5", "inf"), "column 6.V has no number for frame 1, at step 4"),
    ("potential", SPIKES, "column 5 is not in the table"),
    ("wta", PROBES, "column 5.V is not in the table"),
    ("wta", SPIKES + "5\t\t1\t\n6\t\t1\t\n", "a mark at step 5 is not in the table"),
    ("wta", SPIKES.replace("\t6", f"\t{'9' * 99}"), f"column {'9' * 40} is not in the table"),
    ("wta", SPIKES.replace("\t5\t7", "\t9\t7").replace("\t6", "\t8"), "column 8 is not in the table"),
]


@pytest.mark.parametrize(("readout", "text", "message"), OTHERS, ids=range(len(OTHERS)))
def test_a_file_that_is_not_the_table_s_is_refused(tmp_path: Path, readout: str, text: str, message: str) -> None:
    (tmp_path / "out").write_text(text)
    with pytest.raises(SteepError, match=f"out: {message}"):
        read_classes(table(readout), tmp_path / "out")


def test_tables_are_read_back_and_broken_ones_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    table("wta").save(path)
    text = path.read_text()
    head = f"what,key,value\nreadout,,wta\nframes,2,{'0' * 64}\nmarker,7,\n"
    assert text == head + "class,5,0\nclass,6,1\nstep,0,3\nstep,1,4\n"
    for name, value in vars(AnswerTable.load(path)).items():
        assert np.array_equal(value, getattr(table("wta"), name))
    for old, new, line in (
        ("wta", "other", 2),
        ("frames,2", "frames,0", 3),
        ("frames,2", "frames,3", 9),
        ("marker,7,\n", "", 4),
        ("class,5,0\nclass,6,1\n", "", 5),
        ("class,5,0", "class,5,-1", 5),
        ("step,0,3\n", "", 8),
        ("step,1,4", "step,1,3", 7),
        ("step,1,4", "step,2,4", 7),
        ("step,1,4\n", "step,1,4\nstep,2,5\n", 7),
        (text, "", 1),
    ):
        path.write_text(text.replace(old, new))
        with pytest.raises(SteepError, match=rf"table.csv:{line}: "):
            AnswerTable.load(path)
    path.write_text(text.replace("class,6,1", "class,5,0"))
    with pytest.raises(SteepError, match="stand twice"):
        AnswerTable.load(path)
    for number in range(200):
        path.write_bytes(fuzz.cut_bytes(random.Random(number), text.encode()))
        with suppress(SteepError):
            AnswerTable.load(path)


def test_other_frames_are_refused(
    tmp_path: Path, exported: list[str], frames: Frames, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same shape and number, one label changed."""
    arguments = ["--recorded", str(tmp_path / "out"), "--table", str(tmp_path / "model.csv")]
    arguments += ["--output", str(tmp_path / "classes.csv"), *exported[2:]]
    assert main(["export-model", *exported, "--output", str(tmp_path / "model")]) == 0
    (tmp_path / "out").write_text(recorded(tmp_path / "model", AnswerTable.load(tmp_path / "model.csv")))
    assert main(["classify-spikes", *arguments]) == 0
    replace(frames, labels=(frames.labels + 1) % np.uint8(4)).save(tmp_path / "frames.npz")
    assert "these are not the frames that" in refusal(["classify-spikes", *arguments], capsys)


@pytest.mark.parametrize(
    ("weight", "threshold", "readout", "message"),
    [
        (99_999, 0.5, "potential", None),
        (100_000, 0.5, "potential", "potentials of up to 100000.5 have more digits"),
        (999_998, 1.0, "potential", None),
        (999_999, 1.0, "potential", "potentials of up to 1000000.0 have more digits"),
        (999_999, 1.0, "wta", None),
        (-100_000, 0.5, "potential", "potentials of up to 100000.5 have more digits"),
        (1, -100_000.5, "potential", "potentials of up to 100001.5 have more digits"),
        (2**23 - 3, 0.5, "wta", None),
        (2**23 - 3, 1.0, "wta", "sums of up to 8.38861e+06 are not exact"),
        (2**23 - 2, 0.5, "wta", "sums of up to 8.38861e+06 are not exact"),
    ],
)
def test_what_the_element_cannot_tell_exactly(weight: int, threshold: float, readout: str, message: str | None) -> None:
    """Its probe writes six digits: of half-integers one stands behind the point; its sums are float32."""
    output = dense(0, np.array([[weight]], np.int32), np.array([threshold]))
    network = ThresholdNetwork((1, 1, 1), (output,))
    frames = Frames(np.ones((1, 1, 1, 1), np.uint8), np.zeros(1, np.uint8), 1, full_scale=1)
    key = np.eye(1, dtype=bool)
    if message is None:
        export(network, frames, readout, key, 2, inexact=False)
    else:
        with pytest.raises(SteepError, match=re.escape(message)):
            export(network, frames, readout, key, 2, inexact=False)


def one_layer(weight: list[list[int]], threshold: list[float], input_top: int = 1) -> ThresholdNetwork:
    layer = dense(0, np.array(weight, np.int32), np.array(threshold))
    return ThresholdNetwork((1, 1, len(weight[0])), (layer,), input_top)


def some(values: list[list[int]]) -> Frames:
    """Return frames of one row each, of class 0."""
    rows = np.array(values, np.uint8)[:, None, None]
    return Frames(rows, np.zeros(len(rows), np.uint8), 4, full_scale=1)


def shown_by(tmp_path: Path, network: ThresholdNetwork, frames: Frames) -> list[int]:
    """Return the classes that the element tells by its potentials."""
    model, table = export(network, frames, "potential", np.eye(network.sizes[-1], dtype=bool), 2)
    write_model(tmp_path / "model", model)
    (tmp_path / "out").write_text(recorded(tmp_path / "model", table))
    return read_classes(table, tmp_path / "out").tolist()


def test_an_output_unit_without_synapses_has_its_threshold_for_potential(tmp_path: Path) -> None:
    """The last unit: 3 - 1/2 against 1, -1/2 against 1."""
    assert shown_by(tmp_path, one_layer([[3, 0], [0, 0]], [0.5, -1.0]), some([[1, 0], [0, 1]])) == [0, 1]
    with pytest.raises(SteepError, match=re.escape("potentials of up to 100000.5 have more digits")):
        shown_by(tmp_path, one_layer([[3, 0], [0, 0]], [0.5, -100_000.5]), some([[1, 0]]))


def test_the_lowest_potential_that_can_be_is_cleared_too(tmp_path: Path) -> None:
    """-3 - 2 is what no potential lies below; what were left of it would be read with the next frame."""
    assert shown_by(tmp_path, one_layer([[-3], [-1]], [2.0, 0.0]), some([[1]] * 4)) == [1] * 4


def test_the_marker_is_an_input_neuron_like_any_other(network: ThresholdNetwork, frames: Frames) -> None:
    model, table = export(network, frames, "potential", np.eye(4, dtype=bool), 2)
    assert table.marker == model.network.count - 1 and model.network.is_input[-1]
    for name in ("initial", "threshold", "reset", "leak"):
        values = getattr(model.network, name)
        assert values.dtype == np.float64 and values[-1] == 0


def test_only_units_that_stand_for_a_class_are_recorded(network: ThresholdNetwork, frames: Frames) -> None:
    """Each once, though it may stand for two; and the marker, last."""
    key = np.array([[False, True, False, True], [False, True, False, False]])
    model, table = export(network, frames, "spikes", key, 1)
    first = table.marker - 5  # the clock stands between the units and the marker
    assert [output.neuron for output in model.outputs] == [first + 1, first + 3, table.marker]
    assert table.neurons.tolist() == [first + 1, first + 3, first + 1] and table.classes.tolist() == [0, 0, 1]


def test_a_network_of_currents_is_refused_with_frames_of_spikes() -> None:
    with pytest.raises(SteepError, match="no currents; use an encoding of spikes"):
        export(one_layer([[1]], [0.5], input_top=255), some([[1]]), "wta", np.eye(1, dtype=bool), 1)


def test_a_class_without_neurons_is_never_told(tmp_path: Path) -> None:
    """However low the potentials of the others are."""
    (tmp_path / "out").write_text(PROBES)
    assert read_classes(replace(table("potential"), classes=np.array([0, 2])), tmp_path / "out").tolist() == [2, 0]


def test_everything_about_frames_is_in_their_digest(frames: Frames) -> None:
    values = frames.values.copy()
    values[-1, 0, -1, -1] ^= 1
    others = (
        replace(frames, full_scale=255),
        replace(frames, values=frames.values.reshape(9, 1, 4, 9)),
        replace(frames, values=values),
        replace(frames, labels=frames.labels[::-1].copy()),
        frames.first(8),
    )
    assert len({digest_of(each) for each in (frames, *others)}) == 6
    assert digest_of(replace(frames, values=frames.values.copy())) == digest_of(frames)


def test_a_table_holds_the_largest_numbers(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    steps = np.append(np.arange(10_000), 65_535)
    AnswerTable("spikes", 65_535, np.array([65_534]), np.array([255]), steps, "f" * 64).save(path)
    text = path.read_text()
    for written in (text, "\ufeff" + text, text.replace("\n", "\r\n")):
        path.write_bytes(written.encode())
        found = AnswerTable.load(path)
        assert (found.marker, found.neurons.tolist(), found.classes.tolist()) == (65_535, [65_534], [255])
        assert np.array_equal(found.steps, steps)
    for old, new, line in (
        ("marker,65535", "marker,655350", 4),
        ("class,65534,255", "class,65534,2550", 5),
        ("class,65534,255", "class,655340,255", 5),
        ("frames,10001", "frames,010001", 3),
        ("frames,10001", "frames,100010", 3),
        ("step,10000,65535", "step,10000,655350", 10_006),
        ("f" * 64, "f" * 63, 3),
        ("f" * 64, "F" * 64, 3),
    ):
        path.write_text(text.replace(old, new))
        with pytest.raises(SteepError, match=rf"table.csv:{line}: "):
            AnswerTable.load(path)
