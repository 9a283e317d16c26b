"""The real workflow, from data to report, in copies of this checkout."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pandas as pd
import patience
import pytest
import yaml
from checkouts import ENVIRONMENT, copy_of

from steep.study.catalogue import FIGURES as CATALOGUE_OF_FIGURES
from steep.study.catalogue import TABLES

pytestmark = pytest.mark.dag
# Files whose content is the machine's or the moment's, not the study's; the report is made by some tests only.
MEASURED = {"costs.csv", "costs.html", "provenance.csv", "provenance.html", "traces.csv", "traces.html", "summary.html"}
MEASURED |= {"report.html", "repeat.txt"}


def snakemake(folder: Path, *arguments: str, cores: int = 2) -> subprocess.CompletedProcess[str]:
    command = ["snakemake", "--cores", str(cores), "--configfile", "config/test.yaml", *arguments]
    return patience.run(command, folder, env=ENVIRONMENT)


def planned(folder: Path) -> set[str]:
    """Return the rules that a run would execute now."""
    listed = snakemake(folder, "--dry-run")
    assert listed.returncode == 0, listed.stdout
    return set(re.findall(r"^(\w+) +\d+$", listed.stdout, re.MULTILINE)) - {"total", "all"}


def digests(folder: Path) -> dict[str, str]:
    """Return the digests of every result that is the study's own: tables, networks, spikes, figures."""
    results = folder / "results" / "test"
    paths = [p for p in results.rglob("*") if p.is_file() and p.parent.name not in {"logs", "benchmarks"}]
    kept = [
        p for p in paths if p.name not in MEASURED and not {"logs", "benchmarks"} & set(p.relative_to(results).parts)
    ]
    return {str(p.relative_to(results)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(kept)}


def test_every_number_is_there_and_consistent(study: Path) -> None:
    tables = study / "results" / "test" / "tables"
    accuracy = pd.read_csv(tables / "accuracy.csv")
    about = ["experiment", "dataset", "encoding", "network", "stage", "simulator", "readout", "seed"]
    assert list(accuracy.columns) == [*about, "frames", "correct", "accuracy"]
    # Two seeds; three networks of floating-point numbers; three simulators with three readouts, four with one.
    assert len(accuracy) == 2 * (3 + 3 * 3 + 3 + 4)
    assert (accuracy["accuracy"] - 100 * accuracy["correct"] / accuracy["frames"]).abs().max() < 1e-9
    assert set(accuracy["frames"]) == {359}
    # It learns: far above the 10% of guessing, before and after sharpening.
    assert accuracy.groupby("stage")["accuracy"].mean().min() > 70
    spiking = accuracy[accuracy["stage"] == "threshold"]
    assert (spiking.groupby(["experiment", "readout", "seed"])["correct"].nunique() == 1).all()
    spiking = spiking.groupby(["experiment", "readout", "seed"])["accuracy"].first()
    talk = pd.read_csv(tables / "talk.csv").set_index("experiment").loc["small-cnn-digits"]
    for readout, column in (("potential", "threshold"), ("spikes", "spikes"), ("wta", "wta")):
        assert talk[column] == pytest.approx(spiking["small-cnn-digits", readout].mean())
    assert talk["wta"] == talk["threshold"]  # the winner has the largest potential


def test_simulators_were_compared_in_full(study: Path) -> None:
    table = pd.read_csv(study / "results" / "test" / "tables" / "comparisons.csv")
    cnn, dense = ("brian2", "stpu"), ("brian2-fast", "brian2-synapses", "stpu")
    # Layer and units of what was kept and compared; of the dense network only the output layer is.
    units = {
        ("small-cnn-digits", "potential", cnn): {1: 2 * 18 * 18, 2: 2 * 9 * 9, 3: 20, 4: 10},
        ("small-cnn-digits", "spikes", cnn): {1: 40},
        ("small-cnn-digits", "wta", cnn): {1: 45, 2: 10},
        ("small-dense-digits-current", "potential", dense): {2: 10},
    }
    expected = {
        (experiment, readout, simulator, layer): 2 * 359 * count
        for (experiment, readout, simulators), counts in units.items()
        for simulator in simulators
        for layer, count in counts.items()
    }
    spikes = table[table["quantity"] == "spikes"].set_index(["experiment", "readout", "simulator", "layer"])
    assert spikes["values"].to_dict() == expected
    # Of every simulator every layer's synapses and thresholds, kept or not, are the network's.
    weights = table[table["quantity"] == "weights and thresholds"].set_index(["experiment", "simulator", "readout"])
    assert weights.loc["small-cnn-digits", "torch", "potential"].set_index("layer")["values"].to_dict() == {
        1: 2 * 2 * 18 * 18 * (11 * 11 + 1),
        2: 2 * 2 * 9 * 9 * (4 + 1),
        3: 2 * 20 * (2 * 9 * 9 + 1),
        4: 2 * 10 * (20 + 1),
    }
    layers = {
        "small-cnn-digits": {"potential": 4, "spikes": 1, "wta": 2},
        "small-dense-digits-current": {"potential": 2},
    }
    assert {
        (experiment, simulator, readout): len(rows)
        for (experiment, simulator, readout), rows in weights.groupby(level=[0, 1, 2])
    } == {
        (experiment, simulator, readout): count
        for experiment, simulators in (("small-cnn-digits", cnn), ("small-dense-digits-current", dense))
        for simulator in ("torch", *simulators)
        for readout, count in layers[experiment].items()
    }
    assert table["differing"].sum() == 0


def test_training_never_sees_test_frames(study: Path) -> None:
    """The rules that train name the files they open; the test frames are not among them."""
    done = snakemake(study, "--dry-run", "--forceall", "--printshellcmds", "--quiet", "host")
    commands = [
        line
        for line in done.stdout.splitlines()
        if any(f"-m steep {verb}" in line for verb in ("train-", "continue-original", "sharpen"))
    ]
    assert len(commands) == 2 * (4 + 3)
    assert all("train.npz" in command and "test.npz" not in command for command in commands)


def test_sharpening_learns_from_the_teacher_that_its_recipe_names(study: Path) -> None:
    done = snakemake(study, "--dry-run", "--forceall", "--printshellcmds", "--quiet", "host")
    commands = [line for line in done.stdout.splitlines() if "-m steep sharpen-network" in line]
    named = re.compile(r"STEEP_JOB='(\S+) seed (\d+).* --checkpoint \S+ (?:--teacher (\S+))?")
    dense = "small-dense-digits-current"
    assert sorted(named.search(command).groups() for command in commands) == [
        *(("small-cnn-digits", seed, None) for seed in "01"),
        *((dense, seed, f"results/test/{dense}/seed-{seed}/continued.safetensors") for seed in "01"),
    ]


def test_experiments_that_differ_in_sharpening_share_what_comes_before(study: Path) -> None:
    """The original network is trained once for all of them, its control once for each way of training on."""
    command = ["snakemake", "--cores", "2", "--configfile", "config/ablations.yaml", "--dry-run", "--forceall"]
    done = patience.run([*command, "--printshellcmds", "--quiet", "host"], study, env=ENVIRONMENT)
    config = yaml.safe_load((study / "config" / "ablations.yaml").read_text())
    found: dict[str, dict[str, list[str]]] = {}
    for job, verb, arguments in re.findall(r"STEEP_JOB='(\S+) seed 10, .* -m steep (\S+) (.*)", done.stdout):
        files = re.findall(r"--(?:original|continued|teacher) results/ablations/(\S+)", arguments)
        found.setdefault(verb, {})[job] = [file.replace("/seed-10/", "/") for file in files]
    assert set(found["train-original"]) == {
        "baseline",
        "no-normalization",
        "leaky-relu",
        "bounded-relu",
        "from-sigmoid",
        "from-tanh",
    }
    assert set(found["continue-original"]) == set(found["train-original"]) | {"no-dropout", "adam", "sgd"}
    assert set(found["sharpen-network"]) == set(found["score-network"]) == set(config["experiments"])
    original, continued = "baseline/original.safetensors", "baseline/continued.safetensors"
    assert found["sharpen-network"]["surrogate-1"] == [original]
    assert found["sharpen-network"]["taught-by-original"] == [original, original]
    assert found["sharpen-network"]["taught-by-continued"] == [original, continued]
    assert found["sharpen-network"]["from-tanh"] == ["from-tanh/original.safetensors"]
    assert found["score-network"]["sgd"] == [original, "sgd/continued.safetensors"]
    assert found["score-network"]["ramp"] == [original, continued]


def test_targets_on_the_way(study: Path) -> None:
    """They are planned with what comes before them and with nothing else."""
    rules = {}
    for target in ("trained", "compared"):
        listed = snakemake(study, "--dry-run", "--forceall", target)
        rules[target] = set(re.findall(r"^(\w+) +\d+$", listed.stdout, re.MULTILINE)) - {"total", target}
    way = {
        "fetch_dataset",
        "encode_frames",
        "train_original",
        "continue_original",
        "sharpen_network",
        "compile_network",
    }
    assert rules["trained"] == way
    assert rules["compared"] == way | READOUTS | {"simulate_network", "simulate_readout", "compare_simulators"}


def test_a_second_run_does_nothing(study: Path) -> None:
    assert planned(study) == set()
    assert "Nothing to be done" in snakemake(study).stdout


STPU = {
    "sweep_stpu",
    "sweep_weight_bits",
    "join_tables",
    "tabulate_stpu",
    "plot_leak",
    "plot_robustness",
    "plot_layout",
    "plot_bits",
    "tabulate_margins",
    "export_nir",
    "export_model",
}
# What looks at the spikes of the first simulator, or at the training.
LOOKS = {
    "summarize_spikes",
    "tabulate_activity",
    "tabulate_energy",
    "plot_activity",
    "plot_energy",
    "plot_sharpening",
    "plot_layers",
    "plot_pipeline",
    "plot_mistakes",
    "plot_aggregate",
    "plot_feature_maps",
    "plot_confusion",
}
ENDS = {"record_traces", "summarize_study"}
FIGURES = {"plot_convergence", "plot_sigmoid", "record_provenance"}
READOUTS = {"train_population", "compile_population", "compile_winner_take_all"}
# Figures that are drawn of data or of equations.
BEFORE = {"plot_transfer", "plot_sigmoid", "plot_conversion", "plot_responses"}
CATALOGUE = {entry.rule for entry in (*CATALOGUE_OF_FIGURES, *TABLES)} - {"plot_benchmark", "tabulate_benchmark"}
AFTER_SHARPENING = (
    (CATALOGUE - BEFORE)
    | READOUTS
    | ENDS
    | {
        "sharpen_network",
        "compile_network",
        "simulate_network",
        "simulate_readout",
        "compare_simulators",
        "score_network",
        "summarize_spikes",
        "sweep_stpu",
        "sweep_weight_bits",
        "export_nir",
        "export_model",
        "record_provenance",
    }
)
# What names the networks by their titles, and what is made of that.
TITLED = {
    "plot_activity",
    "plot_aggregate",
    "plot_bits",
    "plot_confusion",
    "plot_convergence",
    "plot_effects",
    "plot_energy",
    "plot_feature_maps",
    "plot_layers",
    "plot_layout",
    "plot_leak",
    "plot_mistakes",
    "plot_overview",
    "plot_pipeline",
    "plot_robustness",
    "plot_sharpening",
    "plot_sigmoid",
    "record_provenance",
    "tabulate_effects",
    "tabulate_talk",
    "tabulate_verdicts",
}
EDITS = [
    ("src/steep/sharpening/activation.py", "CALIBRATION_FRAMES = 1000", "CALIBRATION_FRAMES = 999", AFTER_SHARPENING),
    ("src/steep/sharpening/activation.py", "touches it in its middle", "touches it in the middle", set()),
    (
        "src/steep/simulators/brian2_lif.py",
        "STEP = 1 * ms",
        "STEP = 2 * ms",
        AFTER_SHARPENING
        - STPU
        - READOUTS
        - LOOKS
        - {"sharpen_network", "compile_network", "score_network", "plot_convergence"},
    ),
    ("src/steep/figures/convergence.py", "CURVES = 5", "CURVES = 4", FIGURES | ENDS),
    ("config/test.yaml", "full_at: 0.6", "full_at: 0.5", AFTER_SHARPENING),
    ("config/test.yaml", "title: small CNN", "title: tiny CNN", TITLED | ENDS),
    (
        "src/steep/cli/training.py",
        "save_network(output, network.tensors(), network.spec)",
        "save_network(output, dict(network.tensors()), network.spec)",
        AFTER_SHARPENING | {"train_original", "continue_original"},
    ),
    ("config/test.yaml", "mirrors: []", "mirrors: [/nowhere]", {"record_provenance"} | ENDS),
]


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"), EDITS, ids=[f"{Path(f).name}: {new}" for f, _, new, _ in EDITS]
)
def test_an_edit_reruns_what_depends_on_it_and_nothing_else(
    study: Path, file: str, old: str, new: str, expected: set[str]
) -> None:
    path = study / file
    text = path.read_text()
    assert old in text
    try:
        path.write_text(text.replace(old, new, 1))
        assert planned(study) == expected
    finally:
        path.write_text(text)
    assert planned(study) == set()


