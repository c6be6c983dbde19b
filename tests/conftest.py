"""Settings every test needs before the first Qt application exists, and the plugin as a package."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PLUGINS = ROOT / ".build" / "plugins"

# No display is needed; `QT_QPA_PLATFORM=xcb` shows the windows.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# One torch thread: with two and a second busy process, training slows down tenfold.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# The repository root is the package `croptransfer` whatever its folder is called: QGIS finds it by a link.
PLUGINS.mkdir(parents=True, exist_ok=True)
if not (PLUGINS / "croptransfer").exists():
    (PLUGINS / "croptransfer").symlink_to(ROOT, target_is_directory=True)
sys.path.insert(0, str(PLUGINS))
found = importlib.util.find_spec("croptransfer")
if found is None or not Path(found.origin).samefile(ROOT / "__init__.py"):
    raise RuntimeError(f"croptransfer is not this checkout but {found and found.origin}: pip uninstall croptransfer.")


@pytest.fixture(scope="session")
def plugin_folder() -> Path:
    """The plugin's folder, which is the repository root."""
    return ROOT


@pytest.fixture()
def fake_engine(tmp_path, monkeypatch):
    """A function that puts a fake engine of a given behaviour in the place of the real one."""
    from tests.helpers.fake_engine import make_fake

    def use(behaviour: str) -> str:
        path = make_fake(tmp_path / "fake", behaviour, ROOT)
        monkeypatch.setenv("CROPTRANSFER_PYTHON", path)
        return path

    return use


@pytest.fixture()
def quick_engine(tmp_path, monkeypatch):
    """The real engine, at a twentieth of its optimiser steps."""
    from tests.helpers.fake_engine import make_quick

    path = make_quick(tmp_path / "quick", os.environ.get("CROPTRANSFER_PYTHON", sys.executable), 0.05)
    monkeypatch.setenv("CROPTRANSFER_PYTHON", path)
    return path
