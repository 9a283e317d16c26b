"""Digest of what a job computes with, so that a change reruns exactly the jobs that depend on it.

It covers the `steep` modules a job imports, directly or not, and the versions of the packages those import: results of
different versions never mix.
"""

import ast
import hashlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import Any

ROOT = Path(__file__).parent
# Imported name and name of the package, for those whose version may change a number, a figure or an exported file.
PACKAGES = {
    **{name: name for name in ("torch", "brian2", "numpy", "scipy", "pandas", "matplotlib", "safetensors")},
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    **{name: name for name in ("nir", "h5py")},
}


def _file(module: str) -> Path | None:
    """Return the source file of a dotted `steep` module name, None when there is no such module."""
    stem = ROOT.joinpath(*module.split(".")[1:])
    for path in (stem / "__init__.py", stem.with_suffix(".py")):
        if path.is_file():
            return path
    return None


def _without_docstrings(tree: ast.Module) -> set[str]:
    """Take the docstrings out of a tree; return what it imports, also as ``module.name`` where it is from a module."""
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module)
            imported |= {f"{node.module}.{alias.name}" for alias in node.names}
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return imported


def _split(imported: set[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Return which of the imported names are modules of `steep`, and which are packages."""
    modules = {name for name in imported if name.split(".")[0] == "steep" and _file(name) is not None}
    return frozenset(modules), frozenset({name.split(".")[0] for name in imported} & set(PACKAGES))


@cache
def _parse(module: str) -> tuple[str, frozenset[str], frozenset[str]]:
    """Return what a module computes, free of comments and docstrings, and the modules and packages it imports."""
    path = _file(module)
    if path is None:
        raise ValueError(f"no module {module} under {ROOT}")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = _without_docstrings(tree)
    # Sources in other languages belong to the package that they lie in.
    others = path.parent.rglob("*") if path.name == "__init__.py" and module != "steep" else ()
    foreign = [file.read_text(encoding="utf-8") for file in sorted(others) if file.suffix in (".h", ".cpp")]
    return ("\0".join([ast.dump(tree), *foreign]), *_split(imported))


Function = Callable[..., Any]


def _name(function: Function) -> str:
    return f"{function.__module__}.{function.__qualname__}"


@cache
def _parse_function(function: Function) -> tuple[str, frozenset[str], frozenset[str], tuple[Function, ...]]:
    """Return the same of a function: what its body computes, what is imported there; and the functions of its own
    package that it calls. What its module has imported for it, and plain values that stand there, count as well."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    imported = _without_docstrings(tree)
    (definition,) = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    code, helpers = [ast.dump(node) for node in definition.body], []
    inside = [node for part in definition.body for node in ast.walk(part)]
    names = [node for node in inside if isinstance(node, ast.Name)]
    own = {node.arg for node in ast.walk(definition) if isinstance(node, ast.arg)}
    own |= {node.id for node in names if not isinstance(node.ctx, ast.Load)}
    around = vars(sys.modules[function.__module__])
    for name in sorted({node.id for node in names} & around.keys() - own):
        value = around[name]
        home = getattr(value, "__module__", None) or ""
        if isinstance(value, FunctionType) and home.rpartition(".")[0] == function.__module__.rpartition(".")[0]:
            helpers.append(value)
        elif isinstance(value, int | float | str | tuple):
            code.append(f"{name} = {value!r}")
        else:
            imported.add(home)
    return ("\0".join(code), *_split(imported), tuple(helpers))


@cache
def installed(name: str) -> str:
    """Return the version of the package that `name` is imported from: the first on the path, which is the one used."""
    try:
        found = version(PACKAGES.get(name, name))
    except PackageNotFoundError:
        return "of unknown version" if find_spec(name) else "not installed"
    return found or "of unknown version"


def code_digest(*modules: str, functions: Iterable[Function] = ()) -> str:
    """Digest of `modules` and of the bodies of `functions`, of all they call and import and its versions; comments,
    docstrings and layout do not count."""
    parsed: dict[str, tuple[str, frozenset[str]]] = {}
    todo, calls = [*modules], [*functions]
    while calls:
        function = calls.pop()
        if _name(function) not in parsed:
            code, names, packages, helpers = _parse_function(function)
            parsed[_name(function)] = code, packages
            todo.extend(names)
            calls.extend(helpers)
    while todo:
        name = todo.pop()
        if name not in parsed:
            code, names, packages = _parse(name)
            parsed[name] = code, packages
            todo.extend(names)
    text = "\n".join(f"{name}\n{code}" for name, (code, _) in sorted(parsed.items()))
    used = set().union(*(found for _, found in parsed.values()))
    text += "".join(f"\n{package} {installed(package)}" for package in sorted(used))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
