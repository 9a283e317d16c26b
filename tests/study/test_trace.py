"""Traces are read back; what carries none, or cannot be read, is one line."""

from pathlib import Path

import pytest
from permissions import closed

from steep.errors import SteepError
from steep.study.trace import as_text, file_digest, meta_element, read_trace

TRACE = {"verb": "plot-sigmoid", "inputs": {"a <b>.csv": "f" * 64}}


def test_a_trace_is_read_back(tmp_path: Path) -> None:
    for text in (f"<svg><metadata>{as_text(TRACE)}</metadata></svg>", f"<html>{meta_element(TRACE)}</html>"):
        (tmp_path / "page").write_text(text, encoding="utf-8")
        assert read_trace(tmp_path / "page") == TRACE


@pytest.mark.parametrize("data", [b"", b"<svg/>", b"\xff\xfe", b'{"steep-trace": ', b'{"steep-trace": {"verb": 1'])
def test_a_page_without_a_whole_trace_is_one_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(data)
    with pytest.raises(SteepError) as caught:
        read_trace(path)
    assert str(caught.value).startswith(f"{path}: carries no trace; ") and "\n" not in str(caught.value)


def test_what_the_system_refuses_is_not_a_missing_trace(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    for reader in (read_trace, file_digest):
        with pytest.raises(SteepError, match=r"page.html: no such file"):
            reader(path)
    path.write_text("")
    with closed(path):
        for reader in (read_trace, file_digest):
            with pytest.raises(SteepError, match=r"page.html: cannot be read \(Permission denied\)"):
                reader(path)
