"""The study's config: read, checked strictly, and refused with one line that says which key, what is wrong and what
to write."""

import difflib
import math
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, TypeChecker, validators
from jsonschema.exceptions import ValidationError

from steep.architecture import layer_shapes, parse_layers
from steep.datasets import SOURCES
from steep.datasets.sizes import split_sizes
from steep.encodings import CURRENTS
from steep.errors import SteepError
from steep.strict import parse_json, parse_yaml
from steep.threshold.compile import bits_by_layer

# What an experiment names, and where it must stand.
REFERENCES = {"dataset": "datasets", "encoding": "encodings", "network": "networks", "recipe": "recipes"}
BOUNDS = {"minimum": "at least", "exclusiveMinimum": "more than", "maximum": "at most", "exclusiveMaximum": "less than"}
SCHEMA = Path(__file__).with_name("schema.yaml")


def _is_integer(checker: TypeChecker, value: object) -> bool:
    """JSON knows 3.0 as an integer; Python's range does not."""
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(checker: TypeChecker, value: object) -> bool:
    """No bound refuses NaN, and 1.0e+999 is infinite."""
    return _is_integer(checker, value) or (isinstance(value, float) and math.isfinite(value))


STRICT = validators.extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer).redefine("number", _is_number),
)


def schema() -> dict[str, Any]:
    """Return the schema of the config."""
    return deepcopy(_schema())


@cache
def _schema() -> dict[str, Any]:
    """Return the schema as it stands; reading YAML takes a twentieth of a second, and every JSON option asks for it."""
    schema: dict[str, Any] = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    return schema


def part_of_schema(path: str, without: tuple[str, ...] = (), needed: tuple[str, ...] | None = None) -> dict[str, Any]:
    """Return the schema of a part of the config.

    Parameters
    ----------
    path : such as ``recipes.*.sharpening``, where ``*`` stands for any name; empty for the whole config.
    without : keys that the part may not have.
    needed : keys that it must have, if not those that it must have in the config.

    """
    whole = schema()
    node = whole
    for key in path.split(".") if path else []:
        node = node["additionalProperties"] if key == "*" else node["properties"][key]
        node = whole["$defs"].get(node.get("$ref", "").removeprefix("#/$defs/"), node)
    if without:
        kept = {key: child for key, child in node["properties"].items() if key not in without}
        node = node | {"properties": kept, "required": [key for key in node["required"] if key not in without]}
    return node if needed is None else node | {"required": list(needed)}


def check_part(value: Any, node: dict[str, Any]) -> None:
    """Check a value against a schema, whose references are to the config's; SteepError as `check_config`."""
    errors = sorted(STRICT(node | {"$defs": schema()["$defs"]}).iter_errors(value), key=_place)
    if errors:
        raise SteepError(explain(errors[0]))


def _place(error: ValidationError) -> list[str]:
    return [str(part) for part in error.absolute_path]


def read_arguments(entries: list[str]) -> dict[str, Any]:
    """Return what Snakemake's ``--config`` says: ``["seeds=[0, 1]", "title=run #3"]`` is ``{"seeds": [0, 1], "title":
    "run #3"}``.

    A value is read once. Where the schema wants text it is taken as it stands, without the quotes around it if there
    are any; else it is YAML.

    Raises
    ------
    SteepError
        when a key stands twice or a value is not YAML.

    """
    properties, definitions = schema()["properties"], schema()["$defs"]
    values: dict[str, Any] = {}
    for entry in entries:
        key, _, text = entry.partition("=")
        if key in values:
            raise SteepError(f"--config: {key} stands twice; write it once")
        node = properties.get(key, {})
        node = definitions.get(node.get("$ref", "").removeprefix("#/$defs/"), node)
        values[key] = _unquoted(text) if _is_text(node) else parse_yaml(text, f"--config {key}")
    return values


def _is_text(node: dict[str, Any]) -> bool:
    """Whether a node of the schema wants text."""
    return node.get("type") == "string" or all(isinstance(word, str) for word in node.get("enum", [None]))


def _unquoted(text: str) -> str:
    """Return text without quotes around the whole of it."""
    if text[:1] in ("'", '"'):
        with suppress(SteepError):
            value = parse_yaml(text, "")
            return value if isinstance(value, str) else text
    return text


