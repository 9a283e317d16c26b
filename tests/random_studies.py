"""Small studies at random: what `check-config` accepts runs to its end, verb after verb, without Snakemake.

`python tests/random_studies.py COUNT [SEED]` tries so many and says what happened; test_random_studies.py tries a few.
Data are the first frames of digits and of the generated spectra.
"""

import io
import json
import random
import sys
import tempfile
import traceback
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt
from random_sharpened import random_layers

from steep.architecture import layer_shapes, parse_layers
from steep.cli import main as steep
from steep.datasets import SOURCES
from steep.datasets.sizes import split_sizes
from steep.errors import SteepError
from steep.frames import Frames
from steep.networks import ACTIVATIONS
from steep.sharpening.activation import SHAPES
from steep.study.config import check_config
from steep.training import OPTIMIZERS

TRAIN, TEST = 64, 9
ROOT = Path(__file__).parents[1]
Config = dict[str, Any]


def random_training(rng: random.Random) -> Config:
    recipe = {
        "optimizer": rng.choice(list(OPTIMIZERS)),
        "learning_rate": rng.choice((1e-3, 3e-3, 1e-8)),
        "batch_size": rng.choice((2, 7, 32, TRAIN)),
        "epochs": rng.choice((1, 1, 2)),
        "dropout": rng.choice((0, 0.1, 0.99)),
        "input_dropout": rng.choice((0, 0.1)),
    }
    if rng.random() < 0.3:
        recipe["weight_decay"] = rng.choice((0, 1e-3))
    if rng.random() < 0.3:
        recipe["warmup"] = rng.choice((0, 0.5, 0.999))
    if rng.random() < 0.3:
        recipe["augmentation"] = rng.choice(({}, {"shift": 0}, {"shift": 1, "flip": True}, {"flip": False}))
    return recipe


def random_steps(rng: random.Random) -> Config:
    full_at = rng.choice((1, 0.5, 0.01, 1e-9))
    schedules = [{"kind": kind, "full_at": full_at} for kind in ("uniform", "bottom_up")]
    schedules.append({"kind": "adaptive", "full_at": full_at, "tolerance": rng.choice((0, 0.1, 9))})
    return {
        "shape": rng.choice(SHAPES),
        "schedule": rng.choice(schedules),
        "surrogate_slope": rng.choice((0.01, 1, 2, 50)),
    }


def random_recipe(rng: random.Random, weighted: int) -> Config:
    original = random_training(rng) | {
        "activation": rng.choice(list(ACTIVATIONS)),
        "batch_normalization": rng.random() < 0.6,
    }
    sharpening = random_training(rng) | random_steps(rng)
    if rng.random() < 0.3:
        sharpening["ceiling"] = rng.choice((0.5, 1, 1e-6))
    if rng.random() < 0.3:
        teacher = rng.choice(("original", "continued"))
        sharpening["distillation"] = {"teacher": teacher, "weight": rng.choice((0.5, 1)), "temperature": 2}
    for part in (original, sharpening):
        if rng.random() < 0.2:
            part["precision"] = rng.choice(("float32", "bfloat16"))
    units = rng.choice((1, 2, 7, 30))
    population = random_training(rng) | random_steps(rng)
    for key in ("weight_decay", "warmup", "augmentation"):
        population.pop(key, None)
    population |= {"units": units, "active": rng.randint(1, units), "weight_bits": rng.choice((2, 5, 16))}
    if rng.random() < 0.6:
        population["start"] = rng.choice(("random", "output"))
    bits: int | list[int] = rng.choice((2, 3, 8, 16))
    if rng.random() < 0.3:
        bits = [rng.choice((2, 4, 16)) for _ in range(weighted)]
    return {
        "original": original,
        "sharpening": sharpening,
        "population": population,
        "compilation": {"weight_bits": bits},
    }


def fits(layers: list[Config], dataset: str) -> bool:
    """Return whether there is a network of these layers."""
    shape = SOURCES["digits" if dataset == "digits" else "hyperspectral"].shape
    try:
        layer_shapes(shape, parse_layers(layers), 10)
    except SteepError:
        return False
    return any(layer["kind"] != "maxpool" for layer in layers)


