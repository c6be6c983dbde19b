"""The sample scene: what it holds, that it is hard to transfer, and that its script makes it again."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys

import numpy as np
import pytest
from osgeo import gdal, ogr
from scipy import ndimage
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

from tests.helpers.paths import ROOT

pytestmark = pytest.mark.slow

SCENE = ROOT / "resources" / "sample"
BANDS = ["B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"]
CROPS = ["Winter wheat", "Rapeseed", "Maize", "Soybean", "Sugar beet", "Grassland"]
MADE = ["source.tif", "target.tif", "fields.gpkg", "target_mask.tif", "truth/target_truth.tif", "truth/classes.txt"]


def read_stack(name: str) -> tuple[np.ndarray, list[datetime.date]]:
    """Reflectance (dates, bands, rows, columns) with NaN for gaps, and the dates."""
    file = gdal.Open(str(SCENE / name))
    labels = [file.GetRasterBand(i + 1).GetDescription() for i in range(file.RasterCount)]
    dates = sorted({label.split("_")[1] for label in labels})
    assert labels == [f"{band}_{date}" for date in dates for band in BANDS]
    values = file.ReadAsArray().astype(np.float32).reshape(len(dates), len(BANDS), file.RasterYSize, file.RasterXSize)
    values[values == file.GetRasterBand(1).GetNoDataValue()] = np.nan
    return values / 10000, [datetime.date.fromisoformat(date) for date in dates]


def features(values: np.ndarray, dates: list[datetime.date]) -> np.ndarray:
    """Every pixel's series filled linearly on a ten-day grid, (pixels, steps x bands)."""
    day = np.array([date.timetuple().tm_yday for date in dates])
    grid = np.arange(65, 300, 10)
    pixels = values.reshape(*values.shape[:2], -1)
    filled = np.empty((pixels.shape[2], len(BANDS), len(grid)), np.float32)
    for number in range(pixels.shape[2]):
        seen = np.isfinite(pixels[:, 0, number])
        for band in range(len(BANDS)):
            filled[number, band] = np.interp(grid, day[seen], pixels[seen, band, number])
    return filled.reshape(len(filled), -1)


def rasterised(column: str) -> np.ndarray:
    """An integer expression over the labelled fields, burnt onto the source's pixels; 0 elsewhere."""
    stack = gdal.Open(str(SCENE / "source.tif"))
    burnt = gdal.GetDriverByName("MEM").Create("", stack.RasterXSize, stack.RasterYSize, 1, gdal.GDT_Int32)
    burnt.SetGeoTransform(stack.GetGeoTransform())
    burnt.SetProjection(stack.GetProjection())
    statement = f"SELECT geom, {column} AS number FROM fields WHERE crop IS NOT NULL"
    gdal.Rasterize(burnt, str(SCENE / "fields.gpkg"), SQLStatement=statement, attribute="number")
    return burnt.ReadAsArray()


@pytest.fixture(scope="module")
def source() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, class index and field of the source's labelled pixels."""
    cases = " ".join(f"WHEN '{name}' THEN {i + 1}" for i, name in enumerate(CROPS))
    labels, field = rasterised(f"CASE crop {cases} END").ravel(), rasterised("CAST(fid AS INTEGER)").ravel()
    inside = labels > 0
    return features(*read_stack("source.tif"))[inside], labels[inside], field[inside]


@pytest.fixture(scope="module")
def target() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, class index and field of the target's cropland."""
    truth = gdal.Open(str(SCENE / "truth" / "target_truth.tif")).ReadAsArray()
    field = np.zeros(truth.shape, int)
    for number in range(1, len(CROPS) + 1):
        parts, _ = ndimage.label(truth == number)
        field[parts > 0] = parts[parts > 0] + field.max()
    inside = truth.ravel() > 0
    return features(*read_stack("target.tif"))[inside], truth.ravel()[inside], field.ravel()[inside]


def forest() -> RandomForestClassifier:
    return RandomForestClassifier(200, random_state=0)


def accuracy_by_field(samples: tuple[np.ndarray, np.ndarray, np.ndarray]) -> float:
    """Overall accuracy of a forest on fields it has not seen."""
    values, labels, field = (part[::4] for part in samples)
    folds = StratifiedGroupKFold(3, shuffle=True, random_state=1)
    predicted = cross_val_predict(forest(), values, labels, groups=field, cv=folds)
    return float((predicted == labels).mean())


