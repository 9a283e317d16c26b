"""A study: the config as an object. Defaults are applied here, once; what the workflow asks of the config is said here.

A config is checked first (`steep.study.config.check_config`); nothing here fails on one that passed.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from steep.datasets import SOURCES, Source
from steep.figures import FEW_FILTERS
from steep.sharpening import SHARPENING_ONLY

Json = dict[str, Any]
SPLITS = ("train", "validation", "test")
# What the report of the paper study shows of `make benchmark`, which measures that study, where it has been run.
MEASURED = Path("results/benchmark")
MEASURABLE = ("simulators", "sizes", "training", "stpu")


def as_json(value: Any, ordered: bool = False) -> str:
    """Return JSON for a verb's command line; keys are sorted unless their order means something."""
    return json.dumps(value, sort_keys=not ordered)


def ending(readout: str) -> str:
    """Return what the name of a file that belongs to a readout ends with, before the dot."""
    return "" if readout == "potential" else f"-{readout}"


@dataclass(frozen=True)
class DataSet:
    """A data set: its name in the config, its heading, where it comes from, the number of validation frames."""

    name: str
    title: str
    origin: str
    validation: int

    @property
    def source(self) -> Source:
        """What the library knows of where it comes from."""
        return SOURCES[self.origin]


@dataclass(frozen=True)
class Network:
    """An architecture: its name in the config, its heading, its layers as the config writes them, but the output."""

    name: str
    title: str
    layers: tuple[Json, ...]

    @property
    def depth(self) -> int:
        """The number of layers, with the output layer, which is the last."""
        return len(self.layers) + 1

    @property
    def weighted(self) -> list[int]:
        """The numbers of the layers with weights, from 1: poolings count but are not among them; the output is."""
        return [number for number, layer in enumerate(self.layers, 1) if layer["kind"] != "maxpool"] + [self.depth]

    @property
    def few_filters(self) -> bool:
        """Whether it begins with a convolution of so few filters that they fit in one picture."""
        return self.layers[0]["kind"] == "conv" and self.layers[0]["filters"] <= FEW_FILTERS


@dataclass(frozen=True)
class Recipe:
    """How networks are trained, sharpened, compiled: each part as the config writes it."""

    name: str
    original: Json
    sharpening: Json
    compilation: Json
    population: Json | None

    @property
    def control(self) -> Json:
        """The recipe of the control: sharpening's, without what only sharpening has."""
        return {key: value for key, value in self.sharpening.items() if key not in SHARPENING_ONLY}

    @property
    def teacher(self) -> str | None:
        """The network whose answers sharpening learns from besides the labels: original or continued; None for none."""
        return self.sharpening["distillation"]["teacher"] if "distillation" in self.sharpening else None


@dataclass(frozen=True)
class Experiment:
    """A network trained on a data set in an encoding with a recipe; the simulators and readouts it is run with.

    `record` numbers the layers whose spikes every simulator keeps, None for all.
    """

    name: str
    dataset: DataSet
    encoding: str
    network: Network
    recipe: Recipe
    simulators: tuple[str, ...]
    readouts: tuple[str, ...]
    record: tuple[int, ...] | None

    @property
    def generated(self) -> bool:
        """Whether its data were generated, not measured."""
        return self.dataset.source.generated

    @property
    def title(self) -> str:
        """The heading of its figures."""
        return f"{self.network.title}, {self.name}"

    @property
    def row(self) -> Json:
        """What a row of its results is about, besides the seed."""
        return {
            "experiment": self.name,
            "dataset": self.dataset.name,
            "encoding": self.encoding,
            "network": self.network.name,
        }

    def trained_from(self, network: str) -> tuple[Any, ...]:
        """What decides how its `original` or `continued` network comes out; experiments that are alike in it share that
        network."""
        control = self.recipe.control if network == "continued" else {}
        return self.dataset.name, self.encoding, self.network.layers, self.recipe.original, control

    def recorded(self, simulator: str) -> list[int]:
        """Return the layers whose spikes a simulator keeps, empty for all: those the config names, the output, and the
        layer that readouts hang on. The first simulator keeps all: figures and counts are made from its spikes."""
        if self.record is None or simulator == self.simulators[0]:
            return []
        depth = self.network.depth
        return sorted({*self.record, depth} | ({depth - 1} if self.readouts != ("potential",) else set()))


