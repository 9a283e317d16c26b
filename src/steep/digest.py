"""Digest of the code a job uses, so that editing a module reruns exactly the jobs that depend on it."""

import ast
import hashlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent


def _file(module: str) -> Path | None:
    """Return the source file of a dotted `steep` module name, None when there is no such module."""
    stem = ROOT.joinpath(*module.split(".")[1:])
    for path in (stem / "__init__.py", stem.with_suffix(".py")):
        if path.is_file():
            return path
    return None


@cache
def _parse(module: str) -> tuple[str, frozenset[str]]:
    """Return what a module computes, as text free of comments and docstrings, and the `steep` modules it imports."""
    path = _file(module)
    if path is None:
        raise ValueError(f"no module {module} under {ROOT}")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module)
            imported |= {f"{node.module}.{alias.name}" for alias in node.names}
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    names = {name for name in imported if name.split(".")[0] == "steep" and _file(name) is not None}
    return ast.dump(tree), frozenset(names)


def code_digest(*modules: str) -> str:
    """Digest of `modules` and of every `steep` module they import, directly or not; comments and docstrings do not
    count."""
    seen: set[str] = set()
    todo = list(modules)
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo.extend(_parse(name)[1])
    text = "\n".join(f"{name}\n{_parse(name)[0]}" for name in sorted(seen))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
