"""The one reader of tables: names stay text through every table and figure, and what is no table is one line."""

import ast
import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from steep.cli import main
from steep.errors import SteepError
from steep.study.config import read_config
from steep.tables import TEXT, read_table

# What a reader that guesses takes for numbers, for truth or for nothing.
NAMES = ["007", "1e3", "nan", "null", "inf", "true", "0x1f", "none", "na", "12", "1-2-3"]


def test_names_stay_text_and_numbers_numbers(tmp_path: Path) -> None:
    rows = [{"experiment": name, "stage": name, "seed": 3, "accuracy": 12.5, "currents": True} for name in NAMES]
    pd.DataFrame(rows).to_csv(tmp_path / "t.csv", index=False)
    table = read_table(tmp_path / "t.csv", "experiment", "seed", "accuracy", "currents")
    assert table["experiment"].tolist() == table["stage"].tolist() == NAMES
    assert table["seed"].dtype == "int64" and table["accuracy"].dtype == "float64" and table["currents"].dtype == "bool"
    assert read_table(tmp_path / "t.csv", as_text=True)["seed"].tolist() == ["3"] * len(NAMES)
    (tmp_path / "one.csv").write_text("experiment,p,note\n007,,\n008,0.5,nan\n")
    one = read_table(tmp_path / "one.csv", "experiment", "p")
    assert one["experiment"].tolist() == ["007", "008"] and one["p"].isna().tolist() == [True, False]
    assert one["note"].isna().tolist() == [True, False] and one["note"][1] == "nan"


