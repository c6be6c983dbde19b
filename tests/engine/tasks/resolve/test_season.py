"""Source and target in opposite hemispheres, or with seasons that the user lays together."""

import datetime
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from osgeo import gdal

from engine.imagery import Stack, describe, sample_labels
from engine.imagery.geo.geodesy import grid_latitude
from engine.imagery.geo.types import Grid
from engine.models import TrainedModel
from engine.progress import Progress
from engine.series import Season, write_series
from engine.tasks import Job, LabelLayer, run
from tests.helpers.facts import lacking
from tests.helpers.paths import ROOT
from tests.helpers.rasters import UTM, crs_wkt
from tests.helpers.scenes import make_scene, srs_of

pytestmark = pytest.mark.slow

HALF_YEAR = 182


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return make_scene(tmp_path_factory.mktemp("scene"))


@pytest.fixture(scope="module")
def south(scene, tmp_path_factory):
    """The target half a year later, at 43 degrees south."""
    path = tmp_path_factory.mktemp("south") / "target.tif"
    shutil.copy(scene.target, path)
    rasters = gdal.Open(str(path), gdal.GA_Update)
    rasters.SetProjection(srs_of(32733).ExportToWkt())
    for number in range(1, rasters.RasterCount + 1):
        name, date = rasters.GetRasterBand(number).GetDescription().split("_")
        later = datetime.date.fromisoformat(date) + datetime.timedelta(HALF_YEAR)
        rasters.GetRasterBand(number).SetDescription(f"{name}_{later.isoformat()}")
    rasters.FlushCache()
    return path


@pytest.fixture(scope="module")
def north_map(scene, tmp_path_factory):
    """The map of the target where and when it is, and its model beside it."""
    folder = tmp_path_factory.mktemp("north")
    run(replace(job_of(scene, folder, scene.target), model=str(folder / "model.safetensors")), Progress())
    return folder / "map.tif"


def job_of(scene, folder, target, **more) -> Job:
    return Job(
        output=str(folder / "map.tif"),
        labels=LabelLayer(str(scene.labels), "fields", "crop"),
        source=describe([str(scene.source)]),
        target=describe([str(target)]),
        method="rf",
        **more,
    )


def read(path):
    return gdal.Open(str(path)).ReadAsArray()


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "engine", *map(str, arguments)], cwd=ROOT, text=True, capture_output=True
    )


def moved(texts):
    """Those that name two latitudes: the season is moved for the other hemisphere."""
    return [text for text in texts if len(re.findall(r"\d+° [NS]", text)) == 2]


def test_a_target_in_the_other_hemisphere_is_mapped_as_well_as_in_this_one(scene, south, north_map, tmp_path):
    job = job_of(scene, tmp_path, south, report=str(tmp_path / "report.html"))
    result = run(job, Progress())
    np.testing.assert_array_equal(read(tmp_path / "map.tif"), read(north_map))
    [told] = moved(result.summary["warnings"])
    assert not lacking(told, "47° N", "43° S")
    assert not lacking((tmp_path / "report.html").read_text("utf-8"), "07-02", "01-01", "2022-09-05")


def test_without_moving_it_the_southern_map_is_wrong(scene, south, tmp_path):
    run(job_of(scene, tmp_path, south, source_season_start="01-01", target_season_start="01-01"), Progress())
    assert (read(tmp_path / "map.tif") == scene.truth).mean() < 0.8


def test_given_season_starts_decide_and_fit_and_map_alike(scene, south, north_map, tmp_path):
    output, model = tmp_path / "map.tif", tmp_path / "model.safetensors"
    starts = ("--source-season-start", "03-01", "--target-season-start", "08-30")  # 182 days later
    done = command(
        *("map", "--labels", scene.labels, "--class-field", "crop", "--source", scene.source, "--target", south),
        *("--output", output, "--model", model, "--method", "rf", *starts),
    )
    assert done.returncode == 0 and not moved(done.stderr.splitlines()), done.stderr
    np.testing.assert_array_equal(read(output), read(north_map))
    season = TrainedModel.load(model).season
    assert season.start == "07-02" and season.source_start == "03-01" and round(season.latitude) == -43


