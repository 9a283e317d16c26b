"""The config: what is wrong is said in one line that names the key and what to write."""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from steep.config import SCHEMA, check_config, read_config, typed
from steep.datasets import SOURCES
from steep.encodings import ENCODINGS
from steep.errors import SteepError
from steep.networks import ACTIVATIONS
from steep.sharpening.activation import SHAPES
from steep.sharpening.schedules import SCHEDULES
from steep.simulators import BACKENDS
from steep.threshold.readouts import READOUTS
from steep.training import OPTIMIZERS


@pytest.fixture
def config(root: Path) -> dict:
    return read_config(root / "config" / "test.yaml")


@pytest.mark.parametrize("name", ["paper", "cifar10", "encodings", "ablations", "demo", "test"])
def test_shipped_configs_are_right(root: Path, name: str) -> None:
    config = read_config(root / "config" / f"{name}.yaml")
    check_config(config)
    assert config["study"] == name


CASES = [
    ("networks.small-cnn.layers", [{"kind": "maxpool", "size": [2, 2]}], "only poolings; write at least one dense or"),
    ("recipes.quick.original.epochs", 3.0, "recipes.quick.original.epochs: 3.0 is not of type integer; write one"),
    ("recipes.quick.original.learning_rate", "1e-3", "'1e-3' is not of type number; write 0.001 or 1.0e-3"),
    ("recipes.quick.original.epoch", 3, "recipes.quick.original.epoch: unknown key; did you mean 'epochs'?"),
    ("experiment", {}, "experiment: unknown key; did you mean 'experiments'?"),
    (
        "experiments.small-cnn-digits.network",
        "smal-cnn",
        "experiments.small-cnn-digits.network: 'smal-cnn' is not in networks; did you mean 'small-cnn'?",
    ),
    ("experiments.small-cnn-digits.backends", ["brian"], "backends.0: 'brian' is not known; did you mean 'brian2'?"),
    ("experiments.small-cnn-digits.backends", [], "backends: 0 entries; write at least 1"),
    (
        "networks.small-cnn.layers",
        [{"kind": "dens", "units": 3}],
        "networks.small-cnn.layers.0.kind: 'dens' is not known; did you mean 'dense'?",
    ),
    (
        "networks.small-cnn.layers",
        [{"kind": "dense", "unit": 3}],
        "networks.small-cnn.layers.0.unit: unknown key; did you mean 'units'?",
    ),
    ("experiments.small-cnn-digits.talk", {"original": 98}, "talk.spiking: missing, and original is there; write both"),
    (
        "experiments.small-cnn-digits.talk",
        {},
        "small-cnn-digits.talk: holds no keys; write original or spiking or cost",
    ),
    (
        "experiments.small-cnn-digits.talk",
        {"cost": [-1, -2]},
        "talk.cost: -1 is above -2; write the lower number first",
    ),
    (
        "networks.small-cnn.layers",
        [{"kind": "conv", "filters": 2, "kernel": [30, 3]}],
        "does not fit its input of shape (1, 28, 28); write a smaller window",
    ),
    (
        "recipes.quick.original.epochs",
        "three",
        "recipes.quick.original.epochs: 'three' is not of type integer; write one",
    ),
    ("recipes.quick.original.epochs", True, "epochs: True is not of type integer"),
    (
        "recipes.quick.deployment.weight_bits",
        99,
        "recipes.quick.deployment.weight_bits: 99 is out of range; write one number, 2 to 16, or a list of such",
    ),
    (
        "recipes.quick.deployment.weight_bits",
        [8, 8],
        "recipes.quick.deployment.weight_bits: weight_bits has 2 entries for 3 layers with weights",
    ),
    (
        "recipes.quick.population.active",
        41,
        "recipes.quick.population.active: 41 of 40 units; write at most as many as there are",
    ),
    (
        "experiments.small-cnn-digits.readouts",
        ["wta"],
        "experiments.small-cnn-digits.readouts: lacks 'potential'; write it too",
    ),
    ("recipes.quick.original.dropout", 1, "dropout: 1 is out of range; write less than 1"),
    ("baseline", "small-cnn", "baseline: 'small-cnn' is not in experiments; did you mean 'small-cnn-digits'?"),
    ("seeds", [0, 0], "seeds: an entry stands twice; write each once"),
    ("study", "a b; rm -r", "study: 'a b; rm -r' is not a name; write lower-case letters, digits and single dashes"),
    ("experiments", {}, "experiments: "),
]


