"""How a verb is declared: by the signature of its function, and by its docstring.

A parameter is an option: one that is annotated `In` or `Out` is a file, one with a default need not be given, ``bool``
is a switch, ``Literal`` a choice, and a parser in ``Annotated`` reads the text. What the docstring says below
*Parameters* is its help. From the same declaration follows the shell line of a rule (`command`).
"""

import argparse
import inspect
import re
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union

from steep.digest import code_digest
from steep.study.options import LABEL, LAYERS, TEXTS, Json, Option, Role, dashed, file_option, parser_keywords

In = Annotated[Path, Role.INPUT]
Out = Annotated[Path, Role.OUTPUT]
Inputs = Annotated[list[Path], Role.INPUT]
OptionalInputs = Annotated[Sequence[Path], Role.INPUT]
Outputs = Annotated[list[Path], Role.OUTPUT]
OptionalIn = Annotated[Path | None, Role.INPUT]
OptionalOut = Annotated[Path | None, Role.OUTPUT]
Row = Annotated[dict[str, Any], Json(LABEL)]
Texts = Annotated[Sequence[str], TEXTS]
LayerNumbers = Annotated[Sequence[int], LAYERS]

# What an option means wherever it bears this name and the verb does not say otherwise.
MEANINGS = {
    "row": "what every row is about: experiment, seed, data set, encoding, network",
    "seed": "decides for everything that is random",
    "output": "what is written",
    "csv": "the table, written as CSV",
    "html": "the table, written as a page that stands alone",
    "network": "a threshold network, as compile-network writes it",
    "frames": "encoded frames, as encode-frames writes them",
    "train": "training frames",
    "validation": "validation frames",
    "history": "what each epoch measured, written as CSV",
    "checkpoint": "where an unfinished training is kept and found again; nowhere if not given",
    "original": "the original network, as train-original writes it",
    "sharpened": "the sharpened network, as sharpen-network writes it",
    "simulator": "the simulator",
    "readout": "how a class is read from the network",
    "view": "the table as text for people, written as CSV",
    "note": "what stands below the table, written as text",
    "markdown": "the table, written as Markdown",
    "answer": "the answer in a sentence or two, written as text",
    "landing_answer": "the same for the report's landing page, written as reStructuredText",
    "peers": "Python of the peers; the checkout's if not given",
    "seconds": "CPU time of a measurement, about",
    "landing": "the table for the report's landing page, written as reStructuredText",
}
# Options that a rule takes from its wildcards where they bear these names.
WILDCARDS = ("experiment", "seed", "simulator", "readout", "benchmark")


@dataclass(frozen=True)
class Verb:
    """A verb: its name, the group that it is listed under, its summary in one line, its options, and what runs it."""

    name: str
    group: str
    summary: str
    options: Callable[[], dict[str, Option]]
    run: Callable[..., None]
    # What decides for its results besides its options and inputs: modules of the library, and functions.
    modules: tuple[str, ...] = ()
    functions: tuple[Callable[..., Any], ...] = ()

    def code(self, *modules: str) -> str:
        """Return the digest of what the verb computes with, and of further `modules`."""
        return code_digest(*self.modules, *modules, functions=self.functions)

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the options to the verb's parser."""
        for name, option in self.options().items():
            keywords = {"help": MEANINGS.get(name)} | option.keywords
            if option.positional:
                parser.add_argument(name, **keywords)
            else:
                parser.add_argument(dashed(name), dest=name, required=option.required, **keywords)

    def command(self, job: str, *given: str, **places: str) -> str:
        """Return the shell line of a rule that runs the verb.

        Every option it needs stands in the line, as the rule's input, output or parameter of that name; seed,
        experiment, simulator, readout and benchmark are the rule's wildcards.

        Parameters
        ----------
        job : what the job's lines begin with; several jobs share one terminal.
        given : options that the verb does not need and the rule gives.
        places : where options stand instead.

        """
        options = self.options()
        if unknown := {*given, *places} - {*options}:
            raise ValueError(f"{self.name} has no option {min(unknown)}")
        words = []
        for name, option in options.items():
            if option.required or name in given or name in places:
                role = "wildcards" if name in WILDCARDS and option.role is Role.VALUE else option.role.value
                quoted = f"{{{role}.{name}}}" if role == "wildcards" else f"{{{role}.{name}:q}}"
                switch = option.keywords.get("action") == "store_true"
                words.append(dashed(name) if switch else f"{dashed(name)} {places.get(name, quoted)}")
        return f"STEEP_JOB='{job}' python -m steep {self.name} {' '.join(words)} 2>&1 | tee -i {{log:q}}"


