"""The site of the documentation, built by Sphinx (`make docs`) from the pages as GitHub shows them.

What is written here, and not in the pages: the navigation, where links to files and folders of the checkout go, and how
this project writes docstrings.
"""

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

project, author, copyright = "Steep", "The Steep authors", "the Steep authors, BSD 3-Clause"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "sphinx_copybutton", "sphinxcontrib.mermaid"]

# The source folder is the checkout, so that links from page to page are those of GitHub.
root_doc = "README"
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
include_patterns = ["README.md", "CHANGELOG.md", "config/*.md", "docs/**"]
exclude_patterns = ["docs/site"]
# By section. Some pages get a shorter title.
NAVIGATION = {
    "Start": [
        "Steep <self>",
        "docs/install",
        "docs/any-network",
        "docs/library",
    ],
    "Tutorials": [
        "docs/tutorials/your-network",
        "docs/tutorials/stpu",
        "docs/tutorials/chip-files",
    ],
    "Results": ["docs/results", "docs/talk", "docs/sharpening", "docs/cost"],
    "How it works": ["docs/how-it-works", "docs/vocabulary", "docs/code-map", "docs/rules"],
    "STPU": ["docs/stpu"],
    "Studies": [
        "Write a study <config/README>",
        "Choices <config/choices>",
        "docs/cluster",
        "docs/why-did-this-job-run-again",
    ],
    "Extending": ["docs/extending", "docs/releasing"],
    "Reference": [
        "docs/reference",
        "docs/reference/steep",
        "docs/reference/threshold-network",
        "docs/reference/spikes",
        "docs/reference/simulators",
        "docs/reference/stpu-network",
        "docs/reference/stpu-reference",
        "docs/reference/stpu-layout",
        "docs/reference/nir-export",
        "docs/reference/recipes",
        "docs/reference/frames",
    ],
    "Changelog": ["CHANGELOG"],
}

myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid"]  # drawn by a script that the browser loads; without a network the text is shown
nb_execution_mode = "off"  # the outputs are those in the file; a test runs the tutorials
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
default_role = "py:obj"
python_use_unqualified_type_names = True
add_module_names = False

html_theme = "furo"
html_title = "Steep"
html_extra_path = ["site/index.html"]  # leads to README.html
html_static_path, html_css_files = ["site/style.css"], ["style.css"]
html_copy_source = False


def prepare_page(app: Any, name: str, source: list[str]) -> None:
    """Let links lead somewhere, and put the navigation below the first page's text."""
    folder = (ROOT / name).parent

    def link(match: re.Match[str]) -> str:
        target = (folder / match[1]).resolve()
        if target.is_dir():
            return "](/docs/code-map.md)"  # which says what is in the folders
        page = target.is_relative_to(ROOT) and target.relative_to(ROOT).with_suffix("").as_posix() in app.env.found_docs
        return match[0] if page or not target.is_file() else f"](path:{match[1]})"  # a copy of the file

    # Images are neither folders nor texts.
    source[0] = re.sub(r"\]\(([^)#:\s]+(?:\.md|\.rst|/[^).]*))\)", link, source[0])
    if name == root_doc:
        for caption, pages in NAVIGATION.items():
            source[0] += "\n\n```{toctree}\n:hidden:\n:caption: " + caption + "\n\n" + "\n".join(pages) + "\n```\n"


def write_docstring(app: Any, kind: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Turn a docstring into reStructuredText."""
    lines[:] = as_rst(lines)


def as_rst(lines: list[str]) -> list[str]:
    """Return the lines of a docstring of this project as reStructuredText.

    Its sections are NumPy's, but an item's text begins on its own line: ``name : what it is``. Indented text elsewhere
    is mathematics or code. Lone asterisks are asterisks.
    """
    found: list[str] = []
    at, section, literal = 0, "", False
    while at < len(lines):
        line = lines[at]
        if re.fullmatch("-{3,}", lines[at + 1] if at + 1 < len(lines) else ""):
            section, at = line, at + 2
            found += [f".. rubric:: {section}", ""]
            continue
        item = re.fullmatch(r"([\w*][\w*, ]*?)(?: : (.*))?", line)
        if section in ("Parameters", "Attributes") and item:
            text = item[2] or ""
            after = lines[at + 1].strip() if at + 1 < len(lines) else ""
            found += ["", ", ".join(f"``{each}``" for each in item[1].split(", "))]
            found += [f"    {_escaped(text)}{'.' if text and after[:1].isupper() and text[-1] not in '.,;:' else ''}"]
        elif section == "Raises" and line and not line.startswith(" "):
            found += ["", f"`{line}`"]
        elif line.startswith("    ") and not section:
            if not literal:
                found += [".. code-block:: text", ""]
            literal = True
            found.append(line)
        elif section == "Examples":
            found.append(line)
        else:
            literal = literal and not line
            found.append(_escaped(line))
        at += 1
    return [*found, ""]


def _escaped(line: str) -> str:
    """Escape asterisks that neither begin nor end a word in italics."""
    parts = re.split(r"(``.+?``|`.+?`|(?<![\w*])\*\w[^*]*?[\w.]\*(?!\w))", line)
    return "".join(part if place % 2 else part.replace("*", r"\*") for place, part in enumerate(parts))


def setup(app: Any) -> None:
    """Connect the above with Sphinx."""
    app.connect("source-read", prepare_page)
    app.connect("autodoc-process-docstring", write_docstring)
