"""Installs the engine's packages for QGIS's own Python, into a private folder of the profile.

Nothing is added to QGIS's own path: only the worker process searches that folder, and searches it first, as torch
fails with an older sympy such as Debian's. Packages that both have are pinned to QGIS's versions, and numpy stays
QGIS's own, so that GDAL never meets a second version of it.
"""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from qgis.core import QgsTask
from qgis.PyQt.QtCore import pyqtSignal

from ...engine.errors import Cancelled, InputError
from . import environment
from .environment import Interpreter

HELD = ("numpy", "scipy", "scikit-learn", "matplotlib", "jinja2", "pillow", "packaging", "python-dateutil")
"""Packages pinned to QGIS's version if QGIS has them."""


def constraints() -> str:
    """Text of a pip constraint file that pins QGIS's packages to their versions."""
    lines = []
    for name in HELD:
        try:
            lines.append(f"{name}=={metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return "\n".join(lines) + "\n"


def install(
    folder: Path, report: Callable[[str], None] = lambda line: None, cancelled: Callable[[], bool] = lambda: False
) -> str:
    """Install the packages of the engine into ``folder``, test them, and return their versions.

    They go into a sibling folder that replaces ``folder`` after an optimiser step with it: a failed or cancelled
    installation changes nothing.

    Raises
    ------
    InputError
        ``engine-install``: no Python, no pip, pip failed, or the check failed.
    Cancelled
        ``cancelled`` returned true.
    """
    python = environment.own_python()
    if python is None:
        raise InputError(
            "engine-install", "QGIS's own Python was not found.", "Choose a Python that has torch instead."
        )
    wanted = (*environment.MODULES, *environment.EXTRA)
    missing = environment.missing_modules(Interpreter(python), wanted) or list(environment.INSTALLABLE)
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    held = fresh.with_suffix(".constraints.txt")
    held.write_text(constraints(), encoding="utf-8")
    command = [python, "-I", "-m", "pip", "install", "--target", str(fresh), "--constraint", str(held)]
    command += ["--no-input", "--disable-pip-version-check", "--progress-bar", "off", "--no-warn-script-location"]
    command += environment.requirements(missing, sys.version_info[:2])
    try:
        _pip(command, report, cancelled)
        _drop_numpy(fresh)
        report("Checking the engine")
        state = environment.check(Interpreter(python, str(fresh), "the new package folder"))
        if not state.works:
            raise InputError("engine-install", f"The installed engine does not work: {state.detail}.")
        _replace(fresh, folder)
        return state.detail
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        held.unlink(missing_ok=True)


def _pip(command: list[str], report: Callable[[str], None], cancelled: Callable[[], bool]) -> None:
    options: dict[str, Any] = {}
    if sys.platform == "win32":
        options["creationflags"] = subprocess.CREATE_NO_WINDOW
    # The user's indexes and proxies are kept; settings that would redirect the installation are not.
    drop = ("PIP_TARGET", "PIP_USER", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV", "PYTHONHOME", "PYTHONPATH")
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={k: v for k, v in os.environ.items() if k not in drop},
        **options,
    )
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in process.stdout:  # type: ignore[union-attr]
            lines.put(line.decode("utf-8", "replace").rstrip())
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    tail: deque[str] = deque(maxlen=8)
    try:
        while True:
            if cancelled():
                raise Cancelled()
            try:
                line = lines.get(timeout=0.1)
            except queue.Empty:
                continue
            if line is None:
                break
            if line:
                tail.append(line)
                report(line)
        code = process.wait(timeout=30)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()  # type: ignore[union-attr]
    if code != 0:
        hint = "Check the connection to the package index, or choose a Python that has torch."
        if any("No module named pip" in line for line in tail):
            hint = "Install pip for QGIS's Python first (Debian and Ubuntu: sudo apt install python3-pip)."
        raise InputError("engine-install", "pip could not install the engine:\n" + "\n".join(tail) + "\n", hint)


def _drop_numpy(folder: Path) -> None:
    """Remove a numpy installed as a dependency: GDAL's bindings need the one of QGIS."""
    for left in (*folder.glob("numpy"), *folder.glob("numpy.libs"), *folder.glob("numpy-*.dist-info")):
        shutil.rmtree(left)


def _replace(fresh: Path, folder: Path) -> None:
    old = folder.with_name(f"{folder.name}.old-{int(time.time())}")
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    # A running worker may lock old files on Windows; the next installation then removes them.
    for left in folder.parent.glob(f"{folder.name}.old-*"):
        shutil.rmtree(left, ignore_errors=True)


class InstallTask(QgsTask):
    """The installation as a QGIS task."""

    output_line = pyqtSignal(str)
    """A line of pip's output."""
    ended = pyqtSignal()
    """The installation has ended: see ``detail`` and ``problem``."""

    def __init__(self, folder: Path) -> None:
        super().__init__("Installing the engine of Crop Transfer", QgsTask.Flag.CanCancel)
        self.detail = ""
        """Versions of the installed packages; empty unless it succeeded."""
        self.problem = ""
        """Why it failed; empty when it succeeded or was cancelled."""
        self._folder = folder

    def run(self) -> bool:
        """Install, on a thread of the task manager."""
        try:
            self.detail = install(self._folder, self.output_line.emit, self.isCanceled)
        except Cancelled:
            return False
        except InputError as problem:
            self.problem = str(problem)
        except Exception as fault:  # an exception that leaves run() brings QGIS down
            self.problem = f"{type(fault).__name__}: {fault}"
        return bool(self.detail)

    def finished(self, result: bool) -> None:
        """Notify the receivers."""
        self.ended.emit()
