"""Tables read back from disk, by one reader: what names something stays text, what was measured is a number.

A reader that guesses takes an experiment called ``007`` for the number 7 and one called ``nan`` for nothing at all.
"""

import csv
from pathlib import Path

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from steep.errors import SteepError

# Columns of all tables of the project that hold text; every other one holds numbers, or true and false.
TEXT = frozenset(
    {
        "experiment",
        "dataset",
        "encoding",
        "network",
        "data",
        "change",
        "simulator",
        "simulators",
        "against",
        "stage",
        "readout",
        "quantity",
        "sweep",
        "changed",
        "claim",
        "verdict",
        "why_not",
        "rule",
        "system",
        "counts",
        "source",
        "standing",
        "what",
        "value",
        "result",
        "sha256",
        "made from",
        "its sha256",
        "implementation",
        "measured",
        "compared",
        "version",
        "note",
        "weights",
        "input",
        "curve",
        "precision",
    }
)
# In a column of numbers these are none; of text only an empty cell is nothing.
NO_NUMBER = ["", "NaN", "nan", "NA", "N/A", "None", "null"]
TAB = "\t"


def read_table(
    path: Path | str, *needed: str, separator: str = ",", as_text: bool = False, empty: bool = False
) -> pd.DataFrame:
    """Read a table with a header, UTF-8.

    Parameters
    ----------
    path : the file.
    needed : columns that must be there; those that are not in `TEXT` must hold numbers.
    separator : what stands between two cells.
    as_text : whether every cell is text for people, read as it stands.
    empty : whether a table without rows will do.

    Raises
    ------
    SteepError
        when the file is missing, is no table, or lacks a column or rows.

    """
    header, count = _shape(path, separator)
    if missing := [name for name in needed if name not in header]:
        raise SteepError(f"{path}: lacks the column {', '.join(missing)}; give a table that this project wrote")
    if not (count or empty):
        raise SteepError(f"{path}: holds no rows; run again what writes it")
    text = [name for name in header if name in TEXT or as_text]
    nothing = {name: NO_NUMBER if name not in text else [] if as_text else [""] for name in header}
    try:
        table = pd.read_csv(
            path,
            sep=separator,
            dtype=dict.fromkeys(text, str),
            keep_default_na=False,
            na_values=nothing,
            low_memory=False,
        )
    except ValueError as error:
        raise SteepError(f"{path}: is no table ({error}); run again what writes it") from error
    for name in needed:
        if len(table) and name not in text and not (is_numeric_dtype(table[name]) or is_bool_dtype(table[name])):
            wrong = table[name][pd.to_numeric(table[name], errors="coerce").isna() & table[name].notna()].iloc[0]
            raise SteepError(f"{path}: {wrong!r} in the column {name} is not a number; run again what writes the file")
    return table


def _shape(path: Path | str, separator: str) -> tuple[list[str], int]:
    """Return the header and the number of rows; SteepError where rows are not as long as the header."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            lines = csv.reader(file, delimiter=separator, strict=True)
            header = next(lines, [])
            count = 0
            for row in lines:
                if row and len(row) != len(header):
                    raise SteepError(
                        f"{path}: line {lines.line_num} has {len(row)} cells, the header {len(header)}; "
                        "run again what writes the file"
                    )
                count += bool(row)
    except FileNotFoundError as error:
        raise SteepError(f"{path}: no such file") from error
    except OSError as error:
        raise SteepError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SteepError(f"{path}: is no table ({error}); run again what writes it") from error
    if not any(header):
        raise SteepError(f"{path}: is empty; run again what writes it")
    if twice := [name for number, name in enumerate(header) if name in header[:number]]:
        raise SteepError(f"{path}: has two columns {twice[0]}; give a table that this project wrote")
    return header, count