def test_ghca_learns_the_same_from_both_hemispheres(scene, south, tmp_path):
    shifts = []
    for name, target in (("north", scene.target), ("south", south)):
        (tmp_path / name).mkdir()
        job = job_of(scene, tmp_path / name, target, options={"steps_scale": 0.02})
        shifts.append(run(replace(job, method="ghca"), Progress()).summary["shift_days"])
    assert shifts[0] == shifts[1]
    np.testing.assert_array_equal(read(tmp_path / "north" / "map.tif"), read(tmp_path / "south" / "map.tif"))


def test_a_model_maps_its_own_and_the_other_hemisphere(scene, south, north_map, tmp_path):
    adapted_north = north_map.parent / "model.safetensors"
    adapted_south = tmp_path / "south.safetensors"
    run(job_of(scene, tmp_path, south, model=str(adapted_south)), Progress())
    for model, target, other in [
        (adapted_north, scene.target, False),
        (adapted_north, south, True),
        (adapted_south, south, False),
        (adapted_south, scene.target, True),
    ]:
        job = Job(str(tmp_path / "again.tif"), describe([str(target)]), use_model=str(model))
        result = run(job, Progress())
        assert bool(moved(result.summary["warnings"])) == other
        assert (read(tmp_path / "again.tif") == read(north_map)).mean() > 0.98, (model, target)


def test_a_model_learnt_with_a_start_needs_only_the_targets(scene, south, north_map, tmp_path):
    model = tmp_path / "model.safetensors"
    starts = {"source_season_start": "03-01", "target_season_start": "03-01"}
    run(job_of(scene, tmp_path, scene.target, model=str(model), **starts), Progress())
    options = ("--target", south, "--output", tmp_path / "map.tif", "--target-season-start", "08-30")
    done = command("classify", "--model", model, *options)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(read(tmp_path / "map.tif"), read(north_map))
    done = command("classify", "--model", north_map.parent / "model.safetensors", *options)
    assert done.returncode == 2 and "MM-DD" in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_series_file_tells_its_hemisphere_by_its_latitude(scene, south, tmp_path):
    with Stack(describe([str(scene.source)]), "source") as stack:
        series = sample_labels(LabelLayer(str(scene.labels), "fields", "crop"), stack, 0, 500)
    write_series(tmp_path / "plain.npz", series)
    with np.load(tmp_path / "plain.npz") as file:
        keys = {key: file[key] for key in file.files if key not in ("lon", "lat")}
    np.savez(tmp_path / "north.npz", lat=np.full(len(series), 47.0), **keys)
    np.savez(tmp_path / "nowhere.npz", **keys)
    for name, right in [("north.npz", True), ("nowhere.npz", False)]:
        job = Job(str(tmp_path / "map.tif"), describe([str(south)]), series=str(tmp_path / name), method="rf")
        result = run(job, Progress())
        assert ((read(tmp_path / "map.tif") == scene.truth).mean() > 0.9) == right
        assert bool(moved(result.summary["warnings"])) == right


def test_an_old_model_file_has_no_season(north_map):
    model = TrainedModel.load(north_map.parent / "model.safetensors")
    assert round(model.season.latitude) == 47 and model.season.start == "01-01"
    old = replace(model, season=Season())
    assert "season" not in old._prediction_settings() and old.model_id != model.model_id


@pytest.mark.parametrize(
    "epsg, transform, expected",
    [
        (32633, UTM, 46.95),
        (32733, UTM, -43.36),
        (4326, (10.0, 0.01, 0.0, -12.0, 0.0, -0.01), -12.5),
        (3857, (0.0, 30.0, 0.0, 5_000_000.0, 0.0, -30.0), 40.9),
        (0, UTM, None),
    ],
)
def test_the_latitude_of_a_grid_in_any_system(epsg, transform, expected):
    found = grid_latitude(Grid(100, 100, transform, crs_wkt(epsg) if epsg else ""))
    assert found == (None if expected is None else pytest.approx(expected, abs=0.1))
