"""Rasters, layers and real data that the engine's tests share."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.paths import SHARED


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the repository."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the real data is not there: ../shared/data")
    return SHARED


@pytest.fixture(scope="session")
def california(shared, tmp_path_factory):
    """A function that writes California north as a scene of a layout and data type; returns its folder."""
    made: dict[tuple[str, str], Path] = {}

    def scene(layout: str, dtype: str) -> Path:
        if (layout, dtype) not in made:
            folder = tmp_path_factory.mktemp(f"{layout} {dtype}")
            data = shared / "data"
            command = [sys.executable, str(shared / "tools" / "make_scene.py"), str(data / "california_s2_2021.npz")]
            command += [
                str(data / "splits.json"),
                "CA_N2S",
                "source",
                str(folder),
                "--layout",
                layout,
                "--dtype",
                dtype,
            ]
            subprocess.run(command, check=True, capture_output=True)
            made[layout, dtype] = folder
        return made[layout, dtype]

    return scene


@pytest.fixture(scope="session")
def california_split(shared) -> dict:
    """The split that the scene of ``california`` shows."""
    return json.loads((shared / "data" / "splits.json").read_text())["california_s2_2021.npz"]["CA_N2S"]


@pytest.fixture
def zeros():
    """A function that gives (b, 4, 5) planes of uint16 zeros."""
    return lambda count: np.zeros((count, 4, 5), np.uint16)
