"""A job whose source and target come from different sensors: as a job, as the command, and by a saved model."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from engine.errors import InputError
from engine.imagery import Stack, describe, sample_labels
from engine.models import TrainedModel
from engine.progress import Progress
from engine.series import read_series, write_series
from engine.tasks import Job, LabelLayer, check, run
from engine.tasks.resolve.bands import model_bands
from tests.helpers.facts import lacking
from tests.helpers.paths import ROOT
from tests.helpers.scenes import NODATA, make_scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return make_scene(tmp_path_factory.mktemp("scene"))


@pytest.fixture(scope="module")
def own_names(scene, tmp_path_factory):
    """The map, and the model, of the target whose bands are named as the source's."""
    folder = tmp_path_factory.mktemp("own names")
    job = job_of(scene, folder, scene.target)
    run(replace(job, model=str(folder / "model.safetensors")), Progress())
    return folder


def job_of(scene, folder, target, **more) -> Job:
    return Job(
        output=str(folder / "map.tif"),
        labels=LabelLayer(str(scene.labels), "fields", "crop"),
        source=describe([str(scene.source)]),
        target=describe([str(target)]),
        method="rf",
        **more,
    )


def renamed(scene, folder, names) -> Path:
    """The target with its bands called otherwise; a name of None leaves a band without one."""
    path = folder / "target.tif"
    shutil.copy(scene.target, path)
    rasters = gdal.Open(str(path), gdal.GA_Update)
    for number in range(1, rasters.RasterCount + 1):
        band, date = rasters.GetRasterBand(number).GetDescription().split("_")
        rasters.GetRasterBand(number).SetDescription(f"{names[band]}_{date}" if names[band] else date)
    rasters.FlushCache()
    return path


def with_band(path, name, values) -> None:
    """Add a raster band of the given description and values behind those of a file."""
    old = gdal.Open(str(path))
    new = gdal.GetDriverByName("MEM").CreateCopy("", old)
    new.AddBand(gdal.GDT_UInt16)
    band = new.GetRasterBand(new.RasterCount)
    band.SetDescription(name)
    band.SetNoDataValue(NODATA)
    band.WriteRaster(0, 0, old.RasterXSize, old.RasterYSize, values.astype(np.uint16).tobytes())
    del old
    gdal.GetDriverByName("GTiff").CreateCopy(str(path), new)


def read(path):
    return gdal.Open(str(path)).ReadAsArray()


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "engine", *map(str, arguments)], cwd=ROOT, text=True, capture_output=True
    )


def command_of(scene, target, output, *more):
    return command(
        *("map", "--labels", scene.labels, "--class-field", "crop", "--source", scene.source, "--target", target),
        *("--output", output, *more),
    )


@pytest.mark.slow
def test_a_target_of_another_sensor_gives_the_very_map_of_its_own_names(scene, own_names, tmp_path):
    target = renamed(scene, tmp_path, {"RED": "B04", "NIR": "B8A"})
    result = run(job_of(scene, tmp_path, target, report=str(tmp_path / "report.html")), Progress())
    np.testing.assert_array_equal(read(tmp_path / "map.tif"), read(own_names / "map.tif"))
    report = (tmp_path / "report.html").read_text("utf-8")
    for pair in (("B04", "RED"), ("B8A", "NIR")):
        [told] = [text for text in result.summary["warnings"] if not lacking(text, *pair)]
        assert told in report


@pytest.mark.slow
def test_a_saved_model_maps_another_sensor(scene, own_names, tmp_path):
    target = renamed(scene, tmp_path, {"RED": "B04", "NIR": "B08"})
    model, output = own_names / "model.safetensors", tmp_path / "map.tif"
    done = command("classify", "--model", model, "--target", target, "--output", output)
    assert done.returncode == 0, done.stderr
    assert any(line.startswith("warning: ") and not lacking(line, "B08", "NIR") for line in done.stderr.splitlines())
    np.testing.assert_array_equal(read(output), read(own_names / "map.tif"))


