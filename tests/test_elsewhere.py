"""The workflow run from elsewhere, and with any text that a config may hold: dry runs, which say what would be run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from checkouts import ENVIRONMENT, copy_of

from steep.study.status import plan

pytestmark = pytest.mark.dag
JOBS = 127  # of the test study, without the final target
MODULE = """
configfile: "outer.yaml"

module steep:
    snakefile: {snakefile!r}
    config: config["inner"]

use rule * from steep as steep_*

rule all:
    default_target: True
    input: rules.steep_all.input
"""


def dry_run(folder: Path, *options: str) -> tuple[int, list[str], str]:
    """Return the exit status, the commands that would be run, and everything that Snakemake says."""
    done = subprocess.run(
        [*(sys.executable, "-m", "snakemake", "--dry-run", "--forceall", "--printshellcmds", "--nolock"), *options],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    commands = re.findall(r"^Shell command: (.* -m steep .*)$|^ +(.* -m steep .*)$", done.stdout, re.MULTILINE)
    return done.returncode, ["".join(found) for found in commands], done.stdout


def words(command: str) -> list[str]:
    return shlex.split(command.partition(" 2>&1 |")[0])


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in a folder with a name that shells and make read otherwise."""
    return copy_of(Path(__file__).parents[1], tmp_path_factory.mktemp("it's here, #1 $x (a b)"))


@pytest.mark.parametrize("way", ["here", "directory", "snakefile", "module"])
def test_the_workflows_own_files_are_found_from_anywhere(
    checkout: Path, tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "it's there, #2"
    elsewhere.mkdir()
    config = yaml.safe_load((checkout / "config" / "test.yaml").read_text()) | {"mirrors": ["a b", "/c"]}
    (elsewhere / "mine.yaml").write_text(yaml.safe_dump(config))
    (elsewhere / "outer.yaml").write_text(yaml.safe_dump({"inner": config, "when": "2026-11-23", "on": "yes"}))
    named = ["--quiet", "host", "--configfile", str(elsewhere / "mine.yaml")]
    if way == "module":
        (elsewhere / "Snakefile").write_text(MODULE.format(snakefile=str(checkout / "Snakefile")))
    folder, options = {
        "here": (checkout, named),
        "directory": (checkout, ["--directory", str(elsewhere), *named]),
        "snakefile": (elsewhere, ["--snakefile", str(checkout / "Snakefile"), *named]),
        "module": (elsewhere, ["--quiet", "host"]),
    }[way]
    code, commands, said = dry_run(folder, *options)
    assert code == 0, said
    assert len(commands) == JOBS
    (energy,) = [words(command) for command in commands if " tabulate-energy " in command]
    (fetch,) = [words(command) for command in commands if " fetch-dataset " in command]
    own = Path() if way == "here" else checkout
    assert energy[energy.index("--published") + 1] == str(own / "report" / "published" / "energy-per-event.csv")
    assert energy[energy.index("--csv") + 1] == "results/test/tables/energy.csv"  # results go into the working folder
    assert yaml.safe_load(fetch[fetch.index("--mirrors") + 1]) == [str(own / "a b"), "/c"]
    if way == "snakefile":
        monkeypatch.chdir(elsewhere)
        assert len(plan(elsewhere / "mine.yaml", every=True)) == JOBS


def test_the_default_config_is_found_from_elsewhere(checkout: Path, tmp_path: Path) -> None:
    code, commands, said = dry_run(tmp_path, "--snakefile", str(checkout / "Snakefile"), "--quiet", "host")
    assert code == 0, said
    assert any("results/paper/" in command for command in commands)


TEXT = r"""with $\theta_{j}$ {a, b} {a} {} {{x}} %s {{ 1 }} {% if %} <b>&amp; "q" 'r' `t` \n # | * _ é"""


def test_any_text_goes_through_the_rules_as_it_stands(checkout: Path, tmp_path: Path) -> None:
    config = yaml.safe_load((checkout / "config" / "test.yaml").read_text())
    config |= {"title": TEXT, "remarks": ["Sets {a, b}", TEXT], "mirrors": ["/no where/{a}", "/{b, c} 'q' #"]}
    for section in ("datasets", "networks", "experiments"):
        for name, entry in config[section].items():
            entry["title"] = f"{name}: {TEXT}"
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config))
    code, commands, said = dry_run(checkout, "--quiet", "host", "--configfile", str(tmp_path / "mine.yaml"))
    assert code == 0, said
    assert len(commands) == JOBS
    given = {command.split(" -m steep ")[1].split()[0]: words(command) for command in commands}
    values = {
        name: found[found.index(option) + 1]
        for name, found in given.items()
        for option in ("--title", "--titles", "--study", "--config", "--mirrors", "--settings")
        if option in found and not Path(found[found.index(option) + 1]).is_absolute()
    }
    summary = yaml.safe_load(values["summarize-study"])
    assert summary == {"title": TEXT, "remarks": ["Sets {a, b}", TEXT]}
    assert yaml.safe_load(values["fetch-dataset"]) == config["mirrors"]
    assert values["plot-conversion"] == config["datasets"]["digits"]["title"]
    assert yaml.safe_load(values["tabulate-talk"])["networks"] == config["networks"]
    assert set(yaml.safe_load(values["plot-activity"]).values()) == {
        f"{config['networks'][entry['network']]['title']}, {name}" for name, entry in config["experiments"].items()
    }


@pytest.mark.parametrize(
    ("arguments", "title"),
    [
        (["title='run #3, high rate'"], "run #3, high rate"),
        (["title=run #3, high rate"], "run #3, high rate"),
        (["title=a: b: c"], "a: b: c"),
        (["title=007", "seeds=[7]"], "007"),
    ],
)
def test_a_title_on_the_command_line_is_taken_as_it_stands(checkout: Path, arguments: list[str], title: str) -> None:
    code, commands, said = dry_run(
        checkout, "--quiet", "host", "--configfile", "config/test.yaml", "--config", *arguments
    )
    assert code == 0, said
    (summary,) = [words(command) for command in commands if " summarize-study " in command]
    assert yaml.safe_load(summary[summary.index("--config") + 1])["title"] == title


@pytest.mark.parametrize("line", ["seeds: [5]", "experiments: {}"])
def test_a_key_that_stands_twice_stops_the_workflow(checkout: Path, tmp_path: Path, line: str) -> None:
    """Snakemake reads the file by itself, and lets the last one win."""
    text = (checkout / "config" / "test.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(f"{text}{line}\n")
    code, commands, said = dry_run(checkout, "--configfile", str(tmp_path / "mine.yaml"))
    key = line.partition(":")[0]
    assert code != 0 and not commands
    assert f"mine.yaml: line {len(text.splitlines()) + 1}: the key {key} stands twice; write it once" in said
    assert "Traceback" not in said
