"""Nothing that is read can run code or write outside its place."""

import ast
import io
import os
import shlex
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from checkouts import ENVIRONMENT, copy_of

from steep.datasets import cifar10, mnist, samson
from steep.errors import SteepError
from steep.study.config import check_config

# What turns data into code, by the name it is imported or called under.
FORBIDDEN_MODULES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
FORBIDDEN_CALLS = {"eval", "exec", "torch.load", "torch.save", "yaml.load", "yaml.unsafe_load", "yaml.full_load"}
FORBIDDEN_CALLS |= {"pd.read_pickle", "os.system", "os.popen", "np.memmap"}


def sources(root: Path) -> list[Path]:
    return sorted((root / "src").rglob("*.py"))


def test_no_module_reads_pickles_or_runs_text(root: Path) -> None:
    loads = 0
    for path in sources(root):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name.split(".")[0] for alias in node.names} | {
                    (getattr(node, "module", "") or "").split(".")[0]
                }
                assert not names & FORBIDDEN_MODULES, f"{path}:{node.lineno}"
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert name not in FORBIDDEN_CALLS, f"{path}:{node.lineno}: {name}"
                assert keywords.get("shell") != "True", f"{path}:{node.lineno}"
                if name.endswith(("np.load", "numpy.load")):
                    loads += 1
                    assert keywords.get("allow_pickle") == "False", f"{path}:{node.lineno}"
    assert loads > 0


def test_archives_are_never_unpacked_to_disk(root: Path) -> None:
    for path in sources(root):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                assert node.attr not in {"extract", "extractall", "unpack_archive"}, f"{path}:{node.lineno}"


def test_a_hostile_tar_writes_nothing(tmp_path: Path) -> None:
    """Members that climb out of their folder, absolute ones, links and devices, under the names that are asked for."""
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    path, outside = inside / cifar10.ARCHIVE, tmp_path / "stolen"
    outside.write_text("secret")
    with tarfile.open(path, "w:gz") as archive:
        for number, name in enumerate((*cifar10.TRAIN, *cifar10.TEST)):
            member = tarfile.TarInfo(f"../../{name}" if number % 2 else f"/{tmp_path}/{name}")
            data = bytes(cifar10.RECORD)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for kind, name in ((tarfile.SYMTYPE, "link"), (tarfile.LNKTYPE, "hard"), (tarfile.CHRTYPE, "device")):
            member = tarfile.TarInfo(f"../{name}")
            member.type, member.linkname = kind, str(outside)
            archive.addfile(member)
    before = sorted(p for p in tmp_path.rglob("*"))
    files = cifar10.read_archive(path)
    assert sorted(p for p in tmp_path.rglob("*")) == before
    assert set(files) == {*cifar10.TRAIN, *cifar10.TEST} and set(map(len, files.values())) == {cifar10.RECORD}
    # A link in place of a file is not followed.
    with tarfile.open(path, "w:gz") as archive:
        for name in (*cifar10.TRAIN, *cifar10.TEST):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, str(outside)
            archive.addfile(member)
    with pytest.raises(SteepError, match=r"lacks data_batch_1\.bin"):
        cifar10.read_archive(path)


def test_downloads_come_over_https_and_have_digests() -> None:
    for module in (mnist, cifar10, samson):
        assert module.ADDRESSES and all(address.startswith("https://") for address in module.ADDRESSES)
        digests = [value for value in vars(module).values() if isinstance(value, str) and len(value) == 64]
        named = [value for value in vars(module).values() if isinstance(value, dict)]
        digests += [text for value in named for text in map(str, value.values()) if len(text) == 64]
        assert digests, module.__name__


HOSTILE = [
    "$(touch pwned)",
    "x; touch pwned",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "`touch pwned`",
    "../../pwned",
    "a\ntouch pwned",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("section", ["study", "datasets", "encodings", "networks", "recipes", "experiments"])
def test_a_hostile_name_is_refused(root: Path, section: str, name: str) -> None:
    config = yaml.safe_load((root / "config" / "test.yaml").read_text())
    if section == "study":
        config["study"] = name
    else:
        config[section][name] = next(iter(config[section].values()))
    with pytest.raises(SteepError, match="is not a name"):
        check_config(config)


@pytest.mark.dag
def test_hostile_texts_reach_no_shell(root: Path, tmp_path: Path) -> None:
    """Titles and folders may be any text: each arrives as one argument, and nothing in it is run."""
    folder = copy_of(root, tmp_path / "study")
    config = yaml.safe_load((folder / "config" / "test.yaml").read_text())
    text = " ".join(HOSTILE[:5])
    config["title"] = config["datasets"]["digits"]["title"] = text
    config["mirrors"] = HOSTILE
    for network in config["networks"].values():
        network["title"] = text
    (folder / "config" / "test.yaml").write_text(yaml.safe_dump(config))
    options = ["--profile", "profiles/test", "--cores", "1"]
    listed = subprocess.run(
        ["snakemake", "--dry-run", "--forceall", "--printshellcmds", "--quiet", "host", *options],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert listed.returncode == 0, listed.stderr
    titled = [line for line in listed.stdout.splitlines() if "steep plot-" in line and "--title " in line]
    assert titled
    for line in titled:
        words = shlex.split(line)
        assert words[words.index("--title") + 1].startswith(text)
    done = subprocess.run(
        ["snakemake", "results/test/datasets/digits/train.npz", *options],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.rglob("pwned*"))


def test_an_npz_with_code_in_it_is_refused_and_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return os.system, (f"touch {tmp_path}/pwned",)

    from steep.files import read_npz

    np.savez(tmp_path / "evil.npz", values=np.array([Evil()], dtype=object))
    with pytest.raises(SteepError, match="not a whole NPZ file"):
        read_npz(tmp_path / "evil.npz")
    assert not (tmp_path / "pwned").exists()
