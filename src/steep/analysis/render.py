"""Tables as pages and as Markdown."""

import html
import re
import string
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from steep.errors import SteepError
from steep.study.trace import meta_element, sentence


@dataclass(frozen=True)
class Tabulated:
    """A table as its verb writes it.

    Attributes
    ----------
    table : the numbers, for the CSV.
    view : the table as text for people.
    title, note : heading of the page, and what stands below the table.
    also : other texts, by the option that names their file.

    """

    table: pd.DataFrame
    view: pd.DataFrame
    title: str
    note: str
    also: dict[str, str] = field(default_factory=dict)


STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem;color:#222}table{border-collapse:collapse}"
    "th,td{padding:.35rem .7rem;border-bottom:1px solid #ccc;text-align:left}"
    "th{border-bottom:2px solid #444}td.n{text-align:right;font-variant-numeric:tabular-nums}p{max-width:60rem}"
)
# Columns of numbers alone are set to the right.
NUMBER = re.compile(r"[+−-]?[\d,]+(\.\d+)?%?(\s*±\s*[\d.]+)?|–")
NUMERIC = ' class="n"'


def to_html(view: pd.DataFrame, title: str, note: str = "", trace: dict[str, Any] | None = None) -> str:
    """Return a page that stands alone: no script, no outside file; `trace` says what it was made from
    (`steep.study.trace`)."""
    head = "".join(f"<th>{html.escape(str(column))}</th>" for column in view.columns)
    texts = {column: [_text(value) for value in view[column]] for column in view.columns}
    numeric = [all(map(NUMBER.fullmatch, column)) for column in texts.values()]
    rows = [
        "".join(f"<td{NUMERIC if n else ''}>{html.escape(text)}</td>" for text, n in zip(row, numeric, strict=True))
        for row in zip(*texts.values(), strict=True)
    ]
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"{meta_element(trace) if trace else ''}"
        f"<style>{STYLE}</style></head>\n<body><h1>{html.escape(title)}</h1>\n<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>\n"
        f"<p>{html.escape(note)}</p>"
        f"{f'<p><small>{html.escape(sentence(trace))}</small></p>' if trace else ''}</body></html>\n"
    )


def _text(value: object) -> str:
    return f"{value:,.1f}" if isinstance(value, float) else str(value)


def between_marks(page: str, text: str, mark: str) -> str:
    """Return a Markdown page with `text` between ``<!-- mark -->`` and ``<!-- /mark -->``.

    Raises
    ------
    SteepError
        when the page has not exactly one such place.

    """
    first, last = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    if page.count(first) != 1 or page.count(last) != 1 or page.index(first) > page.index(last):
        raise SteepError(f"the page has not one {first} before one {last}; write them where the text is to stand")
    return page[: page.index(first) + len(first)] + f"\n{text.strip()}\n" + page[page.index(last) :]


# What Markdown, GitHub's too, takes for more than text: within a line, and where a line of its own begins or ends.
MARKUP = re.compile(r"[\\`*<\[\]|~$]|&(?=#?\w+;)|(?<![^\W_])_|_(?![^\W_])")
EDGES = re.compile(r"^[-+=>#]|(?<=^\d)[.)]|(?<=^\d\d)[.)]|#$")


def in_markdown(text: str, alone: bool = False) -> str:
    """Return text that Markdown shows as it stands, within a line or, `alone`, as the whole of a heading or an item."""
    text = MARKUP.sub(lambda found: f"\\{found[0]}", text)
    return EDGES.sub(lambda found: f"\\{found[0]}", text) if alone else text


def in_rst(text: str) -> str:
    """Return text that reStructuredText shows as it stands; it might be a directive else, and read a file."""
    return re.sub(f"[{re.escape(string.punctuation)}]", r"\\\g<0>", text)


def to_rst(view: pd.DataFrame, note: str = "") -> str:
    """Return a table and the note below it as reStructuredText, for the report's landing page."""
    cells = pd.concat([pd.DataFrame([view.columns], columns=view.columns), view]).map(lambda cell: in_rst(str(cell)))
    table = textwrap.indent(cells.to_csv(index=False, header=False), "   ")
    return f".. csv-table::\n   :header-rows: 1\n\n{table}\n{in_rst(note)}\n"


def to_markdown(view: pd.DataFrame, note: str = "") -> str:
    """Return a Markdown table and the note below it."""

    def line(cells: Iterable[object]) -> str:
        return f"| {' | '.join(in_markdown(str(cell)) for cell in cells)} |"

    lines = [line(view.columns), "|" + "---|" * len(view.columns), *map(line, view.itertuples(index=False))]
    return "\n".join(lines) + (f"\n\n{in_markdown(note)}\n" if note else "\n")
