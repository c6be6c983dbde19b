"""The band table as an algorithm: written for unnamed bands, corrected, and taken by another algorithm."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from qgis.core import QgsProcessingException

from tests.helpers.feedback_log import Log
from tests.helpers.rasters import box, write_layer, write_raster

pytestmark = pytest.mark.slow
SIDE = 24


def test_a_stack_without_names_is_described_corrected_and_extracted(provider, qgis_app, tmp_path):
    import processing

    rng = np.random.default_rng(0)
    raster = write_raster(tmp_path / "plain.tif", rng.integers(300, 4000, (6, SIDE, SIDE)).astype("uint16"))
    table, corrected = str(tmp_path / "t.csv"), str(tmp_path / "c.csv")
    results = processing.run("croptransfer:describe", {"STACK": [raster], "OUTPUT": table}, feedback=Log())
    assert (results["BANDS"], results["UNCERTAIN"]) == (6, 6)
    with open(table, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["number"] for row in rows] == list("123456") and {row["date"] for row in rows} == {""}
    for number, row in enumerate(rows):
        row |= {"date": f"2021-0{3 + number // 2}-05", "band": ("RED", "NIR")[number % 2]}
    with open(corrected, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    labels = write_layer(tmp_path / "f.gpkg", [("wheat", box(1, 1, 8, 8)), ("maize", box(12, 1, 8, 8))])
    inputs = {"LABELS": labels, "CLASS_FIELD": "crop", "BANDS_FROM": corrected, "OUTPUT": str(tmp_path / "s.npz")}
    results = processing.run("croptransfer:extract", {**inputs, "SOURCE": [raster]}, feedback=Log())
    assert (results["SAMPLES"], results["CLASSES"]) == (128, 2)
    with np.load(results["OUTPUT"]) as series:
        assert series["X"].shape == (128, 3, 2) and sorted(series["bands"].tolist()) == ["NIR", "RED"]
    regular = str(tmp_path / "r.tif")
    inputs = {"STACK": [raster], "PERIOD": "month", "BANDS_FROM": corrected, "OUTPUT": regular}
    assert processing.run("croptransfer:regularize", inputs, feedback=Log())["DATES"] == 3


def test_a_file_that_is_no_raster_is_refused(provider, qgis_app, tmp_path):
    import processing

    (tmp_path / "no.tif").write_text("no raster")
    table = tmp_path / "t.csv"
    with pytest.raises(QgsProcessingException):
        processing.run("croptransfer:describe", {"STACK": [str(tmp_path / "no.tif")], "OUTPUT": str(table)})
    assert not table.exists()
