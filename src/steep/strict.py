"""YAML and JSON read strictly: no key twice, and nothing that YAML 1.1 takes for something else than it looks like.

YAML lets the last of two equal keys win, reads ``yes`` as true, ``010`` as 8, ``1:30`` as 90 and ``2026-11-23`` as a
date. Each is refused, with its line and what to write. What is read is what every other reader of YAML 1.1 reads.
"""

import json
import re
from typing import Any

import yaml

from steep.errors import SteepError

YAML = "tag:yaml.org,2002:"
# Plain words that are read as they look, by the type that YAML gives them.
PLAIN = {
    "bool": re.compile("true|True|TRUE|false|False|FALSE"),
    "int": re.compile("[-+]?(0|[1-9][0-9]*)"),
    "float": re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?"),
    "timestamp": re.compile("(?!)"),
}
WORDS = {"bool": "true or false", "int": "a number", "float": "a number", "timestamp": "a date", "null": "nothing"}
REMEDIES = {"bool": "write true or false, or ", "timestamp": "write "}
REMEDIES |= dict.fromkeys(("int", "float"), "write finite numbers in plain digits, or ")


class Loader(yaml.SafeLoader):
    """YAML's safe loader, which refuses what may be meant otherwise."""

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        """Return a node; a plain one is what it looks like."""
        node = super().compose_scalar_node(anchor)
        kind = node.tag.removeprefix(YAML)
        if node.style is None and kind in PLAIN and not PLAIN[kind].fullmatch(node.value):
            raise yaml.MarkedYAMLError(
                problem=f"{node.value} is read as {WORDS[kind]}; {REMEDIES[kind]}'{node.value}' where it is text",
                problem_mark=node.start_mark,
            )
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Return a node whose keys are text and stand once."""
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            kind = key.tag.removeprefix(YAML)
            if kind in WORDS:
                problem = f"the key {key.value} is read as {WORDS[kind]}; write '{key.value}'"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            if (kind, str(key.value)) in seen:
                problem = f"the key {key.value} stands twice; write it once"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add((kind, str(key.value)))
        return node


def parse_yaml(text: str, name: str) -> Any:
    """Read one YAML document; SteepError names `name`, the line and what to write."""
    try:
        return Loader(text).get_single_data()
    except yaml.MarkedYAMLError as error:
        place = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        ours = type(error) is yaml.MarkedYAMLError
        raise SteepError(f"{name}: {place}{error.problem if ours else f'not YAML ({error.problem})'}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error).splitlines()[0]
        raise SteepError(f"{name}: not YAML ({reason})") from error


def parse_json(text: str) -> Any:
    """Read JSON; ValueError says what is wrong: no JSON, a key that stands twice, NaN or Infinity."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise ValueError(f"the key {twice[0]} stands twice")
        return dict(pairs)

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no number of JSON")

    try:
        return json.loads(text, object_pairs_hook=once, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON ({error.msg}, character {error.pos + 1})") from error
    except RecursionError as error:
        raise ValueError("nested too deep") from error
