"""Inputs that cannot be mapped, as a table: how each is made, its error code, and what the message names.

A case changes one thing of a command that works: it writes its bad file into a fresh copy of a small scene and
gives the arguments. The cases lie by subject in ``malformed_rasters``, ``malformed_labels``,
``malformed_files`` and ``malformed_choices``; ``test_malformed_inputs`` runs them all.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.series import SeriesSet
from tests.helpers.rasters import write_raster

QUICK = "steps_scale=0.01"
DATES = ("2022-04-01", "2022-06-01", "2022-08-01")
BANDS = ("RED", "NIR")
SIDE = 24
"""Pixels along each side of the scene."""


@dataclass(frozen=True)
class Case:
    """One malformed input."""

    name: str
    """What is wrong, as the name of the test."""
    make: Callable[[Desk], list[str]]
    """Makes the files and returns the arguments of the command."""
    code: str
    """Code of the InputError that must end the command."""
    facts: tuple[str, ...]
    """What its sentence must name: the file, layer, field, band or number."""
    seconds: float = 60.0
    """Within how many seconds of the processor it must be answered: no measure of speed, but nothing may hang."""


class Desk:
    """A folder with a good source, target and labels, and the command that maps them.

    Parameters
    ----------
    folder : empty folder for this case.
    scene : folder with ``source.tif``, ``target.tif``, ``fields.gpkg``, ``series.npz`` and ``model.safetensors``.
    """

    def __init__(self, folder: Path, scene: Path) -> None:
        self.path = Path(shutil.copytree(scene, folder / "given"))
        self.out = folder / "written"
        self.out.mkdir()

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def map(self, **changes: Any) -> list[str]:
        """Arguments of ``map`` with every output asked for; None leaves an option out, a list gives many values."""
        usual: dict[str, Any] = {
            "labels": self / "fields.gpkg",
            "class_field": "crop",
            "source": self / "source.tif",
            "target": self / "target.tif",
            "method": "source_only",
            "option": QUICK,
            "model": self.out / "model.safetensors",
        }
        return ["map", *options({**usual, **self._outputs(), **changes})]

    def map_series(self, **changes: Any) -> list[str]:
        """Arguments of ``map`` from a series file."""
        return self.map(**{**dict.fromkeys(("labels", "class_field", "source")), **changes})

    def classify(self, **changes: Any) -> list[str]:
        """Arguments of ``classify``."""
        usual = {"model": self / "model.safetensors", "target": self / "target.tif"}
        return ["classify", *options({**usual, **self._outputs(), **changes})]

    def _outputs(self) -> dict[str, Any]:
        names = {"output": "map.tif", "confidence": "confidence.tif", "report": "report.html"}
        return {role: self.out / name for role, name in names.items()}

    def stack(self, name: str, values: np.ndarray | float = 0.3, **how: Any) -> Path:
        """A good stack of 3 dates x RED, NIR in Float32 with these values ((6, h, w), or one for all pixels)."""
        planes = np.broadcast_to(np.asarray(values, np.float32), (len(NAMES), SIDE, SIDE))
        return Path(write_raster(self / name, planes, **{"names": NAMES, **how}))

    def text(self, name: str, content: str | bytes) -> Path:
        """A file with that content."""
        path = self / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    def cut(self, name: str, share: float = 0.5) -> Path:
        """A file of the scene without its end."""
        path = self / name
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        return path


NAMES = tuple(f"{band}_{date}" for date in DATES for band in BANDS)
"""Band descriptions of :meth:`Desk.stack`."""


def options(values: dict[str, Any]) -> list[str]:
    arguments = []
    for name, value in values.items():
        if value is not None:
            several = value if isinstance(value, (list, tuple)) else [value]
            arguments += ["--" + name.replace("_", "-"), *map(str, several)]
    return arguments


def series_fields(series: SeriesSet) -> dict[str, np.ndarray]:
    """The keys of a good series file, to be spoilt one by one."""
    return {
        "X": series.values,
        "doy": series.day,
        "bands": np.array(series.bands),
        "y": series.labels,
        "class_names": np.array(series.classes),
    }
