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

The parameters of a class's ``__init__`` may be in the docstring of the class. What is documented elsewhere is not
repeated: a method need not name what the method that it overrides names, and a docstring may refer, as in "``values``
and ``day`` as of :meth:`SeriesNetwork.forward`", to a function that does name them.
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


REFERENCE = re.compile(r"(``\w+``(?:(?:, |,? and )``\w+``)*) as of :(?:func|meth|class):`~?([\w.]+)`")


class Docstrings:
    """What the docstrings of the engine's functions name, by the names by which others refer to them."""

    def __init__(self, trees: dict[str, ast.Module]) -> None:
        self.functions: dict[str, set[str]] = {}
        self.bases: dict[str, set[str]] = {}
        self.found = [(path, *found) for path, tree in trees.items() for found in public_functions(tree)]
        for _, name, function, _ in self.found:
            self.functions.setdefault(name, set()).update(documented(ast.get_docstring(function) or ""))
        for tree in trees.values():
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    names = documented(ast.get_docstring(node) or "")
                    self.functions.setdefault(node.name, set()).update(names)
                    self.functions.setdefault(f"{node.name}.__init__", set()).update(names)
                    self.bases.setdefault(node.name, set()).update(map(ast.unparse, node.bases))

    def named(self, docstring: str) -> set[str]:
        """Parameters that a docstring names itself, or by reference to one that names them."""
        given = documented(docstring)
        for names, place in REFERENCE.findall(" ".join(docstring.split())):
            known = self.functions.get(place) or self.functions.get(place.split(".", 1)[-1], set())
            given |= {name for name in re.findall(r"\w+", names) if name in known}
        return given

    def inherited(self, owner: str, method: str) -> set[str]:
        """Parameters that the method of a base class names."""
        bases = self.bases.get(owner, set())
        return {n for b in bases for n in self.functions.get(f"{b}.{method}", set()) | self.inherited(b, method)}


def undocumented(root: Path) -> list[str]:
    """Public functions of the engine with a parameter that no docstring names."""
    paths = sorted(root.glob("engine/**/*.py"))
    docs = Docstrings({p.relative_to(root).as_posix(): ast.parse(p.read_text(encoding="utf-8")) for p in paths})
    found = []
    for path, name, function, owner in docs.found:
        given = docs.named(ast.get_docstring(function) or "")
        if owner:
            given |= docs.inherited(owner.name, function.name)
            if function.name == "__init__":
                given |= docs.named(ast.get_docstring(owner) or "")
        if parameters(function, method=owner is not None) - given:
            found.append(f"{path}::{name}")
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

    def both(self, d, e):
        """Add.

        Parameters
        ----------
        d, e : float
        """

class Other(Sum):
    """Another."""

    def __init__(self, a):
        self.a = a

    def both(self, d, e):
        """Add twice."""

    def more(self, c):
        """Add twice."""

def refers(a, b, d):
    """Add.

    ``a`` and ``b`` as of :func:`whole`; ``d`` as of :meth:`Sum.both`.
    """

def refers_to_nothing(a, c):
    """Add; ``a`` and ``c`` as of :func:`whole`."""
'''
MISSING_OF_SAMPLE = ("part", "bare", "Sum.more", "Other.more", "refers_to_nothing")


def test_what_is_missing_is_found(tmp_path):
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "sums.py").write_text(SAMPLE, encoding="utf-8")
    assert undocumented(tmp_path) == [f"engine/sums.py::{name}" for name in MISSING_OF_SAMPLE]


if __name__ == "__main__" and "--write" in sys.argv:
    sys.exit(write())
