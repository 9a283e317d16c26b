"""The command line: every verb explains itself, every error is one line."""

import argparse
import inspect
import json
import re
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from steep.cli import build_parser, main
from steep.cli.verbs import MEANINGS, VERBS, meanings
from steep.study.catalogue import FIGURES, TABLES
from steep.study.config import read_config
from steep.study.entries import Figure, Table
from steep.study.options import Json

ROOT = Path(__file__).parents[1]
RECIPE = json.dumps(read_config(ROOT / "config" / "test.yaml")["recipes"]["quick"]["sharpening"])


def steep(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "steep", *arguments], capture_output=True, text=True)


def verbs() -> list[str]:
    (action,) = (action for action in build_parser()._actions if action.choices)
    return list(action.choices)


@pytest.mark.parametrize("verb", verbs())
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([verb, "--help"])
    assert stop.value.code == 0
    assert f"steep {verb}" in capsys.readouterr().out


def test_every_option_says_what_it_is() -> None:
    for verb in VERBS.values():
        for name, option in verb.options().items():
            assert option.keywords.get("help") or name in MEANINGS, f"{verb.name} --{name}"


def test_every_option_that_a_docstring_explains_is_there() -> None:
    for verb in VERBS.values():
        for function in verb.functions:
            assert set(meanings(function)) <= set(verb.options()), verb.name


