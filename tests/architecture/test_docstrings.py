"""Public functions of the engine name each parameter in a NumPy docstring, but for those in ``docstrings_missing.txt``.

A listed function that is complete by now, or gone, fails the test, so the list only shrinks. After writing docstrings
or moving code write it again with ``make architecture-lists`` (or ``python tests/architecture/test_docstrings.py
--write``), which refuses to write a longer one. What it takes to be complete::

    def smooth(values, strength=1.0):
        '''Smooth series with the Whittaker filter.

        Parameters
        ----------
        values : ndarray of float, shape (n, t, c)
            Reflectance, 0 to 1; NaN where nothing is known.
        strength : float, optional (default=1.0)
            Weight of the roughness.
        '''

The parameters of a class's ``__init__`` may be in the docstring of the class.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MISSING = Path(__file__).with_name("docstrings_missing.txt")
SPECIAL = ("__init__", "__call__")
"""The special methods whose parameters a reader must know; the others' are Python's."""


def public_functions(tree: ast.AST, outer: str = "") -> Iterator[tuple[str, ast.FunctionDef, ast.ClassDef | None]]:
    """Public functions and methods with qualified name and class; functions inside functions are nobody's API."""
    for node in ast.iter_child_nodes(tree):
        name = f"{outer}{getattr(node, 'name', '')}"
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node, f"{name}.")
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if not node.name.startswith("_") or node.name in SPECIAL:
                yield name, node, tree if isinstance(tree, ast.ClassDef) else None
        elif isinstance(node, (ast.If, ast.Try)):
            yield from public_functions(node, outer)


def parameters(function: ast.FunctionDef, method: bool) -> set[str]:
    """Names of the parameters that callers give."""
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args]
    static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in function.decorator_list)
    if method and not static:
        named = named[1:]
    named += [*arguments.kwonlyargs, *(extra for extra in (arguments.vararg, arguments.kwarg) if extra)]
    return {argument.arg for argument in named if not argument.arg.startswith("_")}


def documented(docstring: str) -> set[str]:
    """Names in the Parameters section of a NumPy docstring; ``a, b : float`` names two."""
    section = re.search(r"^Parameters\n-{10}\n(.*?)(?=^\S[^\n]*\n-{3,}$|\Z)", docstring, re.MULTILINE | re.DOTALL)
    heads = re.findall(r"^(\S[^:\n]*?)(?: ?:.*)?$", section.group(1), re.MULTILINE) if section else []
    return {name.strip().lstrip("*") for head in heads for name in head.split(",")}


def undocumented(root: Path) -> list[str]:
    """Public functions of the engine with a parameter that their docstring does not name."""
    found = []
    for path in sorted(root.glob("engine/**/*.py")):
        for name, function, owner in public_functions(ast.parse(path.read_text(encoding="utf-8"))):
            given = documented(ast.get_docstring(function) or "")
            if owner and function.name == "__init__":
                given |= documented(ast.get_docstring(owner) or "")
            if parameters(function, method=owner is not None) - given:
                found.append(f"{path.relative_to(root).as_posix()}::{name}")
    return found


def listed() -> list[str]:
    """The functions known to be incomplete."""
    return MISSING.read_text(encoding="utf-8").split()


def write() -> int:
    """Write the list as the tree is now, if it is no longer than before."""
    found = undocumented(ROOT)
    if MISSING.exists() and len(found) > len(set(listed())):
        print("More functions than before lack a Parameters section:", *sorted({*found} - {*listed()}), sep="\n  ")
        return 1
    MISSING.write_text("".join(f"{name}\n" for name in found), encoding="utf-8")
    return 0


def test_public_functions_name_their_parameters():
    assert sorted({*undocumented(ROOT)} - {*listed()}) == []


def test_the_list_of_missing_docstrings_only_shrinks():
    assert sorted({*listed()} - {*undocumented(ROOT)}) == []


SAMPLE = '''
def whole(a, b, *rest):
    """Add.

    Parameters
    ----------
    a, b : float
        Terms: in m.
    *rest : float

    Returns
    -------
    c : float
    """

def part(a, b, c):
    """Add.

    Parameters
    ----------
    a, b : float
        Terms.

    Returns
    -------
    c : float
    """

def bare(a):
    """Add."""

def nothing():
    """Add."""

def _own(a):
    pass

class Sum:
    """A sum.

    Parameters
    ----------
    a : float
    """

    def __init__(self, a):
        self.a = a

    def more(self, c):
        """Add."""
'''


def test_what_is_missing_is_found(tmp_path):
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "sums.py").write_text(SAMPLE, encoding="utf-8")
    assert undocumented(tmp_path) == [f"engine/sums.py::{name}" for name in ("part", "bare", "Sum.more")]


if __name__ == "__main__" and "--write" in sys.argv:
    sys.exit(write())
