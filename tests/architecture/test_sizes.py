"""No function over 60 lines and no file over 400, but for those in ``sizes_allowed.txt`` with a reason each.

A function counts from its ``def`` to its last line, without its docstring; a file counts every line. An entry that is
no longer needed fails the test, so the list only shrinks. After moving or splitting code write it again with
``make architecture-lists`` (or ``python tests/architecture/test_sizes.py --write``): reasons are kept, also of what
moved to another file.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FUNCTION_LINES = 60
FILE_LINES = 400
ALLOWED = Path(__file__).with_name("sizes_allowed.txt")
UNEXPLAINED = "to be split"


def functions(tree: ast.AST, outer: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function below a node with its qualified name, nested ones included."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            name = f"{outer}.{node.name}" if outer else node.name
            if not isinstance(node, ast.ClassDef):
                yield name, node
            yield from functions(node, name)
        else:
            yield from functions(node, outer)


def function_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from ``def`` to the end, without the docstring."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function, clean=False) is not None:
        docstring = function.body[0]
        lines -= (docstring.end_lineno or 0) - docstring.lineno + 1
    return lines


def too_long(root: Path) -> dict[str, int]:
    """Lines of every file and function above the limits, by ``path`` or ``path::Qualified.name``."""
    found = {}
    for path in sorted([*root.glob("*.py"), *root.glob("engine/**/*.py"), *root.glob("ui/**/*.py")]):
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(root).as_posix()
        if len(text.splitlines()) > FILE_LINES:
            found[name] = len(text.splitlines())
        for qualified, function in functions(ast.parse(text)):
            if function_lines(function) > FUNCTION_LINES:
                found[f"{name}::{qualified}"] = function_lines(function)
    return found


def allowed() -> dict[str, str]:
    """The entries of the list with their reasons."""
    lines = ALLOWED.read_text(encoding="utf-8").splitlines() if ALLOWED.exists() else []
    return dict(line.split(" # ", 1) for line in lines if line)


def write() -> None:
    """Write the list as the tree is now."""
    known = allowed()
    by_name = {key.rpartition("/")[2].rpartition("::")[2]: reason for key, reason in known.items()}
    lines = []
    for key in too_long(ROOT):
        reason = known.get(key) or by_name.get(key.rpartition("/")[2].rpartition("::")[2]) or UNEXPLAINED
        lines.append(f"{key} # {reason}\n")
    ALLOWED.write_text("".join(lines), encoding="utf-8")


def test_functions_and_files_are_short_enough():
    found = too_long(ROOT)
    assert {key: lines for key, lines in found.items() if key not in allowed()} == {}


def test_every_exception_is_still_needed_and_has_a_reason():
    found = too_long(ROOT)
    assert {key for key, reason in allowed().items() if key not in found or not reason.strip()} == set()


def test_a_long_function_and_a_long_file_are_found(tmp_path):
    (tmp_path / "engine").mkdir()
    docstring = '    """Say\n' + "    more\n" * 50 + '    """\n'
    fits = "def fits():\n" + docstring + "    x = 1\n" * 59
    long = "class A:\n    def long(self):\n" + "        x = 1\n" * 60
    (tmp_path / "engine" / "a.py").write_text(fits + long, encoding="utf-8")
    (tmp_path / "engine" / "b.py").write_text("x = 1\n" * 401, encoding="utf-8")
    assert too_long(tmp_path) == {"engine/a.py::A.long": 61, "engine/b.py": 401}


if __name__ == "__main__" and "--write" in sys.argv:
    write()
