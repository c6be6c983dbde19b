"""Who may import whom: the engine stands alone, QGIS never meets torch, and the data flows one way."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from tests.helpers.paths import ROOT

ENGINE = ROOT / "engine"
MAY_IMPORT_TORCH = ("models", "estimation", "methods", "mapping")
TORCH_FREE_PACKAGES = ("series", "imagery", "methods", "tasks")
"""QGIS imports these, so their ``__init__`` must not bring torch."""


def sources(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*.py")) if "__pycache__" not in path.parts]


def imports(path: Path, top_level_only: bool = False) -> set[str]:
    """Absolute names of the modules a file imports; relative ones from the repository root."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = _top_level(tree) if top_level_only else ast.walk(tree)
    package = path.relative_to(ROOT).parent.parts
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def _top_level(tree: ast.Module):
    """Statements that run on import; those under ``if TYPE_CHECKING`` do not."""
    pending = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        yield node
        pending += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]


def roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports(path)}


def test_the_engine_knows_neither_qgis_nor_qt():
    guilty = {str(p.relative_to(ROOT)) for p in sources(ENGINE) if roots(p) & {"qgis", "PyQt5", "PyQt6", "sip"}}
    assert guilty == set()


def test_nothing_of_the_plugin_outside_the_engine_imports_torch():
    faces = [*sources(ROOT / "ui"), ROOT / "plugin.py", ROOT / "__init__.py"]
    assert len(faces) > 15
    guilty = {str(p.relative_to(ROOT)) for p in faces if roots(p) & {"torch", "safetensors"}}
    assert guilty == set()


def test_only_the_learning_parts_of_the_engine_import_torch():
    guilty = {
        str(path.relative_to(ROOT))
        for path in sources(ENGINE)
        if "torch" in roots(path) and path.relative_to(ENGINE).parts[0] not in MAY_IMPORT_TORCH
    }
    assert guilty == set()


def test_only_imagery_imports_gdal():
    guilty = {
        str(path.relative_to(ROOT))
        for path in sources(ENGINE)
        if "osgeo" in roots(path) and path.relative_to(ENGINE).parts[0] != "imagery"
    }
    assert guilty == set()


def test_the_plugin_imports_itself_relatively():
    """Its folder may be called otherwise, and the engine runs as ``engine`` and as ``croptransfer.engine``."""
    own = {"croptransfer", "engine", "ui"}
    guilty = set()
    for path in [*sources(ENGINE), *sources(ROOT / "ui"), ROOT / "plugin.py"]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            absolute = isinstance(node, ast.ImportFrom) and not node.level and node.module.split(".")[0] in own
            if absolute or (isinstance(node, ast.Import) and {a.name.split(".")[0] for a in node.names} & own):
                guilty.add(str(path.relative_to(ROOT)))
    # Started by its path, the worker's entry has no package yet.
    assert guilty - {"engine/__main__.py"} == set()


def test_qt_is_imported_through_qgis_only():
    guilty = {
        str(path.relative_to(ROOT))
        for path in [*sources(ROOT / "ui"), ROOT / "plugin.py"]
        if roots(path) & {"PyQt5", "PyQt6", "sip"}
    }
    assert guilty == set()


def test_what_qgis_imports_of_the_engine_brings_no_torch():
    names = ", ".join(f"engine.{name}" for name in TORCH_FREE_PACKAGES)
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {names}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False", done.stderr