VERBS: dict[str, Verb] = {}
# What verbs are listed under, in the order of the work.
GROUPS = (
    "The study",
    "Data",
    "Training",
    "Compilation",
    "Simulation",
    "Measurement",
    "Tables",
    "Figures",
    "Ends of a study",
    "STPU and other targets",
    "Benchmarks",
)


def group(title: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the decorator that declares verbs, which are listed under `title`."""

    def verb(function: Callable[..., None]) -> Callable[..., None]:
        name = function.__name__.replace("_", "-")
        summary = " ".join((function.__doc__ or "").partition("\n\n")[0].split())
        VERBS[name] = Verb(name, title, summary, cache(lambda: options_of(function)), function, functions=(function,))
        return function

    return verb


def options_of(function: Callable[..., None]) -> dict[str, Option]:
    """Return the options that a function's signature and docstring declare."""
    kinds, words = typing.get_type_hints(function, include_extras=True), meanings(function)
    options = {}
    for name, parameter in inspect.signature(function).parameters.items():
        option = _option(kinds[name], parameter.default)
        meaning = {"help": words[name]} if name in words else {}
        options[name] = Option(option.role, option.keywords | meaning, option.required, option.positional)
    return options


def meanings(function: Callable[..., None]) -> dict[str, str]:
    """Return what a docstring says of each parameter below *Parameters*."""
    text = inspect.getdoc(function) or ""
    _, _, section = text.partition("\nParameters\n----------\n")
    found = re.findall(r"^(\w+(?:, \w+)*) : (.*(?:\n    .*)*)", section, re.MULTILINE)
    return {name: " ".join(words.split()).rstrip(".") for names, words in found for name in names.split(", ")}


def _option(kind: Any, default: Any) -> Option:
    """Return the option that a parameter's annotation and default declare."""
    needed = default is inspect.Parameter.empty
    shown = {} if needed else {"default": default}
    if typing.get_origin(kind) in (Union, UnionType):  # something or None
        (kind,) = (each for each in typing.get_args(kind) if each is not type(None))
    plain, *marks = typing.get_args(kind) if typing.get_origin(kind) is Annotated else (kind,)
    (mark,) = marks or (None,)
    if isinstance(mark, Role):
        many = typing.get_origin(plain) in (list, Sequence)
        option = file_option(mark, many, needed)
        return Option(option.role, option.keywords | (shown if many else {}), needed)
    if isinstance(mark, Option):
        return Option(mark.role, mark.keywords | shown, needed, mark.positional)
    if mark is not None:
        return Option(Role.VALUE, parser_keywords(mark) | shown, needed)
    if plain is bool:
        return Option(Role.VALUE, {"action": "store_true"}, False)
    if typing.get_origin(plain) is Literal:
        return Option(Role.VALUE, {"choices": typing.get_args(plain)} | shown, needed)
    return Option(Role.VALUE, {"type": plain} | shown, needed)


def spikes_of_simulator(text: str) -> tuple[str, Path]:
    """Parse ``simulator=file``."""
    name, _, path = text.partition("=")
    if not path:
        raise argparse.ArgumentTypeError(f"write SIMULATOR=FILE, not {text!r}")
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


Config = Annotated[Path, Option(Role.VALUE, {"type": Path, "metavar": "FILE"}, positional=True)]
Executable = Annotated[Path, Option(Role.VALUE, {"type": Path, "metavar": "PYTHON"})]
Folder = Annotated[Path, Option(Role.VALUE, {"type": Path, "metavar": "FOLDER"})]
Part = Annotated[tuple[int, int], Option(Role.VALUE, {"type": part_of, "metavar": "NUMBER/COUNT"})]
SpikesOfSimulators = Annotated[
    list[tuple[str, Path]], Option(Role.VALUE, {"type": spikes_of_simulator, "metavar": "SIMULATOR=FILE", "nargs": "+"})
]
