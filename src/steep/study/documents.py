"""Tables of the kept run and of the benchmarks, as they stand in the pages of the documentation."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from steep.analysis.effects import effect_view
from steep.analysis.render import between_marks, to_markdown
from steep.analysis.tables import numbers
from steep.tables import read_table

FAST, STANDALONE, TORCH = "Steep, Brian2 fast", "Brian2 C++ standalone", "PyTorch threshold network, best batch"
NOT_MEASURED = "–"


def rate(value: float) -> str:
    """Return frames per second to three digits, a dash where nothing was measured."""
    return NOT_MEASURED if pd.isna(value) else f"{float(f'{value:.3g}'):,.0f}"


def short_view(talk: pd.DataFrame) -> pd.DataFrame:
    """Return the table of the README: the talk's accuracies and ours."""
    pairs = zip(talk["talk_original"], talk["talk_spiking"], strict=True)
    return pd.DataFrame(
        {
            "Network": talk["network"],
            "Data": talk["data"] + ", " + talk["encoding"],
            "Talk: original, spiking": ["–" if pd.isna(one) else f"{one:.1f}, {other:.1f}" for one, other in pairs],
            "Original": numbers(talk, "original"),
            "Continued": numbers(talk, "continued"),
            "Threshold": numbers(talk, "threshold"),
            "Spiking cost": numbers(talk, "spiking_cost", sign=True),
        }
    )


def speed_view(simulators: pd.DataFrame) -> pd.DataFrame:
    """Return frames per second of CPU time, a row for each implementation and a column for each network, of what
    ``benchmark-simulators`` measured."""
    table = simulators.pivot(index="implementation", columns="network", values="frames_per_cpu_s")
    table = table.loc[simulators["implementation"].unique(), simulators["network"].unique()]
    return table.map(rate).rename_axis(columns=None).reset_index(names="Frames per second")


def ratio_view(simulators: pd.DataFrame) -> pd.DataFrame:
    """Return how many times as fast the fast delivery is as compiled plain Brian2 and as PyTorch at its best batch."""
    table = simulators.pivot(index="network", columns="implementation", values="frames_per_cpu_s")
    table = table.loc[simulators["network"].unique()]
    ratios = {
        f"against {title}": (table[FAST] / table[other]).map("{:.1f}x".format)
        for title, other in (("Brian2 C++ standalone, own synapses", STANDALONE), ("PyTorch, best batch", TORCH))
    }
    return pd.DataFrame(ratios).T.rename_axis(columns=None).reset_index(names="The fast delivery")


def job_view(sizes: pd.DataFrame) -> pd.DataFrame:
    """Return CPU time of whole processes that simulate so many frames, a column for each number of frames."""
    chosen = sizes[sizes["curve"] == "frames"]
    table = chosen.pivot(index="implementation", columns="size", values="cpu_s").loc[chosen["implementation"].unique()]
    table = table.map(lambda value: NOT_MEASURED if pd.isna(value) else f"{value:.1f} s")
    return table.rename(columns="{:,} frames".format).rename_axis(columns=None).reset_index(names="Whole job")


def stream_view(sizes: pd.DataFrame) -> pd.DataFrame:
    """Return CPU time and memory of so many frames in one go."""
    chosen = sizes[sizes["curve"] == "stream"]
    return pd.DataFrame(
        {
            "Frames in one go": chosen["size"].map("{:,}".format),
            "CPU time": chosen["cpu_s"].map("{:.2f} s".format),
            "Memory of the process": chosen["memory_MiB"].map("{:.0f} MiB".format),
        }
    )


def training_view(training: pd.DataFrame) -> pd.DataFrame:
    """Return the cost of an epoch of each kind."""
    seconds = {"plain": "Plain PyTorch", "original": "Ours, original", "sharpened": "Ours, sharpened"}
    return pd.DataFrame(
        {
            "Experiment": training["experiment"],
            "Precision": training["precision"],
            **{title: training[name].map("{:.2f} s".format) for name, title in seconds.items()},
            "Ours against plain, frames per second": training["plain_to_original"].map("{:.2f}x".format),
            "Sharpened against original, time": training["sharpened_to_original"].map("{:.2f}x".format),
        }
    )


def stpu_view(stpu: pd.DataFrame) -> pd.DataFrame:
    """Return CPU time of a step, a row for each network and a column for each implementation."""
    sizes = ["neurons", "fan_out", "longest"]
    table = stpu.pivot(index=sizes, columns="implementation", values="us_per_step")[stpu["implementation"].unique()]
    table = table.loc[list(dict.fromkeys(stpu[sizes].itertuples(index=False, name=None)))]
    names = {"neurons": "Neurons", "fan_out": "Synapses each", "longest": "Longest delay"}
    return table.map(rate).rename_axis(columns=None).reset_index().rename(columns=names)


def rule_view(costs: pd.DataFrame, least: float = 0.005) -> pd.DataFrame:
    """Return where a study's time goes: rules by their share of all jobs' time, those of less than `least` together."""
    share = costs["wall_s"] / costs["wall_s"].sum()
    large, small = costs[share >= least], costs[share < least]
    rows = [*large[["rule", "jobs", "wall_s", "longest_s"]].itertuples(index=False, name=None)]
    if len(small):
        rest = small[["jobs", "wall_s"]].sum()
        rows.append((f"{len(small)} other rules", int(rest["jobs"]), rest["wall_s"], small["longest_s"].max()))
    return pd.DataFrame(
        [
            (rule, jobs, f"{wall:,.0f} s", f"{wall / costs['wall_s'].sum():.1%}", f"{longest:,.0f} s")
            for rule, jobs, wall, longest in rows
        ],
        columns=["Rule", "Jobs", "Time of all", "Share", "Longest job"],
    )


def tables(kept: Path) -> dict[str, str]:
    """Return the Markdown of every marked place, made from the tables kept in the folder `kept`."""
    views: dict[str, tuple[str, Callable[[pd.DataFrame], pd.DataFrame]]] = {
        "short": ("talk", short_view),
        "ratios": ("simulators-cost", ratio_view),
        "simulators": ("simulators-cost", speed_view),
        "jobs": ("sizes-cost", job_view),
        "stream": ("sizes-cost", stream_view),
        "training": ("training-cost", training_view),
        "stpu": ("stpu-cost", stpu_view),
        "rules": ("costs", rule_view),
        "effects": ("ablations/effects", effect_view),
    }
    talk = [(kept / folder / "talk.md").read_text(encoding="utf-8") for folder in ("", "cifar10")]
    made = {"results": "\n".join(talk)}
    for mark, (name, view) in views.items():
        path = kept / f"{name}.csv"
        made[mark] = to_markdown(view(read_table(path))) if path.exists() else "*Not measured yet.*"
    return made


def filled(page: str, made: dict[str, str]) -> str:
    """Return a page of Markdown in which every marked place that has a table holds it."""
    for mark, text in made.items():
        if f"<!-- {mark} -->" in page:
            page = between_marks(page, text, mark)
    return page