def test_help_lists_every_verb_under_a_heading(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert [line for line in shown.splitlines() if line.startswith("Training:")]
    assert all(f"\n  {name}" in shown for name in VERBS)


@pytest.mark.parametrize("entry", [*FIGURES, *TABLES], ids=lambda entry: entry.rule)
def test_what_makes_an_entry_of_the_catalogue_takes_its_options(entry: Figure | Table) -> None:
    """The catalogue is read without importing what draws; so that both agree is a matter of this test."""
    module, _, function = entry.maker.partition(":")
    takes = inspect.signature(getattr(import_module(module), function)).parameters
    assert list(takes) == [*entry.inputs, *entry.values]


def test_every_verb_has_its_rule(root: Path) -> None:
    """And every rule written out runs the verb of its name."""
    rules = "".join(path.read_text() for path in (root / "rules").glob("*.smk"))
    alone = {
        "check-config",
        "describe-config",
        "simulate-model",
        "classify-spikes",
        "update-pages",
        "compare-kept",
        "status",
    }
    benchmarks = {verb for verb in verbs() if verb.startswith("benchmark-")}
    catalogue = {entry.verb for entry in (*FIGURES, *TABLES)}
    written = {name.replace("_", "-") for name in re.findall(r"^ *rule (\w+):", rules, re.M)}
    assert written == set(verbs()) - alone - benchmarks - catalogue
    for verb in written:
        assert re.search(rf"command\(\s*\"{verb}\"", rules), verb


def test_a_rules_line_is_the_verbs_declaration() -> None:
    verb = VERBS["sharpen-network"]
    assert verb.command("me", "teacher", checkpoint="{params.checkpoint:q}") == (
        "STEEP_JOB='me' python -m steep sharpen-network --original {input.original:q} --recipe {params.recipe:q} "
        "--seed {wildcards.seed} --train {input.train:q} --validation {input.validation:q} --output {output.output:q} "
        "--history {output.history:q} --activations {output.activations:q} --checkpoint {params.checkpoint:q} "
        "--teacher {input.teacher:q} 2>&1 | tee -i {log:q}"
    )
    with pytest.raises(ValueError, match="sharpen-network has no option taecher"):
        verb.command("me", "taecher")


def test_a_file_that_a_verb_does_not_need_may_be_left_empty() -> None:
    """A rule writes the option whether it has the file or not."""
    words = ["--original", "o", "--recipe", RECIPE, "--seed", "0", "--train", "t", "--validation", "v", "--output", "n"]
    words += ["--history", "h", "--activations", "a"]
    parser = build_parser("sharpen-network")
    assert parser.parse_args(["sharpen-network", *words, "--teacher"]).teacher is None
    assert parser.parse_args(["sharpen-network", "--teacher", "--checkpoint", "c", *words]).checkpoint == Path("c")


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    done = steep(
        "compile-network",
        "--sharpened",
        str(tmp_path / "none"),
        "--weight-bits",
        "8",
        "--output",
        str(tmp_path / "o.npz"),
    )
    assert done.returncode == 1
    assert done.stderr == f"[compile-network] error: {tmp_path / 'none'}: no such file\n"


def test_frames_that_do_not_fit_are_one_line(tmp_path: Path) -> None:
    import numpy as np

    from steep.frames import Frames
    from steep.threshold.network import ThresholdNetwork, dense

    ThresholdNetwork((1, 2, 2), (dense(0, np.ones((2, 4), np.int32), np.array([0.5, 1.5])),)).save(tmp_path / "n.npz")
    for shape, top, message in (
        ((3, 1, 2, 3), 1, "frames of shape (1, 2, 3), the network takes (1, 2, 2)"),
        ((3, 1, 2, 2), 255, "values up to 255, the network takes values up to 1"),
    ):
        Frames(np.full(shape, top, np.uint8), np.zeros(3, np.uint8), 2, top).save(tmp_path / "f.npz")
        arguments = [
            "--network",
            str(tmp_path / "n.npz"),
            "--frames",
            str(tmp_path / "f.npz"),
            "--output",
            str(tmp_path / "s.npz"),
        ]
        done = steep("simulate-network", "--simulator", "stpu", *arguments)
        assert done.returncode == 1 and message in done.stderr and done.stderr.count("\n") == 1
        assert not (tmp_path / "s.npz").exists()


@pytest.mark.parametrize("simulator", ["torch", "stpu"])
def test_more_parts_than_frames_make_the_same_file(tmp_path: Path, simulator: str) -> None:
    import numpy as np

    from steep.frames import Frames
    from steep.threshold.network import ThresholdNetwork, dense

    rng = np.random.default_rng(0)
    first = dense(0, rng.integers(-2, 3, (3, 4)).astype(np.int32), np.full(3, -0.5))
    last = dense(1, rng.integers(-2, 3, (2, 3)).astype(np.int32), np.full(2, -0.5))
    ThresholdNetwork((1, 2, 2), (first, last)).save(tmp_path / "n.npz")
    Frames(rng.integers(0, 2, (3, 1, 2, 2)).astype(np.uint8), np.zeros(3, np.uint8), 2, 1).save(tmp_path / "f.npz")
    command = ["simulate-network", "--simulator", simulator, "--network", str(tmp_path / "n.npz")]
    command += ["--frames", str(tmp_path / "f.npz"), "--output"]
    assert main([*command, str(tmp_path / "whole.npz")]) == 0
    parts = [str(tmp_path / f"{number}.npz") for number in range(1, 6)]
    for number, part in enumerate(parts, 1):
        assert main([*command, part, "--part", f"{number}/5"]) == 0
    assert main(["join-spikes", "--output", str(tmp_path / "joined.npz"), "--parts", *parts]) == 0
    assert (tmp_path / "joined.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


@pytest.mark.parametrize("verb", ["check-config", "compile-network", "compare-simulators", "simulate-network"])
def test_verbs_that_need_no_torch_do_not_import_it(verb: str, root: Path) -> None:
    modules = {
        "check-config": "steep.study.config",
        "compile-network": "steep.threshold.compile, steep.network_file",
        "compare-simulators": "steep.analysis.scores, steep.comparison, steep.spikes",
        "simulate-network": "steep.simulators, steep.simulators.stpu",
    }[verb]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, {modules}, steep.cli; print('torch' in sys.modules)"],
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "False", done.stderr


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        (["steep.cli", "steep.threshold.compile", "steep.encodings"], ["torch", "brian2", "pandas", "scipy"]),
        (["steep.simulators.brian2_fast", "steep.simulators.brian2"], ["torch", "brian2", "pandas", "scipy"]),
        (["steep.simulators.stpu", "steep.simulators.brian2_lif"], ["torch"]),
        (
            [
                "steep.analysis.tables",
                "steep.analysis.scores",
                "steep.comparison",
                "steep.stpu.sweeps",
                "steep.figures.leak",
            ],
            ["torch"],
        ),
    ],
)
def test_libraries_are_imported_where_they_are_needed_and_nowhere_else(modules: list[str], absent: list[str]) -> None:
    """Jobs are short: four seconds of importing PyTorch would be most of many a job."""
    code = f"import sys, {', '.join(modules)}; print([name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["encode-frames", "--encoding", '{"kind":"binarize","treshold":0.5}'],
            "argument --encoding: treshold: unknown key; did you mean 'threshold'?",
        ),
        (["encode-frames", "--encoding", '{"a":1,"a":2}'], "argument --encoding: the key a stands twice"),
        (["encode-frames", "--encoding", "{"], "argument --encoding: not JSON (Expecting property name"),
        (["plot-activity", "--titles", '["a"]'], "argument --titles: (top level): ['a'] is not of type object"),
        (["plot-bits", "--layers", "[0]"], "argument --layers: 0: 0 is out of range; write at least 1"),
        (
            ["plot-sigmoid", "--settings", '{"a": ["cube", 1]}'],
            "argument --settings: a.0: 'cube' is not known; write one",
        ),
        (["score-network", "--row", '{"experiment": "a"}'], "argument --row: seed: missing; write it"),
        (["tabulate-stpu", "--rows", '[{"experiment": "a"}]'], "argument --rows: 0.readout: missing; write it"),
        (["tabulate-talk", "--study", "{}"], "argument --study: experiments: missing; write it"),
    ],
)
def test_json_that_does_not_fit_is_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(words)
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_every_json_argument_has_a_schema() -> None:
    """What takes any JSON would fail later, with a traceback."""
    for name, verb in VERBS.items():
        for option in verb.options().values():
            if option.keywords.get("metavar") == "JSON":
                parser = option.keywords["type"]
                assert isinstance(parser, Json), name
                with pytest.raises(argparse.ArgumentTypeError):
                    parser('{"no key of anything": 1}')