WRONG = {
    "": "t.csv: is empty; run again what writes it",
    "experiment,seed,accuracy\n": "t.csv: holds no rows; run again what writes it",
    "experiment,seed\na,1\n": "t.csv: lacks the column accuracy; give a table that this project wrote",
    "experiment,seed,accuracy\na,1,2\nb,1\n": "t.csv: line 3 has 2 cells, the header 3; run again what writes the file",
    "experiment,seed,accuracy\na,1,2,3\n": "t.csv: line 2 has 4 cells, the header 3; run again what writes the file",
    "experiment,seed,accuracy\na,1,high\n": "t.csv: 'high' in the column accuracy is not a number; run again what",
    "experiment,seed,accuracy,seed\na,1,2,3\n": "t.csv: has two columns seed; give a table that this project wrote",
    "\udcff": "t.csv: is no table ('utf-8' codec can't decode byte 0xff in position 0: invalid start byte)",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_table_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(SteepError) as refused:
        read_table(tmp_path / "t.csv", "experiment", "seed", "accuracy")
    assert WRONG[text] in str(refused.value) and "\n" not in str(refused.value)


def test_a_missing_table_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = ["--csv", str(tmp_path / "o.csv"), "--html", str(tmp_path / "o.html")]
    assert main(["tabulate-margins", "--margins", str(tmp_path / "none.csv"), *output]) == 1
    assert capsys.readouterr().err == f"[tabulate-margins] error: {tmp_path / 'none.csv'}: no such file\n"
    assert main(["tabulate-margins", "--margins", str(tmp_path), *output]) == 1
    assert capsys.readouterr().err == f"[tabulate-margins] error: {tmp_path}: cannot be read (Is a directory)\n"


def test_every_column_of_text_is_known(root: Path) -> None:
    """The tables that are kept: a column is among those that hold text, or all its cells are numbers."""
    files = [*(root / "report" / "kept").rglob("*.csv"), *(root / "report" / "published").glob("energy*.csv")]
    for path in files:
        with open(path, newline="") as file:
            header = next(csv.reader(file))
        read_table(path, *header, empty=True)  # every column that is not text is asked for as numbers
        assert len(header) == len(set(header))
    assert "experiment" in TEXT and "accuracy" not in TEXT


def test_nothing_else_reads_tables(root: Path) -> None:
    """Who reads by another reader guesses."""
    for path in (root / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in {"read_csv", "read_table", "genfromtxt", "loadtxt"}:
                assert path.name == "tables.py" and path.parent.name == "steep", f"{path}:{node.lineno}"


STAGES = {"original": "torch", "continued": "torch", "sharpened": "torch", "threshold": "stpu"}


@pytest.fixture
def made(tmp_path: Path, root: Path) -> dict[str, Path | str]:
    """Tables of a study whose experiments bear every such name, two seeds each, as the rules before write them."""
    config = read_config(root / "config" / "test.yaml")
    entry = config["experiments"]["small-cnn-digits"]
    config["experiments"] = {name: entry | {"title": f"row {name}"} for name in NAMES}
    config["baseline"] = NAMES[0]
    keys = ("experiments", "networks", "datasets", "baseline")
    files: dict[str, Path | str] = {"study": json.dumps({key: config[key] for key in keys})}
    files["titles"] = json.dumps({name: f"title of {name}" for name in NAMES})

    def write(name: str, rows: list[dict]) -> None:
        files[name] = tmp_path / f"{name}.csv"
        labels = {"dataset": "digits", "encoding": "binarized", "network": "small-cnn"}
        pd.DataFrame([labels | row for row in rows]).to_csv(files[name], index=False)

    each = [(name, seed, {"experiment": name, "seed": seed}) for name in NAMES for seed in (0, 1)]
    write(
        "scores",
        [
            labels
            | {"stage": stage, "simulator": simulator, "readout": "potential", "frames": 100}
            | {"correct": 90 + seed + NAMES.index(name) % 3, "accuracy": 90.0 + seed + NAMES.index(name) % 3}
            for name, seed, labels in each
            for stage, simulator in STAGES.items()
        ],
    )
    margins = {"near": 1.0, "decided": 50.0, "flipped": 0.5, "units_near": 1, "units_dead": 0, "units_saturated": 0}
    write("margins", [labels | {"layer": 1, "units": 5, "frames": 9} | margins for _, _, labels in each])
    write(
        "comparison",
        [
            labels
            | {"against": "torch", "simulator": "stpu", "layer": 1, "quantity": "spikes", "readout": "potential"}
            | {"values": 50, "differing": 0}
            for _, _, labels in each
        ],
    )
    write(
        "bits",
        [
            labels | {"changed": changed, "bits": bits, "frames": 9, "correct": 8, "accuracy": 88.0 + bits}
            for _, _, labels in each
            for changed in ("all", "1")
            for bits in (2, 8)
        ],
    )
    swept = {"leak": 1.0, "spacing": 1, "dropped": 0.0, "inserted": 0.0, "late": 0.0, "frames": 9, "correct": 8}
    write(
        "stpu",
        [
            labels | swept | setting | {"accuracy": 88.0}
            for _, _, labels in each
            for setting in (
                {"sweep": "leak", "leak": 0.5},
                {"sweep": "leak", "spacing": 2},
                *({"sweep": "faults", kind: rate} for kind in ("dropped", "inserted", "late") for rate in (0.0, 0.1)),
            )
        ],
    )
    write(
        "activity",
        [
            {"experiment": name, "layer": layer, "units": 5, "currents": False, "spikes_per_frame": 2.0}
            | {"events_per_frame": 8.0, "synapses": 20, "dead": 0, "saturated": 0}
            for name in NAMES
            for layer in (0, 1)
        ],
    )
    return files


def test_names_that_look_like_numbers_go_through_every_table_and_figure(
    made: dict[str, Path | str], tmp_path: Path, root: Path
) -> None:
    def run(verb: str, **options: Path | str) -> Path:
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        result = tmp_path / f"{verb}.csv"
        if verb.startswith("plot-"):
            words += ["--output", str(result.with_suffix(".svg"))]
        else:
            words += ["--csv", str(result), "--html", str(result.with_suffix(".html"))]
        assert main([verb, *words]) == 0, verb
        return result

    def names(path: Path) -> list[str]:
        with open(path, newline="") as file:
            return list(dict.fromkeys(row["experiment"] for row in csv.DictReader(file)))

    study, titles, published = made["study"], made["titles"], root / "report" / "published"
    texts = {"view": tmp_path / "view.csv", "note": tmp_path / "note.txt", "landing": tmp_path / "landing.rst"}
    accuracy = run("tabulate-accuracy", scores=made["scores"])
    talk = run("tabulate-talk", accuracy=accuracy, study=study, markdown=tmp_path / "talk.md", **texts)
    answers = {"answer": tmp_path / "answer.txt", "landing-answer": tmp_path / "answer.rst"}
    verdicts = run("tabulate-verdicts", talk=talk, study=study, **answers, **texts)
    effects = run("tabulate-effects", accuracy=accuracy, study=study, **texts)
    energy = run("tabulate-energy", activity=made["activity"], published=published / "energy-per-event.csv")
    tables = [accuracy, talk, verdicts, effects, energy]
    tables += [
        run("tabulate-margins", margins=made["margins"]),
        run("tabulate-comparisons", comparisons=made["comparison"]),
    ]
    tables += [run("join-tables", tables=made["bits"], title="bits")]
    for table in tables:
        assert sorted(names(table)) == sorted(NAMES), table
    assert pd.read_csv(effects, dtype=str)["seeds"].tolist() == ["2"] * len(NAMES)
    run("plot-overview", verdicts=verdicts, evaluation="test")
    run("plot-effects", effects=effects, evaluation="test")
    run("plot-activity", activity=made["activity"], titles=titles)
    run("plot-energy", energy=energy, published=published / "energy-per-frame.csv", titles=titles)
    for name in NAMES:
        which = {"experiment": name, "title": name}
        run("plot-bits", bits=made["bits"], layers="[1]", **which)
        run("plot-leak", sweep=made["stpu"], **which)
        run("plot-robustness", sweep=made["stpu"], bits=made["bits"], **which)


def test_an_experiment_that_a_table_lacks_is_named(
    made: dict[str, Path | str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figure = ["--output", str(tmp_path / "o.svg")]
    which = ["--experiment", "7", "--title", "t", "--layers", "[1]"]
    assert main(["plot-bits", "--bits", str(made["bits"]), *which, *figure]) == 1
    assert "holds no row of experiment '7'; it has 007, 1e3, nan" in capsys.readouterr().err
    assert main(["plot-activity", "--activity", str(made["activity"]), "--titles", '{"007": "t"}', *figure]) == 1
    assert "--titles: none for experiment '1e3'" in capsys.readouterr().err
