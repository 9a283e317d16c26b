"""The commit in the provenance is this checkout's, or the reason why it is unknown."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from steep.study import checkout

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
AUTHOR = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}


def git(folder: Path, *arguments: str) -> str:
    settings = ["-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", "-C", str(folder), *settings, *arguments],
        env=CLEAN | AUTHOR,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


def repository(folder: Path) -> str:
    """Make a repository with one commit; return the commit."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init")
    (folder / "file.txt").write_text(f"{folder.name}\n")
    (folder / ".gitignore").write_text("results/\n")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "one")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """A checkout and its commit."""
    found = repository(tmp_path / "study")
    monkeypatch.setattr(checkout, "ROOT", tmp_path / "study")
    return tmp_path / "study", found


def test_a_clean_checkout_is_its_commit(made: tuple[Path, str]) -> None:
    (made[0] / "results").mkdir()
    (made[0] / "results" / "table.csv").write_text("x")
    assert checkout.commit() == made[1]
    git(made[0], "checkout", "--detach")
    assert checkout.commit() == made[1]


@pytest.mark.parametrize("how", ["changed", "added", "staged", "removed"])
def test_whatever_differs_is_said(made: tuple[Path, str], how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the user's own settings hide."""
    settings = made[0].parent / "gitconfig"
    settings.write_text("[status]\n\tshowUntrackedFiles = no\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    match how:
        case "removed":
            (made[0] / "file.txt").unlink()
        case "changed":
            (made[0] / "file.txt").write_text("other\n")
        case _:
            (made[0] / "new.txt").write_text("new\n")
    if how == "staged":
        git(made[0], "add", ".")
    assert checkout.commit() == f"{made[1]} with uncommitted changes"


def test_a_checkout_of_another_user_is_read(
    made: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container: git itself has a switch that makes every folder another user's."""
    real = shutil.which("git")
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "git"
    script.write_text(f'#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec {real} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    refused = subprocess.run(["git", "rev-parse", "HEAD"], cwd=made[0], env=CLEAN | {"PATH": os.environ["PATH"]})
    assert refused.returncode != 0  # the switch works
    assert checkout.commit() == made[1]


def test_the_environment_does_not_point_elsewhere(
    made: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a hook of another repository."""
    other = repository(tmp_path / "other")
    git(tmp_path / "other", "remote", "add", "origin", "https://example.org/other")
    git(made[0], "remote", "add", "origin", "https://example.org/steep")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "other"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "other" / ".git" / "index"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "remote.origin.url")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://example.org/third")
    assert other != checkout.commit() == made[1]
    assert checkout.origin() == "https://example.org/steep"


def test_an_unpacked_copy_in_another_repository_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository(tmp_path / "around")
    (tmp_path / "around" / "steep").mkdir()
    monkeypatch.setattr(checkout, "ROOT", tmp_path / "around" / "steep")
    assert checkout.commit() == "unknown (this copy has no .git: unpacked or installed, not cloned)"
    assert checkout.origin() == ""


def test_submodules_linked_work_trees_and_shallow_clones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their .git is a file, or knows one commit only."""
    found = repository(tmp_path / "study")
    repository(tmp_path / "around")
    git(tmp_path / "around", "submodule", "add", str(tmp_path / "study"), "steep")
    git(tmp_path / "study", "worktree", "add", "--detach", str(tmp_path / "linked"))
    git(tmp_path, "clone", "--depth", "1", f"file://{tmp_path / 'study'}", "shallow")
    for name in ("around/steep", "linked", "shallow"):
        monkeypatch.setattr(checkout, "ROOT", tmp_path / name)
        assert checkout.commit() == found, name
        (tmp_path / name / "file.txt").write_text("other\n")
        assert checkout.commit() == f"{found} with uncommitted changes", name


def test_the_reason_is_said(made: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each failure in its own words, without the name of a folder; in English whatever the user's language."""
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init")
    (tmp_path / "broken" / ".git").mkdir(parents=True)
    for name, words in (("empty", "Needed a single revision"), ("broken", "not a git repository")):
        monkeypatch.setattr(checkout, "ROOT", tmp_path / name)
        said = checkout.commit()
        assert said.startswith("unknown (git: ") and words in said and str(tmp_path) not in said
    monkeypatch.setattr(checkout, "ROOT", made[0])
    (made[0] / ".git" / "index").write_bytes(b"no index")
    said = checkout.commit()
    assert said.startswith(f"{made[1]}, whether with uncommitted changes is unknown (git: ") and "\n" not in said
    monkeypatch.setenv("PATH", str(tmp_path))
    assert checkout.commit() == "unknown (git is not installed)"


@pytest.mark.parametrize(
    ("remote", "shown"),
    [
        ("https://example.org/a/steep.git", "https://example.org/a/steep.git"),
        ("https://me:secret@example.org:8443/a/steep", "https://example.org:8443/a/steep"),
        ("git@example.org:a/steep.git", ""),
        ("https://[broken/steep", ""),
        ("/home/me/steep", ""),
        ("", ""),
    ],
)
def test_no_password_and_no_folder_is_shown(monkeypatch: pytest.MonkeyPatch, remote: str, shown: str) -> None:
    monkeypatch.setattr(checkout, "_git", lambda *_: remote)
    assert checkout.origin() == shown
