"""The config: what is wrong is said in one line that names the key and what to write."""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from steep.datasets import SOURCES
from steep.encodings import ENCODINGS
from steep.errors import SteepError
from steep.networks import ACTIVATIONS
from steep.recipes import SCHEDULES
from steep.sharpening.activation import SHAPES
from steep.simulators import SIMULATORS
from steep.study.config import SCHEMA, check_config, check_part, part_of_schema, read_arguments, read_config
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
    ("experiments.small-cnn-digits.simulators", ["brian"], "'brian' is not known; did you mean 'brian2'?"),
    ("experiments.small-cnn-digits.simulators", [], "simulators: 0 entries; write at least 1"),
    ("stpu.sweep.responses.difference", [3, 3], "difference: the rise, 3, is not below the decay, 3; write it first"),
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
        "small-cnn-digits.talk: holds no keys; write original or spiking or spiking_cost",
    ),
    (
        "experiments.small-cnn-digits.talk",
        {"spiking_cost": [-1, -2]},
        "talk.spiking_cost: -1 is above -2; write the lower number first",
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
        "recipes.quick.compilation.weight_bits",
        99,
        "recipes.quick.compilation.weight_bits: 99 is out of range; write one number, 2 to 16, or a list of such",
    ),
    (
        "recipes.quick.compilation.weight_bits",
        [8, 8],
        "recipes.quick.compilation.weight_bits: weight_bits has 2 entries for 3 layers with weights",
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
    assert sections["experiments"]["simulators"]["items"]["enum"] == list(SIMULATORS)
    assert schema["$defs"]["optimizer"]["enum"] == list(OPTIMIZERS)


def test_every_key_is_described(root: Path, config: dict) -> None:
    """The config's documentation is made from these descriptions."""
    from steep.study.config import describe

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


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("seeds=[0, 1]", [0, 1]),
        ("parts=3", 3),
        ("recipes={quick: {original: {epochs: 3}}}", {"quick": {"original": {"epochs": 3}}}),
        ("mirrors=['/a b', '#c']", ["/a b", "#c"]),
        # Text is taken as it stands, and not read a second time.
        ("title=run #3, high rate", "run #3, high rate"),
        ("title='run #3, high rate'", "run #3, high rate"),
        ('title="it\'s"', "it's"),
        ("title='a' and 'b'", "'a' and 'b'"),
        ("title=a: b: c", "a: b: c"),
        ("title=[x", "[x"),
        ("title=a=b", "a=b"),
        ("study=007", "007"),
        ("baseline=1e3", "1e3"),
        ("evaluation=validation", "validation"),
    ],
)
def test_a_value_on_the_command_line_is_read_once(entry: str, value: object) -> None:
    key = entry.partition("=")[0]
    assert read_arguments([entry]) == {key: value}
    assert type(read_arguments([entry])[key]) is type(value)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (["seeds=[1]", "seeds=[2]"], "--config: seeds stands twice; write it once"),
        (["seeds=[010]"], "--config seeds: line 1: 010 is read as a number; write finite numbers in plain digits, or"),
        (["seeds=[1"], "--config seeds: line 1: not YAML"),
        (["stpu={limits: {}, limits: {}}"], "--config stpu: line 1: the key limits stands twice; write it once"),
    ],
)
def test_what_the_command_line_may_mean_otherwise_is_refused(entries: list[str], message: str) -> None:
    with pytest.raises(SteepError) as refused:
        read_arguments(entries)
    assert str(refused.value).startswith(message) and "\n" not in str(refused.value)


NUMBER = "write finite numbers in plain digits, or"
MISREAD = {
    "seeds: [3]": "the key seeds stands twice; write it once",
    "experiments: {}": "the key experiments stands twice; write it once",
    "x: {a: 1, b: [{c: 1, c: 2}]}": "the key c stands twice; write it once",
    "x: {<<: {a: 1}, <<: {b: 1}}": "the key << stands twice; write it once",
    "on: 1": "on is read as true or false; write true or false, or 'on' where it is text",
    "x: yes": "yes is read as true or false; write true or false, or 'yes' where it is text",
    "true: 1": "the key true is read as true or false; write 'true'",
    "null: 1": "the key null is read as nothing; write 'null'",
    "7: 1": "the key 7 is read as a number; write '7'",
    "007: 1": f"007 is read as a number; {NUMBER} '007' where it is text",
    "x: 0x1f": f"0x1f is read as a number; {NUMBER} '0x1f' where it is text",
    "x: 1_000": f"1_000 is read as a number; {NUMBER} '1_000' where it is text",
    "x: 1:30": f"1:30 is read as a number; {NUMBER} '1:30' where it is text",
    "x: 1_0.5": f"1_0.5 is read as a number; {NUMBER} '1_0.5' where it is text",
    "x: -.inf": f"-.inf is read as a number; {NUMBER} '-.inf' where it is text",
    "x: 2026-11-23": "2026-11-23 is read as a date; write '2026-11-23' where it is text",
}


@pytest.mark.parametrize("line", MISREAD)
def test_what_yaml_takes_for_something_else_is_refused(root: Path, tmp_path: Path, line: str) -> None:
    text = (root / "config" / "test.yaml").read_text()
    (tmp_path / "my.yaml").write_text(f"{text}{line}\n")
    with pytest.raises(SteepError) as refused:
        read_config(tmp_path / "my.yaml")
    assert str(refused.value) == f"{tmp_path / 'my.yaml'}: line {text.count(chr(10)) + 1}: {MISREAD[line]}"