def random_config(rng: random.Random) -> Config:
    """Return a config that the schema accepts most times; sizes are such that it runs in seconds."""
    experiments, networks, recipes = {}, {}, {}
    encodings = {
        "binarized": {"kind": "binarize", "threshold": rng.choice((0, 0.3, 0.99))},
        "edges": {"kind": "contours", "sigma": rng.choice((0, 1, 3)), "low": rng.choice((0, 0.1)), "high": 0.2},
        "current": {"kind": "current"},
    }
    for number in range(rng.choice((1, 1, 2, 3))):
        dataset = rng.choice(("digits", "digits", "spectra"))
        layers = []
        while not fits(layers, dataset):
            layers = random_layers(rng)
        if rng.random() < 0.05:
            layers.insert(0, {"kind": "maxpool", "size": rng.choice(([2, 2], [1, 3], [28, 28], [1, 1]))})
        if rng.random() < 0.05:
            layers.append({"kind": "maxpool", "size": rng.choice(([2, 2], [1, 2], [1, 1]))})
        depth, weighted = len(layers) + 1, 1 + sum(layer["kind"] != "maxpool" for layer in layers)
        networks[f"n{number}"] = {"title": f"Network {number}", "layers": layers}
        recipes[f"r{number}"] = random_recipe(rng, weighted)
        simulators = ["torch", "stpu", "brian2-synapses"][: rng.choice((1, 2, 2, 3))]
        rng.shuffle(simulators)
        entry = {
            "dataset": dataset,
            "encoding": rng.choice(list(encodings)),
            "network": f"n{number}",
            "recipe": f"r{number}",
            "simulators": simulators,
        }
        if rng.random() < 0.3:
            entry["record"] = rng.sample(range(1, depth + 1), rng.randint(0, depth))
        if rng.random() < 0.6:
            entry["readouts"] = ["potential", *rng.sample(("spikes", "wta"), rng.randint(0, 2))]
        if rng.random() < 0.3:
            entry["talk"] = rng.choice(
                ({"original": 98, "spiking": 0}, {"spiking_cost": [-1, -0.5]}, {"spiking_cost": [0, 0]})
            )
        experiments[f"e{number}"] = entry
    config = {
        "study": "random",
        "title": "A study at random",
        "seeds": rng.choice(([0], [3, 1], [2**32 - 1])),
        "datasets": {
            "digits": {"source": "digits", "title": "Digits", "validation": rng.choice((1, 2, 9))},
            "spectra": {"source": "hyperspectral", "title": "Spectra", "validation": rng.choice((1, 9))},
        },
        "encodings": encodings,
        "networks": networks,
        "recipes": recipes,
        "experiments": experiments,
        "evaluation": rng.choice(("test", "validation")),
        "sweep": {
            "frames": rng.choice((1, 5, 1000)),
            "weight_bits": rng.sample(range(2, 17), rng.choice((1, 2))),
        },
        "parts": rng.choice((1, 1, 1, 1, 1, 1, 2, 3)),
    }
    if rng.random() < 0.5:
        config["baseline"] = rng.choice(list(experiments))
    if rng.random() < 0.7:
        config["stpu"] = {
            "limits": {
                "neurons": {"limit": rng.choice((1, 2048)), "assumed": True},
                "buffer_slots": {"limit": rng.choice((1, 16)), "assumed": False},
            },
            "sweep": {
                "experiments": rng.sample(list(experiments), rng.randint(1, len(experiments))),
                "frames": rng.choice((1, 5)),
                "leaks": rng.choice(([1], [0], [0.5, 1, 0.3], [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])),
                "spacings": rng.choice(([1], [3, 1])),
                "fault_rates": rng.choice(([0], [1], [0.1, 0.5])),
                "responses": {
                    "steps": rng.choice((1, 2, 30)),
                    "bits": rng.choice((2, 16)),
                    "alpha": rng.choice((0.1, 6, 1000)),
                    "difference": rng.choice(([3, 10], [0.1, 0.2])),
                },
            },
        }
    return config


def images(config: Config) -> dict[str, dict[str, Frames]]:
    """Return a few frames of each data set, by split."""
    found = {}
    for name, entry in config["datasets"].items():
        train, test, _ = SOURCES[entry["source"]].load([], Path())
        held = split_sizes(entry["source"], entry["validation"])["validation"]
        found[name] = {
            "train": train.take(slice(held, held + TRAIN)),
            "validation": train.first(held),
            "test": test.first(TEST),
        }
    return found


class Failed(AssertionError):
    """A verb ended with an error."""


