# Names of files and small functions for the rules.
import json
import shlex
import sys
from pathlib import Path

SOURCE = Path(workflow.basedir) / "src"
# This process and the jobs use `steep` from this checkout, whatever environment runs them.
sys.path.insert(0, str(SOURCE))
shell.prefix(f"set -euo pipefail; export PYTHONPATH={shlex.quote(str(SOURCE))}; ")

import snakemake.utils
from snakemake.exceptions import WorkflowError
from steep.config import check_config, typed
from steep.digest import code_digest
from steep.errors import SteepError

# Snakemake reads the items of a list on the command line as strings.
snakemake.utils.update_config(config, typed(workflow.config_settings.config))
try:
    check_config(
        config, ", ".join(map(str, workflow.configfiles)) + (", --config" if workflow.config_settings.config else "")
    )
except SteepError as error:
    raise WorkflowError(str(error))

RESULTS = Path("results") / config["study"]
# Downloads are the same for every study.
DOWNLOADS = Path("data")
SEED = RESULTS / "{experiment}/seed-{seed}"
LOGS = RESULTS / "logs"
BENCHMARKS = RESULTS / "benchmarks"
BACKEND_MODULES = {
    "torch": "steep.simulators.torch_threshold",
    "brian2": "steep.simulators.brian2_lif",
    "stpu": "steep.simulators.stpu",
}
# The part of the config about the STPU, which a study may leave out.
STPU = config.get("stpu", {})
STUDIED = STPU.get("studies", {}).get("experiments", [])
# What the studies measure; which experiments they are made of does not change a measurement.
STUDY_SETTINGS = json.dumps({k: v for k, v in STPU.get("studies", {}).items() if k not in ("experiments", "responses")})
# The keys of a sharpening recipe that are about sharpness.
SHARPNESS = ("shape", "schedule", "surrogate_slope")
SPLITS = ["train", "validation", "test"]
# The frames of the last evaluation.
EVALUATION = config.get("evaluation", "test")


wildcard_constraints:
    experiment="[a-z0-9-]+",
    dataset="[a-z0-9-]+",
    encoding="[a-z0-9-]+",
    backend="[a-z0-9]+",
    readout="potential|spikes|wta",
    study="stpu|bits|margins",
    seed=r"\d+",


def code(*modules):
    """Digest of the library modules a rule uses, so that editing one reruns the rules that use it and no others."""
    return code_digest(*modules)


def as_json(value, sort=True):
    """A parameter for a verb's command line, which rules quote with :q. Sorted keys, where their order means nothing."""
    return json.dumps(value, sort_keys=sort)


def megabytes(amount):
    """Memory that grows with every attempt, for the cluster."""
    return lambda wildcards, attempt: amount * attempt


def minutes(amount):
    """Run time that grows with every attempt, for the cluster."""
    return lambda wildcards, attempt: amount * attempt


def experiment(wildcards):
    """The experiment's entry in the config."""
    return config["experiments"][wildcards.experiment]


def recipe(part):
    """Function that returns a part of the experiment's recipe as JSON."""
    return lambda wildcards: as_json(config["recipes"][experiment(wildcards)["recipe"]][part])


def continued_recipe(wildcards):
    """The recipe of the control: sharpening's, without what is about sharpness, as JSON."""
    sharpening = config["recipes"][experiment(wildcards)["recipe"]]["sharpening"]
    return as_json({key: value for key, value in sharpening.items() if key not in SHARPNESS})


def frames(split):
    """Function that returns the file of the experiment's encoded frames."""
    return (
        lambda wildcards: RESULTS
        / "frames"
        / experiment(wildcards)["dataset"]
        / experiment(wildcards)["encoding"]
        / f"{split}.npz"
    )


def labels(wildcards):
    """What a row of the seed's results is about, as JSON."""
    entry = experiment(wildcards)
    described = {key: entry[key] for key in ("dataset", "encoding", "network")}
    return as_json({"experiment": wildcards.experiment, "seed": int(wildcards.seed)} | described)


def titled(wildcards):
    """The heading of a figure: network, experiment."""
    return f"{config['networks'][experiment(wildcards)['network']]['title']}, {wildcards.experiment}"