@pytest.mark.parametrize(("key", "value", "message"), CASES, ids=[f"{key}={value}" for key, value, _ in CASES])
def test_one_line_names_key_and_remedy(config: dict, key: str, value: object, message: str) -> None:
    broken = copy.deepcopy(config)
    *path, last = key.split(".")
    place = broken
    for part in path:
        place = place[part]
    place[last] = value
    with pytest.raises(SteepError) as caught:
        check_config(broken, "my.yaml")
    text = str(caught.value)
    assert text.startswith("my.yaml: ") and message in text and "\n" not in text


@pytest.mark.parametrize("key", ["study", "seeds", "networks", "experiments"])
def test_a_missing_key_is_named(config: dict, key: str) -> None:
    del config[key]
    with pytest.raises(SteepError, match=f"{key}: missing; write it"):
        check_config(config)


def test_a_file_that_is_not_yaml_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("study: a\nseeds: [0\nmirrors: []\n")
    with pytest.raises(SteepError, match=r"my.yaml: line \d: not YAML"):
        read_config(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SteepError, match=r"my\.yaml"):
        read_config(path)
    with pytest.raises(SteepError, match="No such file"):
        read_config(tmp_path / "absent.yaml")
    path.write_text("")
    with pytest.raises(SteepError, match="holds no keys"):
        read_config(path)


def test_schema_and_code_know_the_same_words() -> None:
    schema = yaml.safe_load(SCHEMA.read_text())
    sections = {
        name: schema["properties"][name]["additionalProperties"]["properties"]
        for name in ("datasets", "encodings", "recipes", "experiments")
    }
    assert set(sections["datasets"]["source"]["enum"]) == set(SOURCES)
    assert schema["$defs"]["shape"]["enum"] == list(SHAPES)
    assert schema["$defs"]["schedule"]["properties"]["kind"]["enum"] == list(SCHEDULES)
    assert sections["experiments"]["readouts"]["items"]["enum"] == list(READOUTS)
    assert sections["encodings"]["kind"]["enum"] == list(ENCODINGS)
    assert sections["recipes"]["original"]["properties"]["activation"]["enum"] == list(ACTIVATIONS)
    assert sections["experiments"]["backends"]["items"]["enum"] == list(BACKENDS)
    assert schema["$defs"]["optimizer"]["enum"] == list(OPTIMIZERS)


def test_every_key_is_described(root: Path, config: dict) -> None:
    """The config's documentation is made from these descriptions."""
    from steep.config import describe

    table = describe()
    assert table in (root / "config" / "README.md").read_text(), (
        "write `python -m steep describe-config` into config/README.md"
    )
    cells = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    assert all(len(row) == 3 and all(row) for row in cells)
    keys = {row[0].strip("`") for row in cells}

    def leaves(node: object, path: tuple[str, ...]) -> Iterator[str]:
        if isinstance(node, dict):
            names = path in {(section,) for section in ("datasets", "encodings", "networks", "recipes", "experiments")}
            for name, child in node.items():
                yield from leaves(child, (*path, "<name>" if names else name))
        elif isinstance(node, list) and node and isinstance(node[0], dict):
            for child in node:
                yield from leaves(child, (*path, "<n>"))
        else:
            yield ".".join(path)

    assert set(leaves(config, ())) <= keys


def test_schema_holds_no_stray_key() -> None:
    """An unquoted comma in a description would cut it and make a key of the rest."""

    def values(node: object) -> Iterator[object]:
        yield node
        for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            yield from values(child)

    assert None not in list(values(yaml.safe_load(SCHEMA.read_text())))


def test_command_line_values_are_read_as_yaml() -> None:
    given = {"seeds": ["0", "1"], "study": "mine", "recipes": {"quick": {"epochs": "3"}}, "mirrors": []}
    assert typed(given) == {"seeds": [0, 1], "study": "mine", "recipes": {"quick": {"epochs": 3}}, "mirrors": []}
