"""The catalogue: every figure and every table of a study, each said once.

From an entry follow its rule (``rules/catalogue.smk``: a search for ``rule plot_leak`` finds nothing, ``snakemake
--list`` shows the names), its verb on the command line, its place in the report and in the summary, and what the tests
go through. The rest of a figure is the module that draws it, the report's caption and a test (docs/extending.md).

Figures and tables stand in the order of the summary.
"""

from pathlib import Path

from steep.study.entries import (
    Each,
    Figure,
    Files,
    Table,
    Value,
    Wildcards,
    measured,
    of_every_experiment,
    of_every_seed,
    of_first_seed,
    of_the_study,
    published,
    result,
    shared_of_every_seed,
)
from steep.study.options import LABEL, LAYERS, TEXTS, TITLES, part, structure
from steep.study.study import MEASURABLE, Study
from steep.threshold.readouts import READOUTS

RESULTS, METHOD, ACTIVITY, STPU, COST = CHAPTERS = ("Results", "Method", "Spiking activity", "STPU", "Cost")
PROVENANCE = "Provenance"

# Of what there is one figure or table each.
EXPERIMENT = Each("experiment", lambda study: study.experiments)
FEW_FILTERS = Each("experiment", lambda study: [k for k, e in study.experiments.items() if e.network.few_filters])
SWEPT = Each("experiment", lambda study: study.swept)
DATASET = Each("dataset", lambda study: study.datasets)
DRAWN_BENCHMARK = Each("benchmark", lambda study: [name for name in study.benchmarked if name != "training"])
BENCHMARK = Each("benchmark", lambda study: study.benchmarked)
SWEEPS = Each("sweep", lambda study: ["bits", "margins", *(["stpu"] if study.stpu else [])])


def has_stpu(study: Study) -> bool:
    """Whether a study has a part about the STPU."""
    return study.stpu is not None


def has_baseline(study: Study) -> bool:
    """Whether a study holds its experiments against one of them."""
    return study.baseline is not None


# Values that verbs take.
TITLE = Value("heading", lambda study, w: study.experiments[w["experiment"]].title)
NAME = Value("the experiment, as the config names it", lambda study, w: w["experiment"])
EVALUATION = Value("the frames that were measured on: test or validation", lambda study, w: study.evaluation)
ALL_TITLES = Value("headings of the experiments, by name", lambda study, w: study.titles, TITLES)
NUMBERS = Value(
    "numbers of the layers with weights, from 1",
    lambda study, w: study.experiments[w["experiment"]].network.weighted,
    LAYERS,
)
CLASSES = Value(
    "what the classes are called", lambda study, w: study.experiments[w["experiment"]].dataset.source.names, TEXTS
)
SIMULATORS = Value(
    "the simulators, the first of which ran what is drawn",
    lambda study, w: study.experiments[w["experiment"]].simulators,
    TEXTS,
)
ENCODINGS = Value(
    "the encodings to draw, as the config writes them",
    lambda study, w: {
        entry.encoding: study.encodings[entry.encoding]
        for entry in study.experiments.values()
        if entry.dataset.name == w["dataset"]
    },
    part("encodings"),
    ordered=True,
)
LIMITS = Value(
    "limits of the STPU, as the config writes them",
    lambda study, w: study.stpu["limits"] if study.stpu else {},
    part("stpu.limits"),
    ordered=True,
)
# Shape and surrogate slope.
WAY = {"type": "array", "prefixItems": [{"$ref": "#/$defs/shape"}, {"type": "number"}], "minItems": 2, "maxItems": 2}
WAYS = Value(
    "shape and surrogate slope of each way of sharpening, by a heading",
    lambda study, w: study.ways_of_sharpening(),
    structure(type="object", additionalProperties=WAY),
    ordered=True,
)
RESPONSES = Value(
    "the synaptic responses to draw, as the config writes them",
    lambda study, w: study.stpu["sweep"]["responses"] if study.stpu else {},
    part("stpu.sweep.responses"),
)
SEEDS = Value(
    "experiment and seed of each file, in the files' order",
    lambda study, w: [{"experiment": key, "seed": seed} for key, seed in study.every_seed()],
    structure(type="array", items=LABEL),
)


RUN = {
    "type": "object",
    "additionalProperties": False,
    "required": ["experiment", "readout"],
    "properties": {"experiment": {"$ref": "#/$defs/name"}, "readout": {"enum": list(READOUTS)}},
}
READ_OUT = Value(
    "experiment and readout of each network, in the files' order; readouts other than potential have a circuit",
    lambda study, w: [
        {"experiment": key, "readout": readout}
        for key, entry in study.experiments.items()
        for readout in entry.readouts
    ],
    structure(type="array", items=RUN),
)


