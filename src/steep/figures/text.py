"""Text in figures is taken literally: a title with two dollar signs is no formula, and no character breaks a file."""

import textwrap
import unicodedata

from matplotlib.artist import Artist
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, Formatter, FuncFormatter

# What figures themselves set as formulas.
FORMULAS: set[str] = set()
LINES = 3  # of what is too long for one, so many are shown
# How wide letters are on average, in sizes of their font, at least and at most: what is too long for narrow ones does
# not fit, and is wrapped as if it had wide ones.
NARROW, WIDE = 0.5, 0.7
# Parts of a figure's width that text of one of its panels, and names along an axis, may have.
PANEL, NAMES = 0.6, 0.5


def formula(text: str) -> str:
    """Return `text`, and set what stands between dollar signs in it as formulas."""
    FORMULAS.add(text)
    return text


def readable(text: str) -> str:
    """Return `text` with a sign for each character that no file of XML may hold; tabulators become blanks."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return "".join("\N{REPLACEMENT CHARACTER}" if _unfit(letter) else letter for letter in lines)


def _unfit(letter: str) -> bool:
    """Return whether a character is a control, half of a surrogate pair, or none at all."""
    return letter != "\n" and (unicodedata.category(letter) in ("Cc", "Cs") or ord(letter) & 0xFFFE == 0xFFFE)


def fitted(text: str, most: int) -> str:
    """Return `text` with lines of more than `most` narrow letters wrapped, and cut after `LINES` lines."""
    lines = []
    for line in readable(text).split("\n"):
        width = int(most * NARROW / WIDE)
        lines += textwrap.wrap(line, width, max_lines=LINES, placeholder=" …") if len(line) > most else [line]
    return "\n".join(lines)


def make_literal(figure: Figure) -> None:
    """Set all text of a figure as it is, and such that it fits; formulas are its own ones and numbers on axes."""

    def room(text: Text, part: float) -> int:
        return max(20, int(part * figure.get_figwidth() * 72 / (NARROW * float(text.get_fontsize()))))

    labels: set[Artist] = set()
    for axis in figure.findobj(Axis):
        ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        of_axis = [label for tick in ticks for label in (tick.label1, tick.label2)]
        labels |= {axis.offsetText, *of_axis}
        formatter = axis.get_major_formatter()
        if isinstance(formatter, FixedFormatter | FuncFormatter) and of_axis:
            # Names, not numbers. An axis asks its formatter anew whenever it is drawn.
            axis.set_major_formatter(_fitting(formatter, min(room(label, NAMES) for label in of_axis)))
            for label in of_axis:
                label.set_parse_math(False)
    for text in figure.findobj(Text):
        if text not in labels and text.get_text() not in FORMULAS:
            text.set_parse_math(False)
            words = fitted(text.get_text(), room(text, PANEL if text.axes else 1.0))
            if words != text.get_text():
                text.set_text(words)


def _fitting(formatter: Formatter, most: int) -> Formatter:
    """Return a formatter that gives the same names, fitted."""
    return FuncFormatter(lambda value, position: fitted(formatter(value, position), most))
