"""Verbs from the config to the spikes."""

import logging
from pathlib import Path

from steep.cli.verbs import (
    FILES,
    FOLDER,
    INTEGER,
    LAYERS,
    OPTIONAL,
    OPTIONAL_FILE,
    PART,
    TEXT,
    TEXTS,
    Arguments,
    part,
    require_pairs,
    verb,
)
from steep.errors import SteepError
from steep.sharpening import SHARPENING_ONLY
from steep.simulators import BACKENDS

log = logging.getLogger("steep")


@verb(config={"type": Path, "metavar": "FILE", "positional": True})
def check_config(a: Arguments) -> None:
    """Check a config file and say what is wrong with it."""
    from steep.config import check_config, read_config

    config = read_config(a.config)
    check_config(config, str(a.config))
    print(f"{a.config}: {len(config['experiments'])} experiments, {len(config['seeds'])} seeds")


@verb(config={"type": Path, "metavar": "FILE", "positional": True})
def status(a: Arguments) -> None:
    """Say which jobs of a study are done, running and left, and about how long they take."""
    from steep.status import status

    print(status(a.config))


@verb()
def describe_config(a: Arguments) -> None:
    """Print every key of the config as a Markdown table."""
    from steep.config import describe

    print(describe(), end="")


@verb("train", "validation-frames", "test", source=TEXT, validation=INTEGER, cache=FOLDER, mirrors=TEXTS | OPTIONAL)
def fetch_dataset(a: Arguments) -> None:
    """Fetch, verify and split a data set."""
    from steep.datasets import load_dataset

    splits = load_dataset(a.source, a.validation, [Path(mirror) for mirror in a.mirrors], a.cache)
    for name, path in (("train", a.train), ("validation", a.validation_frames), ("test", a.test)):
        splits[name].save(path)
        log.info("%s: %d %s frames", a.source, len(splits[name]), name)


@verb(encoding=part("encodings.*"), images=FILES, frames=FILES)
def encode_frames(a: Arguments) -> None:
    """Turn the images of each file into spikes."""
    from steep.encodings import encode
    from steep.frames import Frames

    require_pairs(images=a.images, frames=a.frames)
    for source, target in zip(a.images, a.frames, strict=True):
        encoded = encode(Frames.load(source), a.encoding)
        encoded.save(target)
        what = "of the inputs spike" if encoded.are_spikes else "of full scale on average"
        log.info(
            "%s: %d frames, %.1f%% %s", target, len(encoded), 100 * encoded.values.mean() / encoded.full_scale, what
        )


@verb(
    "train",
    "validation",
    "output",
    "history",
    layers=part("networks.*.layers"),
    recipe=part("recipes.*.original"),
    seed=INTEGER,
    checkpoint=OPTIONAL_FILE,
)
def train_original(a: Arguments) -> None:
    """Train a network with its ordinary activation."""
    import pandas as pd

    from steep.checkpoint import save_network
    from steep.files import write_text
    from steep.frames import Frames
    from steep.resume import finish
    from steep.training import train_original

    train, validation = Frames.load(a.train), Frames.load(a.validation)
    spec = {
        **{"input_shape": list(train.shape), "full_scale": train.full_scale},
        **{"layers": a.layers, "classes": train.classes},
        **{key: a.recipe[key] for key in ("activation", "batch_normalization")},
    }
    network, rows = train_original(spec, a.recipe, train, validation, a.seed, a.checkpoint)
    write_text(a.history, pd.DataFrame(rows).to_csv(index=False))
    save_network(a.output, network.tensors(), spec)
    finish(a.checkpoint)


@verb(
    *("original", "train", "validation", "output", "history"),
    recipe=part("recipes.*.sharpening", without=SHARPENING_ONLY),
    seed=INTEGER,
    checkpoint=OPTIONAL_FILE,
)
def continue_original(a: Arguments) -> None:
    """Train an original network on as long as sharpening takes, without sharpening: the control."""
    import pandas as pd

    from steep.checkpoint import load_network, save_network
    from steep.files import write_text
    from steep.frames import Frames
    from steep.resume import finish
    from steep.training import continue_original

    tensors, spec = load_network(a.original)
    network, rows = continue_original(
        tensors, spec, a.recipe, Frames.load(a.train), Frames.load(a.validation), a.seed, a.checkpoint
    )
    write_text(a.history, pd.DataFrame(rows).to_csv(index=False))
    save_network(a.output, network.tensors(), spec)
    finish(a.checkpoint)


@verb(
    "original",
    "train",
    "validation",
    "output",
    "history",
    "activations",
    recipe=part("recipes.*.sharpening"),
    seed=INTEGER,
    checkpoint=OPTIONAL_FILE,
    teacher=OPTIONAL_FILE,
)
def sharpen_network(a: Arguments) -> None:
    """Train on from an original network until its units are steps."""
    import pandas as pd

    from steep.checkpoint import load_network, save_network
    from steep.files import write_npz, write_text
    from steep.frames import Frames
    from steep.resume import finish
    from steep.sharpening.training import sharpen

    tensors, spec = load_network(a.original)
    teacher = load_network(a.teacher)[0] if a.teacher else None
    network, rows, activations = sharpen(
        tensors, spec, a.recipe, Frames.load(a.train), Frames.load(a.validation), a.seed, a.checkpoint, teacher
    )
    write_text(a.history, pd.DataFrame(rows).to_csv(index=False))
    write_npz(a.activations, activations)
    save_network(a.output, network.tensors(), spec)
    finish(a.checkpoint)


