"""What an entry of the catalogue is made of: a figure or a table, the files it is made from, the values its verb takes.

Everything here and in the catalogue is data: Snakemake reads it before every run, so nothing heavy is imported.
"""

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from steep.study.options import Json, Option, Role, dashed, file_option, parser_keywords
from steep.study.study import MEASURED, Study, as_json

# The values of a rule's wildcards.
Wildcards = Mapping[str, str]
# What others have published, beside which the study is set; in the checkout.
PUBLISHED = Path("report/published")


@dataclass(frozen=True)
class Files:
    """Files that an entry is made from: where they lie, in words, and how the study finds them; `many` says that an
    option takes several."""

    words: str
    find: Callable[[Study, Wildcards], Path | list[Path]]
    many: bool = False
    shipped: bool = False


def result(name: str) -> Files:
    """Return a file of the study; its name may hold wildcards."""
    return Files(f"{name} of the study", lambda study, w: study.results / name.format(**w))


def of_first_seed(name: str) -> Files:
    """Return a file of the first seed of the experiment."""
    return Files(f"{name} of the experiment's first seed", lambda study, w: study.first(w["experiment"], name))


def of_every_seed(name: str) -> Files:
    """Return a file of each seed of the experiment."""
    return Files(
        f"{name} of every seed of the experiment",
        lambda study, w: [study.folder(w["experiment"], seed) / name for seed in study.seeds],
        many=True,
    )


def shared_of_every_seed(name: str) -> Files:
    """Return a file of the experiment's original or continued network, of each seed, wherever it was trained."""
    return Files(
        f"{name} of every seed of the experiment",
        lambda study, w: [study.shared(w["experiment"], seed, name) for seed in study.seeds],
        many=True,
    )


def of_every_experiment(name: str) -> Files:
    """Return a file of every experiment and seed; where its name has ``{readout}``, of every readout too."""
    return Files(f"{name} of every experiment and seed", lambda study, w: study.every_file(name), many=True)


def of_the_study(words: str, find: Callable[[Study], list[Path]]) -> Files:
    """Return several files that the study names."""
    return Files(words, lambda study, w: find(study), many=True)


def measured() -> Files:
    """Return what a benchmark has measured."""
    return Files("the table that the benchmark wrote", lambda study, w: MEASURED / f"{w['benchmark']}.csv")


def published(name: str) -> Files:
    """Return a file of what others have published."""
    return Files(f"{PUBLISHED / name} of the checkout", lambda study, w: PUBLISHED / name, shipped=True)


@dataclass(frozen=True)
class Value:
    """A value that a verb takes besides files: what it means, what the study says, and how the verb reads it (as text
    unless said otherwise). Of JSON the keys are sorted, unless their order means something (`ordered`)."""

    words: str
    say: Callable[[Study, Wildcards], Any]
    parser: Callable[[str], Any] = str
    ordered: bool = False
    choices: tuple[str, ...] = ()

    def text(self, study: Study, wildcards: Wildcards) -> str:
        """Return it as it stands on the command line."""
        value = self.say(study, wildcards)
        return as_json(value, self.ordered) if isinstance(self.parser, Json) else str(value)


@dataclass(frozen=True)
class Each:
    """Of what there is one figure or table each: the wildcard in the file's name, and its values."""

    wildcard: str
    of: Callable[[Study], Iterable[str]]


def options_of(files: Mapping[str, str | list[str]]) -> str:
    """Return options and their files, as a shell takes them."""
    return shlex.join(
        word
        for name, paths in files.items()
        for word in (dashed(name), *([paths] if isinstance(paths, str) else paths))
    )