def per_studied_seed(wildcards):
    """A study's file of every seed, for the STPU's studies of the experiments studied there."""
    studied = STUDIED if wildcards.study == "stpu" else config["experiments"]
    name = f"study-{wildcards.study}.csv"
    return [RESULTS / key / f"seed-{seed}" / name for key in studied for seed in config["seeds"]]


def stpu_results():
    """What a study with a part about the STPU ends in."""
    if not STPU:
        return []
    tables = [RESULTS / f"tables/{name}" for name in ("stpu.csv", "stpu.html", "study-stpu.csv")]
    figures = expand(
        RESULTS / "figures/{figure}-{experiment}.svg", figure=["leak", "robustness", "layout"], experiment=STUDIED
    )
    models = ["threshold.exact.nir", "threshold.portable.nir"]
    exports = [RESULTS / name / f"seed-{config['seeds'][0]}" / model for name in STUDIED for model in models]
    # The text model has spikes as inputs and no currents.
    exports += [
        RESULTS / name / f"seed-{config['seeds'][0]}" / "stpu-model.txt"
        for name in STUDIED
        if config["encodings"][config["experiments"][name]["encoding"]]["kind"] != "current"
    ]
    return [*tables, RESULTS / "figures/responses.svg", *figures, *exports]


def per_seed(name):
    """That file of every experiment and seed."""
    return expand(SEED / name, experiment=config["experiments"], seed=config["seeds"])


def spikes(wildcards):
    """The spike files of every backend of the experiment, by backend, for a readout."""
    suffix = "" if wildcards.readout == "potential" else f"-{wildcards.readout}"
    return {backend: SEED / f"spikes/{backend}{suffix}.npz" for backend in experiment(wildcards)["backends"]}


def population(wildcards):
    """The trained population code, where the readout needs one."""
    return {"population": SEED / "population.safetensors"} if wildcards.readout == "spikes" else {}


def readouts(entry):
    """The readouts of an experiment."""
    return entry.get("readouts", ["potential"])


def per_readout(name):
    """That file of every experiment, seed and readout of the experiment."""
    return [
        str(RESULTS / key / f"seed-{seed}" / name).format(readout=readout)
        for key, entry in config["experiments"].items()
        for seed in config["seeds"]
        for readout in readouts(entry)
    ]


def readout_networks():
    """The first seed's network of every experiment and its readouts: (experiment, readout, network, readout's network),
    the last one empty for readout potential."""
    rows = []
    for key, entry in config["experiments"].items():
        folder = RESULTS / key / f"seed-{config['seeds'][0]}"
        for readout in readouts(entry):
            circuit = "" if readout == "potential" else str(folder / f"readout-{readout}.npz")
            rows.append((key, readout, str(folder / "threshold.npz"), circuit))
    return rows


def datasets_used():
    """The prepared data of every experiment."""
    used = sorted({entry["dataset"] for entry in config["experiments"].values()})
    return expand(RESULTS / "datasets/{dataset}/{split}.npz", dataset=used, split=SPLITS)


def benchmarks():
    """The benchmark files of everything that is measured: all rules but exports, tables and figures."""
    rules_per_seed = [
        "train_original",
        "continue_original",
        "sharpen_network",
        "compile_network",
        "score_network",
        "study_quantization",
    ]
    files = set()
    for name, entry in config["experiments"].items():
        files.add(BENCHMARKS / entry["dataset"] / "fetch_dataset.tsv")
        files.add(BENCHMARKS / entry["dataset"] / entry["encoding"] / "encode_frames.tsv")
        measured = [*rules_per_seed, *(f"simulate_network-{backend}" for backend in entry["backends"])]
        measured += [f"compare_backends-{readout}" for readout in readouts(entry)]
        extra = [readout for readout in readouts(entry) if readout != "potential"]
        measured += [f"simulate_readout-{backend}-{readout}" for backend in entry["backends"] for readout in extra]
        measured += ["train_population"] if "spikes" in extra else []
        measured += ["study_stpu"] if name in STUDIED else []
        files.update(expand(BENCHMARKS / name / "seed-{seed}/{rule}.tsv", seed=config["seeds"], rule=measured))
    return sorted(map(str, files))
