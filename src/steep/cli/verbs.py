"""How a verb is declared: a function with its options beside it."""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Arguments = argparse.Namespace


@dataclass(frozen=True)
class Verb:
    """A verb: its function, and the keywords of `argparse.ArgumentParser.add_argument` for each option."""

    function: Callable[[Arguments], None]
    options: dict[str, dict[str, Any]]

    def add_to(self, verbs: Any) -> None:
        """Add the verb to argparse's subparsers; options are required unless they say otherwise."""
        text = (self.function.__doc__ or "").splitlines()[0]
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


def json_value(text: str) -> Any:
    """Parse a JSON argument; argparse turns the error into its one line."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"not JSON ({error.msg})") from error


def json_list(text: str) -> list[Any]:
    """Parse a list as JSON; a text would be taken letter by letter."""
    value = json_value(text)
    if not isinstance(value, list):
        raise argparse.ArgumentTypeError(f"write a list, as in [...], not {text!r}")
    return value


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
STRUCTURE = {"type": json_value, "metavar": "JSON"}
OPTIONAL_LIST = {"type": json_list, "metavar": "JSON", "required": False, "default": []}
PART = {"type": part_of, "metavar": "NUMBER/COUNT", "required": False, "default": (1, 1)}
BACKEND_FILES = {"type": backend_file, "metavar": "BACKEND=FILE", "nargs": "+"}
