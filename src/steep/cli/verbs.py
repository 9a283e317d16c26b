"""How a verb is declared: a function with its options beside it."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steep.errors import SteepError
from steep.strict import parse_json

Arguments = argparse.Namespace


@dataclass(frozen=True)
class Verb:
    """A verb: its function, and the keywords of `argparse.ArgumentParser.add_argument` for each option."""

    function: Callable[[Arguments], None]
    options: dict[str, dict[str, Any]]

    def add_to(self, verbs: Any) -> None:
        """Add the verb to argparse's subparsers; options are required unless they say otherwise."""
        text = (self.function.__doc__ or "").partition("\n")[0]
        parser = verbs.add_parser(self.function.__name__.replace("_", "-"), help=text, description=text)
        for name, option in self.options.items():
            if option.get("positional"):
                parser.add_argument(name, **{key: value for key, value in option.items() if key != "positional"})
            else:
                parser.add_argument(f"--{name.replace('_', '-')}", **({"required": True} | option))
        parser.set_defaults(run=self.function)


VERBS: dict[str, Verb] = {}


def verb(
    *files: str, **options: dict[str, Any]
) -> Callable[[Callable[[Arguments], None]], Callable[[Arguments], None]]:
    """Declare a verb; `files` are the names of options that each take one path."""

    def declare(function: Callable[[Arguments], None]) -> Callable[[Arguments], None]:
        VERBS[function.__name__] = Verb(function, {name: FILE for name in files} | options)
        return function

    return declare


@dataclass(frozen=True, eq=False)  # argparse wants parsers that can be hashed
class Json:
    """Parser of a JSON argument that must fit a schema: `node`, or that of a part of the config."""

    node: dict[str, Any] | None = None
    path: str = ""
    without: tuple[str, ...] = ()
    needed: tuple[str, ...] | None = None

    def __call__(self, text: str) -> Any:
        """Return the value; argparse turns the error into its one line."""
        from steep.config import check_part, part_of_schema

        try:
            value = parse_json(text)
            check_part(value, self.node or part_of_schema(self.path, self.without, self.needed))
        except (ValueError, SteepError) as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        return value


def structure(node: dict[str, Any]) -> dict[str, Any]:
    """Return the option for JSON that fits a schema."""
    return {"type": Json(node), "metavar": "JSON"}


def part(path: str, without: tuple[str, ...] = (), needed: tuple[str, ...] | None = None) -> dict[str, Any]:
    """Return the option for a part of the config as JSON (`steep.config.part_of_schema`)."""
    return {"type": Json(path=path, without=without, needed=needed), "metavar": "JSON"}


def require_pairs(**options: list[Any]) -> None:
    """Raise a SteepError where options that belong together, entry by entry, are not of one length."""
    counts = [f"--{name} {len(entries)}" for name, entries in options.items()]
    if len({len(entries) for entries in options.values()}) > 1:
        raise SteepError(f"{' and '.join(counts)} entries; give as many of each, in the same order")


def backend_file(text: str) -> tuple[str, Path]:
    """Parse ``backend=file``."""
    name, _, path = text.partition("=")
    if not path:
        raise argparse.ArgumentTypeError(f"write BACKEND=FILE, not {text!r}")
    return name, Path(path)


def part_of(text: str) -> tuple[int, int]:
    """Parse ``2/5``, the second of five parts."""
    try:
        number, count = (int(piece) for piece in text.split("/"))
    except ValueError:
        number = count = 0
    if not 1 <= number <= count:
        raise argparse.ArgumentTypeError(f"write NUMBER/COUNT as in 2/5, not {text!r}")
    return number, count


FILE = {"type": Path, "metavar": "FILE"}
FILES = FILE | {"nargs": "+"}
OPTIONAL_FILE = FILE | {"required": False, "default": None}
FOLDER = {"type": Path, "metavar": "FOLDER"}
TEXT: dict[str, Any] = {}
INTEGER = {"type": int}
TEXTS = structure({"type": "array", "items": {"type": "string"}})
LAYERS = structure({"type": "array", "items": {"type": "integer", "minimum": 1}})
TITLES = structure({"type": "object", "additionalProperties": {"type": "string"}})
# What a row is about.
LABEL = {
    "type": "object",
    "additionalProperties": False,
    "required": ["experiment", "seed"],
    "properties": {
        **{key: {"$ref": "#/$defs/name"} for key in ("experiment", "dataset", "encoding", "network")},
        "seed": {"type": "integer", "minimum": 0},
    },
}
LABELS = structure(LABEL)
OPTIONAL = {"required": False, "default": []}
SWITCH: dict[str, Any] = {"action": "store_true", "required": False}
PART = {"type": part_of, "metavar": "NUMBER/COUNT", "required": False, "default": (1, 1)}
BACKEND_FILES = {"type": backend_file, "metavar": "BACKEND=FILE", "nargs": "+"}
