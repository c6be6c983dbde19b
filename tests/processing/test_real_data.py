"""Real imagery through ``croptransfer:transfer``: Sentinel-2 of California, MODIS of Mato Grosso.

With a share of the optimiser steps, so that the suite stays short: what is asserted is that real files
go through and that the maps are far from chance, not the best accuracy (`make bench` measures that).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal, ogr

from croptransfer.engine.evaluation.metrics import Scores
from croptransfer.engine.series import read_series, write_series
from tests.helpers.fake_engine import make_quick
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.slow

SHARED = ROOT.parent / "shared"
DATA = SHARED / "data"
needs_data = pytest.mark.skipif(not (DATA / "splits.json").exists(), reason=f"no real data beside the project: {DATA}")


@pytest.fixture()
def hasty(qgis_process, tmp_path):
    """A function that gives ``qgis_process`` an engine which takes a share of the optimiser steps."""

    def use(steps: float):
        qgis_process.engine = make_quick(tmp_path / "engine", sys.executable, steps)
        return qgis_process

    return use


def make_scene(side: str, folder: Path, layout: str) -> None:
    tool = SHARED / "tools" / "make_scene.py"
    arguments = [DATA / "california_s2_2021.npz", DATA / "splits.json", "CA_N2S", side, folder, "--layout", layout]
    subprocess.run([sys.executable, str(tool), *map(str, arguments)], check=True, capture_output=True)


def rasters(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.tif") if path.name != "truth.tif")


@needs_data
@pytest.mark.parametrize(
    "layout, labels, method, steps, accuracy",
    [
        ("stack", "labels", "ghca", 0.2, 0.7),
        ("dates", "fields", "source_only", 0.15, 0.6),
        ("files", "labels", "source_only", 0.15, 0.6),
    ],
)
def test_california_north_maps_the_south(hasty, tmp_path, layout, labels, method, steps, accuracy):
    north, south = tmp_path / "north", tmp_path / "south"
    make_scene("source", north, layout)
    make_scene("target", south, layout)
    output = tmp_path / "map.tif"
    hasty(steps).run_json(
        "croptransfer:transfer",
        f"METHOD={method}",
        f"LABELS={north / labels}.gpkg",
        "CLASS_FIELD=crop",
        *(f"SOURCE={path}" for path in rasters(north)),
        *(f"TARGET={path}" for path in rasters(south)),
        f"OUTPUT={output}",
    )
    truth = gdal.Open(str(south / "truth.tif")).ReadAsArray()
    names = (south / "classes.txt").read_text().split()
    mapped = gdal.Open(str(output)).ReadAsArray()
    assert ((mapped > 0) == (truth > 0)).all(), "exactly the pixels that hold a series get a class"
    # The map counts classes by name, the truth in its own order.
    position = np.array([names.index(name) for name in sorted(names)])
    scores = Scores.of(truth[truth > 0] - 1, position[mapped[truth > 0] - 1], len(names))
    assert scores.overall_accuracy > accuracy, scores.confusion


@needs_data
def test_mato_grosso_maps_porto_dos_gauchos(hasty, tmp_path):
    split = json.loads((DATA / "splits.json").read_text())["matogrosso_modis_2001_2016.npz"]["MT15-16_PG11-13"]
    classes = tuple(split["classes"])
    source = read_series(DATA / "matogrosso_modis_2001_2016.npz", split["src"], classes)
    write_series(tmp_path / "mato_grosso.npz", source)
    reference, mapped = [], []
    for season in split["tgt"]["year"]:
        output, model = tmp_path / f"{season}.tif", tmp_path / "model.safetensors"
        target = DATA / "rasters" / "portogauchos" / f"portogauchos_mod13q1_{season}.tif"
        if model.exists():
            hasty(0.1).run_json("croptransfer:classify", f"MODEL={model}", f"TARGET={target}", f"OUTPUT={output}")
        else:
            learnt = f"SERIES={tmp_path / 'mato_grosso.npz'}", f"MODEL={model}"
            hasty(0.1).run_json("croptransfer:transfer", *learnt, f"TARGET={target}", f"OUTPUT={output}")
        plane = gdal.Open(str(output)).ReadAsArray()
        assert plane.shape == (27, 37) and (plane > 0).all()
        for crop, row, column in ground_samples(season):
            if crop in classes:
                reference.append(classes.index(crop))
                mapped.append(plane[row, column] - 1)
    scores = Scores.of(np.array(reference), np.array(mapped), len(classes))
    assert scores.confusion.sum() == 465
    assert scores.overall_accuracy > 0.5, scores.confusion


def ground_samples(season: int) -> list[tuple[str, int, int]]:
    """Crop, row and column of the ground samples of one season."""
    data = ogr.Open(str(DATA / "rasters" / "portogauchos" / "portogauchos_samples.gpkg"))
    layer = data.GetLayer()
    layer.SetAttributeFilter(f"season = {season}")
    return [(feature["label"], feature["row"], feature["col"]) for feature in layer]
