"""Tables as pages and as Markdown."""

import html
import re

import pandas as pd

STYLE = (
    "body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem;color:#222}table{border-collapse:collapse}"
    "th,td{padding:.35rem .7rem;border-bottom:1px solid #ccc;text-align:left}"
    "th{border-bottom:2px solid #444}td.n{text-align:right;font-variant-numeric:tabular-nums}p{max-width:60rem}"
)


def to_html(view: pd.DataFrame, title: str, note: str = "") -> str:
    """Return a page that stands alone: no script, no outside file."""
    head = "".join(f"<th>{html.escape(str(column))}</th>" for column in view.columns)
    body = "\n".join("<tr>" + "".join(_cell(value) for value in row) + "</tr>" for row in view.itertuples(index=False))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style></head>\n<body><h1>{html.escape(title)}</h1>\n<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>\n"
        f"<p>{html.escape(note)}</p></body></html>\n"
    )


NUMBER = re.compile(r"[+−-]?[\d,]+(\.\d+)?%?(\s*±\s*[\d.]+)?|–")


def _cell(value: object) -> str:
    text = f"{value:,.1f}" if isinstance(value, float) else str(value)
    kind = ' class="n"' if NUMBER.fullmatch(text) else ""
    return f"<td{kind}>{html.escape(text)}</td>"


def to_markdown(view: pd.DataFrame, note: str = "") -> str:
    """Return a Markdown table and the note below it."""
    lines = ["| " + " | ".join(view.columns) + " |", "|" + "---|" * len(view.columns)]
    lines += [
        "| " + " | ".join(str(value).replace("|", "\\|") for value in row) + " |"
        for row in view.itertuples(index=False)
    ]
    return "\n".join(lines) + (f"\n\n{note}\n" if note else "\n")