def test_a_model_says_without_torch_what_it_needs(scene, own_names, tmp_path):
    assert model_bands(str(own_names / "model.safetensors")) == ("RED", "NIR")
    (tmp_path / "no.safetensors").write_bytes(b"\xff" * 40)
    assert model_bands(str(tmp_path / "no.safetensors")) == ()
    target = renamed(scene, tmp_path, {"RED": "B04", "NIR": "B11"})
    job = Job(str(tmp_path / "map.tif"), describe([str(target)]), use_model=str(own_names / "model.safetensors"))
    [problem] = check(job)
    assert problem.code == "bands-differ"
    assert not lacking(problem.message, "model.safetensors", "RED", "NIR", "B04", "B11")
    assert "RED" not in problem.hint  # a model cannot be learnt from less
    [problem] = check(replace(job, target=describe([str(scene.target)]), indices=("NDVI",)))
    assert problem.code == "bands-differ" and "B11" not in str(problem)


@pytest.mark.slow
def test_indices_are_learnt_and_computed_on_both_sides_by_the_command(scene, tmp_path):
    target = renamed(scene, tmp_path, {"RED": "sur_refl_b01", "NIR": "sur_refl_b02"})
    options = ("--bands", "RED", "--indices", "ndvi", "--model", tmp_path / "m.safetensors", "--option")
    done = command_of(scene, target, tmp_path / "map.tif", *options, "steps_scale=0.02")
    assert done.returncode == 0, done.stderr
    model = TrainedModel.load(tmp_path / "m.safetensors")
    assert model.bands == ("RED", "NDVI")
    assert "(nir - red) / (nir + red)" in done.stderr and not lacking(done.stderr, "NDVI", "NIR", "RED")
    assert set(np.unique(read(tmp_path / "map.tif"))) <= {1, 2, 3}


def test_an_index_alone_gives_a_good_map(scene, tmp_path):
    target = renamed(scene, tmp_path, {"RED": "B04", "NIR": "B08"})
    run(job_of(scene, tmp_path, target, bands=("NDVI",)), Progress())
    assert (read(tmp_path / "map.tif") == scene.truth).mean() > 0.9


def test_an_index_of_a_series_file_is_computed_from_the_target(scene, tmp_path):
    with Stack(describe([str(scene.source)]), "source", ("NDVI",)) as stack:
        series = sample_labels(LabelLayer(str(scene.labels), "fields", "crop"), stack, 0, 500)
    write_series(tmp_path / "s.npz", replace(series.with_bands(["NDVI"]), bands=("ndvi",)))
    assert read_series(tmp_path / "s.npz").bands == ("ndvi",)
    job = Job(str(tmp_path / "map.tif"), describe([str(scene.target)]), series=str(tmp_path / "s.npz"), method="rf")
    run(job, Progress())
    assert (read(tmp_path / "map.tif") == scene.truth).mean() > 0.9


@pytest.mark.slow
def test_a_source_band_that_the_target_cannot_give_is_refused_and_can_be_left_out(scene, tmp_path):
    target = renamed(scene, tmp_path, {"RED": "B04", "NIR": "B11"})
    done = command_of(scene, target, tmp_path / "map.tif", "--method", "rf")
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert not lacking(line, "RED", "NIR", "B04", "B11")
    assert [p.name for p in tmp_path.iterdir()] == ["target.tif"]
    done = command_of(scene, target, tmp_path / "map.tif", "--method", "rf", "--bands", "RED")
    assert done.returncode == 0, done.stderr
    assert any(line.startswith("warning: ") and not lacking(line, "B11") for line in done.stderr.splitlines())


