"""What README and docs say is what the kept runs found."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from steep.analysis.effects import effect_table
from steep.analysis.render import to_markdown
from steep.analysis.statistics import interval
from steep.analysis.tables import number
from steep.analysis.verdicts import overview, verdict_table
from steep.cli import build_parser
from steep.figures.overview import draw
from steep.figures.style import save_figure
from steep.study.documents import filled, ratio_view, short_view, tables

PAGES = ["README.md", "docs/results.md", "docs/cost.md", "docs/sharpening.md"]


def words(path: Path) -> str:
    """Return a page as one line with plain minus signs and spaces."""
    return re.sub(r"\s+", " ", path.read_text()).replace("−", "-")


@pytest.mark.parametrize("page", PAGES)
def test_tables_are_of_the_kept_run(root: Path, page: str) -> None:
    """`make keep` writes them; nobody edits them by hand."""
    text = (root / page).read_text()
    marks = set(re.findall(r"^<!-- (\w+) -->$", text, re.MULTILINE))
    made = tables(root / "report" / "kept")
    assert marks and marks <= made.keys()
    assert filled(text, made) == text
    assert re.search(rf"update-pages .*--pages .*{page}", (root / "Makefile").read_text())


def test_the_table_of_the_readme_is_of_the_kept_run(root: Path) -> None:
    talk = pd.read_csv(root / "report" / "kept" / "talk.csv")
    made = {"short": to_markdown(short_view(talk))}
    text = (root / "README.md").read_text()
    assert "<!-- short -->" in text and filled(text, made) == text
    assert len(text.splitlines()) <= 150


def test_what_the_readme_says_is_of_the_kept_run(root: Path) -> None:
    kept, text = root / "report" / "kept", words(root / "README.md")
    talk = pd.read_csv(kept / "talk.csv")
    mnist = talk[talk["data"] == "MNIST"]
    assert (mnist["original"] > mnist["talk_original"]).all() and (mnist["threshold"] > mnist["talk_spiking"]).all()
    assert (mnist["spiking_cost_continued"] < mnist["spiking_cost"]).all()
    assert f"cost on MNIST is worse: down to {mnist['spiking_cost_continued'].min():.2f} points" in text
    cifar = pd.read_csv(kept / "cifar10" / "talk.csv").set_index("encoding").loc["current"]
    both = f"{cifar.spiking_cost:.2f} ± {cifar.spiking_cost_ci95:.2f} points, and {cifar.spiking_cost_continued:.2f}"
    assert (
        f"CIFAR-10 the spiking cost is {both} ± {cifar.spiking_cost_continued_ci95:.2f} against the continued" in text
    )
    ratios = ratio_view(pd.read_csv(kept / "simulators-cost.csv")).set_index("The fast delivery")
    against = ratios.loc["against Brian2 C++ standalone, own synapses"].str.rstrip("x").astype(float)
    assert f"is {against.min():.0f} to {against.max():.0f} times as fast as Brian2's own" in text


def test_what_is_said_of_the_paper_study_is_of_the_kept_run(root: Path) -> None:
    kept, text = root / "report" / "kept", words(root / "docs" / "results.md")
    talk = pd.read_csv(kept / "talk.csv").set_index("experiment")
    costs = {key: f"{row.spiking_cost:.2f} ± {row.spiking_cost_ci95:.2f}" for key, row in talk.iterrows()}
    dnn = talk.loc["stpu-dnn-binarized"]
    assert f"from 0: {costs['stpu-dnn-binarized']} points" in text and abs(dnn.spiking_cost) < dnn.spiking_cost_ci95
    assert "In the talk the spiking cost is 0." in text and dnn.talk_spiking == dnn.talk_original
    assert (
        f"Against the continued network it is {dnn.spiking_cost_continued:.2f} ± {dnn.spiking_cost_continued_ci95:.2f}."
        in text
    )
    accuracy = pd.read_csv(kept / "accuracy.csv")
    own = accuracy[accuracy["experiment"] == "stpu-dnn-binarized"]
    spikes = own[own["readout"] == "spikes"].groupby("seed")["accuracy"].first()
    by_spikes = interval((spikes - own[own["stage"] == "original"].set_index("seed")["accuracy"]).to_numpy())
    assert "it is {:.2f} ± {:.2f} against the original".format(*by_spikes) in text
    mnist = talk[talk["data"] == "MNIST"]
    cnn = mnist.loc["stpu-cnn-binarized"]
    assert mnist["spiking_cost"].idxmin() == cnn.name
    assert f"the largest of the four, {costs[cnn.name]} points. In the talk it is " in text
    assert f"In the talk it is {cnn.talk_spiking - cnn.talk_original:.1f} points" in text
    cells = talk.loc["hyperspectral-generated"]
    told = f"{cells.talk_spiking - cells.talk_original:.1f}"
    assert f"The spiking cost is {costs[cells.name]} points, in the talk {told}." in text
    sizes = pd.read_csv(kept / "stpu.csv").set_index(["experiment", "readout"])["neurons"][cnn.name]
    assert sizes["potential"] <= 2048 < min(sizes["spikes"], sizes["wta"]) and "more than the 2,048 that" in text
    scene = talk.loc["samson-real"]
    assert (
        f"not distinguishable from 0: {costs[scene.name]} points" in text
        and abs(scene.spiking_cost) < scene.spiking_cost_ci95
    )


def test_every_simulator_measured_gave_the_same_spikes(root: Path) -> None:
    for name in ("simulators-cost", "sizes-cost"):
        table = pd.read_csv(root / "report" / "kept" / f"{name}.csv")
        measured = table[table["measured"] == "yes"]
        assert len(measured) > 20 and measured["differing"].sum() == 0, name


@pytest.mark.parametrize("folder", ["", "ablations", "cifar10", "encodings"])
def test_the_kept_run_agrees_with_itself(root: Path, folder: str) -> None:
    kept = root / "report" / "kept" / folder
    accuracy, talk = (pd.read_csv(kept / f"{name}.csv") for name in ("accuracy", "talk"))
    for row in talk.itertuples():
        own = accuracy[accuracy["experiment"] == row.experiment]
        for column, stage in (("original", "original"), ("sharpened", "sharpened"), ("threshold", "threshold")):
            means = own[(own["stage"] == stage) & (own["readout"] == "potential")].groupby("seed")["accuracy"].mean()
            assert getattr(row, column) == pytest.approx(means.mean())
    assert pd.read_csv(kept / "comparisons.csv")["differing"].sum() == 0


def test_what_is_said_of_encodings_is_of_the_kept_run(root: Path) -> None:
    text = words(root / "docs" / "results.md")
    talk = pd.read_csv(root / "report" / "kept" / "encodings" / "talk.csv").set_index("encoding")
    for row in talk.itertuples():
        cost = (
            number(row.spiking_cost, row.spiking_cost_ci95, sign=True)
            .replace("−", "-")
            .replace("\N{NO-BREAK SPACE}", " ")
        )
        assert f"| {row.threshold:.2f} ± {row.threshold_ci95:.2f} | {cost} |" in text
        assert abs(row.spiking_cost) < row.spiking_cost_ci95  # no more than the spread
    lost = talk["original"]["binarized"] - talk["original"]["contours"]
    assert f"With contours the original already loses {lost:.1f} points." in text
    control = talk["spiking_cost_continued"]
    assert f"Against the continued network it is {control.max():.2f} to {control.min():.2f} points" in text


def gain(root: Path, experiment: str) -> tuple[float, float]:
    """Return what readout spikes gets more than readout potential, seed by seed, and the half-width of its interval."""
    accuracy = pd.read_csv(root / "report" / "kept" / "cifar10" / "accuracy.csv")
    own = accuracy[(accuracy["experiment"] == experiment) & (accuracy["stage"] == "threshold")]
    by_seed = own.groupby(["readout", "seed"])["accuracy"].first()
    return interval((by_seed["spikes"] - by_seed["potential"]).to_numpy())


def test_what_is_said_of_cifar10_is_of_the_kept_run(root: Path) -> None:
    text = words(root / "docs" / "results.md").replace("*", "")
    talk = pd.read_csv(root / "report" / "kept" / "cifar10" / "talk.csv").set_index("encoding")
    current, contours = talk.loc["current"], talk.loc["contours"]
    assert f"The spiking cost is {current.spiking_cost:.2f} ± {current.spiking_cost_ci95:.2f} points by current" in text
    control = f"{current.spiking_cost_continued:.2f} ± {current.spiking_cost_continued_ci95:.2f}"
    assert f"Against the continued network it is {control} points. That is more than the talk says." in text
    assert -current.spiking_cost_continued - current.spiking_cost_continued_ci95 > 2  # than the talk says
    by_spikes = [f"{row.spikes:.2f} ± {row.spikes_ci95:.2f}" for row in (current, contours)]
    assert f"the network gets {by_spikes[0]} by current and {by_spikes[1]} by contours" in text
    gains = [gain(root, f"cifar10-{name}") for name in ("current", "contours")]
    differences = " and ".join(f"{mean:+.2f} ± {half:.2f}" for mean, half in gains)
    assert f"not distinguishable from readout by potentials: the differences are {differences}." in text
    assert all(abs(mean) < half for mean, half in gains)
    assert f"Contours already cost the original {current.original - contours.original:.0f} points." in text
    study = yaml.safe_load((root / "config" / "cifar10.yaml").read_text())
    verdicts = verdict_table(talk.reset_index(), study).set_index(["experiment", "claim"])["verdict"]
    assert f"one to two points are {verdicts['cifar10-current', 'spiking_cost']}" in text
    recipes = study["recipes"]
    less, more = (
        [recipes[name][part]["epochs"] for part in ("original", "sharpening")] for name in ("contours", "current")
    )
    assert f"fewer epochs, {less[0]} and {less[1]} in place of {more[0]} and {more[1]}" in text


def test_what_is_said_of_sharpening_is_of_the_kept_run(root: Path) -> None:
    kept = root / "report" / "kept" / "ablations"
    study = yaml.safe_load((root / "config" / "ablations.yaml").read_text())
    accuracy = pd.read_csv(kept / "accuracy.csv")
    table = effect_table(study, accuracy)
    pd.testing.assert_frame_equal(table, pd.read_csv(kept / "effects.csv"))
    effects = table.set_index("experiment")
    text = re.sub(r"\s+", " ", (root / "docs" / "sharpening.md").read_text())
    results = words(root / "docs" / "results.md")
    said = {name: f"{-effects.effect[name]:.2f} ± {effects.effect_ci95[name]:.2f}" for name in effects.index}
    for name, sentence in {
        "late": "only when training ends, {} points are lost. This is the one",
        "no-surrogate-late": "Without a surrogate it is about as much, {}.",
        "no-surrogate": "steep sigmoid itself. It loses {}, and",
        "surrogate-32": "32 is worse by {}, with 8-bit weights",
        "no-normalization": "Without batch normalisation** {} points are lost",
        "sgd": "SGD is worse by {} at the one",
        "from-sigmoid": "From sigmoid it is worse by {}",
        "from-tanh": "from tanh by {}.",
    }.items():
        assert sentence.format(said[name]) in text
        assert effects.verdict[name] == ("worse" if name == "late" else "likely worse")
    told = {name for name, verdict in effects["verdict"].items() if "worse" in verdict or "better" in verdict}
    assert len(told) == 8 and f"of {len(effects) - 1} rows about one" in text  # everything else is said to be open
    assert f"loses {said['late']} points where" in results
    assert f"likely loses {said['no-surrogate']} points." in results
    assert 2.6 < (accuracy_of(accuracy, "baseline") - accuracy_of(accuracy, "no-surrogate")).min() < 2.7
    for name in ("surrogate-32", "sgd"):  # as steps with real weights
        steps = accuracy_of(accuracy, name, "sharpened") - accuracy_of(accuracy, "baseline", "sharpened")
        mean, half = interval(steps.to_numpy())
        assert abs(mean) < half

    def behind(name: str) -> str:
        original = accuracy_of(accuracy, "baseline", "original") - accuracy_of(accuracy, name, "original")
        return "{:.2f} ± {:.2f}".format(*interval(original.to_numpy()))

    def cheaper(name: str) -> str:
        costs = [accuracy_of(accuracy, each) - accuracy_of(accuracy, each, "original") for each in (name, "baseline")]
        return "{:.2f} ± {:.2f}".format(*interval((costs[0] - costs[1]).to_numpy()))

    assert f"which lie {behind('from-sigmoid')} and {behind('from-tanh')} behind" in text
    assert f"less than from ReLU, by {cheaper('from-sigmoid')} and {cheaper('bounded-relu')}." in text
    assert f"The original network loses {behind('no-normalization')} of them." in text
    first = pd.read_csv(kept / "talk.csv").set_index("experiment").loc["baseline"]
    plain = text.replace("−", "-")
    assert (
        f"The spiking cost of this small network is {first.spiking_cost:.2f} ± {first.spiking_cost_ci95:.2f} points."
        in plain
    )
    assert (
        f"the fairer comparison, it is {first.spiking_cost_continued:.2f} ± {first.spiking_cost_continued_ci95:.2f} ("
        in plain
    )


def accuracy_of(accuracy: pd.DataFrame, experiment: str, stage: str = "threshold") -> pd.Series:
    """Return the accuracies of a stage by seed."""
    chosen = accuracy[(accuracy["experiment"] == experiment) & (accuracy["stage"] == stage)]
    return chosen.set_index("seed")["accuracy"].sort_index()


def test_the_picture_shows_the_kept_run(root: Path, tmp_path: Path) -> None:
    """Redrawn from the kept table, but for what it says it was made from."""
    talk = pd.read_csv(root / "report" / "kept" / "talk.csv")
    study = yaml.safe_load((root / "config" / "paper.yaml").read_text())
    save_figure(draw(overview(verdict_table(talk, study)), "test"), tmp_path / "overview.svg")
    drawn, kept = (
        re.sub(r"<metadata>.*?</metadata>", "", path.read_text(), flags=re.DOTALL)
        for path in (tmp_path / "overview.svg", root / "docs" / "overview.svg")
    )
    assert drawn == kept


def pages(root: Path) -> list[Path]:
    """Return all pages for people."""
    return [root / "README.md", *sorted((root / "docs").glob("*.md")), *sorted((root / "config").glob("*.md"))]


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", without_code(page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_and_targets_named_in_the_pages_exist(root: Path) -> None:
    makefile = (root / "Makefile").read_text()
    linked = set()
    for page in pages(root):
        for link, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", without_code(page.read_text())):
            if not link.startswith("http"):
                target = page.parent / link if link else page
                assert target.exists(), (page.name, link)
                assert not anchor or anchor in anchors(target), (page.name, link, anchor)
                linked.add(target.resolve())
        for target in re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(), re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), (page.name, target)
    assert {page.resolve() for page in pages(root)} - linked == {(root / "README.md").resolve()}


def test_headings_stand_alone(root: Path) -> None:
    """With an empty line before and after, so that search and anchors find them."""
    for page in pages(root):
        lines = without_code(page.read_text()).splitlines()
        for at, line in enumerate(lines):
            if line.startswith("#"):
                assert not any(lines[max(0, at - 1) : at]) and not any(lines[at + 1 : at + 2]), (page.name, line)
                following = next(other for other in lines[at + 1 :] if other)
                # No heading runs on into a sentence.
                assert page.name == "extending.md" or not following[0].islower(), (page.name, line)


def test_the_commands_of_the_page_about_the_stpu_are_verbs_with_such_options(root: Path, tmp_path: Path) -> None:
    page = (root / "docs" / "stpu.md").read_text()
    commands = re.findall(r"^python -m steep (.*)$", page, re.MULTILINE)
    verbs = ["simulate-model", "simulate-model", "export-model", "simulate-model", "classify-spikes", "export-nir"]
    assert [build_parser().parse_args(shlex.split(command)).verb for command in commands] == verbs
    (block,) = re.findall(r"```sh\n(printf.*?)```", page, re.DOTALL)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(root / "src")}
    done = subprocess.run(["bash", "-e"], input=block, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    recorded = "$t\t1.V\n0\t0\n1\t0.375\n$t\t\t1\n2\t0\t1\n3\t0.375\t\n4\t0\t1\n5\t0\t\n"
    assert done.stdout == "1 001010\n" + recorded


def test_the_example_of_the_stpu_works(root: Path, tmp_path: Path) -> None:
    (block,) = re.findall(r"```\n(printf.*?)```", (root / "docs" / "stpu.md").read_text(), re.DOTALL)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e"], input=block, capture_output=True, text=True, cwd=tmp_path, env=os.environ | {"PATH": path}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1 001010\n"
