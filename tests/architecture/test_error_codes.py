"""The registry of error codes and the code that raises them agree, both ways."""

from __future__ import annotations

import ast

import pytest

from croptransfer.engine.error_codes import CODES
from croptransfer.engine.errors import InputError
from tests.helpers.paths import ROOT

FILES = [*sorted((ROOT / "engine").rglob("*.py")), *sorted((ROOT / "ui").rglob("*.py")), ROOT / "plugin.py"]
REGISTRY = ROOT / "engine" / "error_codes.py"


def literals(node: ast.AST) -> set[str]:
    return {one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def raised(tree: ast.AST) -> set[str]:
    """Literal codes in the calls of a file: first argument of ``InputError``, argument ``code`` of any call."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            codes = node.args[:1] if name.endswith("InputError") else []
            codes += [keyword.value for keyword in node.keywords if keyword.arg == "code"]
            found |= {code.value for code in codes if isinstance(code, ast.Constant)}
    return found


@pytest.fixture(scope="module")
def trees() -> list[ast.Module]:
    return [ast.parse(path.read_text("utf-8")) for path in FILES if path != REGISTRY]


def test_every_code_that_is_raised_is_registered(trees):
    codes = set().union(*map(raised, trees))
    assert len(codes) > 90
    assert codes - set(CODES) == set()


def test_every_registered_code_is_used(trees):
    assert set(CODES) - set().union(*map(literals, trees)) == set()


def test_an_injected_code_is_found():
    assert raised(ast.parse("raise InputError('no-such-code', 'It is wrong.')")) - set(CODES) == {"no-such-code"}


def test_tiles_outlast_what_the_inputs_are_not_to_blame_for():
    kept = {code for code in CODES if InputError(code, "").keeps_tiles}
    assert {"dask-lost", "map-unwritable", "output-unwritable", "tiles-failed", "unfinished-damaged"} <= kept
    assert not kept & {"bands-differ", "job", "raster-unreadable", "resume-changed", "seed", "target-empty"}
