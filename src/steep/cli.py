"""The command line: ``python -m steep <verb>``, one verb per rule of the workflow.

A rule's shell line is the command, so any job can be copied from Snakemake's log and run by hand. Verbs read and
write the files they are given and nothing else; parameters come as JSON. Libraries are imported by the verb that
needs them.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from steep.errors import SteepError

log = logging.getLogger("steep")
Arguments = argparse.Namespace


def json_value(text: str) -> Any:
    """Parse a JSON argument; argparse turns the error into its one line."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"not JSON ({error.msg})") from error


def backend_file(text: str) -> tuple[str, Path]:
    """Parse ``backend=file``."""
    name, _, path = text.partition("=")
    if not path:
        raise argparse.ArgumentTypeError(f"write BACKEND=FILE, not {text!r}")
    return name, Path(path)


def check_config(a: Arguments) -> None:
    """Check a config file and say what is wrong with it."""
    from steep.config import check_config, read_config

    config = read_config(a.config)
    check_config(config, str(a.config))
    print(f"{a.config}: {len(config['experiments'])} experiments, {len(config['seeds'])} seeds")


def describe_config(a: Arguments) -> None:
    """Print every key of the config as a Markdown table."""
    from steep.config import describe

    print(describe(), end="")


def fetch_dataset(a: Arguments) -> None:
    """Fetch, verify and split a data set."""
    from steep.datasets import load_dataset

    splits = load_dataset(a.source, a.validation, [Path(mirror) for mirror in a.mirrors], a.cache)
    for name, path in (("train", a.train), ("validation", a.validation_frames), ("test", a.test)):
        splits[name].save(path)
        log.info("%s: %d %s frames", a.source, len(splits[name]), name)


def encode_frames(a: Arguments) -> None:
    """Turn the images of each file into spikes."""
    from dataclasses import replace

    from steep.encodings import encode
    from steep.frames import Frames

    for source, target in zip(a.images, a.frames, strict=True):
        frames = Frames.load(source)
        encoded = replace(frames, values=encode(frames.values, a.encoding))
        encoded.save(target)
        log.info("%s: %d frames, %.1f%% of the inputs spike", target, len(encoded), 100 * encoded.values.mean())


def train_original(a: Arguments) -> None:
    """Train a network with its ordinary activation."""
    import pandas as pd

    from steep.checkpoint import save_network
    from steep.files import write_text
    from steep.frames import Frames
    from steep.training import train_original

    train, validation = Frames.load(a.train), Frames.load(a.validation)
    spec = {
        **{"input_shape": list(train.shape), "layers": a.layers, "classes": train.classes},
        **{key: a.recipe[key] for key in ("activation", "batch_normalization")},
    }
    network, rows = train_original(spec, a.recipe, train, validation, a.seed)
    write_text(a.history, pd.DataFrame(rows).to_csv(index=False))
    save_network(a.output, network.tensors(), spec)


def continue_original(a: Arguments) -> None:
    """Train an original network on as long as sharpening takes, without sharpening: the control."""
    import pandas as pd

    from steep.checkpoint import load_network, save_network
    from steep.files import write_text
    from steep.frames import Frames
    from steep.training import continue_original

    tensors, spec = load_network(a.original)
    network, rows = continue_original(tensors, spec, a.recipe, Frames.load(a.train), Frames.load(a.validation), a.seed)
    write_text(a.history, pd.DataFrame(rows).to_csv(index=False))
    save_network(a.output, network.tensors(), spec)


def sharpen_network(a: Arguments) -> None:
    """Train on from an original network until its units are steps."""
    import pandas as pd

    from steep.checkpoint import load_network, save_network
    from steep.files import write_npz, write_text
    from steep.frames import Frames
    from steep.sharpening.training import sharpen

    tensors, spec = load_network(a.original)
    network, rows, activations = sharpen(
        tensors, spec, a.recipe, Frames.load(a.train), Frames.load(a.validation), a.seed
    )
    write_text(a.history, pd.DataFrame(rows).to_csv(index=False))
    write_npz(a.activations, activations)
    save_network(a.output, network.tensors(), spec)