def config_value(*needed: str, optional: tuple[str, ...] = (), ordered: bool = False) -> Value:
    """Return the parts of the config that a table needs, and others that it reads where they are there."""
    words = f"the study's config, of which it needs {', '.join(needed)}" if needed else "the study's config, whole"
    keys = (*needed, *optional)
    return Value(
        words, lambda study, w: study.chosen(*keys) if keys else study.config, part("", needed=needed or None), ordered
    )


def _beside_the_baseline(study: Study, wildcards: Wildcards) -> list[str]:
    """Return the experiments on the baseline's data."""
    data = {study.experiments[study.baseline].dataset} if study.baseline else set()
    return [name for name, entry in study.experiments.items() if entry.dataset in data]


# Files that several are made from.
EXAMPLES = {"examples": of_first_seed("examples.npz"), "network": of_first_seed("threshold.npz")}

FIGURES: tuple[Figure, ...] = (
    Figure(
        name="overview",
        chapter=RESULTS,
        result="The talk beside this study",
        caption="The talk's accuracies beside ours.",
        headline=True,
        inputs={"verdicts": result("tables/verdicts.csv")},
        values={"evaluation": EVALUATION},
    ),
    Figure(
        name="effects",
        chapter=RESULTS,
        result="What each change does",
        caption="What each change does to the spiking accuracy, against the first row of the table.",
        headline=True,
        when=has_baseline,
        about=_beside_the_baseline,
        inputs={"effects": result("tables/effects.csv")},
        values={"evaluation": EVALUATION},
    ),
    Figure(
        name="confusion",
        chapter=RESULTS,
        result="Original and threshold network, confusion",
        caption="Spiking beside non-spiking: confusions, and what changed.",
        each=EXPERIMENT,
        inputs={"activity": of_every_seed("activity.npz"), "classes": of_every_seed("classes.npz")},
        values={"simulators": SIMULATORS, "names": CLASSES, "title": TITLE},
    ),
    Figure(
        name="transfer",
        chapter=METHOD,
        result="Rectified linear unit and spiking neuron",
        caption="A rectified linear unit, and a spiking neuron simulated on the STPU model.",
    ),
    Figure(
        name="sigmoid",
        chapter=METHOD,
        result="The sharpened sigmoid",
        caption="The sharpened activation, and the slope through which it learns.",
        values={"settings": WAYS},
    ),
    Figure(
        name="conversion",
        chapter=METHOD,
        result="Data conversion, one image each way",
        caption="Frames each way: as they are, binarized, as contours, as injected current.",
        each=DATASET,
        inputs={"images": result("datasets/{dataset}/validation.npz")},
        values={
            "encodings": ENCODINGS,
            "title": Value("heading", lambda study, w: study.datasets[w["dataset"]].title),
        },
        memory_MB=2000,
        minutes=2,
    ),
    Figure(
        name="convergence",
        chapter=METHOD,
        result="Activations converge to steps",
        caption="Activations converge to steps while the network is sharpened.",
        each=EXPERIMENT,
        inputs={"activations": of_first_seed("activations.npz"), "history": of_first_seed("sharpened.csv")},
        values={"layers": NUMBERS, "title": TITLE},
    ),
    Figure(
        name="sharpening",
        chapter=METHOD,
        result="Accuracy over sharpening",
        caption="Validation accuracy over sharpening, the sharpness under it.",
        each=EXPERIMENT,
        inputs={"sharpened": of_every_seed("sharpened.csv"), "continued": shared_of_every_seed("continued.csv")},
        values={"title": TITLE},
    ),
    Figure(
        name="bits",
        chapter=METHOD,
        result="Accuracy against bits of the weights",
        caption="Validation accuracy against the bits of the integer weights.",
        each=EXPERIMENT,
        inputs={"bits": result("tables/sweep-bits.csv")},
        values={"experiment": NAME, "title": TITLE, "layers": NUMBERS},
    ),
    Figure(
        name="pipeline",
        chapter=ACTIVITY,
        result="Frames in flight (animation)",
        caption="Several frames in flight at once: each colour is a frame, each step one layer on.",
        each=EXPERIMENT,
        inputs=EXAMPLES,
        values={"title": TITLE},
    ),
    Figure(
        name="layers",
        chapter=ACTIVITY,
        result="Spikes, layer by layer",
        caption="Spikes of every layer, frame by frame.",
        each=EXPERIMENT,
        inputs=EXAMPLES,
        values={"title": TITLE},
    ),
    Figure(
        name="aggregate",
        chapter=ACTIVITY,
        result="Spiking convolution, all filters in one picture",
        caption="The first convolution of a few frames, all filters in one picture.",
        each=FEW_FILTERS,
        inputs=EXAMPLES,
        values={"title": TITLE},
    ),
    Figure(
        name="feature-maps",
        chapter=ACTIVITY,
        result="Units: sparse, dead, saturated",
        caption="How often every unit fires over all frames; dead and saturated units.",
        each=EXPERIMENT,
        inputs={"activity": of_first_seed("activity.npz")},
        values={"title": TITLE},
    ),
    Figure(
        name="mistakes",
        chapter=ACTIVITY,
        result="Misclassified frames, and the spikes that decided",
        caption="Misclassified frames, and the spikes that decided.",
        each=EXPERIMENT,
        inputs=EXAMPLES,
        values={"names": CLASSES, "title": TITLE},
    ),
    Figure(
        name="activity",
        chapter=ACTIVITY,
        result="Spikes and synaptic events of a frame",
        caption="Active units and synaptic events of a frame, by layer.",
        inputs={"activity": result("tables/activity.csv")},
        values={"titles": ALL_TITLES},
    ),
    Figure(
        name="layout",
        chapter=STPU,
        result="A network laid on the STPU",
        caption="The STPU, and how the network lies on it. Limits are assumed.",
        each=SWEPT,
        inputs={"network": of_first_seed("threshold.npz")},
        values={"limits": LIMITS, "title": TITLE},
        minutes=2,
    ),
    Figure(
        name="responses",
        chapter=STPU,
        result="Synaptic responses made of delays",
        caption="Synaptic responses made of delays, beside their equations.",
        when=has_stpu,
        values={"responses": RESPONSES},
    ),
    Figure(
        name="leak",
        chapter=STPU,
        result="Leak and frame spacing",
        caption="When frames disturb each other: accuracy against leak and frame spacing.",
        each=SWEPT,
        inputs={"sweep": result("tables/sweep-stpu.csv")},
        values={"experiment": NAME, "title": TITLE},
    ),
    Figure(
        name="robustness",
        chapter=STPU,
        result="Faults, and bits of weights",
        caption="Accuracy against faults in the spikes, and against weight bits.",
        each=SWEPT,
        inputs={"sweep": result("tables/sweep-stpu.csv"), "bits": result("tables/sweep-bits.csv")},
        values={"experiment": NAME, "title": TITLE},
    ),
    Figure(
        name="energy",
        chapter=COST,
        result="Energy of a frame, estimated",
        caption="Energy of a frame: counted events times published energies per event. An estimate.",
        inputs={"energy": result("tables/energy.csv"), "published": published("energy-per-frame.csv")},
        values={"titles": ALL_TITLES},
    ),
    Figure(
        name="benchmark",
        chapter=COST,
        result="Benchmark of {benchmark}",
        caption="What make benchmark measured on the machine it ran on: ratios are what can be compared.",
        each=DRAWN_BENCHMARK,
        about=lambda study, w: [],
        inputs={"table": measured()},
        values={"benchmark": Value("which benchmark", lambda study, w: w["benchmark"], choices=MEASURABLE)},
    ),
)


