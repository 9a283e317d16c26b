"""Broken files for every reader, made from whole ones at random: each must be read or refused with a SteepError.

`python tests/fuzz.py MINUTES [SEED]` goes on for that long and says what it tried; test_fuzz.py tries a few hundred.
"""

import io
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml

from steep.errors import SteepError
from steep.frames import Frames
from steep.network_file import load_network, save_network
from steep.nir_export import read_graph, write_graph
from steep.spikes import Spikes
from steep.stpu.textmodel import read_model
from steep.study.config import check_config, read_config
from steep.threshold.network import ConvLink, SparseLink, Synapses, ThresholdNetwork, conv, dense

LIMIT_S = 20
ROOT = Path(__file__).parents[1]
TEXT_MODEL = (
    "0\n r1010\n 1,0.75,1\n 2,-3,2\n1,0,1,0,0.6,0.5\n 2,1,1\n o\n  p1\n2,0.5,1.5,0,1,1\n 1,2,3\n o\n3\n t0,5\n 1,1,7\n"
)
TOKENS = [
    "",
    "0",
    "-1",
    "1e999",
    ".nan",
    ".inf",
    "null",
    "~",
    "true",
    "[]",
    "{}",
    "[[[]]]",
    "*original",
    "&a",
    "<<: ",
    ": ",
]
TOKENS += [
    "!!python/object/apply:os.system [id]",
    "2026-11-23",
    "'",
    '"',
    "\t",
    "\x00",
    "é",
    "99999999999999999999",
    "- ",
    "\n",
]
VALUES = [
    None,
    True,
    0,
    -1,
    2**70,
    0.5,
    float("nan"),
    float("inf"),
    "",
    "x",
    "../..",
    [],
    [[]],
    {},
    {"kind": "conv"},
    [0],
    "relu",
]


class Hang(BaseException):
    """A reader took longer than `LIMIT_S` seconds."""


def ring(*_: object) -> None:
    raise Hang


def read_whole_config(path: Path) -> None:
    check_config(read_config(path), str(path))


def cut_bytes(rng: random.Random, data: bytes) -> bytes:
    """Change, drop, repeat or move a few bytes."""
    broken = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 5, 20))):
        place = rng.randrange(len(broken) + 1)
        end = min(len(broken), place + rng.choice((1, 1, 4, 16, 100)))
        match rng.randrange(5):
            case 0:
                broken[place:end] = rng.randbytes(end - place)
            case 1:
                del broken[place:end]
            case 2:
                broken[place:place] = broken[place:end]
            case 3:
                broken[place:place] = rng.choice(TOKENS).encode()
            case _:
                broken[place:end] = rng.choice(TOKENS).encode()
        if rng.random() < 0.02:
            del broken[rng.randrange(len(broken) + 1) :]
    return bytes(broken)


def any_place(rng: random.Random, value: object) -> tuple[object, object] | None:
    """Return a random container in a structure and a key of it, None where there is none."""
    found = []
    todo = [value]
    while todo:
        one = todo.pop()
        keys = list(one) if isinstance(one, dict) else list(range(len(one))) if isinstance(one, list) else []
        found += [(one, key) for key in keys]
        todo += [one[key] for key in keys]
    return rng.choice(found) if found else None


def twist(rng: random.Random, value: object) -> object:
    """Replace, drop or rename something in a structure of dictionaries and lists."""
    place = any_place(rng, value)
    if place is None:
        return rng.choice(VALUES)
    container, key = place
    match rng.randrange(4):
        case 0:
            del container[key]
        case 1 if isinstance(container, dict):
            container[rng.choice(["x", "kind", "layers", 5, None, ""])] = container.pop(key)
        case 2 if other := any_place(rng, value):
            container[key] = json.loads(json.dumps(other[0][other[1]], default=str))
        case _:
            container[key] = rng.choice(VALUES)
    return value


def twist_config(rng: random.Random, data: bytes) -> bytes:
    if rng.random() < 0.4:
        return cut_bytes(rng, data)
    config = json.loads(json.dumps(yaml.safe_load(data)))
    for _ in range(rng.choice((1, 1, 2, 4))):
        config = twist(rng, config)
    return yaml.safe_dump(config, allow_unicode=True).encode()


def twist_array(rng: random.Random, array: np.ndarray) -> np.ndarray:
    """Return the array with another type, shape, or content; text stays text, mostly."""
    match rng.randrange(5):
        case 0:
            return (
                array.astype(rng.choice(["f4", "i1", "u8", "?", "c8", "U3"])) if array.dtype.kind in "iufb" else array
            )
        case 1:
            return array.reshape(-1)[: rng.randrange(array.size + 1)]
        case 2:
            return array.reshape(rng.choice([(1, -1), (-1, 1), (-1,)])) if array.size else array
        case 3:
            broken = np.array(array).reshape(-1)
            if broken.size and broken.dtype.kind in "iufb":
                with np.errstate(all="ignore"):
                    broken[rng.randrange(broken.size)] = np.array(rng.choice([0, 1, 255, 3.5, np.nan, 2**31])).astype(
                        broken.dtype
                    )
            return broken.reshape(array.shape)
        case _:
            return np.array(rng.choice([0, -1, 2.5, 1e300, np.nan]))


