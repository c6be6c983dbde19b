"""Which Python runs the engine, and whether it can.

The engine needs torch, which QGIS lacks and must never import. It runs in another process, with the first of:
``CROPTRANSFER_PYTHON``, the Python chosen by the user, QGIS's own Python with the plugin's private package folder, and
a ``.venv`` in the plugin folder (development). The user's choice is never silently replaced. Free of QGIS: ``choice``
supplies the chosen Python and the folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...engine.errors import InputError

PLUGIN = Path(__file__).resolve().parents[2]

MODULES = ("torch", "safetensors", "jinja2", "matplotlib", "sklearn", "numpy", "scipy", "osgeo")
"""What the engine imports beyond the standard library."""
EXTRA = ("pystac_client",)
"""Needed only for the search in catalogues."""
INSTALLABLE = ("torch", "safetensors", "jinja2", "matplotlib", "sklearn", "scipy", *EXTRA)
"""Modules that pip may install; numpy and GDAL must be those of QGIS."""

_PROBE = """
import importlib.util, json, os, sys
sys.path[:0] = [p for p in [os.environ.get("CROPTRANSFER_PACKAGES")] if p]
print(json.dumps([m for m in %r if importlib.util.find_spec(m) is None]))
"""

_OPTIMISER_STEP = """
import json, os, sys
sys.path[:0] = [p for p in [os.environ.get("CROPTRANSFER_PACKAGES")] if p]
import numpy, torch, safetensors.torch
from osgeo import gdal
weight = torch.nn.Parameter(torch.ones(3))
optimiser = torch.optim.AdamW([weight], lr=0.1)
weight.square().sum().backward()
optimiser.step()
if not float(weight.detach().sum()) < 3.0:
    sys.exit("the optimiser step changed nothing")
print(json.dumps({"torch": torch.__version__, "python": sys.version.split()[0], "numpy": numpy.__version__,
                  "gdal": gdal.__version__, "cuda": torch.cuda.is_available()}))
"""

HINT = (
    "Open Crop Transfer and click 'Install the engine', or choose a Python that has torch with 'Choose a Python'. "
    "Without a window: run {pip}, or set CROPTRANSFER_PYTHON to a Python that has torch."
)


@dataclass(frozen=True)
class Interpreter:
    """A Python that runs the engine."""

    python: str
    """Path of the interpreter."""
    packages: str | None = None
    """Additional package folder, searched before the interpreter's own; None for none."""
    origin: str = ""
    """Source of the choice, in words."""


@dataclass(frozen=True)
class Check:
    """The outcome of :func:`check`."""

    works: bool
    """Whether one optimiser step ran."""
    detail: str
    """Versions if it works, otherwise the reason; one line."""


def find(chosen: str, packages: Path) -> Interpreter:
    """The interpreter for the engine; a short-lived process (0.1 s) looks for its packages, :func:`check` tests them.

    Parameters
    ----------
    chosen : the Python in the user's settings; empty for none.
    packages : the plugin's private package folder.

    Raises
    ------
    InputError
        ``engine-missing``: no interpreter has torch, or the user's choice lacks it.
    """
    named = [
        (os.environ.get("CROPTRANSFER_PYTHON", ""), "the environment variable CROPTRANSFER_PYTHON"),
        (chosen, "the settings of Crop Transfer"),
    ]
    for python, origin in named:
        if python:
            interpreter = Interpreter(python, os.environ.get("CROPTRANSFER_PACKAGES") or None, origin)
            missing = missing_modules(interpreter)
            if missing is None:
                raise _engine_missing(f"The Python {python}, named by {origin}, cannot be started.", packages)
            if missing:
                message = f"The Python {python}, named by {origin}, lacks {', '.join(missing)}."
                raise _engine_missing(message, packages)
            return interpreter
    for interpreter in _own(packages):
        if missing_modules(interpreter) == []:
            return interpreter
    raise _engine_missing("The engine of Crop Transfer (torch) is not installed.", packages)


def _own(packages: Path) -> Iterator[Interpreter]:
    python = own_python()
    if python:
        yield Interpreter(python, str(packages) if packages.is_dir() else None, "QGIS's own Python")
    development = PLUGIN / ".venv" / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if development.exists():
        yield Interpreter(str(development), None, "the plugin's .venv folder")


def _engine_missing(message: str, packages: Path) -> InputError:
    return InputError("engine-missing", message, HINT.format(pip=pip_command(packages)))


def broken(interpreter: Interpreter, state: Check, packages: Path) -> InputError:
    """The error of an engine whose packages are installed but do not work."""
    message = f"The engine does not work with {interpreter.python}, named by {interpreter.origin}: {state.detail}."
    return _engine_missing(message, packages)


def pip_command(packages: Path) -> str:
    """The command that fills the private package folder, for machines without a window."""
    python = own_python() or "python3"
    missing = missing_modules(Interpreter(python), (*MODULES, *EXTRA))
    wanted = requirements(INSTALLABLE[:3] if missing is None else missing, sys.version_info[:2])
    return f'"{python}" -m pip install --target "{packages}" {" ".join(wanted)}'