def compile_network(a: Arguments) -> None:
    """Compile a sharpened network to an integer threshold network."""
    from steep.checkpoint import load_network
    from steep.threshold.compile import compile_network

    network = compile_network(*load_network(a.sharpened), a.weight_bits)
    network.save(a.output)
    log.info(
        "%s: layers of %s units, weights of %d bits",
        a.output,
        "-".join(str(size) for size in network.sizes),
        a.weight_bits,
    )


def simulate_network(a: Arguments) -> None:
    """Run a threshold network on a backend and keep every spike."""
    import time

    from steep.frames import Frames
    from steep.simulators import simulator
    from steep.threshold.network import ThresholdNetwork

    network, frames = ThresholdNetwork.load(a.network), Frames.load(a.frames)
    if frames.shape != network.input_shape:
        raise SteepError(f"{a.frames}: frames of shape {frames.shape}, the network takes {network.input_shape}")
    if len(frames) and frames.values.max() > 1:
        raise SteepError(f"{a.frames}: frames are not spikes (values above 1); encode them first")
    simulate = simulator(a.backend)
    started = time.monotonic()
    simulate(network, frames.values).save(a.output)
    log.info("%s: %d frames in %.1f s", a.backend, len(frames), time.monotonic() - started)


def score_network(a: Arguments) -> None:
    """Measure the floating-point networks on the test frames."""
    from steep.analysis.scores import float_scores
    from steep.files import write_text
    from steep.frames import Frames

    stages = {"original": a.original, "continued": a.continued, "sharpened": a.sharpened}
    table = float_scores(stages, Frames.load(a.frames))
    write_text(a.output, table.assign(**a.labels).to_csv(index=False))


def compare_backends(a: Arguments) -> None:
    """Measure the threshold network on the test frames and hold the backends against each other, spike for spike."""
    from steep.analysis.scores import compare, require_equal, spike_scores
    from steep.files import write_text
    from steep.frames import Frames
    from steep.spikes import Spikes

    spikes = {backend: Spikes.load(path) for backend, path in a.spikes}
    table = compare(spikes)
    require_equal(spikes, table)
    write_text(a.scores, spike_scores(spikes, Frames.load(a.frames)).assign(**a.labels).to_csv(index=False))
    write_text(a.comparison, table.assign(**a.labels).to_csv(index=False))
    if len(spikes) > 1:
        counts = table["values"].sum(), table["differing"].sum()
        log.info("%s: %d values compared, %d differ", ", ".join(spikes), *counts)
    else:
        log.info("one backend, nothing to compare it with")


def tabulate_accuracy(a: Arguments) -> None:
    """Join the scores of all experiments and seeds into one tidy table."""
    from steep.analysis.tables import accuracy_table, read_tables
    from steep.files import write_text

    write_text(a.csv, accuracy_table(read_tables(a.scores)).to_csv(index=False))


def _write_views(a: Arguments, table: Any, view: Any, title: str, note: str) -> None:
    from steep.analysis.render import to_html
    from steep.files import write_text

    write_text(a.csv, table.to_csv(index=False))
    write_text(a.html, to_html(view, title, note))


def tabulate_talk(a: Arguments) -> None:
    """Set the talk's table beside ours."""
    import pandas as pd

    from steep.analysis.render import to_markdown
    from steep.analysis.tables import talk_table, talk_view, view_note
    from steep.files import write_text

    table = talk_table(a.study, pd.read_csv(a.accuracy))
    view, note = talk_view(table), view_note(table)
    _write_views(a, table, view, "Test accuracy: the talk and this study", note)
    write_text(a.markdown, to_markdown(view, note))
    write_text(a.view, view.to_csv(index=False))
    write_text(a.note, f"{note}\n")


def tabulate_backends(a: Arguments) -> None:
    """Count the spikes compared between backends, and the differing ones."""
    from steep.analysis.tables import BACKENDS_NOTE, backend_table, backend_view, read_tables

    table = backend_table(read_tables(a.comparisons))
    _write_views(a, table, backend_view(table), "Backends against each other", BACKENDS_NOTE)


def tabulate_costs(a: Arguments) -> None:
    """Sum the benchmarks by rule."""
    from steep.analysis.costs import COSTS_NOTE, cost_table, cost_view

    table = cost_table(a.benchmarks)
    _write_views(a, table, cost_view(table), "What the study cost", COSTS_NOTE)