def test_what_is_read_is_what_yaml_reads(root: Path, tmp_path: Path) -> None:
    """Anchors and merge keys as well: the workflow gets the config from Snakemake's reader."""
    for path in (root / "config").glob("*.yaml"):
        assert read_config(path) == yaml.safe_load(path.read_text())
    text = "a: &a {x: 1, y: 1.5e+3}\nb: &b {<<: *a, x: True}\nc: {<<: [*a, *b], z: ~}\n'007': '010'\n"
    (tmp_path / "my.yaml").write_text(text)
    assert read_config(tmp_path / "my.yaml") == yaml.safe_load(text)


def test_json_is_read_as_strictly(tmp_path: Path) -> None:
    path = tmp_path / "my.json"
    path.write_text('{\n\t"study": "a", "seeds": [0]}')
    assert read_config(path) == {"study": "a", "seeds": [0]}
    for text, message in (
        ('{"a": 1, "a": 2}', "the key a stands twice"),
        ('{"a": NaN}', "NaN is no number of JSON"),
        ('{"a": 1', "not JSON (Expecting ',' delimiter, character 8)"),
        ("[" * 100_000, "nested too deep"),
    ):
        path.write_text(text)
        with pytest.raises(SteepError) as refused:
            read_config(path)
        assert str(refused.value) == f"{path}: {message}"


NAMES = ["007", "1e3", "nan", "null", "inf", "true", "0x1f", "none", "12"]


def test_names_that_look_like_numbers_are_names(config: dict, tmp_path: Path) -> None:
    """They survive being written as YAML, as the study does with its config, and read again."""
    for section in ("datasets", "encodings", "networks", "recipes", "experiments"):
        config[section] |= {name: next(iter(config[section].values())) for name in NAMES}
    config["baseline"] = NAMES[0]
    check_config(config)
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    assert read_config(tmp_path / "my.yaml") == config
    for name in (7, None, True, 1.5):
        with pytest.raises(SteepError, match=f"experiments: {name!r} is not of type string"):
            check_config(config | {"experiments": config["experiments"] | {name: config["experiments"]["007"]}})


@pytest.mark.parametrize("name", ["abc\n", "a" * 101, "-a", "a--b", ""])
def test_names_that_no_file_should_bear_are_refused(config: dict, name: str) -> None:
    config["experiments"][name] = config["experiments"]["small-cnn-digits"]
    with pytest.raises(SteepError, match=r"experiments: .* is (not a name|too long); write"):
        check_config(config)


@pytest.mark.parametrize("text", ["", " ", "a\nb", "a\n", "a\x00", "a\x1b[0m", "\ud800", "a\u2028b", "\ufffe"])
@pytest.mark.parametrize("key", ["title", "remarks", "datasets.digits.title", "networks.small-cnn.title"])
def test_text_that_no_page_can_show_is_refused(config: dict, key: str, text: str) -> None:
    place = config
    *path, last = key.split(".")
    for part in path:
        place = place[part]
    place[last] = text if last == "title" else [text]
    with pytest.raises(SteepError, match=f"{key}.*: .* is empty, or holds a line break or another control character"):
        check_config(config)


def test_a_mirror_is_any_folder(config: dict) -> None:
    check_config(config | {"mirrors": ["a\nb", " ", "{x} '#", "\udc80"]})
    for folder in ("", "a\x00"):
        with pytest.raises(SteepError, match=r"mirrors.0: .* is empty, or holds a character that no path may hold"):
            check_config(config | {"mirrors": [folder]})


def test_a_number_is_finite(config: dict) -> None:
    for value in (float("nan"), float("inf")):
        config["recipes"]["quick"]["original"]["learning_rate"] = value
        with pytest.raises(SteepError, match=rf"learning_rate: {value} is not of type number"):
            check_config(config)


@pytest.mark.parametrize(
    ("path", "options", "value", "message"),
    [
        ("encodings.*", {}, {"kind": "binarize", "treshold": 0.5}, "treshold: unknown key; did you mean 'threshold'?"),
        ("encodings.*", {}, {"kind": "binarize"}, "threshold: missing; write it"),
        ("encodings.*", {}, [], "(top level): [] is not of type object; write one"),
        ("networks.*.layers", {}, [{"kind": "dense"}], "0.units: missing; write it"),
        ("recipes.*.compilation.weight_bits", {}, 99, "(top level): 99 is out of range; write one number, 2 to 16, or"),
        ("recipes.*.sharpening", {"without": ("shape",)}, {"shape": "ramp"}, "shape: unknown key; "),
        ("stpu.sweep", {"needed": ("leaks",)}, {"frames": 3}, "leaks: missing; write it"),
        (
            "stpu.limits",
            {},
            {"neurons": 3, "buffer_slots": {"limit": 16, "assumed": True}},
            "neurons: 3 is not of type object; write one",
        ),
        ("", {"needed": ("title",)}, {"titel": "a"}, "titel: unknown key; did you mean 'title'?"),
    ],
)
def test_a_part_of_the_config_is_checked_by_the_same_schema(
    path: str, options: dict, value: object, message: str
) -> None:
    with pytest.raises(SteepError) as refused:
        check_part(value, part_of_schema(path, **options))
    assert str(refused.value).startswith(message) and "\n" not in str(refused.value)


def test_editors_find_the_schema(root: Path) -> None:
    """The first line of every config that is kept names it."""
    for path in sorted((root / "config").glob("*.yaml")):
        first = path.read_text().splitlines()[0]
        place = first.removeprefix("# yaml-language-server: $schema=")
        assert (path.parent / place).resolve() == SCHEMA, path.name