def run(verb: str, **options: Any) -> None:
    """Run a verb; paths and texts as they are, lists of paths one by one, switches alone, everything else as JSON."""
    arguments = [verb]
    for name, value in options.items():
        arguments.append(f"--{name.replace('_', '-')}")
        if value is True:
            continue  # a switch
        if isinstance(value, Path | str | int):
            arguments.append(str(value))
        elif isinstance(value, list) and value and all(isinstance(one, Path) for one in value):
            arguments += map(str, value)
        else:
            arguments.append(json.dumps(value))
    said = io.StringIO()
    with redirect_stderr(said), redirect_stdout(said):
        try:
            status = steep(arguments)
        except SystemExit as stop:
            status = stop.code
    if status:
        raise Failed(f"{verb}: {said.getvalue().strip().splitlines()[-1]}")


def run_seed(config: Config, key: str, seed: int, folder: Path) -> None:
    """Run everything of one experiment and seed, from training to figures."""
    entry = config["experiments"][key]
    recipe = config["recipes"][entry["recipe"]]
    layers = config["networks"][entry["network"]]["layers"]
    frames = folder / entry["dataset"] / entry["encoding"]
    train, validation = frames / "train.npz", frames / "validation.npz"
    tested = frames / f"{config['evaluation']}.npz"
    here = folder / key / str(seed)
    here.mkdir(parents=True)
    row = {"experiment": key, "seed": seed} | {name: entry[name] for name in ("dataset", "encoding", "network")}
    data = {"train": train, "validation": validation, "seed": seed}
    original, continued, sharpened = (here / f"{name}.safetensors" for name in ("original", "continued", "sharpened"))
    run(
        "train-original",
        **data,
        layers=layers,
        recipe=recipe["original"],
        output=original,
        history=here / "original.csv",
    )
    only = ("shape", "schedule", "surrogate_slope", "ceiling", "distillation")
    control = {name: value for name, value in recipe["sharpening"].items() if name not in only}
    history = here / "continued.csv"
    run("continue-original", **data, original=original, recipe=control, output=continued, history=history)
    told = recipe["sharpening"].get("distillation")
    teacher = {"teacher": here / f"{told['teacher']}.safetensors"} if told else {}
    run(
        "sharpen-network",
        **data,
        **teacher,
        original=original,
        recipe=recipe["sharpening"],
        output=sharpened,
        history=here / "sharpened.csv",
        activations=here / "activations.npz",
    )
    network, bits = here / "threshold.npz", recipe["compilation"]["weight_bits"]
    run("compile-network", sharpened=sharpened, weight_bits=bits, output=network)
    for simulator in entry["simulators"]:
        record = []
        if "record" in entry and simulator != entry["simulators"][0]:
            depth = len(layers) + 1
            needed = {depth} if entry.get("readouts", ["potential"]) == ["potential"] else {depth - 1, depth}
            record = sorted({*entry["record"], *needed})
        parts = []
        for part in range(1, config["parts"] + 1):
            parts.append(here / f"{simulator}-part{part}.npz")
            run(
                "simulate-network",
                simulator=simulator,
                network=network,
                frames=tested,
                record=record,
                part=f"{part}/{config['parts']}",
                output=parts[-1],
            )
        run("join-spikes", parts=parts, output=here / f"{simulator}.npz")
    population = here / "population.safetensors"
    for readout in entry.get("readouts", ["potential"]):
        suffix, extra = "" if readout == "potential" else f"-{readout}", {}
        circuit = here / f"readout-{readout}.npz"
        if readout == "spikes":
            run(
                "train-population",
                **data,
                network=network,
                recipe=recipe["population"],
                output=population,
                history=here / "population.csv",
            )
            bits = recipe["population"]["weight_bits"]
            run("compile-population", population=population, weight_bits=bits, output=circuit)
            extra = {"population": population}
        elif readout == "wta":
            run("compile-winner-take-all", network=network, output=circuit)
        for simulator in entry["simulators"] if suffix else []:
            spikes, output = here / f"{simulator}.npz", here / f"{simulator}{suffix}.npz"
            run("simulate-readout", simulator=simulator, network=circuit, spikes=spikes, output=output)
        files = [Path(f"{simulator}={here / simulator}{suffix}.npz") for simulator in entry["simulators"]]
        run(
            "compare-simulators",
            **extra,
            network=circuit if suffix else network,
            readout=readout,
            row=row,
            frames=tested,
            spikes=files,
            scores=here / f"scores-{readout}.csv",
            comparison=here / f"comparison-{readout}.csv",
        )
    run(
        "score-network",
        row=row,
        original=original,
        continued=continued,
        sharpened=sharpened,
        frames=tested,
        scores=here / "scores-float.csv",
        classes=here / "classes.npz",
    )
    run(
        "sweep-weight-bits",
        row=row,
        settings=config["sweep"],
        weight_bits=recipe["compilation"]["weight_bits"],
        sharpened=sharpened,
        network=network,
        frames=validation,
        bits=here / "bits.csv",
        margins=here / "margins.csv",
    )
    run(
        "summarize-spikes",
        network=network,
        frames=tested,
        spikes=here / f"{entry['simulators'][0]}.npz",
        activity=here / "activity.npz",
        examples=here / "examples.npz",
    )
    if key in config.get("stpu", {}).get("sweep", {}).get("experiments", []):
        settings = {k: v for k, v in config["stpu"]["sweep"].items() if k not in ("experiments", "responses")}
        run(
            "sweep-stpu",
            row=row,
            settings=settings,
            seed=seed,
            network=network,
            frames=validation,
            output=here / "stpu.csv",
        )
        run("export-nir", network=network, exact=here / "exact.nir", portable=here / "portable.nir")
        import nir

        nir.read(here / "exact.nir"), nir.read(here / "portable.nir")
        if config["encodings"][entry["encoding"]]["kind"] != "current":
            for readout in entry.get("readouts", ["potential"]):
                coded = {"circuit": here / "readout-spikes.npz", "population": population}
                run(
                    "export-model",
                    **(coded if readout == "spikes" else {}),
                    readout=readout,
                    network=network,
                    frames=validation,
                    count=100,
                    inexact=True,
                    output=here / f"model-{readout}.txt",
                    table=here / f"model-{readout}.csv",
                )