@verb("sharpened", "output", weight_bits=part("recipes.*.deployment.weight_bits"))
def compile_network(a: Arguments) -> None:
    """Compile a sharpened network to an integer threshold network."""
    from steep.checkpoint import load_network
    from steep.threshold.compile import compile_network

    network = compile_network(*load_network(a.sharpened), a.weight_bits)
    network.save(a.output)
    log.info(
        "%s: layers of %s units, weights of %s bits",
        a.output,
        "-".join(str(size) for size in network.sizes),
        a.weight_bits,
    )


@verb(
    *("network", "train", "validation", "output", "history"),
    recipe=part("recipes.*.population"),
    seed=INTEGER,
    checkpoint=OPTIONAL_FILE,
)
def train_population(a: Arguments) -> None:
    """Train an N-hot population code on the spikes of a threshold network's last hidden layer."""
    import pandas as pd

    from steep.checkpoint import save_network
    from steep.files import write_text
    from steep.frames import Frames
    from steep.population import train_population
    from steep.resume import finish
    from steep.simulators.torch_threshold import last_hidden_frames
    from steep.threshold.network import ThresholdNetwork

    network = ThresholdNetwork.load(a.network)
    train, validation = (last_hidden_frames(network, Frames.load(path)) for path in (a.train, a.validation))
    output = network.layers[-1].weight if a.recipe.get("start") == "output" else None
    population, rows = train_population(train, validation, a.recipe, a.seed, a.checkpoint, output)
    write_text(a.history, pd.DataFrame(rows).to_csv(index=False))
    save_network(a.output, population.tensors(), population.spec)
    finish(a.checkpoint)


@verb("population", "output", weight_bits=INTEGER)
def compile_population(a: Arguments) -> None:
    """Compile a trained population code to a threshold network that hangs on the last hidden layer."""
    from steep.checkpoint import load_network
    from steep.threshold.compile import compile_network
    from steep.threshold.network import ThresholdNetwork

    whole = compile_network(*load_network(a.population), a.weight_bits)
    ThresholdNetwork(whole.input_shape, whole.layers[:-1]).save(a.output)


@verb("network", "output")
def compile_winner_take_all(a: Arguments) -> None:
    """Build the spiking winner-take-all of a threshold network's output layer, which hangs on the last hidden layer."""
    from steep.threshold.network import ThresholdNetwork
    from steep.threshold.readouts import winner_take_all

    winner_take_all(ThresholdNetwork.load(a.network)).save(a.output)


@verb("network", "spikes", "output", backend={"choices": BACKENDS})
def simulate_readout(a: Arguments) -> None:
    """Run a readout on a backend, on the last hidden layer's spikes as that backend recorded them."""
    from steep.simulators import simulator
    from steep.spikes import Spikes
    from steep.threshold.network import ThresholdNetwork
    from steep.threshold.readouts import last_hidden

    network = ThresholdNetwork.load(a.network)
    hidden = last_hidden(network, Spikes.load(a.spikes))
    simulator(a.backend)(network, hidden).save(a.output)
    log.info("%s: %d frames", a.backend, len(hidden))


@verb("network", "frames", "output", backend={"choices": BACKENDS}, keep=LAYERS | OPTIONAL, part=PART)
def simulate_network(a: Arguments) -> None:
    """Run a threshold network on a backend and keep the spikes of all layers, or of those in `keep`."""
    import time

    from steep.frames import Frames
    from steep.simulators import simulator
    from steep.threshold.network import ThresholdNetwork

    network, frames = ThresholdNetwork.load(a.network), Frames.load(a.frames)
    if frames.shape != network.input_shape:
        raise SteepError(f"{a.frames}: frames of shape {frames.shape}, the network takes {network.input_shape}")
    if frames.full_scale != network.input_top:
        raise SteepError(
            f"{a.frames}: values up to {frames.full_scale}, the network takes values up to {network.input_top}; "
            "encode the frames as those it was trained on"
        )
    simulate = simulator(a.backend)
    started = time.monotonic()
    number, parts = a.part
    values = frames.values[len(frames) * (number - 1) // parts : len(frames) * number // parts]
    simulate(network, values, a.keep or None).save(a.output)
    log.info("%s: %d frames in %.1f s", a.backend, len(values), time.monotonic() - started)


@verb("output", parts=FILES)
def join_spikes(a: Arguments) -> None:
    """Put the spikes of all parts of the frames together, in the order given."""
    from steep.spikes import Spikes

    Spikes.joined([Spikes.load(part) for part in a.parts]).save(a.output)
