"""What a verb takes on its command line: files that it reads and writes, text and numbers, JSON that fits a schema.

JSON is refused in one line when it does not fit: what took any JSON would fail later, with a traceback.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from steep.errors import SteepError
from steep.strict import parse_json


class Role(Enum):
    """What an option is to its verb: a file it reads, a file it writes, or another value."""

    INPUT = "input"
    OUTPUT = "output"
    VALUE = "params"


@dataclass(frozen=True)
class Option:
    """An option: its role, the keywords of `argparse.ArgumentParser.add_argument`, and whether the verb needs it."""

    role: Role
    keywords: dict[str, Any] = field(default_factory=dict)
    required: bool = True
    positional: bool = False


@dataclass(frozen=True, eq=False)  # argparse wants parsers that can be hashed
class Json:
    """Parser of a JSON argument that must fit a schema: `node`, or that of a part of the config
    (`steep.study.config.part_of_schema`)."""

    node: dict[str, Any] | None = None
    path: str = ""
    without: tuple[str, ...] = ()
    needed: tuple[str, ...] | None = None

    def __call__(self, text: str) -> Any:
        """Return the value; argparse turns the error into its one line."""
        from steep.study.config import check_part, part_of_schema

        try:
            value = parse_json(text)
            check_part(value, self.node or part_of_schema(self.path, self.without, self.needed))
        except (ValueError, SteepError) as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        return value


def dashed(name: str) -> str:
    """Return an option as it is written."""
    return f"--{name.replace('_', '-')}"


def part(path: str, without: tuple[str, ...] = (), needed: tuple[str, ...] | None = None) -> Json:
    """Return the parser of a part of the config as JSON, such as ``recipes.*.original``."""
    return Json(path=path, without=without, needed=needed)


def structure(**node: Any) -> Json:
    """Return the parser of JSON that fits the schema of these keywords."""
    return Json(node)


# What a row of results is about.
LABEL = {
    "type": "object",
    "additionalProperties": False,
    "required": ["experiment", "seed"],
    "properties": {
        **{key: {"$ref": "#/$defs/name"} for key in ("experiment", "dataset", "encoding", "network")},
        "seed": {"type": "integer", "minimum": 0},
    },
}
TEXTS = structure(type="array", items={"type": "string"})
LAYERS = structure(type="array", items={"type": "integer", "minimum": 1})
TITLES = structure(type="object", additionalProperties={"type": "string"})


def parser_keywords(parser: Callable[[str], Any]) -> dict[str, Any]:
    """Return argparse's keywords for what `parser` reads."""
    return {"type": parser, "metavar": "JSON"} if isinstance(parser, Json) else {"type": parser}


def file_option(role: Role, many: bool = False, required: bool = True) -> Option:
    """Return the option of a file, or of `many`. One that is not required may stand without a value, which says that
    there is none: so a rule writes it whether it has the file or not."""
    keywords: dict[str, Any] = {"type": Path, "metavar": "FILE"}
    if many:
        keywords["nargs"] = "+"
    elif not required:
        keywords |= {"nargs": "?", "default": None}
    return Option(role, keywords, required)
