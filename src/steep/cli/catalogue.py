"""Verbs of the catalogue: each makes one figure or table of it, and writes into it what it was made from."""

from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steep.cli.verbs import VERBS, Verb
from steep.study.catalogue import FIGURES, TABLES
from steep.study.entries import Entry, Figure, Table
from steep.study.options import Option, Role, file_option

if TYPE_CHECKING:
    from steep.analysis.render import Tabulated


def make(maker: str, options: dict[str, Any]) -> Any:
    """Return what the function ``module:function`` makes."""
    module, _, function = maker.partition(":")
    return getattr(import_module(module), function)(**options)


def read_files(entry: Entry, options: dict[str, Any]) -> list[Path]:
    """Return the files that an entry's verb reads."""
    inputs: list[Path] = []
    for name, files in entry.inputs.items():
        inputs += options[name] if files.many else [options[name]]
    return inputs


def write_table(made: "Tabulated", csv: Path, html: Path, verb: str, inputs: list[Path]) -> None:
    """Write a table as CSV and, for people, as a page that says which verb made it from which files."""
    from steep.analysis.render import to_html
    from steep.files import write_text
    from steep.study.trace import trace_of

    write_text(csv, made.table.to_csv(index=False))
    write_text(html, to_html(made.view, made.title, made.note, trace_of(verb, inputs)))


def draw(figure: Figure, output: Path, **options: Any) -> None:
    """Draw a figure as SVG."""
    from steep.figures.style import save_figure
    from steep.files import write_text
    from steep.study.trace import trace_of

    drawn, trace = make(figure.maker, options), trace_of(figure.verb, read_files(figure, options))
    if callable(drawn):
        write_text(output, drawn(trace))
    else:
        save_figure(drawn, output, trace)


def tabulate(table: Table, csv: Path, html: Path, **options: Any) -> None:
    """Write a table as CSV and, for people, as a page; and the other texts that go with it."""
    from steep.files import write_text

    also = {name: options.pop(name) for name in table.also}
    made = make(table.maker, options)
    write_table(made, csv, html, table.verb, read_files(table, options))
    for name, path in also.items():
        write_text(path, made.also[name])


def written(entry: Entry) -> dict[str, Option]:
    """Return the options of what an entry's verb writes."""
    names = ("output",) if isinstance(entry, Figure) else ("csv", "html", *getattr(entry, "also", ()))
    words = {"output": "the figure, written as SVG"}
    options = {name: file_option(Role.OUTPUT) for name in names}
    return {
        name: Option(option.role, option.keywords | ({"help": words[name]} if name in words else {}))
        for name, option in options.items()
    }


def declare(entry: Figure | Table) -> None:
    """Declare the verb of an entry."""
    options = cache(lambda: entry.options() | written(entry))
    modules = (entry.maker.partition(":")[0],)
    if isinstance(entry, Figure):
        run = partial(draw, entry)
        VERBS[entry.verb] = Verb(entry.verb, "Figures", entry.caption, options, run, modules, (draw,))
    else:
        run = partial(tabulate, entry)
        VERBS[entry.verb] = Verb(entry.verb, "Tables", entry.caption, options, run, modules, (tabulate,))


for table in TABLES:
    declare(table)
for figure in FIGURES:
    declare(figure)
