# Names of files and small functions for the rules.
import json
import shlex
import sys

SOURCE = CHECKOUT / "src"
# This process and the jobs use `steep` from this checkout, whatever environment runs them.
sys.path.insert(0, str(SOURCE))
PREFIX = f"set -euo pipefail; export PYTHONPATH={shlex.quote(str(SOURCE))}; "
shell.prefix(PREFIX.replace("{", "{{").replace("}", "}}"))

import snakemake.utils
from snakemake.exceptions import WorkflowError
from steep.config import check_config, read_arguments, read_config
from steep.datasets import SOURCES
from steep.digest import code_digest
from steep.errors import SteepError
from steep.sharpening import SHARPENING_ONLY
from steep.simulators import BACKENDS

CONFIG_FILES = list(map(str, workflow.configfiles))
ARGUMENTS = list(workflow.config_settings.config_args)
try:
    # Of another workflow's module all that is known is the config it hands over; what that is made of is its own matter.
    if CHECKOUT.samefile(workflow.basedir):
        for file in CONFIG_FILES:
            # Snakemake has read it, but lets the last of two equal keys win.
            read_config(file)
        # Snakemake cuts values at a #, and reads the items of a list as text.
        snakemake.utils.update_config(config, read_arguments(ARGUMENTS))
    check_config(config, ", ".join(CONFIG_FILES + ["--config"] * bool(ARGUMENTS)) or "config")
except SteepError as error:
    raise WorkflowError(str(error))

RESULTS = Path("results") / config["study"]
# Downloads are the same for every study.
DOWNLOADS = Path("data")
# What others have published, beside which the study is set.
PUBLISHED = OWN / "report" / "published"
SEED = RESULTS / "{experiment}/seed-{seed}"
LOGS = RESULTS / "logs"
BENCHMARKS = RESULTS / "benchmarks"
BACKEND_MODULES = {name: [module] for name, module in BACKENDS.items()}
# The fast delivery is built by a process of its own, which nothing imports.
for name in ("brian2", "brian2-fast"):
    BACKEND_MODULES[name].append("steep.simulators.brian2_fast.build")
# What `make benchmark` has measured by now; the paper study, which it measures, reports it.
MEASURED = Path("results/benchmark")
BENCHMARKED = [
    name
    for name in ("simulators", "sizes", "training", "stpu")
    if config["study"] == "paper" and (MEASURED / f"{name}.csv").exists()
]
# The part of the config about the STPU, which a study may leave out.
STPU = config.get("stpu", {})
STUDIED = STPU.get("studies", {}).get("experiments", [])
# What the studies measure; which experiments they are made of does not change a measurement.
STUDY_SETTINGS = {k: v for k, v in STPU.get("studies", {}).items() if k not in ("experiments", "responses")}
SPLITS = ["train", "validation", "test"]
# Jobs that the frames of a simulation are divided among, and what each writes.
PARTS = config.get("parts", 1)
PART = "-{part}" if PARTS > 1 else ""
SIMULATED = SEED / (f"spikes/parts-of-{PARTS}/{{backend}}-{{part}}.npz" if PARTS > 1 else "spikes/{backend}.npz")
# The frames of the last evaluation.
EVALUATION = config.get("evaluation", "test")
# What a study with a baseline has besides.
EFFECTS = ["effects"] if "baseline" in config else []


wildcard_constraints:
    experiment="[a-z0-9-]+",
    dataset="[a-z0-9-]+",
    encoding="[a-z0-9-]+",
    backend="|".join(BACKEND_MODULES),
    readout="potential|spikes|wta",
    which="|-spikes|-wta",
    study="stpu|bits|margins",
    benchmark="simulators|sizes|training|stpu",
    seed=r"\d+",
    part=r"\d+",


def code(*modules):
    """Digest of the library modules a rule uses, so that editing one reruns the rules that use it and no others."""
    return code_digest(*modules)


def as_json(value, sort=True):
    """A parameter for a verb's command line, which rules quote with :q. Sorted keys, where their order means nothing."""
    return json.dumps(value, sort_keys=sort)


def literal(value, sort=True):
    """Function that returns `as_json`: of a string Snakemake would take words in braces, as titles may have, for
    wildcards."""
    text = as_json(value, sort)
    return lambda wildcards: text


def published(name):
    """Function that returns a file of what others have published."""
    return lambda wildcards: PUBLISHED / name


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


def control_recipe(sharpening):
    """The recipe of the control: sharpening's, without what only sharpening has."""
    return {key: value for key, value in sharpening.items() if key not in SHARPENING_ONLY}


def continued_recipe(wildcards):
    """The recipe of the experiment's control as JSON."""
    return as_json(control_recipe(config["recipes"][experiment(wildcards)["recipe"]]["sharpening"]))


def trained_in(key, network):
    """The experiment in whose folder the `original` or `continued` network of an experiment lies: the first one that
    trains the same. Experiments that differ in their sharpening alone share it. Another order of the experiments in the
    config moves it, and it is trained anew, to the same bits."""

    def made_from(key):
        entry = config["experiments"][key]
        chosen = config["recipes"][entry["recipe"]]
        control = control_recipe(chosen["sharpening"]) if network == "continued" else {}
        return (
            entry["dataset"],
            entry["encoding"],
            config["networks"][entry["network"]]["layers"],
            chosen["original"],
            control,
        )

    return next(other for other in config["experiments"] if made_from(other) == made_from(key))


def shared_file(key, seed, file):
    """A file of an experiment's original or continued network, wherever it was trained."""
    return RESULTS / trained_in(key, Path(file).stem) / f"seed-{seed}" / file


