"""Tables of the documentation's pages, from tables as the benchmarks write them."""

import pandas as pd

from steep.study.documents import job_view, ratio_view, stream_view


def test_what_sizes_cost() -> None:
    sizes = pd.DataFrame(
        [
            ("frames", 100, "NEST", 1.25, 99.6),
            ("frames", 10000, "NEST", None, None),
            ("frames", 100, "Steep, Brian2 fast", 6.04, 220.0),
            ("frames", 10000, "Steep, Brian2 fast", 6.31, 221.0),
            ("stream", 1_000_000, "Steep, Brian2 fast", 5.951, 61.6),
        ],
        columns=["curve", "size", "implementation", "cpu_s", "memory_MiB"],
    )
    assert job_view(sizes).to_dict("list") == {
        "Whole job": ["NEST", "Steep, Brian2 fast"],
        "100 frames": ["1.2 s", "6.0 s"],
        "10,000 frames": ["–", "6.3 s"],
    }
    assert stream_view(sizes).iloc[0].to_list() == ["1,000,000", "5.95 s", "62 MiB"]


def test_the_fast_delivery_against_others() -> None:
    names = ("Steep, Brian2 fast", "Brian2 C++ standalone", "PyTorch threshold network, best batch")
    table = pd.DataFrame({"network": "n", "implementation": names, "frames_per_cpu_s": [3000.0, 100.0, 2000.0]})
    assert ratio_view(table)["n"].to_list() == ["30.0x", "1.5x"]
