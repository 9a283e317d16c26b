"""The code map names every module once, and nothing that is not there."""

import re
from pathlib import Path

import pytest

from steep.study.catalogue import FIGURES, TABLES


@pytest.fixture
def page(root: Path) -> str:
    return (root / "docs" / "code-map.md").read_text()


def test_every_module_is_named_once(root: Path, page: str) -> None:
    listed = page.split("\n## Modules\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| \[([^\]]+)\]\(\.\./src/steep/([^)]+)\) \| (.+) \|$", listed, re.MULTILINE)
    assert len(rows) == sum(line.startswith("| [") for line in listed.splitlines())
    modules = {path.relative_to(root / "src" / "steep").as_posix() for path in (root / "src" / "steep").rglob("*.py")}
    # The catalogue lists the figures.
    modules -= {f"figures/{figure.name.replace('-', '_')}.py" for figure in FIGURES if figure.name != "benchmark"}
    assert sorted(path for _, path, _ in rows) == sorted(modules)
    for name, path, what in rows:
        assert name == (path.removesuffix("__init__.py") or "steep/") and len(what) < 120


def test_what_is_sought_is_where_the_map_says(root: Path, page: str) -> None:
    sought = page.split("## Where is ...")[1].split("\n## ")[0]
    rows = re.findall(r"^\| [^|]+ \| ([^|]+) \| \[[^\]]+\]\(\.\./(src/[^)]+)\) \|$", sought, re.MULTILINE)
    assert len(rows) >= 15
    for names, path in rows:
        text = (root / path).read_text()
        for name in re.findall(r"`(\w+)`", names):
            assert re.search(rf"^(def|class) {name}\b|^{name}\b.* = ", text, re.MULTILINE), (path, name)


def test_the_path_of_a_frame_exists(root: Path, page: str) -> None:
    path = page.split("## The path of one frame")[1].split("\n## ")[0].replace("\\_", "_")
    rows = re.findall(r"^\| ([^|]+) \| `(\w+)` \| ([^|]+) \| `([^|]+)` \|$", path, re.MULTILINE)
    assert len(rows) == 10
    rules = "".join(file.read_text() for file in (root / "rules").glob("*.smk"))
    made = {entry.rule for entry in (*FIGURES, *TABLES)} | set(re.findall(r"^ *rule (\w+):", rules, re.MULTILINE))
    library = "\n".join(file.read_text() for file in (root / "src" / "steep").rglob("*.py"))
    for _, rule, functions, file in rows:
        assert rule in made, rule
        names, _, module = functions.partition(" in ")
        text = (root / "src" / "steep" / module).read_text() if module else library
        for name in re.findall(r"`(\w+)`", names):
            assert f"def {name}(" in text, name
        assert Path(file).suffix in (".npz", ".safetensors", ".csv")
