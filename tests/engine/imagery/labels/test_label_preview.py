"""What a label raster holds, seen in passing."""

from __future__ import annotations

import numpy as np
import pytest
from osgeo import gdal

from engine.imagery.labels import label_preview
from engine.imagery.labels.label_layer import LabelLayer
from engine.imagery.labels.label_preview import name_columns, preview_labels


@pytest.fixture()
def halves(tmp_path):
    """Class 1 in the west, class 2 in the east, 2000 x 1000 pixels."""
    path = str(tmp_path / "crops.tif")
    data = gdal.GetDriverByName("GTiff").Create(path, 2000, 1000, 1, gdal.GDT_Byte)
    data.SetGeoTransform((500000, 10, 0, 5200000, 0, -10))
    values = np.ones((1000, 2000), np.uint8)
    values[:, 1000:] = 2
    data.GetRasterBand(1).WriteRaster(0, 0, 2000, 1000, values.tobytes())
    data.GetRasterBand(1).SetCategoryNames(["", "maize", "wheat"])
    data.FlushCache()
    return path


def test_a_small_raster_is_counted_as_a_whole(halves):
    found = preview_labels(LabelLayer(halves, "", ""), ())
    assert (dict(found.counts), found.complete) == ({"maize": 1_000_000, "wheat": 1_000_000}, True)
    assert name_columns(halves) == ()


def test_of_a_large_one_parts_are_looked_at_and_the_rest_is_estimated(halves, monkeypatch):
    monkeypatch.setattr(label_preview, "ALL_PIXELS", 1000)
    found = preview_labels(LabelLayer(halves, "", ""), ())
    assert not found.complete
    assert sum(found.counts.values()) == pytest.approx(2_000_000, rel=0.01)
    assert found.counts["maize"] == pytest.approx(1_000_000, rel=0.1)