def requirements(missing: Iterable[str], version: tuple[int, int]) -> list[str]:
    """The requirements for pip, from the modules that a Python of this version lacks."""
    torch = "torch==2.13.*" if version >= (3, 10) else "torch<2.9"
    named = {"torch": torch, "sklearn": "scikit-learn", "pystac_client": "pystac-client"}
    return [named.get(module, module) for module in missing if module in INSTALLABLE]


def packages_folder(profile: Path) -> Path:
    """The private package folder in a QGIS profile; one for each version of Python, as wheels differ."""
    return profile / "croptransfer" / f"packages-{sys.version_info[0]}.{sys.version_info[1]}"


def own_python() -> str | None:
    """QGIS's own Python; None if it is not found.

    ``sys.executable`` inside QGIS is the QGIS program on Windows and macOS, not a Python.
    """
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if sys.platform == "win32":
        names = ["python3.exe", "python.exe"]
    else:
        names = [f"bin/python{version}", "bin/python3", f"python{version}", "python3"]
    bases = [Path(sys.base_exec_prefix), Path(sys.exec_prefix), Path(sys.executable).parent]
    for base in bases:
        for name in names:
            if (base / name).is_file():
                return str(base / name)
    executable = Path(sys.executable)
    return str(executable) if executable.name.lower().startswith("python") else None


def worker_environment(interpreter: Interpreter) -> dict[str, str]:
    """The environment of the engine's process.

    QGIS's Python settings must not reach another Python. Its PROJ, GDAL and library folders must not reach another
    installation of those, but its own Python needs them.
    """
    drop = {"PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONEXECUTABLE", "CROPTRANSFER_PACKAGES"}
    if not _is_own(interpreter.python):
        drop |= {"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PROJ_LIB", "PROJ_DATA", "GDAL_DATA", "GDAL_DRIVER_PATH"}
    environment = {k: v for k, v in os.environ.items() if k not in drop and not k.startswith("PIP_")}
    # Waiting OpenMP threads that spin starve QGIS beside them: training then falls to a thirtieth of its speed.
    environment["OMP_WAIT_POLICY"] = "PASSIVE"
    environment["PYTHONUNBUFFERED"] = "1"
    if sys.platform == "win32":
        environment["USE_PATH_FOR_GDAL_PYTHON"] = "YES"
    if interpreter.packages:
        environment["CROPTRANSFER_PACKAGES"] = interpreter.packages
    return environment


def _is_own(python: str) -> bool:
    own = own_python()
    return own is not None and os.path.realpath(python) == os.path.realpath(own)


def missing_modules(interpreter: Interpreter, modules: tuple[str, ...] = MODULES) -> list[str] | None:
    """The ``modules`` that ``interpreter`` lacks; None if it cannot be started."""
    try:
        return json.loads(_run(interpreter, _PROBE % (modules,), 30).stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


_checked: dict[tuple[Any, ...], Check] = {}
_checking = threading.Lock()


def check(interpreter: Interpreter) -> Check:
    """Run one optimiser step with ``interpreter``; takes seconds, so never on the main thread.

    Importing torch alone is no proof: with an old sympy the import passes and the first optimiser fails. The result
    is kept for the session, until the interpreter's files change.
    """
    key = (interpreter.python, interpreter.packages, _changed(interpreter.python), _changed(interpreter.packages))
    with _checking:
        if key not in _checked:
            _checked[key] = _check(interpreter)
        return _checked[key]


def _changed(path: str | None) -> float:
    try:
        return os.stat(path).st_mtime if path else 0.0
    except OSError:
        return 0.0


def _check(interpreter: Interpreter) -> Check:
    try:
        done = _run(interpreter, _OPTIMISER_STEP, 120)
    except OSError as fault:
        return Check(False, f"{interpreter.python} cannot be started: {fault}")
    except subprocess.TimeoutExpired:
        return Check(False, f"{interpreter.python} did not answer within two minutes")
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines() or ["no message"]
    if done.returncode != 0:
        return Check(False, lines[-1])
    try:
        return Check(True, _versions(json.loads(lines[-1])))
    except (ValueError, KeyError, TypeError):
        return Check(False, f"unexpected answer: {lines[-1]}")


def _versions(found: Mapping[str, Any]) -> str:
    device = "GPU" if found["cuda"] else "CPU"
    return f"torch {found['torch']} ({device}), Python {found['python']}, GDAL {found['gdal']}"


def _run(interpreter: Interpreter, code: str, seconds: float) -> subprocess.CompletedProcess[str]:
    options: dict[str, Any] = {}
    if sys.platform == "win32":
        options["creationflags"] = subprocess.CREATE_NO_WINDOW
    return subprocess.run(
        [interpreter.python, "-I", "-c", code],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        env=worker_environment(interpreter),
        check=False,
        **options,
    )
