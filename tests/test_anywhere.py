"""The repository on other people's machines: line ends, file modes and names in a clone; users without name or home."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from checkouts import copy_of

BIN = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
BINARY = {".npz", ".png", ".pdf", ".nir", ".safetensors"}


def git(folder: Path, *arguments: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    clean |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, env=clean, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which git was told to end lines as Windows does."""
    source = copy_of(Path(__file__).parents[1], tmp_path_factory.mktemp("source"))
    (source / "picture.npz").write_bytes(b"text, says git\n" * 9)
    git(source, "init", "--quiet")
    git(source, "add", "--all")
    git(source, "commit", "--quiet", "--message", "all")
    target = tmp_path_factory.mktemp("clone") / "steep"
    git(
        source,
        "-c",
        "core.autocrlf=true",
        "clone",
        "--quiet",
        "-c",
        "core.autocrlf=true",
        f"file://{source}",
        str(target),
    )
    return target


def test_a_clone_has_the_bytes_of_the_repository(clone: Path, root: Path) -> None:
    names = git(clone, "ls-files", "-z").split("\0")[:-1]
    assert len(names) > 250
    for name in names:
        data = (clone / name).read_bytes()
        assert b"\r" not in data, name
        assert name == "picture.npz" or data == (root / name).read_bytes(), name
    assert git(clone, "status", "--porcelain") == ""


def test_what_is_not_text_is_left_alone(clone: Path) -> None:
    named = "".join(f"a{suffix}\0" for suffix in sorted(BINARY))
    answer = git(clone, "check-attr", "text", *named.split("\0")[:-1])
    assert answer.count(": text: unset\n") == len(BINARY)
    assert git(clone, "check-attr", "eol", "profiles/generic/status").endswith(": eol: lf\n")


def test_no_two_files_differ_in_case_alone(root: Path) -> None:
    names = git(root, "-c", f"safe.directory={root}", "ls-files", "-z").split("\0")[:-1]
    assert len({name.lower() for name in names}) == len(names)


def test_the_status_of_a_job_needs_no_file_mode(clone: Path, tmp_path: Path) -> None:
    """A copy downloaded as an archive may have lost it."""
    script = tmp_path / "scontrol"
    script.write_text('#!/bin/sh\necho "JobId=$4 JobState=COMPLETED"\n')
    script.chmod(0o755)
    folder = shutil.copytree(clone / "profiles", tmp_path / "copy" / "profiles").parent
    (folder / "profiles" / "generic" / "status").chmod(0o644)
    profile = yaml.safe_load((folder / "profiles" / "generic" / "profile.yaml").read_text())
    done = subprocess.run(
        ["sh", "-c", f"{profile['cluster-generic-status-cmd']} '7'"],
        cwd=folder,
        env={"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "success\n", done.stderr


@pytest.fixture
def nameless(tmp_path: Path, root: Path) -> dict[str, str]:
    """The environment of `docker run --user 1234`: nobody knows the user's name, and without HOME no home."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import pwd\n\n\ndef unknown(user):\n    raise KeyError(f'getpwuid(): uid not found: {user}')\n\n\n"
        "pwd.getpwuid = unknown\n"
    )
    return {"PATH": BIN, "PYTHONPATH": f"{tmp_path / 'site'}{os.pathsep}{root / 'src'}", "OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize("home", ["/dev/null", None])  # not even root can write below the first
def test_verbs_need_neither_name_nor_home(
    tmp_path: Path, root: Path, nameless: dict[str, str], home: str | None
) -> None:
    environment = nameless | ({"HOME": home} if home else {})

    def run(*arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "steep", *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    run("check-config", str(root / "config" / "test.yaml"))
    splits = ("--train", "a.npz", "--validation-frames", "b.npz", "--test", "c.npz")
    run("fetch-dataset", "--source", "digits", "--validation", "9", "--cache", "data", "--mirrors", '["~/x"]', *splits)
    assert np.load(tmp_path / "b.npz", allow_pickle=False)["labels"].shape == (9,)
    run("plot-sigmoid", "--settings", '{"recipe": ["sigmoid", 1.0]}', "--output", "a.svg")
    assert (tmp_path / "a.svg").stat().st_size > 1000


def image_environment(root: Path) -> dict[str, str]:
    """Return what the Dockerfile's ENV says."""
    (line,) = re.findall(r"^ENV (.+)$", (root / "Dockerfile").read_text(), re.M)
    return dict(word.split("=", 1) for word in line.split())


@pytest.mark.dag
def test_the_image_gives_its_user_a_name_and_a_home(tmp_path: Path, root: Path, nameless: dict[str, str]) -> None:
    """With the variables of the image the workflow starts; without them Snakemake does not."""
    variables = image_environment(root)
    assert variables["HOME"] == "/tmp"  # anybody may write there, in every image
    folder = copy_of(root, tmp_path / "study")
    (tmp_path / "tmp").mkdir()

    def dry_run(given: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["snakemake", "--cores", "1", "--dry-run", "--quiet", "--configfile", "config/test.yaml"],
            cwd=folder,
            env=nameless | given,
            capture_output=True,
            text=True,
        )

    assert dry_run({"HOME": "/dev/null"}).returncode != 0
    done = dry_run(variables | {"HOME": str(tmp_path / "tmp")})
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("home", ["writable", "closed", "none"])
def test_the_apptainer_image_gives_a_name_and_a_home(tmp_path: Path, root: Path, home: str) -> None:
    """The host's where there is one."""
    recipe = (root / "containers" / "steep.def").read_text()
    section = recipe[recipe.index("%environment") :].split("\n\n")[0].splitlines()[1:]
    own = tmp_path / "home"
    own.mkdir()
    given = {"writable": {"HOME": str(own), "USER": "me"}, "closed": {"HOME": "/dev/null/home"}, "none": {}}[home]
    text = "\n".join(section).replace("/tmp/", f"{tmp_path}/")
    done = subprocess.run(
        ["sh", "-euc", f'{text}\ntouch "$HOME/file"; echo "$USER $HOME"'],
        env={"PATH": os.environ["PATH"]} | given,
        capture_output=True,
        text=True,
    )
    expected = f"me {own}" if home == "writable" else f"steep {tmp_path}/steep-{os.getuid()}"
    assert done.stdout == f"{expected}\n", done.stderr
