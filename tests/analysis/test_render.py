"""Text from a config is shown as it stands, whatever the page is written in."""

import re
from pathlib import Path

import pandas as pd
import pytest
from docutils import nodes
from docutils.core import publish_doctree

from steep.analysis.render import in_markdown, in_rst, to_html, to_markdown, to_rst
from steep.study.summary import latex_table

TEXTS = [
    r"with $\theta_{j}$, {a, b} {} {{x}}",
    "_a_ b_ c__ |d| [1]_ `e`_ :math:`f` *g* **h**",
    ".. include:: /etc/hostname",
    ".. raw:: html",
    "<b>bold</b> & &amp; $5 or $10",
    "- an item",
    "1. an item",
    "12) an item",
    "# a heading #",
    "> quoted",
    "=====",
    "::",
    'say "a, b" | c',
    r"\ a\b\\",
    "[link](https://a.b/c_d) ![x](y) ~~z~~",
    "é – 90.0\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}1 %",
]
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


@pytest.mark.parametrize("text", TEXTS)
def test_rst_shows_text_as_it_stands(text: str) -> None:
    document = publish_doctree(in_rst(text), settings_overrides={"halt_level": 2})
    assert document.astext() == text
    assert all(isinstance(node, nodes.Text) for node in document.children[0].children)
    page = publish_doctree(to_rst(pd.DataFrame({text: [text, "x"]}), text), settings_overrides={"halt_level": 2})
    assert [part.astext() for part in page.findall(nodes.paragraph)] == [text, text, "x", text]


def markdown_shows(text: str) -> str:
    """Return what CommonMark shows of a line in which every special character is escaped or plain."""
    return re.sub(rf"\\([{re.escape(PUNCTUATION)}])", r"\1", text)


@pytest.mark.parametrize("text", TEXTS)
def test_markdown_shows_text_as_it_stands(text: str) -> None:
    written = in_markdown(text, alone=True)
    assert markdown_shows(written) == text
    bare = re.sub(r"\\.", "", written)  # what is not escaped means nothing
    assert not re.search(r"[\\`*<\[\]|~$]|&#?\w+;|(?<![^\W_])_|_(?![^\W_])|#$", bare)
    assert not re.match(r"[-+=>#]|\d{1,2}[.)]", written)
    table = to_markdown(pd.DataFrame({text: [text]}))
    assert [len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in table.splitlines()] == [2, 2, 2]


def test_plain_text_is_not_changed() -> None:
    for text in ("MNIST, binarized", "train_original", "−0.10 (5 seeds); a & b: 3.5% + 1", "Brian2 C++, own synapses"):
        assert in_markdown(text) == text


@pytest.mark.parametrize("text", TEXTS)
def test_html_shows_text_as_it_stands(text: str) -> None:
    import html

    page = to_html(pd.DataFrame({"a": [text]}), text, text)
    (cell,) = re.findall(r"<td[^>]*>(.*?)</td>", page)
    (heading,) = re.findall(r"<h1>(.*?)</h1>", page)
    assert html.unescape(cell) == html.unescape(heading) == text
    assert not re.search(r"<(?!/?(html|head|meta|title|style|body|h1|table|thead|tr|th|tbody|td|p)\b|!doctype)", page)


LATEX = {
    "a_b & 50% {x} #1 $5": r"a\_b \& 50\% \{x\} \#1 \$5",
    r"\theta~^": r"\textbackslash{}theta\textasciitilde{}\textasciicircum{}",
    "[x] * <y> | z": r"{[}x] {*} \textless{}y\textgreater{} \textbar{} z",
}


@pytest.mark.parametrize("text", LATEX)
def test_latex_shows_text_as_it_stands(tmp_path: Path, text: str) -> None:
    pd.DataFrame({"a": [text], "b": ["x"]}).to_csv(tmp_path / "t.csv", index=False)
    assert f"\n{LATEX[text]} & x \\\\\n" in latex_table(tmp_path / "t.csv")
