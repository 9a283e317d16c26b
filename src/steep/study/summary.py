"""The study shown without Snakemake's viewer: as Markdown, as one page that stands alone, as tables for LaTeX.

All three show the same files of the study; no number is computed here.
"""

import base64
import html
import os
import re
from pathlib import Path
from typing import Any

from steep.analysis.render import STYLE, in_markdown, to_markdown
from steep.study.catalogue import CHAPTERS, FIGURES
from steep.study.entries import Figure
from steep.study.trace import read_trace, sentence
from steep.tables import read_table

PAGE_STYLE = (
    "main{max-width:72rem;margin:auto}figure{margin:1.5rem 0}figure img{max-width:100%;height:auto}"
    "figcaption,small{color:#555;font-size:.85rem}.table{overflow-x:auto}.answer{font-size:1.15rem}"
    "summary{cursor:pointer;margin:.6rem 0}code,pre{background:#f4f4f4;padding:.1rem .3rem;overflow-x:auto}"
)


def figures_of(chapter: str, material: dict[str, Path]) -> list[tuple[Figure, Path]]:
    """Return a chapter's figures, kinds in the catalogue's order, files of a kind in that of the study."""
    found = []
    for figure in FIGURES:
        if figure.chapter == chapter and not figure.headline:
            pattern = re.compile(rf"{figure.name}-.*\.svg" if figure.each else rf"{figure.name}\.svg")
            found += [(figure, path) for name, path in material.items() if pattern.fullmatch(name)]
    return found


def headline(name: str) -> Figure:
    """Return a figure that stands above the chapters."""
    return next(figure for figure in FIGURES if figure.name == name and figure.headline)


def _words(material: dict[str, Path], name: str) -> str:
    return material[name].read_text(encoding="utf-8").strip()


def text(config: dict[str, Any], material: dict[str, Path], folder: Path) -> str:
    """Return the study as Markdown, with links to its figures relative to `folder`."""

    def table(name: str, note: str = "") -> str:
        view = read_table(material[f"{name}-view.csv"], as_text=True)
        return to_markdown(view, note).strip()

    remarks = config.get("remarks", [])

    def link(path: Path) -> str:
        return Path(os.path.relpath(path, folder)).as_posix()

    parts = [
        f"# {in_markdown(config['title'], alone=True)}\n",
        in_markdown(_words(material, "answer.txt")),
    ]
    if "effects.svg" in material:
        parts += [
            "## What each change does\n",
            table("effects", _words(material, "effects-note.txt")),
            f"![{headline('effects').caption}]({link(material['effects.svg'])})",
            "## Original and spiking, the talk beside this study\n",
        ]
    parts += [
        table("verdicts", _words(material, "verdicts-note.txt")),
        f"![{headline('overview').caption}]({link(material['overview.svg'])})",
        "## Every number of the talk beside ours\n",
        table("talk", _words(material, "talk-note.txt")),
    ]
    if remarks:
        parts += ["What to know beside it:", "\n".join(f"- {in_markdown(remark, alone=True)}" for remark in remarks)]
    parts.append(f"To repeat it:\n\n```\n{_words(material, 'repeat.txt')}\n```")
    for chapter in CHAPTERS:
        parts.append(f"## {chapter}")
        for figure, path in figures_of(chapter, material):
            parts.append(f"![{path.stem}]({link(path)})\n\n{figure.caption} ({path.stem})")
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _figure(figure: Figure, path: Path) -> str:
    """Return a figure as part of a page, the file inside it."""
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    caption = f"{html.escape(figure.caption)} <small>{html.escape(sentence(read_trace(path)))}</small>"
    return (
        f'<figure><img loading="lazy" alt="{html.escape(path.stem)}" src="data:image/svg+xml;base64,{data}">'
        f"<figcaption><b>{html.escape(path.stem)}</b>. {caption}</figcaption></figure>"
    )


def _table(path: Path) -> str:
    """Return the table and the note of one of the study's pages."""
    found = re.search(r"<body>(.*)</body>", path.read_text(encoding="utf-8"), re.DOTALL)
    inside = found.group(1) if found else ""
    return (
        re.sub(r"<h1>(.*?)</h1>", r"<h3>\1</h3>", inside)
        .replace("<table>", '<div class="table"><table>')
        .replace("</table>", "</table></div>")
    )


def page(config: dict[str, Any], material: dict[str, Path]) -> str:
    """Return the study as one page: no script, no outside file, every figure and table inside."""
    title = html.escape(config["title"])
    effects = []
    if "effects.svg" in material:
        effects = [_table(material["effects.html"]), _figure(headline("effects"), material["effects.svg"])]
    body = [
        f"<h1>{title}</h1>",
        "<p>Can a deep network that was trained with ordinary backpropagation run as spiking neurons, one frame per "
        "time step, without losing accuracy? The talk <i>Steep Deep Spiking Networks</i> (Sandia, 2017) says so.</p>",
        f'<p class="answer">{html.escape(_words(material, "answer.txt"))}</p>',
        *effects,
        _table(material["verdicts.html"]),
        _figure(headline("overview"), material["overview.svg"]),
        "".join(f"<p>{html.escape(remark)}</p>" for remark in config.get("remarks", [])),
        f"<p>To repeat it:</p><pre>{html.escape(_words(material, 'repeat.txt'))}</pre>",
        "<details><summary>Every number of the talk beside ours</summary>"
        + _table(material["talk.html"])
        + "</details>",
    ]
    for chapter in CHAPTERS:
        shown = "".join(_figure(figure, path) for figure, path in figures_of(chapter, material))
        body.append(f"<h2>{chapter}</h2>{shown}")
    body.append("<h2>Tables</h2>")
    for name, path in material.items():
        if name.endswith(".html") and name not in ("verdicts.html", "talk.html", "effects.html"):
            heading = re.search(r"<h1>(.*?)</h1>", path.read_text(encoding="utf-8"))
            body.append(f"<details><summary>{heading.group(1) if heading else name}</summary>{_table(path)}</details>")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{STYLE}{PAGE_STYLE}</style></head>\n<body><main>\n"
        + "\n".join(body)
        + "\n</main></body></html>\n"
    )


SYMBOLS = {"±": r"$\pm$", "−": "$-$", "–": "--", "\N{NO-BREAK SPACE}": "~", "×": r"$\times$", "µ": r"$\mu$"}


def escaped(character: re.Match[str]) -> str:
    """Return a character that means something to LaTeX as one that does not."""
    words = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    words |= {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}
    words |= {"[": "{[}", "*": "{*}"}  # where a row begins they would belong to the end of the one before
    return words.get(character[0], f"\\{character[0]}")


def latex_table(path: Path) -> str:
    """Return a CSV of text for people as a LaTeX table (package booktabs)."""
    view = read_table(path, as_text=True)

    def row(values: list[str]) -> str:
        line = " & ".join(re.sub(r"[&%$#_{}\\~^<>|[*]", escaped, value) for value in values) + r" \\"
        for symbol, written in SYMBOLS.items():
            line = line.replace(symbol, written)
        return line

    lines = [
        f"% Written by the study from {path.name}; needs \\usepackage{{booktabs}}.",
        rf"\begin{{tabular}}{{{'l' * len(view.columns)}}}",
        r"\toprule",
        row(list(view.columns)),
        r"\midrule",
        *(row(list(values)) for values in view.itertuples(index=False)),
        r"\bottomrule",
        r"\end{tabular}",
        "",
    ]
    return "\n".join(lines)