@dataclass(frozen=True)
class Entry:
    """A figure or a table of the study.

    Attributes
    ----------
    name : of its file, without the wildcard; the caption in the report is ``report/<name>.rst``.
    chapter : of report and summary.
    result : what the report calls it.
    caption : what it is, in one sentence: for the summary and the command line.
    inputs, values : files and the rest that its verb takes, by option.
    each : of what there is one; one for the whole study if None.
    when : whether the study has it.
    about : the experiments that it shows, which the caption says to have generated data where they have; those of its
        wildcard, or all, if None.
    memory_MB, minutes : what a cluster is asked for, at the first attempt.

    """

    name: str
    chapter: str | Callable[[Wildcards], str]
    result: str | Callable[[Wildcards], str]
    caption: str
    inputs: dict[str, Files] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    each: Each | None = None
    when: Callable[[Study], bool] = lambda study: True
    about: Callable[[Study, Wildcards], Iterable[str]] | None = None
    memory_MB: int = 1000
    minutes: int = 1

    @property
    def verb(self) -> str:
        """The verb that makes it."""
        raise NotImplementedError

    @property
    def stem(self) -> str:
        """Its file's name without ending, with its wildcard."""
        return f"{self.name}-{{{self.each.wildcard}}}" if self.each else self.name

    def stems(self, study: Study) -> list[str]:
        """Return the names of its files in a study, without ending; none where the study has no such thing."""
        if not self.when(study):
            return []
        return [f"{self.name}-{value}" for value in self.each.of(study)] if self.each else [self.name]

    @property
    def rule(self) -> str:
        """The rule of the workflow that makes it."""
        return self.verb.replace("-", "_")

    @property
    def place(self) -> str:
        """Where its log and its benchmark lie, without ending: with those of its experiment or data set, or of the
        study."""
        if self.each and self.each.wildcard in ("experiment", "dataset"):
            return f"{{{self.each.wildcard}}}/{self.rule}"
        return f"{self.rule}-{{{self.each.wildcard}}}" if self.each else self.rule

    def generated(self, study: Study, wildcards: Wildcards) -> list[str]:
        """Return which of the experiments, or the data set, that it shows have generated data."""
        one = self.each.wildcard if self.each else ""
        if one == "dataset":
            return [name for name in [wildcards[one]] if study.datasets[name].source.generated]
        shown: Iterable[str] = [wildcards[one]] if one == "experiment" else study.experiments
        if self.about:
            shown = self.about(study, wildcards)
        return [name for name in shown if study.experiments[name].generated]

    def words(self, study: Study, wildcards: Wildcards) -> str:
        """Return the verb and the values it takes besides files, as a shell takes it."""
        given = [word for name, value in self.values.items() for word in (dashed(name), value.text(study, wildcards))]
        return shlex.join([self.verb, *given])

    def heading(self, wildcards: Wildcards) -> str:
        """Return what the report calls it."""
        return self.result(wildcards) if callable(self.result) else self.result.format(**wildcards)

    def options(self) -> dict[str, Option]:
        """Return its verb's options, but for what it writes."""
        options = {}
        for name, files in self.inputs.items():
            option = file_option(Role.INPUT, files.many)
            options[name] = Option(option.role, option.keywords | {"help": files.words})
        for name, value in self.values.items():
            choices = {"choices": value.choices} if value.choices else {}
            options[name] = Option(Role.VALUE, parser_keywords(value.parser) | choices | {"help": value.words})
        return options


@dataclass(frozen=True)
class Figure(Entry):
    """A figure: drawn by ``plot`` of a module of `steep.figures`, which takes the options and returns the figure.

    Attributes
    ----------
    headline : whether the summary shows it above its chapters, beside a table.

    """

    headline: bool = False

    @property
    def verb(self) -> str:
        """The verb that draws it."""
        return f"plot-{self.name}"

    @property
    def maker(self) -> str:
        """The function that draws it."""
        return f"steep.figures.{self.name.replace('-', '_')}:plot"


@dataclass(frozen=True)
class Table(Entry):
    """A table: a CSV and a page, made by the function `maker`, which takes the options and returns a
    `steep.analysis.render.Tabulated`.

    Attributes
    ----------
    maker : the function, as ``module:function``.
    also : what else the verb writes, by option: names of files among the tables.
    verb_name : of the verb, where it is not ``tabulate-<name>``.

    """

    maker: str = ""
    also: dict[str, str] = field(default_factory=dict)
    verb_name: str = ""

    @property
    def verb(self) -> str:
        """The verb that makes it."""
        return self.verb_name or f"tabulate-{self.name}"