def read_config(path: Path | str) -> dict[str, Any]:
    """Read a config, strictly (`steep.strict`); SteepError names the file and the line when that is not possible."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SteepError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8 text'})") from error
    if Path(path).suffix == ".json":
        try:
            config = parse_json(text)
        except ValueError as error:
            raise SteepError(f"{path}: {error}") from error
    else:
        config = parse_yaml(text, str(path))
    if not isinstance(config, dict):
        raise SteepError(f"{path}: holds no keys; see config/README.md")
    return config


def suggest(word: str, known: list[str]) -> str:
    """Return what to write instead of `word`."""
    close = difflib.get_close_matches(str(word), known, n=1)
    return (
        f"did you mean '{close[0]}'?" if close else f"write one of: {', '.join(known) or '(nothing is allowed here)'}"
    )


def explain(error: ValidationError) -> str:
    """Turn a schema error into one line: the key, what is wrong, what to write."""
    path = list(error.absolute_path)
    value = error.instance
    match error.validator:
        case "additionalProperties":
            known = list(error.schema.get("properties", {}))
            key = next(key for key in value if key not in known)
            return f"{dotted([*path, key])}: unknown key; {suggest(key, known)}"
        case "required":
            key = next(key for key in error.validator_value if key not in value)
            return f"{dotted([*path, key])}: missing; write it"
        case "dependentRequired":
            known, needed = next(
                (k, n[0]) for k, n in error.validator_value.items() if k in value and n[0] not in value
            )
            return f"{dotted([*path, needed])}: missing, and {known} is there; write both"
        case "minProperties":
            known = error.schema.get("properties", {})
            return f"{dotted(path)}: holds no keys; write {' or '.join(known) or 'at least one'}"
        case "enum":
            return f"{dotted(path)}: {value!r} is not known; {suggest(value, list(map(str, error.validator_value)))}"
        case "type":
            hint = "write 0.001 or 1.0e-3" if error.validator_value == "number" else "write one"
            return f"{dotted(path)}: {value!r} is not of type {error.validator_value}; {hint}"
        case "not":
            return f"{dotted(path)}: only poolings; write at least one dense or conv layer"
        case "contains":
            return f"{dotted(path)}: lacks {error.schema['contains']['const']!r}; write it too"
        case "oneOf" if not isinstance(value, list):
            return f"{dotted(path)}: {value!r} is out of range; write one number, 2 to 16, or a list of such"
        case "oneOf":
            return f"{dotted(path)}: a number in {value!r} is out of range; write numbers from 2 to 16"
        case "pattern":
            return f"{dotted(path)}: {value!r} {error.schema['$comment']}"
        case "maxLength":
            return f"{dotted(path)}: {value[:20]!r}... is too long; write at most {error.validator_value} characters"
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            return f"{dotted(path)}: {value!r} is out of range; write {BOUNDS[error.validator]} {error.validator_value}"
        case "minItems" | "maxItems":
            words = {"minItems": "at least", "maxItems": "at most"}
            return f"{dotted(path)}: {len(value)} entries; write {words[error.validator]} {error.validator_value}"
        case "uniqueItems":
            return f"{dotted(path)}: an entry stands twice; write each once"
    return f"{dotted(path)}: {error.message}"


def dotted(path: list[Any]) -> str:
    """Return a key's place, like ``recipes.dense.original.epochs``."""
    return ".".join(str(part) for part in path) or "(top level)"


def check_config(config: dict[str, Any], name: str = "config") -> None:
    """Check a whole config.

    Parameters
    ----------
    config : as read from YAML (and merged by Snakemake, if it was).
    name : file name for the messages.

    Raises
    ------
    SteepError
        one line: file, key, what is wrong, what to write; more errors are only counted.

    """
    errors = sorted(STRICT(schema()).iter_errors(config), key=_place)
    messages = [explain(error) for error in errors]
    if not errors:
        messages = [*_references(config)]
    if messages:
        more = f" (and {len(messages) - 1} more)" if len(messages) > 1 else ""
        raise SteepError(f"{name}: {messages[0]}{more}")


def _references(config: dict[str, Any]) -> list[str]:
    """Return a message for everything named that is not there, and for parts that do not fit each other."""
    messages = []
    for experiment, entry in config["experiments"].items():
        missing = [(key, section) for key, section in REFERENCES.items() if entry[key] not in config[section]]
        for key, section in missing:
            hint = suggest(entry[key], list(config[section]))
            messages.append(f"experiments.{experiment}.{key}: {entry[key]!r} is not in {section}; {hint}")
        if not missing:
            messages += _fit(config, experiment, entry)
    for name, encoding in config["encodings"].items():
        if encoding["kind"] == "contours" and encoding["low"] > encoding["high"]:
            messages.append(f"encodings.{name}.low: {encoding['low']} is above high, {encoding['high']}; write less")
    for name, dataset in config["datasets"].items():
        try:
            split_sizes(dataset["source"], dataset["validation"])
        except SteepError as error:
            messages.append(f"datasets.{name}.validation: {error}")
    rise, decay = config.get("stpu", {}).get("sweep", {}).get("responses", {}).get("difference", (1, 2))
    if rise >= decay:
        messages.append(
            f"stpu.sweep.responses.difference: the rise, {rise}, is not below the decay, {decay}; write it first"
        )
    named = [
        ("stpu.sweep.experiments", name) for name in config.get("stpu", {}).get("sweep", {}).get("experiments", [])
    ]
    named += [("baseline", config["baseline"])] if "baseline" in config else []
    for key, experiment in named:
        if experiment not in config["experiments"]:
            hint = suggest(experiment, list(config["experiments"]))
            messages.append(f"{key}: {experiment!r} is not in experiments; {hint}")
    return messages