@dataclass(frozen=True)
class Study:
    """A study. `config` is the whole of it as it was read; ask that only for what a verb takes as it stands."""

    config: Json
    name: str
    seeds: tuple[int, ...]
    encodings: dict[str, Json]
    datasets: dict[str, DataSet]
    experiments: dict[str, Experiment]
    evaluation: str
    parts: int
    mirrors: tuple[str, ...]
    baseline: str | None
    stpu: Json | None

    @classmethod
    def of(cls, config: Json) -> "Study":
        """Return the study of a checked config."""
        datasets = {
            key: DataSet(key, entry["title"], entry["source"], entry["validation"])
            for key, entry in config["datasets"].items()
        }
        networks = {
            key: Network(key, entry["title"], tuple(entry["layers"])) for key, entry in config["networks"].items()
        }
        recipes = {
            key: Recipe(key, entry["original"], entry["sharpening"], entry["compilation"], entry.get("population"))
            for key, entry in config["recipes"].items()
        }
        experiments = {
            key: Experiment(
                name=key,
                dataset=datasets[entry["dataset"]],
                encoding=entry["encoding"],
                network=networks[entry["network"]],
                recipe=recipes[entry["recipe"]],
                simulators=tuple(entry["simulators"]),
                readouts=tuple(entry.get("readouts", ["potential"])),
                record=tuple(entry["record"]) if "record" in entry else None,
            )
            for key, entry in config["experiments"].items()
        }
        return cls(
            config=config,
            name=config["study"],
            seeds=tuple(config["seeds"]),
            encodings=config["encodings"],
            datasets=datasets,
            experiments=experiments,
            evaluation=config.get("evaluation", "test"),
            parts=config.get("parts", 1),
            mirrors=tuple(config.get("mirrors", [])),
            baseline=config.get("baseline"),
            stpu=config.get("stpu"),
        )

    @cached_property
    def results(self) -> Path:
        """The folder of its results, in the working directory."""
        return Path("results") / self.name

    @property
    def titles(self) -> dict[str, str]:
        """The headings of the experiments."""
        return {key: entry.title for key, entry in self.experiments.items()}

    @property
    def swept(self) -> tuple[str, ...]:
        """The experiments whose networks are swept on the STPU."""
        return tuple(self.stpu["sweep"]["experiments"]) if self.stpu else ()

    @property
    def sweep_settings(self) -> Json:
        """What the sweeps on the STPU measure; which experiments they are made of does not change a measurement."""
        sweep = self.stpu["sweep"] if self.stpu else {}
        return {key: value for key, value in sweep.items() if key not in ("experiments", "responses")}

    @property
    def benchmarked(self) -> list[str]:
        """What `make benchmark` has measured by now, where it is this study that it measures."""
        return [name for name in MEASURABLE if self.name == "paper" and (MEASURED / f"{name}.csv").exists()]

    def chosen(self, *keys: str) -> Json:
        """Return those keys of the config that are there, as they were read."""
        return {key: self.config[key] for key in keys if key in self.config}

    def folder(self, experiment: str, seed: int | str) -> Path:
        """Return the folder of an experiment's seed."""
        return self.results / experiment / f"seed-{seed}"

    def first(self, experiment: str, file: str) -> Path:
        """Return a file of an experiment's first seed."""
        return self.folder(experiment, self.seeds[0]) / file

    def frames(self, experiment: str, split: str) -> Path:
        """Return the file of an experiment's encoded frames."""
        entry = self.experiments[experiment]
        return self.results / "frames" / entry.dataset.name / entry.encoding / f"{split}.npz"

    def trained_in(self, experiment: str, network: str) -> str:
        """Return the experiment in whose folder the `original` or `continued` network of an experiment lies: the first
        one that trains the same. Another order of the experiments in the config moves it, and it is trained anew, to
        the same bits."""
        wanted = self.experiments[experiment].trained_from(network)
        return next(key for key, entry in self.experiments.items() if entry.trained_from(network) == wanted)

    def shared(self, experiment: str, seed: int | str, file: str) -> Path:
        """Return a file of an experiment's original or continued network, wherever it was trained."""
        return self.folder(self.trained_in(experiment, Path(file).stem), seed) / file

    def every_seed(self) -> Iterator[tuple[str, int]]:
        """Yield every experiment and seed, in the order that all tables have."""
        return ((key, seed) for key in self.experiments for seed in self.seeds)

    def every_readout(self) -> Iterator[tuple[str, int, str]]:
        """Yield every experiment, seed and readout."""
        return ((key, seed, readout) for key, seed in self.every_seed() for readout in self.experiments[key].readouts)

    def every_file(self, name: str) -> list[Path]:
        """Return that file of every experiment and seed; where its name has ``{readout}``, of every readout too."""
        if "{readout}" in name:
            return [
                self.folder(key, seed) / name.format(readout=readout) for key, seed, readout in self.every_readout()
            ]
        return [self.folder(key, seed) / name for key, seed in self.every_seed()]

    def datasets_used(self) -> list[Path]:
        """Return the prepared data of every experiment."""
        used = sorted({entry.dataset.name for entry in self.experiments.values()})
        return [self.results / "datasets" / name / f"{split}.npz" for name in used for split in SPLITS]

    def exports(self) -> list[Path]:
        """Return what is exported: of the swept experiments' first seeds NIR graphs and text models. The text model
        has spikes as inputs and no currents."""
        files = [self.first(key, f"threshold.{form}.nir") for key in self.swept for form in ("exact", "portable")]
        return files + [
            self.first(key, f"stpu-model{ending(readout)}.{kind}")
            for key in self.swept
            if self.encodings[self.experiments[key].encoding]["kind"] != "current"
            for readout in self.experiments[key].readouts
            for kind in ("txt", "csv")
        ]

    def benchmarks(self) -> list[Path]:
        """Return the benchmark files of everything that is measured: all rules but exports, tables and figures."""
        folder, files = self.results / "benchmarks", set()
        pieces = [f"-{part}" for part in range(1, self.parts + 1)] if self.parts > 1 else [""]
        for name, entry in self.experiments.items():
            extra = [readout for readout in entry.readouts if readout != "potential"]
            measured = ["sharpen_network", "compile_network", "score_network", "sweep_weight_bits"]
            measured += ["train_original"] if self.trained_in(name, "original") == name else []
            measured += ["continue_original"] if self.trained_in(name, "continued") == name else []
            measured += [f"simulate_network-{simulator}{piece}" for simulator in entry.simulators for piece in pieces]
            measured += [f"compare_simulators-{readout}" for readout in entry.readouts]
            measured += [f"simulate_readout-{each}-{readout}" for each in entry.simulators for readout in extra]
            measured += ["train_population"] if "spikes" in extra else []
            measured += ["sweep_stpu"] if name in self.swept else []
            files.add(folder / entry.dataset.name / "fetch_dataset.tsv")
            files.add(folder / entry.dataset.name / entry.encoding / "encode_frames.tsv")
            files.update(folder / name / f"seed-{seed}" / f"{rule}.tsv" for seed in self.seeds for rule in measured)
        return sorted(files, key=str)

    def ways_of_sharpening(self) -> dict[str, tuple[str, float]]:
        """Return shape and surrogate slope of the sharpening in use, each pair once, by the titles of the networks
        sharpened so; by the recipes' names where a network is sharpened in several ways."""
        networks: dict[tuple[str, float], set[str]] = {}
        recipes: dict[tuple[str, float], set[str]] = {}
        for entry in self.experiments.values():
            way = (entry.recipe.sharpening["shape"], entry.recipe.sharpening["surrogate_slope"])
            networks.setdefault(way, set()).add(entry.network.title)
            recipes.setdefault(way, set()).add(entry.recipe.name)
        alike = sum(map(len, networks.values())) > len(set().union(*networks.values()))
        return {", ".join(sorted(names)): way for way, names in (recipes if alike else networks).items()}
