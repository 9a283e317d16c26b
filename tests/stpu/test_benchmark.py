"""The benchmark measures what it says: every implementation, the same spikes, sizes as asked."""

import json
from pathlib import Path

import pandas as pd
import pytest

from steep.errors import SteepError
from steep.figures import stpu_cost
from steep.stpu import benchmark


def test_every_implementation_is_measured_and_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        benchmark,
        "SETTINGS",
        [{"neurons": 40, "fan_out": 5, "longest": 3}, {"neurons": 40, "fan_out": 5, "longest": 6}],
    )
    monkeypatch.setattr(
        benchmark,
        "IMPLEMENTATIONS",
        {name: benchmark.IMPLEMENTATIONS[name] for name in ("reference", "brian2-buffer (numpy)")},
    )
    table = benchmark.measure_all(1)
    assert len(table) == 4 and table["longest"].tolist() == [3, 3, 6, 6]
    assert (table["events_per_step"] > 0).all() and (table["memory_MiB"] > 20).all()
    assert table.groupby("longest")["events_per_step"].nunique().tolist() == [1, 1]
    assert len(stpu_cost.draw(table).axes) == 3


def test_every_line_of_the_kept_table_is_drawn(root: Path) -> None:
    table = pd.read_csv(root / "report" / "kept" / "stpu-cost.csv")
    axes = stpu_cost.draw(table).axes
    looks = {(line.get_color(), line.get_linestyle()) for line in axes[0].lines}
    assert [len(axis.lines) for axis in axes] == [table["implementation"].nunique()] * 3 and len(looks) == 7


def test_different_spikes_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Done:
        returncode = 0

    def run(command: list[str], **options: object) -> Done:
        done = Done()
        check = 1 if command[3] == "reference" else 2
        done.stdout = json.dumps({"us_per_step": 1.0, "events_per_step": 1.0, "memory_MiB": 1.0, "check": check})
        return done

    monkeypatch.setattr(benchmark.subprocess, "run", run)
    with pytest.raises(SteepError, match="implementations differ"):
        benchmark.measure_all(1)


def test_one_size_is_varied_at_a_time() -> None:
    table = pd.DataFrame(benchmark.SETTINGS)
    assert ((table != table.iloc[0]).sum(axis=1) <= 1).all()
    assert {1, 64} <= set(table["longest"])