def _fit(config: dict[str, Any], experiment: str, entry: dict[str, Any]) -> list[str]:
    """Return a message for everything in which the parts that an experiment names do not fit each other."""
    recipe, layers = config["recipes"][entry["recipe"]], config["networks"][entry["network"]]["layers"]
    messages = []
    try:
        source = SOURCES[config["datasets"][entry["dataset"]]["source"]]
        layer_shapes(source.shape, parse_layers(layers), source.classes)
    except SteepError as error:
        messages.append(f"networks.{entry['network']}.layers: {error}")
    messages += _enough_frames(config, experiment, entry)
    try:
        bits_by_layer({"layers": layers}, recipe["compilation"]["weight_bits"])
    except SteepError as error:
        messages.append(f"recipes.{entry['recipe']}.compilation.weight_bits: {error} (experiment {experiment})")
    depth = len(layers) + 1
    if max(entry.get("record") or [1]) > depth:
        messages.append(
            f"experiments.{experiment}.record: there is no layer {max(entry['record'])}; network {entry['network']} "
            f"has layers 1 to {depth}, the output layer is the last"
        )
    if config["encodings"][entry["encoding"]]["kind"] in CURRENTS and layers[0]["kind"] == "maxpool":
        messages.append(
            f"experiments.{experiment}: network {entry['network']} begins with a pooling, which pools spikes, and the "
            "frames are currents; begin with a dense or conv layer"
        )
    low, high = entry.get("talk", {}).get("spiking_cost", (0, 0))
    if low > high:
        messages.append(
            f"experiments.{experiment}.talk.spiking_cost: {low} is above {high}; write the lower number first"
        )
    if "spikes" in entry.get("readouts", []):
        if "population" not in recipe:
            messages.append(f"recipes.{entry['recipe']}.population: missing; readout spikes of {experiment} needs it")
        elif recipe["population"]["active"] > recipe["population"]["units"]:
            messages.append(
                f"recipes.{entry['recipe']}.population.active: {recipe['population']['active']} of "
                f"{recipe['population']['units']} units; write at most as many as there are"
            )
    return messages


def _enough_frames(config: dict[str, Any], experiment: str, entry: dict[str, Any]) -> list[str]:
    """Return a message for everything that wants more frames, or larger ones, than the experiment's data set has."""
    dataset, recipe = config["datasets"][entry["dataset"]], config["recipes"][entry["recipe"]]
    try:
        sizes = split_sizes(dataset["source"], dataset["validation"])
    except SteepError:
        return []  # said where the data set stands
    if sizes is None:  # a data set of the user's own tells its sizes when it is fetched
        return []
    messages = []
    used = ["original", "sharpening", *(["population"] if "spikes" in entry.get("readouts", []) else [])]
    side = max(SOURCES[dataset["source"]].shape[1:])
    for part in (part for part in used if part in recipe):
        size, shift = recipe[part]["batch_size"], recipe[part].get("augmentation", {}).get("shift", 0)
        if size > sizes["train"]:
            messages.append(
                f"recipes.{entry['recipe']}.{part}.batch_size: {size}, but experiment {experiment} has only "
                f"{sizes['train']} training frames; write a smaller number"
            )
        if shift >= side:
            messages.append(
                f"recipes.{entry['recipe']}.{part}.augmentation.shift: {shift} pixels move all of experiment "
                f"{experiment}'s frames out; write less than {side}"
            )
    parts, evaluation = config.get("parts", 1), config.get("evaluation", "test")
    if parts > sizes[evaluation]:
        messages.append(
            f"parts: {parts}, but experiment {experiment} has only {sizes[evaluation]} {evaluation} frames; write at "
            "most as many"
        )
    return messages


def describe() -> str:
    """Return every key of the config as a Markdown table, made from the schema: the heart of config/README.md."""
    whole = schema()
    lines = ["| key | value | meaning |", "|---|---|---|"]
    for key, node in _keys(whole, whole["$defs"], ()):
        lines.append(f"| `{key}` | {_allowed(node)} | {node['description']} |")
    return "\n".join(lines) + "\n"


def _keys(node: dict[str, Any], definitions: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, dict]]:
    """Yield every described key below a schema node, in the schema's order; ``<name>`` stands for a user's name."""
    node = node | definitions.get(node.get("$ref", "").removeprefix("#/$defs/"), {}) | node
    if path and "description" in node:
        yield ".".join(path), node
    branches = [branch["then"] for branch in node.get("allOf", [])]
    for part in [node, *branches]:
        for name, child in part.get("properties", {}).items():
            yield from _keys(child, definitions, (*path, name))
    if isinstance(node.get("additionalProperties"), dict):
        yield from _keys(node["additionalProperties"], definitions, (*path, "<name>"))
    if isinstance(node.get("items"), dict):
        yield from _keys(node["items"], definitions, (*path, "<n>"))


def _allowed(node: dict[str, Any]) -> str:
    """Return in words what a schema node allows."""
    if "enum" in node or "const" in node:
        return ", ".join(f"`{value}`" for value in node.get("enum", [node.get("const")]))
    if "oneOf" in node:
        return " or ".join(_allowed(choice) for choice in node["oneOf"])
    bounds = [f"{word} {node[key]}" for key, word in BOUNDS.items() if key in node]
    return ", ".join([{"object": "keys", "array": "list"}.get(node.get("type", ""), node.get("type", "")), *bounds])