def test_bands_that_are_not_used_may_be_as_they_like(scene, own_names, tmp_path):
    target = renamed(scene, tmp_path, {"RED": "RED", "NIR": "NIR"})
    with_band(target, "B12", np.zeros((24, 24)))  # without a date
    with_band(target, "2022-05-01", np.zeros((24, 24)))  # without a name
    result = run(job_of(scene, tmp_path, target), Progress())
    np.testing.assert_array_equal(read(tmp_path / "map.tif"), read(own_names / "map.tif"))
    assert any(not lacking(text, "B12") for text in result.summary["warnings"])
    assert any(not lacking(text, 28, "target.tif") for text in result.summary["warnings"])
    nameless = renamed(scene, tmp_path, {"RED": "RED", "NIR": None})
    assert [p.code for p in check(job_of(scene, tmp_path, nameless))] == ["no-band", "bands-differ"]


@pytest.mark.slow
def test_a_quality_band_hides_and_can_be_told_not_to(scene, tmp_path):
    target = renamed(scene, tmp_path, {"RED": "RED", "NIR": "NIR"})
    cloud = np.full((24, 24), 4)
    cloud[:8] = 9
    dates = {band.date for band in describe([str(scene.target)])}
    for date in dates:
        with_band(target, f"SCL_{date}", cloud)
    job = job_of(scene, tmp_path, target)
    run(job, Progress())
    assert (read(tmp_path / "map.tif")[:8] == 0).all() and (read(tmp_path / "map.tif")[8:] > 0).all()
    for quality in ({"SCL": [4]}, {}):
        run(replace(job, quality=quality), Progress())
        assert ((read(tmp_path / "map.tif") == 0).any(axis=1) == ([False] * 8 + [bool(quality)] * 16)).all()
    done = command_of(scene, target, tmp_path / "map.tif", "--method", "rf", "--quality", "SCL=none")
    assert done.returncode == 0 and (read(tmp_path / "map.tif") > 0).all(), done.stderr


@pytest.mark.parametrize(
    "options, facts",
    [
        (("--quality", "SCL=99"), ["SCL", 99]),
        (("--quality", "CLOUDS=1"), ["'CLOUDS'"]),
        (("--quality", "3,8"), ["'3,8'"]),
        (("--indices", "NDXI"), ["'NDXI'"]),
        (("--indices", "EVI"), ["EVI", "RED", "NIR"]),
        (("--bands", "B04"), ["B04", "RED", "NIR"]),
        (("--source-season-start", "03-01"), ["MM-DD"]),
        (("--source-season-start", "03-01", "--target-season-start", "31-12"), ["'31-12'"]),
    ],
)
def test_a_wrong_option_is_one_sentence_and_leaves_nothing(scene, tmp_path, options, facts):
    done = command_of(scene, scene.target, tmp_path / "map.tif", "--method", "rf", *options)
    assert done.returncode == 2, done.stderr
    [line] = done.stderr.splitlines()
    assert not lacking(line, *facts) and list(tmp_path.iterdir()) == []


def test_the_new_keys_survive_their_json_and_wrong_ones_are_named(scene, tmp_path):
    job = job_of(scene, tmp_path, scene.target, bands=("RED",), indices=("NDVI",), quality={"SCL": [3, "cloud"]})
    job = replace(job, source_season_start="03-01", target_season_start="09-01")
    job = replace(job, labels=replace(job.labels, inner_buffer=10.0, per_polygon=5, classes={"maize": "corn"}))
    assert Job.from_json(job.to_json()) == job
    content = json.loads(job.to_json())
    for key in ("bands", "indices", "quality", "source_season_start", "target_season_start"):
        del content[key]  # a job file of an earlier version
    assert Job.from_json(json.dumps(content)).quality is None
    for key, value in [("bands", "RED"), ("indices", [1]), ("quality", {"SCL": 3}), ("target_season_start", 3)]:
        with pytest.raises(InputError) as raised:
            Job.from_json(json.dumps({**content, key: value}))
        assert raised.value.code == "job"
        assert not lacking(raised.value.message, "SCL" if key == "quality" else key)