def test_an_interrupted_study_goes_on_and_one_core_gives_the_same(study: Path, tmp_path: Path, root: Path) -> None:
    """Ctrl-C while networks are being trained, then again on one core: nothing half-written is left, and the results
    are those of the study that ran on two cores, undisturbed."""
    folder = copy_of(root, tmp_path)
    command = ["snakemake", "--cores", "2", "--configfile", "config/test.yaml"]
    running = patience.Started(
        command,
        folder,
        env=ENVIRONMENT,
        start_new_session=True,
        # Where the tests themselves run in the background, SIGINT is ignored, and children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    seed = folder / "results" / "test" / "logs" / "small-cnn-digits" / "seed-0" / "train_original.log"
    patience.until(lambda: seed.exists() and "epoch 1/3" in seed.read_text(), running, folder)
    os.killpg(running.pid, signal.SIGINT)
    output = running.end()
    assert running.returncode != 0
    assert "Traceback" not in output, output
    assert not list(folder.rglob("*.part"))
    assert not (folder / "results/test/tables/accuracy.csv").exists()
    again = snakemake(folder, cores=1)
    assert again.returncode == 0, again.stdout
    one, two = digests(folder), digests(study)
    assert one == two
    assert {"tables/accuracy.csv", "tables/talk.html", "small-cnn-digits/seed-1/spikes/brian2.npz"} <= set(one)


def test_a_simulation_in_parts_gives_the_same_file(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(study, folder, symlinks=True)
    name = "results/test/small-cnn-digits/seed-0/spikes/stpu.npz"
    (folder / name).unlink()
    done = snakemake(folder, "--config", "parts=3", "--", name)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("Finished jobid") == 4, done.stdout
    assert (folder / name).read_bytes() == (study / name).read_bytes()
    assert not list((folder / name).parent.glob("parts*/*.npz"))


def test_a_damaged_result_is_one_line_with_the_remedy(study: Path) -> None:
    name = "results/test/small-cnn-digits/seed-0/spikes/stpu.npz"
    path = study / "results" / "test" / "small-cnn-digits" / "seed-0" / "threshold.npz"
    whole, stamp = path.read_bytes(), path.stat()
    try:
        path.write_bytes(whole[:500])
        done = snakemake(study, "--force", name)
        assert done.returncode != 0
        lines = [line for line in done.stdout.splitlines() if "error:" in line.lower() and "threshold.npz" in line]
        assert lines == [
            "[small-cnn-digits seed 0, simulation] error: results/test/small-cnn-digits/seed-0/threshold.npz: "
            "not a whole NPZ file; delete it and run again"
        ]
    finally:
        path.write_bytes(whole)
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        # By its name: what was made from the spikes is still there, so nothing else asks for them.
        assert snakemake(study, "--", name).returncode == 0
        assert snakemake(study).returncode == 0
        assert planned(study) == set()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "network: small-cnn",
            "network: smal-cnn",
            "experiments.small-cnn-digits.network: 'smal-cnn' is not in networks; did you mean 'small-cnn'?",
        ),
        (
            "weight_bits: 8",
            "weight_bit: 8",
            "recipes.quick.compilation.weight_bit: unknown key; did you mean 'weight_bits'?",
        ),
    ],
)
def test_a_wrong_config_is_one_line(study: Path, tmp_path: Path, old: str, new: str, message: str) -> None:
    config = (study / "config" / "test.yaml").read_text().replace(old, new, 1)
    (tmp_path / "mine.yaml").write_text(config)
    command = ["snakemake", "--cores", "1", "--configfile", str(tmp_path / "mine.yaml")]
    done = patience.run(command, study, env=ENVIRONMENT)
    assert done.returncode != 0
    assert f"{tmp_path / 'mine.yaml'}: {message}" in done.stdout
    assert "Traceback" not in done.stdout and len(done.stdout.strip().splitlines()) <= 4, done.stdout


