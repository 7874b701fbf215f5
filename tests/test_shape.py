"""The shape of the tree: sizes and names (docs/architecture.md). The allow-list may only shrink."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "wherry"
FILES = sorted(SOURCE.rglob("*.py"))
MAX_FILE = 400
MAX_FUNCTION = 60
MAX_METHODS = 25
BANNED = {"utils", "util", "helpers", "helper", "common", "misc", "base_utils", "tools", "stuff"}

LONG_FILES: set[str] = set()
LONG_FUNCTIONS: set[str] = set()


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_file_is_read_in_one_sitting(path: Path) -> None:
    length = len(path.read_text().splitlines())
    assert length <= MAX_FILE or name_of(path) in LONG_FILES, f"{length} lines"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_functions_and_classes_are_small(path: Path) -> None:
    long = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > MAX_FUNCTION and f"{name_of(path)}:{node.name}" not in LONG_FUNCTIONS:
                long.append(f"{node.name}: {length} lines")
        elif isinstance(node, ast.ClassDef):
            methods = [n for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
            if len(methods) > MAX_METHODS:
                long.append(f"{node.name}: {len(methods)} methods")
    assert not long


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_module_has_a_name_and_a_purpose(path: Path) -> None:
    assert path.stem not in BANNED
    if path.stem not in ("__init__", "__main__"):
        assert ast.get_docstring(ast.parse(path.read_text())), "no module docstring"


def test_allow_lists_name_what_is_there() -> None:
    names = {name_of(path) for path in FILES}
    assert names >= LONG_FILES
    assert {entry.split(":")[0] for entry in LONG_FUNCTIONS} <= names
