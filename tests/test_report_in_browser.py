"""The report and the summary in headless Chromium, offline, in a small and in a large window."""

import re
from pathlib import Path

import pandas as pd
import pytest
from browser import CHROMIUM, Visit, visit
from test_workflow import snakemake

pytestmark = [
    pytest.mark.dag,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: install chromium to have the report looked at"),
]
CATEGORIES = ["Results", "Method", "Spiking activity", "STPU", "Cost", "Provenance"]
WINDOWS = [(900, 600), (1920, 1080)]
NARROW = (500, 800)  # Chromium makes no window narrower


@pytest.fixture(scope="module")
def page(finished: tuple[Path, dict[str, str]]) -> Path:
    """Return the report of the test study."""
    folder, _ = finished
    done = snakemake(folder, "--report", "results/test/report.html")
    assert done.returncode == 0, done.stdout
    return folder / "results" / "test" / "report.html"


@pytest.fixture(scope="module", params=WINDOWS, ids=[f"{w}x{h}" for w, h in WINDOWS])
def report(page: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> tuple[Visit, int]:
    """Return what Chromium saw of the report, and the width of its window."""
    seen = visit(page, tmp_path_factory.mktemp("chromium"), request.param, CATEGORIES)
    return seen, request.param[0]


def test_nothing_went_wrong_and_nothing_was_asked_for(report: tuple[Visit, int]) -> None:
    seen, _ = report
    assert seen.errors == []
    assert seen.asked == []
    assert [page["images"] for page in seen.pages] == [0] * len(seen.pages)


def test_every_category_opens(report: tuple[Visit, int]) -> None:
    seen, _ = report
    names = [page["name"] for page in seen.pages]
    assert [name for name in names if not name[-1].isdigit()] == ["landing", *CATEGORIES]
    # Every figure and every page of a table was opened.
    assert len(names) > 40


def test_the_landing_page_begins_with_question_and_answer(report: tuple[Visit, int], study: Path) -> None:
    seen, _ = report
    assert seen.corner is not None and min(seen.corner) >= 0  # the heading is not cut off
    tables = study / "results" / "test" / "tables"
    answer = re.sub(r"\s+", " ", (tables / "answer.txt").read_text()).strip()
    landing = re.sub(r"\s+", " ", seen.landing)
    assert "----" not in landing  # a heading that lost the line above it
    assert not re.search(r"\.\s*- ", landing)  # a list that lost the line above it
    assert landing.index("without losing accuracy?") < landing.index(answer) < landing.index("Why to believe it")
    assert "no number here says anything" in landing and "# commit" in landing
    for value in pd.read_csv(tables / "verdicts-view.csv")["Threshold: ours"]:
        assert re.sub(r"\s+", " ", value) in landing


def test_nothing_is_wider_than_the_window(report: tuple[Visit, int]) -> None:
    seen, width = report
    assert max(page["wide"] for page in seen.pages) <= width


def test_the_landing_page_can_be_read_in_a_narrow_window(page: Path, tmp_path: Path) -> None:
    seen = visit(page, tmp_path, NARROW, [])
    assert seen.corner is not None and min(seen.corner) >= 0 and seen.pages[0]["wide"] <= NARROW[0]


@pytest.mark.parametrize("window", [NARROW, *WINDOWS])
def test_the_summary(study: Path, tmp_path: Path, window: tuple[int, int]) -> None:
    seen = visit(study / "results" / "test" / "summary.html", tmp_path, window, [])
    assert (seen.errors, seen.asked) == ([], [])
    assert "Networks & data are" in seen.landing and "# commit" in seen.landing
    plain = (study / "results" / "test" / "summary.md").read_text()
    assert "- Networks & data are" in plain and "# commit" in plain
    assert seen.pages[0]["wide"] <= window[0] and seen.pages[0]["images"] == 0