def test_one_key_on_the_command_line(study: Path) -> None:
    """What config/README.md shows: the paper study with one key changed, nothing else taken from elsewhere."""
    for change, expected in ((("seeds=[7]",), "seed-7/threshold.npz"), (("study=mine",), "results/mine/")):
        command = ["snakemake", "--cores", "1", "--dry-run", "--quiet", "host", "--config", *change]
        done = patience.run(command, study, env=ENVIRONMENT)
        assert done.returncode == 0 and expected in done.stdout, done.stdout
        assert "results/test/" not in done.stdout


def test_a_study_without_a_name_is_told_so(study: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("seeds: [7]\n")
    command = ["snakemake", "--cores", "1", "--dry-run", "--configfile", str(tmp_path / "mine.yaml")]
    done = patience.run(command, study, env=ENVIRONMENT)
    assert done.returncode != 0 and "missing; write it" in done.stdout


def test_missing_data_offline_is_one_line(study: Path, tmp_path: Path, root: Path) -> None:
    """MNIST without mirror and without network: every address is sent to a proxy that nobody listens at."""
    folder = copy_of(root, tmp_path)
    config = yaml.safe_load((folder / "config" / "test.yaml").read_text())
    config["datasets"]["digits"]["source"] = "mnist"
    (folder / "config" / "test.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    offline = ENVIRONMENT | {
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "NO_PROXY": "",
        "no_proxy": "",
    }
    command = ["snakemake", "--cores", "1", "--configfile", "config/test.yaml"]
    done = patience.run(command, folder, env=offline)
    assert done.returncode != 0
    (line,) = [line for line in done.stdout.splitlines() if "error: mnist: " in line]
    assert "is missing" in line and "three ways" in line
    assert "Traceback" not in done.stdout
    assert not [path for path in (folder / "data").rglob("*") if path.is_file()]


def test_every_table_has_a_page_and_every_result_a_trace(study: Path) -> None:
    results = study / "results" / "test"
    pages = {path.stem for path in (results / "tables").glob("*.html")}
    assert {"verdicts", "talk", "accuracy", "activity", "energy", "sweep-bits", "sweep-stpu", "stpu", "traces"} <= pages
    assert all((results / "tables" / f"{name}.csv").is_file() for name in pages)
    traces = pd.read_csv(results / "tables" / "traces.csv")
    figures = sorted(str(path.relative_to(study)) for path in (results / "figures").glob("*.svg"))
    assert len(figures) > 25 and set(figures) <= set(traces["result"])
    # Back from a figure to its files: names and digests are those of the files that lie there.
    for row in traces.dropna().itertuples():
        assert hashlib.sha256((study / row.result).read_bytes()).hexdigest() == row.sha256
        if (study / row[4]).is_file():
            assert hashlib.sha256((study / row[4]).read_bytes()).hexdigest() == row[5], row
    assert (traces["rule"].str.match("plot_|tabulate_|record_|join_")).all()


def test_the_summary_tells_the_same(study: Path) -> None:
    results = study / "results" / "test"
    text, page = (results / "summary.md").read_text(), (results / "summary.html").read_text()
    answer = (results / "tables" / "answer.txt").read_text().strip()
    assert answer in text and "No experiment of this study is a row of the talk" in answer
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert (results / link).is_file(), link
    assert len(re.findall("<img ", page)) == len(list((results / "figures").glob("*.svg")))
    assert not re.findall(r"(?:src|href)=[\"'](?!data:)", page) and "<script" not in page
    spiking = pd.read_csv(results / "tables" / "talk-view.csv")["Ours: threshold"].iloc[0]
    assert spiking in text and spiking in page
    assert r"\toprule" in (results / "tables" / "verdicts-view.tex").read_text()


def test_the_report_stands_alone_and_shows_the_tables(study: Path) -> None:
    done = snakemake(study, "--report", "report.html")
    assert done.returncode == 0, done.stdout
    page = (study / "report.html").read_text()
    # What the browser would fetch when it opens the page: nothing.
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"'](?:https?:)?//", page)
    talk = pd.read_csv(study / "results" / "test" / "tables" / "talk-view.csv").iloc[0]
    landing = page[page.index("Talk and study, every number") :]
    for column in ("Ours: original", "Ours: threshold"):
        assert talk[column].replace("\N{NO-BREAK SPACE}", "&nbsp;").replace("±", "\\u00b1") in landing
    for label in (
        "Every accuracy measured",
        "Simulators, spike for spike",
        "Cost by rule",
        "Activations converge to steps",
        "Frames in flight (animation)",
        "From every figure and table back to its files",
    ):
        assert label in page
    assert len(page) < 15e6