def test_files_that_belong_together_are_as_many(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["encode-frames", "--encoding", '{"kind":"current"}', "--images", "a", "--frames", "b", "c"]) == 1
    assert "--images 1 and --frames 2 entries; give as many of each, in the same order" in capsys.readouterr().err
    labels = '[{"experiment": "a", "seed": 0}]'
    words = ["tabulate-activity", "--activity", "a", "b", "--rows", labels, "--csv", "c", "--html", "h"]
    assert main(words) == 1
    assert "--activity 2 and --rows 1 entries" in capsys.readouterr().err


def test_an_interruption_is_told_whatever_comes_of_it(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Ctrl-C in the middle of an import leaves half a module behind, and what is done at the end falls over it."""

    def run(**told: object) -> None:
        try:
            raise KeyboardInterrupt
        finally:
            raise AttributeError("module 'sympy' has no attribute 'printing'")

    monkeypatch.setitem(VERBS, "describe-config", replace(VERBS["describe-config"], run=run))
    assert main(["describe-config"]) == 130
    assert capsys.readouterr().err == (
        "[describe-config] interrupted; nothing half-written is left, run again to go on\n"
    )


def test_what_nobody_foresaw_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(**told: object) -> None:
        raise AttributeError("no such attribute")

    monkeypatch.setitem(VERBS, "describe-config", replace(VERBS["describe-config"], run=run))
    with pytest.raises(AttributeError):
        main(["describe-config"])