def _swept(study: Study, wildcards: Wildcards) -> list[str]:
    """Return the experiments that are swept."""
    return [*(study.swept if wildcards["sweep"] == "stpu" else study.experiments)]


SWEEP_RESULTS = {
    "stpu": "Accuracy against leak, spacing and faults",
    "bits": "Accuracy against bits of the weights",
    "margins": "Units near their thresholds, seed by seed",
}


def _of_swept(study: Study, wildcards: Wildcards) -> list[Path]:
    """Return what a sweep measured of every seed, of the experiments that are swept."""
    name = f"sweep-{wildcards['sweep']}.csv"
    return [study.folder(key, seed) / name for key in _swept(study, wildcards) for seed in study.seeds]


def _on_the_stpu(study: Study) -> list[Path]:
    """Return the networks that are held against the STPU's limits: of the first seed of every experiment, for each
    readout, the threshold network, and the readout's circuit where it has one."""
    files = []
    for key, entry in study.experiments.items():
        for readout in entry.readouts:
            files.append(study.first(key, "threshold.npz"))
            files += [] if readout == "potential" else [study.first(key, f"readout-{readout}.npz")]
    return files


TABLES: tuple[Table, ...] = (
    Table(
        name="verdicts",
        chapter=RESULTS,
        result="Is the talk reproduced?",
        caption="Every row of the talk judged: reproduced, better, not reproduced.",
        maker="steep.analysis.verdicts:tabulate",
        inputs={"talk": result("tables/talk.csv")},
        values={"study": config_value("experiments", "datasets", optional=("evaluation",))},
        also={
            "view": "verdicts-view.csv",
            "answer": "answer.txt",
            "note": "verdicts-note.txt",
            "landing": "landing-verdicts.rst",
            "landing_answer": "landing-answer.rst",
        },
    ),
    Table(
        name="talk",
        chapter=RESULTS,
        result="The talk's table beside ours",
        caption="The talk's table beside ours.",
        maker="steep.analysis.tables:tabulate_talk",
        inputs={"accuracy": result("tables/accuracy.csv")},
        values={"study": config_value("experiments", "networks", "datasets", optional=("evaluation",), ordered=True)},
        also={
            "markdown": "talk.md",
            "view": "talk-view.csv",
            "note": "talk-note.txt",
            "landing": "landing-talk.rst",
        },
    ),
    Table(
        name="accuracy",
        chapter=RESULTS,
        result="Every accuracy measured",
        caption="The scores of all experiments and seeds in one tidy table.",
        maker="steep.analysis.tables:tabulate_accuracy",
        inputs={
            "scores": of_the_study(
                "scores of every experiment, seed and readout",
                lambda study: [*study.every_file("scores-network.csv"), *study.every_file("scores-{readout}.csv")],
            )
        },
    ),
    Table(
        name="comparisons",
        chapter=RESULTS,
        result="Simulators, spike for spike",
        caption="The spikes compared between simulators, and the differing ones.",
        maker="steep.analysis.tables:tabulate_comparisons",
        inputs={"comparisons": of_every_experiment("comparison-{readout}.csv")},
    ),
    Table(
        name="margins",
        chapter=METHOD,
        result="Units near their thresholds",
        caption="How many units are near their thresholds.",
        maker="steep.analysis.tables:tabulate_margins",
        inputs={"margins": result("tables/sweep-margins.csv")},
    ),
    Table(
        name="activity",
        chapter=ACTIVITY,
        result="Spikes and events of a frame",
        caption="How busy every layer is.",
        maker="steep.analysis.activity:tabulate",
        inputs={"activity": of_every_experiment("activity.npz")},
        values={"rows": SEEDS},
    ),
    Table(
        name="energy",
        chapter=COST,
        result="Energy of a frame, estimated",
        caption="Counted events multiplied with published energies.",
        maker="steep.analysis.energy:tabulate",
        inputs={"activity": result("tables/activity.csv"), "published": published("energy-per-event.csv")},
    ),
    Table(
        name="costs",
        chapter=COST,
        result="Cost by rule",
        caption="Snakemake's benchmarks, summed by rule.",
        maker="steep.study.costs:tabulate",
        inputs={"benchmarks": of_the_study("Snakemake's benchmarks", lambda study: study.benchmarks())},
    ),
    Table(
        name="sweep",
        chapter=lambda w: STPU if w["sweep"] == "stpu" else METHOD,
        result=lambda w: SWEEP_RESULTS[w["sweep"]],
        caption="Tables of the same columns below each other.",
        maker="steep.analysis.tables:join",
        verb_name="join-tables",
        each=SWEEPS,
        about=_swept,
        inputs={"tables": Files("the tables, of the same columns", _of_swept, many=True)},
        values={"title": Value("heading", lambda study, w: f"Sweep: {w['sweep']}")},
    ),
    Table(
        name="stpu",
        chapter=STPU,
        result="Networks on the STPU",
        caption="The networks, with each of their readouts, held against the limits of the STPU.",
        maker="steep.study.stpu_table:tabulate",
        when=has_stpu,
        inputs={"networks": of_the_study("threshold networks, each followed by its readout's circuit", _on_the_stpu)},
        values={"rows": READ_OUT, "limits": LIMITS},
        minutes=2,
    ),
    Table(
        name="effects",
        chapter=RESULTS,
        result="What each change does",
        caption="Every experiment held against the study's baseline, seed by seed.",
        maker="steep.analysis.effects:tabulate",
        when=has_baseline,
        about=_beside_the_baseline,
        inputs={"accuracy": result("tables/accuracy.csv")},
        values={
            "study": config_value(
                "experiments", "networks", "datasets", "baseline", optional=("evaluation",), ordered=True
            )
        },
        also={"view": "effects-view.csv", "note": "effects-note.txt", "landing": "landing-effects.rst"},
    ),
    Table(
        name="benchmark",
        chapter=COST,
        result="Benchmark of {benchmark}",
        caption="What a benchmark measured.",
        maker="steep.study.benchmark_table:tabulate",
        each=BENCHMARK,
        about=lambda study, w: [],
        inputs={"table": measured()},
        values={"title": Value("heading", lambda study, w: f"Benchmark of {w['benchmark']}")},
    ),
)

# Those that the summary shows above its chapters, as text for people.
VIEWED = tuple(table for table in TABLES if "view" in table.also)
