"""The finished runs of a comparison, kept beside its output until all are done."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from ... import __version__
from ...series import SeriesSet

ENGINE = Path(__file__).resolve().parents[2]
EVALUATION = ("transfers", "feature_projection", "run_method", "oracle", "metrics")
RESULT_CODE = ("estimation", "methods", "models", "series", *(f"evaluation/{name}.py" for name in EVALUATION))
"""The code whose change makes finished runs invalid."""


class ComparisonLog:
    """A file of JSON lines, one a finished run, each written through to the disk.

    Parameters
    ----------
    path : Path
        Need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @staticmethod
    def beside(output: str) -> ComparisonLog:
        """The log of a comparison.

        Parameters
        ----------
        output : str
            Path of its results.
        """
        path = Path(output)
        return ComparisonLog(path.with_name(f"{path.name}.runs"))

    def read(self) -> dict[str, dict[str, Any]]:
        """The finished runs by key; a line that was cut off when its process was killed is left out."""
        found = {}
        try:
            lines = self._path.read_text("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return {}
        for line in lines:
            try:
                entry = json.loads(line)
                found[str(entry["key"])] = dict(entry["run"])
            except (ValueError, KeyError, TypeError):
                continue
        return found

    def add(self, key: str, run: dict[str, Any]) -> None:
        """Keep a finished run; after this call it survives a power cut.

        Parameters
        ----------
        key : str
            See :func:`run_key`.
        run : dict
            JSON-ready.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        text = json.dumps({"key": key, "run": run}, allow_nan=False)
        with self._path.open("ab") as file:
            # The line before may have been cut off.
            file.write(b"\n" + text.encode("utf-8") + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def remove(self) -> None:
        """Delete the log."""
        self._path.unlink(missing_ok=True)


def content_digest(*domains: SeriesSet) -> str:
    """A digest that changes with any value, day, band, label, class, group or population.

    Parameters
    ----------
    *domains : SeriesSet

    Returns
    -------
    str
        Hexadecimal digits.
    """
    digest = hashlib.sha256()
    for series in domains:
        digest.update(json.dumps([series.values.shape, series.bands, series.classes]).encode("utf-8"))
        for array in (series.values, series.day, series.labels, series.group):
            digest.update(b"none" if array is None else np.ascontiguousarray(array).tobytes())
        if series.population is not None:
            digest.update(series.population.tobytes())
    return digest.hexdigest()


def code_digest() -> str:
    """Twelve hexadecimal digits that change with the version and with the code that decides a run."""
    digest = hashlib.sha256(__version__.encode())
    for place in RESULT_CODE:
        path = ENGINE / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.relative_to(ENGINE).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def run_key(*parts: Any) -> str:
    """The key of a run.

    Parameters
    ----------
    *parts : Any
        All that decides it, JSON-ready, in a fixed order.

    Returns
    -------
    str
        32 hexadecimal digits.
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode("utf-8")).hexdigest()[:32]
