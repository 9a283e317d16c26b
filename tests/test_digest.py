"""The code digest: what a module computes counts, what it says does not."""

import inspect
from pathlib import Path

import pytest

from steep import digest
from steep.cli import VERBS


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "deep").mkdir()
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "deep" / "__init__.py").write_text('"""Deep."""\n')
    (tmp_path / "a.py").write_text(
        '"""A."""\nfrom steep.b import value\n\n\ndef f():\n    """Say it."""\n    return value  # now\n'
    )
    (tmp_path / "b.py").write_text("def g():\n    from steep.deep import inner\n    return inner\n\n\nvalue = 1\n")
    (tmp_path / "deep" / "inner.py").write_text("x = 1\n")
    (tmp_path / "c.py").write_text("x = 1\n")
    monkeypatch.setattr(digest, "ROOT", tmp_path)
    return tmp_path


def now(*modules: str) -> str:
    digest._parse.cache_clear()
    return digest.code_digest(*modules)


@pytest.fixture(autouse=True)
def _forget() -> None:
    digest._parse.cache_clear()
    yield
    digest._parse.cache_clear()


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_comments_docstrings_and_layout_do_not_count(package: Path) -> None:
    before = now("steep.a")
    edit(package / "a.py", "# now", "# at once")
    edit(package / "a.py", "Say it.", "Tell it.")
    edit(package / "a.py", "\n\n\ndef", "\n\n\n\ndef")
    assert now("steep.a") == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [("a.py", "return value", "return -value"), ("b.py", "= 1", "= 2"), ("deep/inner.py", "= 1", "= 2")],
)
def test_code_counts_wherever_it_is_imported_from(package: Path, file: str, old: str, new: str) -> None:
    before, other = now("steep.a"), now("steep.c")
    edit(package / file, old, new)
    assert now("steep.a") != before
    assert now("steep.c") == other


def test_a_module_that_is_not_there_is_an_error(package: Path) -> None:
    with pytest.raises(ValueError, match=r"no module steep\.z"):
        now("steep.z")


def test_original_training_does_not_depend_on_sharpening() -> None:
    """The promise the workflow rests on: sharpening can be changed without training the original again."""
    seen, todo = set(), ["steep.training", "steep.network_file"]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += digest._parse(name)[1]
    assert "steep.networks" in seen
    assert not [name for name in seen if "sharpening" in name]


def test_versions_count_where_they_are_imported(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(package / "b.py", "value = 1", "import numpy.linalg\n\nvalue = 1")
    before, other = now("steep.a"), now("steep.c")
    monkeypatch.setattr(digest, "version", lambda name: "0.0")
    digest.installed.cache_clear()
    assert now("steep.a") != before
    assert now("steep.c") == other
    digest.installed.cache_clear()


def reached(verb: str) -> set[str]:
    """Return the functions and modules that the digest of a verb covers, first hand."""
    todo, found = [*VERBS[verb].functions], set(VERBS[verb].modules)
    while todo:
        function = todo.pop()
        _, modules, _, helpers = digest._parse_function(function)
        found |= {function.__name__, *modules}
        todo += [helper for helper in helpers if helper.__name__ not in found]
    return found


def test_of_a_verb_its_body_counts_and_what_it_calls_beside_it() -> None:
    """A helper that several verbs share is as much their code as what stands in them."""
    assert {"train_original", "write_results", "steep.training", "steep.network_file"} <= reached("train-original")
    assert {"encode_frames", "steep.encodings", "steep.shapes"} <= reached("encode-frames")
    assert {"record_traces", "write_table", "steep.study.trace"} <= reached("record-traces")
    assert {"draw", "make", "steep.figures.leak", "steep.figures.style"} <= reached("plot-leak")
    # A parameter is not what bears its name outside.
    assert "steep.study.entries" not in reached("plot-leak")
    assert {"tabulate", "write_table", "steep.analysis.render", "steep.analysis.energy"} <= reached("tabulate-energy")


def test_another_body_of_a_helper_is_another_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {verb: VERBS[verb].code() for verb in ("train-original", "sharpen-network", "compile-network")}
    source = inspect.getsource

    def edited(thing: object) -> str:
        return source(thing).replace("finish(checkpoint)", "finish(None)")  # type: ignore[arg-type]

    digest._parse_function.cache_clear()
    monkeypatch.setattr(inspect, "getsource", edited)
    try:
        after = {verb: VERBS[verb].code() for verb in before}
    finally:
        digest._parse_function.cache_clear()
    assert {verb for verb in before if after[verb] != before[verb]} == {"train-original", "sharpen-network"}