def draw(config: Config, folder: Path) -> None:
    """Draw every figure and make every table but those of costs and provenance."""
    seeds, figures, tables = config["seeds"], folder / "figures", folder / "tables"
    swept = config.get("stpu", {}).get("sweep", {}).get("experiments", [])

    def every(name: str, keys: list[str] | None = None) -> list[Path]:
        return [folder / key / str(seed) / name for key in keys or config["experiments"] for seed in seeds]

    def table(verb: str, name: str, **options: Any) -> None:
        run(verb, csv=tables / f"{name}.csv", html=tables / f"{name}.html", **options)

    read = {key: entry.get("readouts", ["potential"]) for key, entry in config["experiments"].items()}
    spiking = [
        folder / key / str(seed) / f"scores-{readout}.csv" for key in read for seed in seeds for readout in read[key]
    ]
    table("tabulate-accuracy", "accuracy", scores=[*every("scores-float.csv"), *spiking])
    compared = [path.with_name(path.name.replace("scores", "comparison")) for path in spiking]
    table("tabulate-comparisons", "comparisons", comparisons=compared)
    table("join-tables", "bits", title="bits", tables=every("bits.csv"))
    table("join-tables", "sweep-margins", title="margins", tables=every("margins.csv"))
    table("tabulate-margins", "margins", margins=tables / "sweep-margins.csv")
    rows = [{"experiment": key, "seed": seed} for key in config["experiments"] for seed in seeds]
    table("tabulate-activity", "activity", rows=rows, activity=every("activity.npz"))
    published = ROOT / "report/published/energy-per-frame.csv"
    per_event = ROOT / "report/published/energy-per-event.csv"
    table("tabulate-energy", "energy", activity=tables / "activity.csv", published=per_event)
    words = {name: tables / f"talk.{name}" for name in ("markdown", "view", "note", "landing")}
    table("tabulate-talk", "talk", study=config, accuracy=tables / "accuracy.csv", **words)
    words = {name: tables / f"verdicts.{name}" for name in ("view", "answer", "note", "landing", "landing-answer")}
    table("tabulate-verdicts", "verdicts", study=config, talk=tables / "talk.csv", **words)
    evaluation = config["evaluation"]
    run("plot-overview", verdicts=tables / "verdicts.csv", evaluation=evaluation, output=figures / "overview.svg")
    if "baseline" in config:
        words = {name: tables / f"effects.{name}" for name in ("view", "note", "landing")}
        table("tabulate-effects", "effects", study=config, accuracy=tables / "accuracy.csv", **words)
        run("plot-effects", effects=tables / "effects.csv", evaluation=evaluation, output=figures / "effects.svg")
    titles = {key: f"{key} drawn" for key in config["experiments"]}
    run("plot-activity", activity=tables / "activity.csv", titles=titles, output=figures / "activity.svg")
    run("plot-energy", energy=tables / "energy.csv", published=published, titles=titles, output=figures / "energy.svg")
    for name in config["datasets"]:
        used = {e["encoding"] for e in config["experiments"].values() if e["dataset"] == name}
        run(
            "plot-conversion",
            images=folder / name / "validation.npz",
            encodings={encoding: config["encodings"][encoding] for encoding in sorted(used)},
            title=name,
            output=figures / "conversion.svg",
        )
    for key, entry in config["experiments"].items():
        here, drawn = folder / key / str(seeds[0]), {"title": key, "output": figures / "any.svg"}
        kinds = [layer["kind"] for layer in config["networks"][entry["network"]]["layers"]] + ["dense"]
        weighted = [number for number, kind in enumerate(kinds, 1) if kind != "maxpool"]
        names = list(SOURCES[config["datasets"][entry["dataset"]]["source"]].names)
        network, examples = here / "threshold.npz", here / "examples.npz"
        histories = {name: every(f"{name}.csv", [key]) for name in ("sharpened", "continued")}
        run(
            "plot-convergence",
            **drawn,
            activations=here / "activations.npz",
            history=here / "sharpened.csv",
            layers=weighted,
        )
        run("plot-sharpening", **drawn, **histories)
        run("plot-bits", **drawn, bits=tables / "bits.csv", experiment=key, layers=weighted)
        run("plot-layers", **drawn, examples=examples, network=network)
        run("plot-pipeline", **drawn, examples=examples, network=network)
        run("plot-mistakes", **drawn, examples=examples, network=network, names=names)
        first = config["networks"][entry["network"]]["layers"][0]
        if first["kind"] == "conv" and first["filters"] <= 3:
            run("plot-aggregate", **drawn, examples=examples, network=network)
        run("plot-feature-maps", **drawn, activity=here / "activity.npz")
        run(
            "plot-confusion",
            **drawn,
            activity=every("activity.npz", [key]),
            classes=every("classes.npz", [key]),
            simulators=entry["simulators"],
            names=names,
        )
        if key in swept:
            run("plot-layout", **drawn, network=network, limits=config["stpu"]["limits"])
    if swept:
        table("join-tables", "stpu", title="STPU", tables=every("stpu.csv", swept))
        responses = config["stpu"]["sweep"]["responses"]
        run("plot-responses", responses=responses, output=figures / "responses.svg")
        for key in swept:
            drawn = {"title": key, "output": figures / "any.svg", "experiment": key}
            run("plot-leak", **drawn, sweep=tables / "stpu.csv")
            run("plot-robustness", **drawn, sweep=tables / "stpu.csv", bits=tables / "bits.csv")


