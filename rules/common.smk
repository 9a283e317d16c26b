# What the rules share, the study and names of files. All that is computed is in src/steep/study.
import shlex
import sys

SOURCE = CHECKOUT / "src"
# This process and the jobs use `steep` from this checkout, whatever environment runs them.
sys.path.insert(0, str(SOURCE))
PREFIX = f"set -euo pipefail; export PYTHONPATH={shlex.quote(str(SOURCE))}; "
shell.prefix(PREFIX.replace("{", "{{").replace("}", "}}"))

import snakemake.utils
from snakemake.exceptions import WorkflowError
from steep.cli import VERBS
from steep.errors import SteepError
from steep.simulators import MODULES
from steep.study.catalogue import FIGURES, PROVENANCE, SWEEP_RESULTS, TABLES, VIEWED
from steep.study.config import check_config, read_arguments, read_config
from steep.study.entries import options_of
from steep.study.study import MEASURABLE, SPLITS, Study, as_json, ending
from steep.threshold.readouts import READOUTS

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

STUDY = Study.of(config)
RESULTS = STUDY.results
# Downloads are the same for every study.
DOWNLOADS = Path("data")
SEED = RESULTS / "{experiment}/seed-{seed}"
LOGS = RESULTS / "logs"
BENCHMARKS = RESULTS / "benchmarks"
# Jobs that the frames of a simulation are divided among, and what each writes.
PARTS = STUDY.parts
PART = "-{part}" if PARTS > 1 else ""
SIMULATED = SEED / (f"spikes/parts-of-{PARTS}/{{simulator}}-{{part}}.npz" if PARTS > 1 else "spikes/{simulator}.npz")
# What a job of one experiment and seed begins its lines with.
JOB = "{wildcards.experiment} seed {wildcards.seed}"


wildcard_constraints:
    experiment="[a-z0-9-]+",
    dataset="[a-z0-9-]+",
    encoding="[a-z0-9-]+",
    simulator="|".join(MODULES),
    readout="|".join(READOUTS),
    which="|".join(map(ending, READOUTS)),
    sweep="|".join(SWEEP_RESULTS),
    benchmark="|".join(MEASURABLE),
    seed=r"\d+",
    part=r"\d+",


def command(verb, job, *given, **places):
    """The shell line of a verb (`steep.cli.verbs.Verb.command`)."""
    return VERBS[verb].command(job, *given, **places)


def code(verb, *modules):
    """Digest of what a verb computes with: an edit of it reruns the rules that use it and no others."""
    return VERBS[verb].code(*modules)


def attempts(amount):
    """Function that returns what a cluster is asked for: more at every attempt."""
    return lambda wildcards, attempt: amount * attempt


def value(of):
    """Function that returns what `of` finds of the experiment in the config, as a verb takes it: text as it stands, else JSON."""

    def text(wildcards):
        said = of(STUDY.experiments[wildcards.experiment])
        return said if isinstance(said, str) else as_json(said)

    return text


def literal(value, ordered=False):
    """Function that returns JSON: of a string Snakemake would take words in braces, as titles may have, for wildcards."""
    text = as_json(value, ordered)
    return lambda wildcards: text


def row(wildcards):
    """What a row of the seed's results is about, as JSON."""
    return as_json(STUDY.experiments[wildcards.experiment].row | {"seed": int(wildcards.seed)})


def frames(split):
    """Function that returns the file of the experiment's encoded frames."""
    return lambda wildcards: STUDY.frames(wildcards.experiment, split)


def shared(file):
    """Function that returns a file of the experiment's original or continued network, wherever it was trained."""
    return lambda wildcards: STUDY.shared(wildcards.experiment, wildcards.seed, file)


def unfinished(network):
    """Function that returns the file with the state of a training that is not done; it is gone when the training is."""
    return lambda wildcards: STUDY.folder(wildcards.experiment, wildcards.seed) / f"{network}.checkpoint.npz"


def teacher(wildcards):
    """The network whose answers sharpening learns from besides the labels, where the recipe names one."""
    name = STUDY.experiments[wildcards.experiment].recipe.teacher
    return shared(f"{name}.safetensors")(wildcards) if name else []


def spikes(wildcards):
    """The spike files of every simulator of the experiment, for a readout."""
    return expand(
        SEED / "spikes/{simulator}{ending}.npz",
        experiment=wildcards.experiment,
        seed=wildcards.seed,
        simulator=STUDY.experiments[wildcards.experiment].simulators,
        ending=ending(wildcards.readout),
    )


def item(path, category, **labels):
    """A file as an item of the report, with a caption that is named as the file is, up to its wildcard. Category and
    labels may be functions of the wildcards."""
    caption = Path(path).stem.split("-{")[0]
    return report(
        RESULTS / path,
        caption=f"../report/{caption}.rst",
        category=category,
        labels=lambda wildcards: {key: value(wildcards) if callable(value) else value for key, value in labels.items()},
    )


def figure(entry):
    """The output of a figure's rule, an item of the report; of several it is labelled with which."""
    several = entry.each and entry.each.wildcard in ("experiment", "dataset")
    which = {"which": f"{{{entry.each.wildcard}}}"} if several else {}
    return item(f"figures/{entry.stem}.svg", entry.chapter, result=entry.heading, **which)


def tabulated(name, category, result):
    """The outputs `csv` and `html` of a table, both items of the report."""
    return {
        "csv": item(f"tables/{name}.csv", category, result=result, which="CSV"),
        "html": item(f"tables/{name}.html", category, result=result, which="table"),
    }


def all_of(entries, file):
    """That file of every entry of the catalogue that the study has."""
    return [RESULTS / file.format(stem) for entry in entries for stem in entry.stems(STUDY)]


def made_from(entry):
    """The inputs of an entry's rule: functions that return files, which lie in the checkout where they come with it."""

    def found(files):
        return lambda wildcards: OWN / files.find(STUDY, wildcards) if files.shipped else files.find(STUDY, wildcards)

    return {name: found(files) for name, files in entry.inputs.items()}


def words(entry):
    """Function that returns an entry's verb and its values of the config: when that changes, the job runs again."""
    return lambda wildcards: entry.words(STUDY, wildcards)


def generated(entry):
    """Function that returns whose data are generated, which an entry's caption says."""
    return lambda wildcards: entry.generated(STUDY, wildcards)


def reads(entry):
    """Function that returns the options of the files that an entry's verb reads."""
    return lambda wildcards, input: options_of({name: input.get(name) for name in entry.inputs})


def also(entry):
    """Function that returns the options of what a table's verb writes besides the table."""
    return lambda wildcards, output: options_of({name: output.get(name) for name in entry.also})
