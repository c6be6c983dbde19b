"""The form of a map: one GeoTIFF, a VRT over tiles, a Cloud Optimized GeoTIFF; the same pixels and legend in each."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from osgeo import gdal

from engine.imagery import MapMosaic, describe
from engine.imagery.geo.types import Grid, Window
from engine.imagery.maps.cog import make_cloud_optimized
from engine.imagery.maps.geotiff import MapWriter
from engine.imagery.maps.tile_file import tile_name, write_tile
from engine.mapping import memory
from engine.progress import Progress
from engine.tasks import Job, LabelLayer, check, run
from tests.helpers.scenes import CROPS, make_scene

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A job that maps by a small model into a GeoTIFF and a confidence, done."""
    folder = tmp_path_factory.mktemp("job")
    scene = make_scene(folder / "scene", side=64)
    made = Job(
        output=str(folder / "map.tif"),
        confidence=str(folder / "confidence.tif"),
        model=str(folder / "model.safetensors"),
        labels=LabelLayer(str(scene.labels), "fields", "crop"),
        source=describe([str(scene.source)]),
        target=describe([str(scene.target)]),
        method="source_only",
        options={"source_steps": 20, "width": 16},
    )
    run(made, Progress())
    mapped = Job(output=made.output, confidence=made.confidence, target=made.target, use_model=made.model)
    run(mapped, Progress())
    return mapped


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    monkeypatch.setattr(memory, "window_bytes", lambda memory, workers=0: 64 * 16 * 13 * 2 * 4)


def look(path):
    """All that a program sees of a raster of one band."""
    dataset = gdal.Open(str(path))
    band = dataset.GetRasterBand(1)
    colors, table = band.GetColorTable(), band.GetDefaultRAT()
    cells = table and [
        [table.GetValueAsString(row, column) for column in range(table.GetColumnCount())]
        for row in range(table.GetRowCount())
    ]
    tags = {key: value for key, value in dataset.GetMetadata().items() if key.startswith("CROPTRANSFER_")}
    return {
        "pixels": dataset.ReadAsArray().tolist(),
        "place": (dataset.GetGeoTransform(), dataset.GetSpatialRef().ExportToWkt()),
        "colors": colors and [colors.GetColorEntry(value) for value in range(1 + len(CROPS))],
        "names": band.GetCategoryNames(),
        "table": cells,
        "nodata": band.GetNoDataValue(),
        "band": band.GetDescription(),
        "tags": tags,
    }


def test_a_map_as_vrt_shows_what_one_file_does_over_tiles_that_can_be_moved_with_it(job, tmp_path):
    folder = tmp_path / "a & ü"
    folder.mkdir()
    tiled = replace(job, output=str(folder / "crops.vrt"), confidence=str(folder / "sure.vrt"))
    report = str(folder / "report.html")
    outputs = run(replace(tiled, report=report), Progress()).outputs
    assert outputs["tiles"] == str(folder / "crops_tiles")
    names = {path.name for path in folder.iterdir()}
    assert names == {"crops.vrt", "crops.qml", "sure.vrt", "crops_tiles", "report.html"}
    assert sorted(path.name for path in (folder / "crops_tiles").iterdir()) == [tile_name(n) for n in range(4)]
    shutil.move(str(folder), str(tmp_path / "elsewhere"))
    assert look(tmp_path / "elsewhere" / "crops.vrt") == look(job.output)
    assert look(tmp_path / "elsewhere" / "sure.vrt") == look(job.confidence)


def test_a_map_as_vrt_replaces_an_earlier_one_but_no_folder_of_other_files(job, tmp_path):
    tiled = replace(job, output=str(tmp_path / "crops.vrt"), confidence=None)
    run(tiled, Progress())
    (tmp_path / "crops_tiles" / "tile_0000099.tif").write_bytes(b"of a larger map")
    run(replace(tiled, id="second"), Progress())
    assert len(list((tmp_path / "crops_tiles").iterdir())) == 4
    assert look(tmp_path / "crops.vrt")["pixels"] == look(job.output)["pixels"]
    (tmp_path / "crops_tiles" / "mine.txt").write_text("notes")
    [problem] = check(replace(tiled, id="third"))
    assert problem.code == "output-folder" and "mine.txt" in problem.message


def test_forms_that_do_not_go_together_are_refused(job, tmp_path):
    vrt, tif = str(tmp_path / "a.vrt"), str(tmp_path / "a.tif")
    for change in (
        {"output": vrt},
        {"output": tif, "confidence": vrt},
        {"output": vrt, "confidence": None, "cog": True},
        {"output": vrt, "confidence": None, "parcels": str(tmp_path / "no.gpkg")},
    ):
        assert "output-format" in [problem.code for problem in check(replace(job, **change))]


def test_a_cloud_optimized_map_has_the_pixels_and_the_legend_of_any_other(job, tmp_path):
    made = replace(job, output=str(tmp_path / "map.tif"), confidence=str(tmp_path / "confidence.tif"), cog=True)
    run(made, Progress())
    for path, plain in ((made.output, job.output), (made.confidence, job.confidence)):
        dataset = gdal.Open(path)
        assert dataset.GetMetadata("IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert look(path) == look(plain)
    assert {p.name for p in tmp_path.iterdir()} <= {
        *("map.tif", "map.tif.aux.xml", "map.qml"),
        *("confidence.tif", "confidence.tif.aux.xml"),
    }


def test_overviews_of_a_cloud_optimized_map_hold_classes_that_are_there(tmp_path):
    path, side = tmp_path / "map.tif", 1100
    grid = Grid(side, side, (0.0, 10.0, 0.0, 0.0, 0.0, -10.0), "")
    classes = np.where(np.add.outer(np.arange(side), np.arange(side)) % 2, 1, 3).astype(np.uint8)
    writer = MapWriter(str(path), None, grid, CROPS, [(1, 2, 3)] * 3, {})
    writer.write(Window(0, 0, side, side), classes)
    writer.finish()
    make_cloud_optimized(str(path), "NEAREST")
    dataset = gdal.Open(str(path))
    band = dataset.GetRasterBand(1)
    assert band.GetOverviewCount() >= 1 and band.GetBlockSize() == [512, 512]
    for number in range(band.GetOverviewCount()):
        overview = band.GetOverview(number)
        values = np.frombuffer(overview.ReadRaster(buf_type=gdal.GDT_Byte), np.uint8)
        assert set(np.unique(values)) <= {1, 3}
    assert [one.name for one in tmp_path.iterdir() if "cog" in one.name] == []


def test_opening_a_mosaic_opens_none_of_its_tiles(tmp_path):
    """A map of a country has ten thousands of them."""
    grid = Grid(8, 4, (0.0, 10.0, 0.0, 0.0, 0.0, -10.0), "")
    halves = [Window(0, 0, 4, 4), Window(4, 0, 4, 4)]
    mosaic = MapMosaic(str(tmp_path / "t"), str(tmp_path / "m.vrt"), None, grid, CROPS, [(1, 2, 3)] * 3, {})
    for number, window in enumerate(halves):
        mosaic.write(window, np.full((4, 4), number + 1, np.uint8))
    mosaic.finish()
    assert gdal.Open(str(tmp_path / "m.vrt")).RasterXSize == 8  # the tiles are not there at all
    (tmp_path / "t").mkdir()
    for number, window in enumerate(halves):
        plane = np.full((4, 4), number + 1, np.uint8)
        write_tile(str(tmp_path / "t" / tile_name(number)), grid, window, plane, plane)
    assert gdal.Open(str(tmp_path / "m.vrt")).ReadAsArray().tolist() == [[1] * 4 + [2] * 4] * 4
