"""A small scene, and two ways to run the algorithms: ``qgis_process`` and a QGIS in this process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from qgis.core import QgsApplication, QgsProcessingContext

from tests.helpers.paths import ROOT
from tests.helpers.scenes import make_scene


@pytest.fixture(scope="session")
def scene(tmp_path_factory):
    """Source, target and fields of 24 x 24 pixels."""
    return make_scene(tmp_path_factory.mktemp("scene"))


@dataclass
class QgisProcess:
    """The real ``qgis_process`` with a home and a plugin folder of its own."""

    home: Path
    engine: str = sys.executable

    def __call__(self, *arguments: str, limit: float = 240) -> subprocess.CompletedProcess:
        """Run it with these arguments and return its exit code and output."""
        environment = {
            **os.environ,
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(self.home / "run"),
            "TMPDIR": str(self.home / "tmp"),
            "QT_QPA_PLATFORM": "offscreen",
            "QGIS_PLUGINPATH": str(self.home / "plugins"),
            "CROPTRANSFER_PYTHON": self.engine,
        }
        for name in ("QGIS_CUSTOM_CONFIG_PATH", "QGIS_OPTIONS_PATH"):
            environment.pop(name, None)
        # The wrapper without .bin adds an option that QGIS 3.22 refuses.
        program = shutil.which("qgis_process.bin") or shutil.which("qgis_process")
        return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=limit, env=environment)

    def run(self, algorithm: str, **parameters: object) -> subprocess.CompletedProcess:
        """Run an algorithm with ``NAME=value`` arguments."""
        return self("run", algorithm, "--", *[f"{name}={value}" for name, value in parameters.items()])

    def run_json(self, algorithm: str, *arguments: str) -> dict:
        """Run an algorithm with ``NAME=value`` arguments, a name repeated for a list; returns the results."""
        done = self("--json", "run", algorithm, "--", *arguments)
        if done.returncode:
            raise AssertionError(done.stdout + done.stderr)
        return json.loads(done.stdout[done.stdout.index("{") :])["results"]


@pytest.fixture(scope="session")
def qgis_home(tmp_path_factory):
    """A home in which the plugin is enabled."""
    if not (shutil.which("qgis_process.bin") or shutil.which("qgis_process")):
        pytest.skip("qgis_process is not installed")
    home = tmp_path_factory.mktemp("home")
    for name in ("run", "tmp", "plugins"):
        (home / name).mkdir(mode=0o700)
    (home / "plugins" / "croptransfer").symlink_to(ROOT, target_is_directory=True)
    enabled = QgisProcess(home)("plugins", "enable", "croptransfer")
    if "Enabled croptransfer" not in enabled.stdout:
        raise RuntimeError(enabled.stdout + enabled.stderr)
    return home


@pytest.fixture()
def qgis_process(qgis_home, monkeypatch):
    """``qgis_process`` with the engine of this Python; ``fake_engine`` replaces it."""
    return QgisProcess(qgis_home)


@pytest.fixture()
def provider(qgis_processing):
    """The provider in the QGIS of this process."""
    from croptransfer.ui.processing.provider import CropTransferProvider

    provider = CropTransferProvider()
    QgsApplication.processingRegistry().addProvider(provider)
    yield provider
    QgsApplication.processingRegistry().removeProvider(provider)


@pytest.fixture()
def run_and_cancel(provider, tmp_path):
    """A function that runs an algorithm, cancels it when a part of its output is in ``tmp_path``, gives the results."""

    def run(name, inputs, feedback):
        ended, asked = threading.Event(), []

        def cancel_when_running():
            while not ended.wait(0.05):
                if any(".part" in path.name for path in tmp_path.iterdir()):
                    asked.append(True)
                    feedback.cancel()
                    return

        thread = threading.Thread(target=cancel_when_running)
        thread.start()
        results, _ = provider.algorithm(name).create().run(inputs, QgsProcessingContext(), feedback)
        ended.set()
        thread.join()
        assert asked, "it ended before it began to write"
        return results

    return run