def shared(file):
    """Function that returns that file of the experiment and seed."""
    return lambda wildcards: shared_file(wildcards.experiment, wildcards.seed, file)


def teacher(wildcards):
    """The network whose answers sharpening learns from besides the labels, where the recipe names one."""
    distillation = config["recipes"][experiment(wildcards)["recipe"]]["sharpening"].get("distillation")
    return shared(f"{distillation['teacher']}.safetensors")(wildcards) if distillation else []


def unfinished(network):
    """Function that returns the file with the state of a training that is not done; it is gone when the training is."""
    return lambda wildcards: str(SEED / f"{network}.checkpoint.npz").format(**wildcards)


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


def class_names(wildcards):
    """What the classes of the experiment's data are called, as JSON."""
    return as_json(SOURCES[config["datasets"][experiment(wildcards)["dataset"]]["source"]].names)


def per_studied_seed(wildcards):
    """A study's file of every seed, for the STPU's studies of the experiments studied there."""
    studied = STUDIED if wildcards.study == "stpu" else config["experiments"]
    name = f"study-{wildcards.study}.csv"
    return [RESULTS / key / f"seed-{seed}" / name for key in studied for seed in config["seeds"]]


def weighted_layers(wildcards):
    """The numbers of the layers with weights, as JSON: poolings count but are not among them; the output is the last."""
    kinds = [layer["kind"] for layer in config["networks"][experiment(wildcards)["network"]]["layers"]] + ["dense"]
    return as_json([number for number, kind in enumerate(kinds, 1) if kind != "maxpool"])


def seeds_of_experiments():
    """Experiment and seed of every file that `per_seed` names, in its order."""
    return [{"experiment": key, "seed": seed} for key in config["experiments"] for seed in config["seeds"]]


def stpu_results():
    """What a study with a part about the STPU exports."""
    if not STPU:
        return []
    models = ["threshold.exact.nir", "threshold.portable.nir"]
    exports = [RESULTS / name / f"seed-{config['seeds'][0]}" / model for name in STUDIED for model in models]
    # The text model has spikes as inputs and no currents.
    exports += [
        RESULTS / name / f"seed-{config['seeds'][0]}" / f"stpu-model{ending(readout)}.{kind}"
        for name in STUDIED
        if config["encodings"][config["experiments"][name]["encoding"]]["kind"] != "current"
        for readout in readouts(config["experiments"][name])
        for kind in ("txt", "csv")
    ]
    return exports


def per_seed(name):
    """That file of every experiment and seed."""
    return expand(SEED / name, experiment=config["experiments"], seed=config["seeds"])


def ending(readout):
    """What the name of a file that belongs to a readout ends with, before the dot."""
    return "" if readout == "potential" else f"-{readout}"


def spikes(wildcards):
    """The spike files of every backend of the experiment, by backend, for a readout."""
    return {
        backend: SEED / f"spikes/{backend}{ending(wildcards.readout)}.npz"
        for backend in experiment(wildcards)["backends"]
    }


def simulated_network(wildcards):
    """The network that those spikes are of: the threshold network, or the readout's circuit."""
    return SEED / ("threshold.npz" if wildcards.readout == "potential" else "readout-{readout}.npz")


def kept(wildcards):
    """The layers whose spikes are kept, as JSON, empty for all: those the config names, the output, and the layer that
    readouts hang on. The first simulator keeps all: figures and counts of spikes are made from it."""
    entry = experiment(wildcards)
    if "record" not in entry or wildcards.backend == entry["backends"][0]:
        return "[]"
    kinds = [layer["kind"] for layer in config["networks"][entry["network"]]["layers"]]
    depth = len(kinds) + 1
    needed = {depth} if readouts(entry) == ["potential"] else {depth - 1, depth}
    return as_json(sorted({*entry["record"], *needed}))


def part(wildcards):
    """Which part of the frames a simulation runs, as NUMBER/COUNT."""
    return f"{wildcards.get('part', 1)}/{PARTS}"


def population(wildcards):
    """The trained population code, where the readout needs one."""
    return {"population": SEED / "population.safetensors"} if wildcards.readout == "spikes" else {}


def population_code(wildcards):
    """The compiled and the trained population code, where an exported model ends in it."""
    if wildcards.which != "-spikes":
        return {}
    return {"circuit": SEED / "readout-spikes.npz", "population": SEED / "population.safetensors"}


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
        "sharpen_network",
        "compile_network",
        "score_network",
        "study_quantization",
    ]
    files = set()
    for name, entry in config["experiments"].items():
        files.add(BENCHMARKS / entry["dataset"] / "fetch_dataset.tsv")
        files.add(BENCHMARKS / entry["dataset"] / entry["encoding"] / "encode_frames.tsv")
        simulated = [f"-{part}" for part in range(1, PARTS + 1)] if PARTS > 1 else [""]
        measured = [*rules_per_seed]
        measured += ["train_original"] if trained_in(name, "original") == name else []
        measured += ["continue_original"] if trained_in(name, "continued") == name else []
        measured += [f"simulate_network-{backend}{part}" for backend in entry["backends"] for part in simulated]
        measured += [f"compare_backends-{readout}" for readout in readouts(entry)]
        extra = [readout for readout in readouts(entry) if readout != "potential"]
        measured += [f"simulate_readout-{backend}-{readout}" for backend in entry["backends"] for readout in extra]
        measured += ["train_population"] if "spikes" in extra else []
        measured += ["study_stpu"] if name in STUDIED else []
        files.update(expand(BENCHMARKS / name / "seed-{seed}/{rule}.tsv", seed=config["seeds"], rule=measured))
    return sorted(map(str, files))
