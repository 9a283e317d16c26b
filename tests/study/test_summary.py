"""Tables for LaTeX."""

from pathlib import Path

from steep.study.summary import latex_table


def test_special_characters_survive(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "A_b,Spiking cost: ours\nMNIST & co,−0.10\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.13\n50%,–\n"
    )
    text = latex_table(tmp_path / "t.csv")
    assert r"A\_b & Spiking cost: ours \\" in text
    assert r"MNIST \& co & $-$0.10~$\pm$~0.13 \\" in text and r"50\% & -- \\" in text
    assert text.count(r"\\") == 3 and str(tmp_path) not in text


def test_what_means_something_to_latex_is_written_out(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("A\na\\b~c^d{e}\n")
    assert r"a\textbackslash{}b\textasciitilde{}c\textasciicircum{}d\{e\} \\" in latex_table(tmp_path / "t.csv")
