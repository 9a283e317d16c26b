"""Traces: every figure and every page of a table carries what it was made from.

A trace is the verb of the command line, and the name and SHA-256 of every file it read. In an SVG it is part of the
metadata, in a page a ``meta`` element; the table of traces and the digests of the data (provenance) close the chain
from a picture to the data.
"""

import hashlib
import html
import json
from pathlib import Path
from typing import Any

from steep.files import file_digest, reading

MARK = "steep-trace"
# Where many files of one kind are read, their joint digest stands for them.
NAMED = 12


def trace_of(verb: str, inputs: list[Path]) -> dict[str, Any]:
    """Return the trace of what `verb` makes from `inputs`: ``verb``, and ``inputs`` by name with their digests."""
    digests = {str(path): file_digest(path) for path in inputs}
    if len(digests) > NAMED:
        joint = hashlib.sha256("\n".join(f"{name} {value}" for name, value in sorted(digests.items())).encode())
        folder = str(Path(*_shared([Path(name).parts for name in digests])))
        digests = {f"{len(inputs)} files in {folder}": joint.hexdigest()}
    return {"verb": verb, "inputs": digests}


def _shared(parts: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the beginning that all paths share."""
    shared = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return tuple(shared) or (".",)


def as_text(trace: dict[str, Any]) -> str:
    """Return a trace as one line of JSON."""
    return json.dumps({MARK: trace}, sort_keys=True)


def meta_element(trace: dict[str, Any]) -> str:
    """Return a trace as an element for a page's head."""
    return f'<meta name="{MARK}" content="{html.escape(as_text(trace))}">'


def sentence(trace: dict[str, Any]) -> str:
    """Return a trace for people."""
    files = ", ".join(f"{name} ({digest[:12]})" for name, digest in trace["inputs"].items())
    return f"Made by python -m steep {trace['verb']}" + (f" from {files}." if files else ", from its parameters alone.")


def read_trace(path: Path | str) -> dict[str, Any]:
    """Return the trace that a figure or a page carries; SteepError when it carries none."""
    without = "carries no trace; it was not written by this version, delete it and run again"
    with reading(path, without, (ValueError, KeyError)) as file:
        text = html.unescape(file.read().decode("utf-8"))
        return json.JSONDecoder().raw_decode(text, text.index(f'{{"{MARK}": '))[0][MARK]


def trace_rows(paths: list[Path]) -> list[dict[str, str]]:
    """Return one row per result and file it was made from: result, its SHA-256, rule, input, the input's SHA-256."""
    rows = []
    for path in paths:
        trace = read_trace(path)
        result = {"result": str(path), "sha256": file_digest(path), "rule": trace["verb"].replace("-", "_")}
        inputs = trace["inputs"] or {"(the config alone)": ""}
        rows += [result | {"made from": name, "its sha256": digest} for name, digest in inputs.items()]
    return rows
