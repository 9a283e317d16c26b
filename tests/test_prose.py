"""A stranger understands the pages at the first reading: short sentences, no private dialect."""

import re
import subprocess
from pathlib import Path

import pytest
from test_site import text_of

PAGES = [
    "README.md",
    "config/README.md",
    "config/choices.md",
    "docs/any-network.md",
    "docs/cluster.md",
    "docs/code-map.md",
    "docs/cost.md",
    "docs/how-it-works.md",
    "docs/install.md",
    "docs/reference.md",
    "docs/releasing.md",
    "docs/results.md",
    "docs/sharpening.md",
    "docs/stpu.md",
    "docs/talk.md",
    "docs/tutorials/chip-files.ipynb",
    "docs/tutorials/stpu.ipynb",
    "docs/tutorials/your-network.ipynb",
    "docs/vocabulary.md",
    "docs/why-did-this-job-run-again.md",
]
DIALECT = r"\bnot told (apart|from)\b|\btold from\b|\btold apart\b|\bunless told\b"


def sentences(text: str) -> list[str]:
    """Return the sentences of a page of Markdown, of its list items too; tables, code and headings are none."""
    text = re.sub(r"^ *```.*?^ *```", "\n", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"<!-- (\w+) -->.*?<!-- /\1 -->", "\n\n", text, flags=re.DOTALL)  # written by code
    text = re.sub(r"<!--.*?-->|!\[[^\]]*\]\([^)]*\)", " ", text, flags=re.DOTALL)
    text = re.sub(r"^ *(\||#).*$", "\n", text, flags=re.MULTILINE)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"^ *([-*]|\d+\.) ", "\n\n", text, flags=re.MULTILINE).replace("et al.,", "et al,")
    blocks = [" ".join(block.split()) for block in re.split(r"\n\s*\n", text)]
    found = [one for block in blocks for one in re.split(r"(?<=[.?!])[*_)\"]*\s+", block)]
    return [one for one in found if len(one.split()) > 2]


@pytest.mark.parametrize("page", PAGES)
def test_sentences_are_short(root: Path, page: str) -> None:
    found = sentences(text_of(root / page))
    lengths = [len(one.split()) for one in found]
    if lengths:
        long = [one for one, length in zip(found, lengths, strict=True) if length > 35]
        assert not long
        assert sum(lengths) / len(lengths) < 20


@pytest.mark.parametrize("page", PAGES)
def test_no_dialect(root: Path, page: str) -> None:
    if page != "docs/vocabulary.md":  # which names the old words
        assert not re.findall(DIALECT, " ".join(text_of(root / page).split()))


def test_each_word_is_decided_once(root: Path) -> None:
    page = (root / "docs" / "vocabulary.md").read_text().split("## Words of the verdicts")[0]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]*)\|$", page, re.MULTILINE)
    assert len(rows) == sum(line.startswith("| ") for line in page.splitlines()) > 50
    decided = [word for entry, _, _ in rows if entry != "Word" for word in entry.split(", ")]
    assert len(set(decided)) == len(decided)


# Words that others use, and this project does not: the vocabulary says what stands in their place.
NOT_OURS = r"\bbackends?\b|\bdeploy(ed|ment)?\b|\bjitter\b|\bdesign rules?\b"
# Matplotlib's and PyTorch's own, setuptools' key and Snakemake's option.
THEIRS = r"torch\.backends|build-backend|software-deployment-method|!= \"backend\"|^backend: tkagg|no such backend"


def test_no_other_word_stands_beside_it(root: Path) -> None:
    names = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True).stdout.split()
    found = [
        (name, line)
        for name in names
        if name.endswith((".py", ".smk", ".yaml", ".md", ".ipynb", ".rst", ".h", "Snakefile"))
        and name not in ("CHANGELOG.md", "docs/vocabulary.md", "tests/test_prose.py")
        for line in (root / name).read_text(encoding="utf-8").splitlines()
        if re.search(NOT_OURS, line, re.IGNORECASE) and not re.search(THEIRS, line)
    ]
    assert not found
