"""Parameters that say how the stacks are read: bands, indices, quality bands, season starts."""

from __future__ import annotations

import shutil

import pytest
from osgeo import gdal
from qgis.core import QgsProcessingContext, QgsProcessingException, QgsProcessingFeedback

from croptransfer.engine.tasks.resolve.bands import model_bands
from tests.helpers.facts import lacking


@pytest.fixture()
def inputs(scene, tmp_path):
    return {
        "LABELS": str(scene.labels),
        "CLASS_FIELD": "crop",
        "SOURCE": [str(scene.source)],
        "TARGET": [str(scene.target)],
        "METHOD": "rf",
        "OUTPUT": str(tmp_path / "map.tif"),
    }


def job_of(provider, name, parameters, folder):
    algorithm, context = provider.algorithm(name).create(), QgsProcessingContext()
    algorithm.gather(parameters, context)
    return algorithm.task(parameters, context, str(folder), QgsProcessingFeedback())


def test_they_are_optional_and_advanced(provider):
    for name in ("transfer", "classify"):
        parameters = {one.name(): one for one in provider.algorithm(name).parameterDefinitions()}
        own = {"QUALITY", "SOURCE_SEASON_START", "TARGET_SEASON_START"} | (
            {"BANDS", "INDICES"} if name == "transfer" else set()
        )
        for one in own:
            flags = parameters[one].flags()
            assert (
                flags & parameters[one].FlagOptional and flags & parameters[one].FlagAdvanced and parameters[one].help()
            )
        assert "NDVI" in parameters["INDICES"].help() if name == "transfer" else "INDICES" not in parameters


def test_they_arrive_in_the_job(provider, inputs, tmp_path):
    plain = job_of(provider, "transfer", inputs, tmp_path)
    assert (plain.bands, plain.indices, plain.quality, plain.source_season_start) == ((), (), None, "")
    inputs |= {"BANDS": "RED; NIR", "INDICES": "ndvi, NDWI", "QUALITY": "SCL: 3 8 9; QA_PIXEL: cloud, cloud shadow"}
    inputs |= {"SOURCE_SEASON_START": "03-01", "TARGET_SEASON_START": " 09-01 "}
    job = job_of(provider, "transfer", inputs, tmp_path)
    assert job.bands == ("RED", "NIR") and job.indices == ("ndvi", "NDWI")
    assert job.quality == {"SCL": [3, 8, 9], "QA_PIXEL": ["cloud", "cloud shadow"]}
    assert (job.source_season_start, job.target_season_start) == ("03-01", "09-01")
    for text, quality in (("none", {}), ("SCL: none", {"SCL": []}), ("scl=8", {"scl": [8]})):
        assert job_of(provider, "transfer", {**inputs, "QUALITY": text}, tmp_path).quality == quality


def test_a_wrong_value_is_told_before_anything_runs(provider, inputs, fake_engine):
    import processing

    fake_engine("map")
    for more, named in [
        ({"QUALITY": "SCL: 77"}, ["SCL", 77]),
        ({"INDICES": "NDXI"}, ["'NDXI'"]),
        ({"TARGET_SEASON_START": "09-01"}, ["MM-DD"]),
        ({"BANDS": "B04"}, ["B04", "RED", "NIR"]),
    ]:
        with pytest.raises(QgsProcessingException) as raised:
            processing.run("croptransfer:transfer", {**inputs, **more})
        assert not lacking(str(raised.value), *named)


@pytest.mark.slow
def test_a_target_of_another_sensor_is_mapped_with_an_index(provider, inputs, scene, quick_engine, tmp_path):
    import processing

    path = tmp_path / "landsat.tif"
    shutil.copy(scene.target, path)
    rasters = gdal.Open(str(path), gdal.GA_Update)
    for number in range(1, rasters.RasterCount + 1):
        band = rasters.GetRasterBand(number)
        band.SetDescription(band.GetDescription().replace("NIR_", "NIR08_"))
    rasters.FlushCache()
    inputs |= {"TARGET": [str(path)], "INDICES": "NDVI", "MODEL": str(tmp_path / "model.safetensors")}

    class Feedback(QgsProcessingFeedback):
        def pushWarning(self, text):
            told.append(text)

    told: list[str] = []
    results = processing.run("croptransfer:transfer", inputs, feedback=Feedback())
    assert model_bands(inputs["MODEL"]) == ("RED", "NIR", "NDVI")
    assert any(not lacking(text, "NIR08", "NIR") for text in told)
    assert (gdal.Open(results["OUTPUT"]).ReadAsArray() == scene.truth).mean() > 0.9
