"""The site of the documentation (`make docs`): what can be held without building it."""

import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

import steep

PUBLIC = [
    "steep.frames",
    "steep.nir_export",
    "steep.recipes",
    "steep.simulators",
    "steep.spikes",
    "steep.stpu.layout",
    "steep.stpu.network",
    "steep.stpu.reference",
    "steep.threshold.network",
]


@pytest.fixture
def conf(root: Path) -> dict[str, Any]:
    return runpy.run_path(str(root / "docs" / "conf.py"))


def pages(root: Path) -> dict[str, Path]:
    """Return all pages of the site by the name that the navigation has for them."""
    found = [root / "README.md", root / "CHANGELOG.md", *(root / "config").glob("*.md")]
    found += [path for path in (root / "docs").rglob("*") if path.suffix in (".md", ".ipynb")]
    return {path.relative_to(root).with_suffix("").as_posix(): path for path in found}


def text_of(page: Path) -> str:
    """Return a page's Markdown."""
    if page.suffix == ".md":
        return page.read_text()
    cells = json.loads(page.read_text())["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def test_the_navigation_names_every_page_once(root: Path, conf: dict[str, Any]) -> None:
    entries = [entry for section in conf["NAVIGATION"].values() for entry in section]
    names = [re.sub(r".*<(.+)>", r"\1", entry) for entry in entries]
    assert sorted("README" if name == "self" else name for name in names) == sorted(pages(root))
    for name, page in pages(root).items():
        assert text_of(page).startswith("# "), name  # a title, which the navigation shows


def test_every_page_is_reached_by_links(root: Path) -> None:
    """On GitHub, where there is no navigation: from README by links alone. All links lead to what exists."""
    reached, waiting = set(), [root / "README.md"]
    known = set(pages(root).values())
    while waiting:
        page = waiting.pop()
        reached.add(page)
        for link in re.findall(r"\]\(([^)#\s]+)", re.sub(r"(?ms)^```.*?^```", "", text_of(page))):
            if not link.startswith("http"):
                target = (page.parent / link).resolve()
                assert target.exists(), (page.name, link)
                if target in known - reached:
                    waiting.append(target)
    assert known == reached


def test_the_reference_has_the_public_api(root: Path) -> None:
    folder = root / "docs" / "reference"
    found = re.findall(r"^\.\. automodule:: (\S+)$", "".join(map(text_of, folder.glob("*.md"))), re.MULTILINE)
    assert sorted(found) == PUBLIC
    page = (folder / "steep.md").read_text()
    names = re.findall(r"^\.\. auto(?:function|class):: (\S+)$", page, re.MULTILINE)
    assert sorted(names) == sorted([*steep.__all__, "Run"])  # what `Network.run` returns
    table = re.findall(r"^\| \[`([^`]+)`\]\(reference/", (root / "docs" / "reference.md").read_text(), re.MULTILINE)
    assert sorted(table) == sorted(["steep", *PUBLIC])


def test_its_packages_are_pinned(root: Path, conf: dict[str, Any]) -> None:
    lines = [line for line in (root / "envs" / "docs.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[^\s]+", line) for line in lines)
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lines}
    wanted = {"sphinx", conf["html_theme"]}
    wanted |= {
        name.replace("sphinxcontrib.", "sphinxcontrib-").replace("_", "-")
        for name in conf["extensions"]
        if not name.startswith("sphinx.ext.")
    }
    assert wanted <= pinned
    assert re.search(r"sphinx-build .*-W .*-c docs \. site/html$", (root / "Makefile").read_text(), re.MULTILINE)
    for name in (*conf["html_extra_path"], *conf["html_static_path"]):
        assert (root / "docs" / name).is_file()


DOCSTRING = """Do it for frames (frames, *shape), with *ease*:

    a * b

Parameters
----------
first, second : int64 (units,)
    Two of them.
third : a number; it goes
    on.

Raises
------
SteepError
    when not.

Examples
--------
>>> 2 * 3
6
""".splitlines()
WRITTEN = r"""Do it for frames (frames, \*shape), with *ease*:

.. code-block:: text

    a * b

.. rubric:: Parameters

``first``, ``second``
    int64 (units,).
    Two of them.

``third``
    a number; it goes
    on.

.. rubric:: Raises

`SteepError`
    when not.

.. rubric:: Examples

>>> 2 * 3
6
"""


def test_docstrings_become_what_sphinx_reads(conf: dict[str, Any]) -> None:
    written = "\n".join(conf["as_rst"](DOCSTRING))
    assert re.sub(r"\n{3,}", "\n\n", written).strip() == WRITTEN.strip()


class Builder:
    """Stands for Sphinx, which tells the pages that it has found."""

    def __init__(self, names: list[str]) -> None:
        self.env = type("Environment", (), {"found_docs": names})()


def test_links_of_the_pages_lead_somewhere_on_the_site(root: Path, conf: dict[str, Any]) -> None:
    source = ["[a](../src/steep/cli) [b](../report/kept/ablations/talk.md) [c](cost.md) [d](../src/steep/files.py) (e)"]
    conf["prepare_page"](Builder(["docs/cost"]), "docs/results", source)
    (line,) = source
    assert line.startswith("[a](/docs/code-map.md) [b](path:../report/kept/ablations/talk.md) [c](cost.md) [d](")
    first = ["# Steep\n"]
    conf["prepare_page"](Builder([]), "README", first)
    assert first[0].count("```{toctree}") == len(conf["NAVIGATION"])