def twist_npz(rng: random.Random, data: bytes) -> bytes:
    """Break the archive, or, so that no checksum tells, what is in it."""
    if rng.random() < 0.4:
        return cut_bytes(rng, data)
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        arrays = dict(archive)
    name = rng.choice(sorted(arrays))
    if rng.random() < 0.1:
        del arrays[name]
    elif name == "description":  # JSON, as bytes
        description = twist(rng, json.loads(arrays[name].tobytes()))
        arrays[name] = np.frombuffer(json.dumps(description, default=str).encode(), np.uint8)
    else:
        arrays[name] = twist_array(rng, arrays[name])
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


Target = tuple[bytes, Callable[[random.Random, bytes], bytes], Callable[[Path], object]]


def targets(folder: Path) -> dict[str, Target]:
    """Return, by name, a whole file's content, a way of breaking it and its reader."""
    rng = np.random.default_rng(3)
    link = ConvLink(0, rng.integers(-3, 4, (2, 1, 3, 3)).astype(np.int32))
    hidden = conv(link, (1, 6, 6), np.array([0.5, 1.5]))
    output = dense(1, rng.integers(-3, 4, (3, 2 * 4 * 4)).astype(np.int32), np.array([0.5, -1.5, 2.5]))
    network = ThresholdNetwork((1, 6, 6), (hidden, output))
    ends = rng.integers(0, 36, 5), rng.integers(0, 3, 5)
    skip = SparseLink(0, Synapses(*ends, rng.integers(-3, 4, 5)), (3,))
    graph = replace(network, populations=(hidden, replace(output, links=(*output.links, skip))))
    graph.save(folder / "threshold.npz")
    frames = np.random.default_rng(3).integers(0, 2, (20, *network.input_shape)).astype(np.uint8)
    Frames(frames, (np.arange(20) % 3).astype(np.uint8), 3, 1).save(folder / "frames.npz")
    Spikes((np.eye(4, 9) > 0,), np.ones((4, 3))).save(folder / "spikes.npz")
    save_network(
        folder / "network", {"a": np.ones((3, 4), np.float32), "b": np.arange(5)}, {"layers": [{"kind": "dense"}]}
    )
    write_graph(folder / "graph.nir", network, "exact")
    (folder / "model.txt").write_text(TEXT_MODEL)
    config = (ROOT / "config" / "test.yaml").read_bytes()
    return {
        "config": (config, twist_config, read_whole_config),
        "threshold network": ((folder / "threshold.npz").read_bytes(), twist_npz, ThresholdNetwork.load),
        "frames": ((folder / "frames.npz").read_bytes(), twist_npz, Frames.load),
        "spikes": ((folder / "spikes.npz").read_bytes(), twist_npz, Spikes.load),
        "trained network": ((folder / "network").read_bytes(), cut_bytes, load_network),
        "text model": (TEXT_MODEL.encode(), cut_bytes, read_model),
        "NIR graph": ((folder / "graph.nir").read_bytes(), cut_bytes, read_graph),
    }


def attempt(target: Target, rng: random.Random, path: Path) -> str:
    """Break a file and read it; return ``read`` or ``refused``. What else the reader raises goes on up."""
    data, breaking, reader = target
    path.write_bytes(breaking(rng, data))
    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(LIMIT_S)
    try:
        reader(path)
    except SteepError as error:
        assert "\n" not in str(error), str(error)
        return "refused"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return "read"


def main(minutes: float, seed: int) -> int:
    counts: Counter[tuple[str, str]] = Counter()
    seen: set[str] = set()
    longest = 0.0
    with tempfile.TemporaryDirectory() as name:
        every = targets(Path(name))
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end:
            seed += 1
            # Checking a config takes as long as reading ten files of the other kinds.
            for kind, target in [*every.items(), *9 * list(every.items())[1:]]:
                started = time.monotonic()
                place = random.Random(f"{seed} {sum(counts.values())}")
                try:
                    outcome = attempt(target, place, Path(name) / "broken")
                except (Exception, Hang) as error:
                    outcome = f"FAILED {type(error).__name__}"
                    line = f"{kind}: {type(error).__name__}: {str(error)[:200]}"
                    if line not in seen and len(seen) < 40:
                        seen.add(line)
                        print(f"seed {seed}: {line}", flush=True)
                longest = max(longest, time.monotonic() - started)
                counts[kind, outcome] += 1
    for (kind, outcome), count in sorted(counts.items()):
        print(f"{kind:20} {outcome:24} {count:8}")
    print(f"{sum(counts.values())} files in {minutes:g} minutes, the longest took {longest:.2f} s")
    return any(outcome.startswith("FAILED") for _, outcome in counts)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