def test_forest_is_good_within_each_region_and_fails_across(source, target):
    within_source, within_target = accuracy_by_field(source), accuracy_by_field(target)
    model = forest().fit(source[0][::4], source[1][::4])
    across = float((model.predict(target[0]) == target[1]).mean())
    assert within_source > 0.96
    assert within_target > 0.95
    assert 0.4 < across < 0.7


def test_stacks_hold_ten_bands_of_one_season_each_on_other_dates():
    source, target = read_stack("source.tif")[1], read_stack("target.tif")[1]
    assert {date.year for date in source} == {2021} and {date.year for date in target} == {2022}
    assert len(source) == 16 and len(target) == 18
    assert len({date.timetuple().tm_yday for date in source} & {date.timetuple().tm_yday for date in target}) < 4


@pytest.mark.parametrize("name", ["source.tif", "target.tif"])
def test_clouds_are_gaps_in_all_bands_and_no_pixel_is_without_images(name):
    values, _ = read_stack(name)
    gap = np.isnan(values)
    assert (gap.all(axis=1) == gap.any(axis=1)).all()
    assert 0.1 < gap.mean() < 0.4
    assert (~gap[:, 0]).sum(axis=0).min() >= 5
    assert 0 < np.nanmin(values) and np.nanmax(values) < 0.8


def test_leaves_are_green_in_summer_and_soil_is_bare_in_spring():
    values, dates = read_stack("source.tif")
    maize = rasterised("CASE crop WHEN 'Maize' THEN 1 ELSE 0 END") == 1
    red, near_infrared = values[:, 2][:, maize], values[:, 6][:, maize]
    index = np.nanmedian((near_infrared - red) / (near_infrared + red), axis=1)
    by_month = {date.month: value for date, value in zip(dates, index)}
    assert by_month[4] < 0.3
    assert by_month[8] > 0.8


def test_regions_lie_in_different_zones_and_labels_on_the_source():
    zones = {name: gdal.Open(str(SCENE / name)).GetSpatialRef().GetAuthorityCode(None) for name in MADE[:2]}
    assert zones == {"source.tif": "32633", "target.tif": "32632"}
    file = ogr.Open(str(SCENE / "fields.gpkg"))
    layer = file.GetLayer(0)
    crops = [feature.GetField("crop") for feature in layer]
    assert sorted({crop for crop in crops if crop}) == sorted(CROPS)
    assert all(crops.count(crop) >= 5 for crop in CROPS)
    assert 5 < crops.count(None) < len(crops) / 2
    left, right, low, high = layer.GetExtent()
    transform = gdal.Open(str(SCENE / "source.tif")).GetGeoTransform()
    assert transform[0] - 1 <= left < right <= transform[0] + 112 * 20 + 1
    assert transform[3] - 112 * 20 - 1 <= low < high <= transform[3] + 1


def test_mask_covers_the_truth():
    truth = gdal.Open(str(SCENE / "truth" / "target_truth.tif")).ReadAsArray()
    mask = gdal.Open(str(SCENE / "target_mask.tif")).ReadAsArray()
    assert ((truth > 0) == (mask > 0)).all()
    assert sorted(np.unique(truth)) == [0, 1, 2, 3, 4, 5, 6]
    assert (SCENE / "truth" / "classes.txt").read_text(encoding="utf-8").split("\n")[:-1] == CROPS


def test_scene_is_small():
    # QGIS leaves statistics (.aux.xml) beside a raster it has opened; those are not part of the scene.
    committed = [SCENE / name for name in [*MADE, "README.md", "generate.py", "crops.py"]]
    assert sum(path.stat().st_size for path in committed) < 3_000_000


@pytest.mark.skipif(
    not gdal.VersionInfo().startswith("306") or not np.__version__.startswith("1.24"),
    reason="the committed files were written by GDAL 3.6 and NumPy 1.24; others compress them differently",
)
def test_script_makes_the_same_bytes_again(tmp_path):
    pytest.importorskip("prosail", reason="prosail makes the spectra (make env installs it)")
    command = [sys.executable, str(SCENE / "generate.py"), str(tmp_path)]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=300)
    differing = [name for name in MADE if (tmp_path / name).read_bytes() != (SCENE / name).read_bytes()]
    assert differing == []