def record_provenance(a: Arguments) -> None:
    """Record what was run, with what, on what."""
    import yaml

    from steep.analysis.provenance import file_digest, provenance
    from steep.files import write_text

    table = provenance(a.study, {str(path): file_digest(path) for path in a.files})
    _write_views(
        a, table, table, "Provenance", "Digests are SHA-256 of the files' bytes; equal results have equal digests."
    )
    write_text(a.config, yaml.safe_dump(a.study, sort_keys=False))


def plot_convergence(a: Arguments) -> None:
    """Draw activations converging to steps."""
    import pandas as pd

    from steep.figures.convergence import draw
    from steep.figures.style import save_figure
    from steep.files import read_npz

    save_figure(draw(read_npz(a.activations), pd.read_csv(a.history), a.title), a.output)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all verbs."""
    parser = argparse.ArgumentParser(prog="steep", description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="<verb>")

    def verb(function: Callable[[Arguments], None], *names: str, **options: dict[str, Any]) -> None:
        """Add a verb; `names` are required path options, `options` are described by keyword."""
        text = (function.__doc__ or "").splitlines()[0]
        sub = verbs.add_parser(function.__name__.replace("_", "-"), help=text, description=text)
        for name in names:
            sub.add_argument(f"--{name}", type=Path, required=True, metavar="FILE")
        for name, option in options.items():
            sub.add_argument(f"--{name.replace('_', '-')}", **({"required": True} | option))
        sub.set_defaults(run=function)

    structure, seed = {"type": json_value, "metavar": "JSON"}, {"type": int}
    several = {"type": Path, "metavar": "FILE", "nargs": "+"}
    check = verbs.add_parser("check-config", help="Check a config file and say what is wrong with it.")
    check.add_argument("config", type=Path)
    check.set_defaults(run=check_config)
    verb(describe_config)
    verb(
        *(fetch_dataset, "train", "validation-frames", "test"),
        **{"source": {}, "validation": {"type": int}, "cache": {"type": Path, "metavar": "FOLDER"}},
        mirrors=structure | {"required": False, "default": []},
    )
    verb(encode_frames, encoding=structure, images=several, frames=several)
    verb(train_original, "train", "validation", "output", "history", layers=structure, recipe=structure, seed=seed)
    verb(
        *(continue_original, "original", "train", "validation", "output", "history"),
        **{"recipe": structure, "seed": seed},
    )
    verb(
        sharpen_network,
        "original",
        "train",
        "validation",
        "output",
        "history",
        "activations",
        recipe=structure,
        seed=seed,
    )
    verb(compile_network, "sharpened", "output", weight_bits={"type": int})
    verb(simulate_network, "network", "frames", "output", backend={"choices": ["torch", "brian2", "stpu"]})
    verb(score_network, "original", "continued", "sharpened", "frames", "output", labels=structure)
    pairs = {"type": backend_file, "metavar": "BACKEND=FILE", "nargs": "+"}
    verb(compare_backends, "frames", "scores", "comparison", labels=structure, spikes=pairs)
    verb(tabulate_accuracy, "csv", scores=several)
    verb(tabulate_talk, "accuracy", "csv", "html", "markdown", "view", "note", study=structure)
    verb(tabulate_backends, "csv", "html", comparisons=several)
    verb(tabulate_costs, "csv", "html", benchmarks=several)
    verb(record_provenance, "csv", "html", "config", study=structure, files=several)
    verb(plot_convergence, "activations", "history", "output", title={})
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run a verb; return 0, or 1 with one line on stderr when the user has to do something."""
    a = build_parser().parse_args(arguments)
    # Several jobs share one terminal: STEEP_JOB says whose line it is.
    job = os.environ.get("STEEP_JOB", a.verb)
    logging.basicConfig(level=logging.INFO, format=f"[{job}] %(message)s", stream=sys.stderr)
    logging.getLogger("brian2").setLevel(logging.WARNING)
    try:
        a.run(a)
    except SteepError as error:
        print(f"[{job}] error: {error}", file=sys.stderr)
        return 1
    except MemoryError:
        print(
            f"[{job}] error: out of memory; run fewer jobs at a time (--cores) or on a larger machine", file=sys.stderr
        )
        return 1
    except KeyboardInterrupt:
        print(f"[{job}] interrupted; nothing half-written is left, run again to go on", file=sys.stderr)
        return 130
    return 0