def study(config: Config, folder: Path) -> None:
    """Run a whole study in a folder; raises where anything fails."""
    for name, splits in images(config).items():
        for split, frames in splits.items():
            (folder / name).mkdir(exist_ok=True)
            frames.save(folder / name / f"{split}.npz")
    for entry in config["experiments"].values():
        place = folder / entry["dataset"] / entry["encoding"]
        if not place.exists():
            files = [folder / entry["dataset"] / f"{split}.npz" for split in ("train", "validation", "test")]
            made = [place / path.name for path in files]
            run("encode-frames", encoding=config["encodings"][entry["encoding"]], images=files, frames=made)
    for key in config["experiments"]:
        for seed in config["seeds"]:
            run_seed(config, key, seed, folder)
    draw(config, folder)


def attempt(seed: int, folder: Path) -> str:
    """Make a config and run it; return ``ran`` or how `check-config` refused it."""
    config = random_config(random.Random(seed))
    try:
        check_config(config)
    except SteepError as error:
        assert "\n" not in str(error)
        return f"refused: {error}"
    try:
        study(config, folder)
    finally:
        plt.close("all")  # a verb's process ends with its figure, this one goes on
    return "ran"


def main(count: int, seed: int) -> int:
    outcomes: Counter[str] = Counter()
    for number in range(seed, seed + count):
        with tempfile.TemporaryDirectory() as name:
            try:
                outcome = attempt(number, Path(name))
                outcome = outcome.partition(":")[0]
            except Exception as error:
                outcome = "FAILED"
                place = traceback.extract_tb(error.__traceback__)[-1]
                told = f"{type(error).__name__}: {str(error)[:300]} ({Path(place.filename).name}:{place.lineno})"
                print(f"seed {number}: {told}", flush=True)
        outcomes[outcome] += 1
        if sum(outcomes.values()) in (count, 10, 50) or sum(outcomes.values()) % 100 == 0:
            print(f"{sum(outcomes.values())} of {count} studies: {dict(outcomes)}", flush=True)
    return int(bool(outcomes["FAILED"]))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
