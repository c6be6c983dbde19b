"""The algorithms through the real ``qgis_process``, as scripts and clusters use them."""

from __future__ import annotations

import json
import shutil

import pytest
from osgeo import gdal

from croptransfer.engine.methods import METHODS
from tests.helpers.facts import lacking

pytestmark = pytest.mark.slow

ALGORITHMS = ("transfer", "classify", "compare", "describe", "extract", "regularize", "search")
PARCELS = "PARCELS PARCEL_READING PARCEL_LAYER"
MAPPING = "EXACT MEMORY RESUME"
READING = "BANDS INDICES QUALITY SOURCE_SEASON_START TARGET_SEASON_START"
NUMBERS = "SOURCE_NODATA SOURCE_SCALE SOURCE_OFFSET TARGET_NODATA TARGET_SCALE TARGET_OFFSET"
TABLES = "SOURCE_BANDS_FROM TARGET_BANDS_FROM"


@pytest.fixture()
def inputs(scene):
    return {"LABELS": scene.labels, "CLASS_FIELD": "crop", "SOURCE": scene.source, "TARGET": scene.target}


def sentence(done):
    """All that a person sees."""
    return done.stdout + done.stderr


def test_lists_the_algorithms_and_explains_every_parameter(qgis_process):
    listed = qgis_process("list")
    assert all(f"croptransfer:{name}" in listed.stdout for name in ALGORITHMS)
    help_text = json.loads(qgis_process("help", "croptransfer:transfer", "--json").stdout)
    parameters = help_text["parameters"]
    expected = "LABELS CLASS_FIELD SOURCE SERIES TARGET METHOD SEED MASK OUTPUT CONFIDENCE MODEL REPORT "
    assert set(parameters) == set(f"{expected} KEEP_SPELLINGS {NUMBERS} {TABLES} {READING} {MAPPING} {PARCELS}".split())
    assert [name for name, about in parameters.items() if len(about.get("help", "")) < 20] == []
    optional = {name for name, about in parameters.items() if about["optional"]}
    absent = "LABELS CLASS_FIELD SOURCE SERIES MASK PARCELS PARCEL_LAYER CONFIDENCE MODEL REPORT"
    assert optional == set(f"{absent} {READING} {NUMBERS} {TABLES}".split())
    assert {"OUTPUT", "CONFIDENCE", "MODEL", "REPORT"} <= set(help_text["outputs"])

    help_text = json.loads(qgis_process("help", "croptransfer:compare", "--json").stdout)
    parameters = help_text["parameters"]
    assert set(parameters) == set("SOURCE TARGET SPLITS SPLIT METHODS SEEDS WORKERS OUTPUT CSV REPORT".split())
    assert [name for name, about in parameters.items() if len(about.get("help", "")) < 20] == []
    figures = "BEST_METHOD BEST_OA GHCA_OA ORACLE_OA GAP_CLOSED FAILED_RUNS"
    assert set(help_text["outputs"]) == set(f"OUTPUT CSV REPORT {figures}".split())


def test_transfers_with_the_real_engine_and_maps_again_with_its_model(
    qgis_process, quick_engine, scene, inputs, tmp_path
):
    qgis_process.engine = quick_engine
    written = {"OUTPUT": "map.tif", "CONFIDENCE": "sure.tif", "MODEL": "model.safetensors", "REPORT": "report.html"}
    paths = {name: tmp_path / file for name, file in written.items()}
    done = qgis_process.run("croptransfer:transfer", **inputs, METHOD="ghca", SEED=1, **paths)
    assert done.returncode == 0, sentence(done)
    assert all(stage in sentence(done) for stage in METHODS["ghca"].stages)

    classes = gdal.Open(str(paths["OUTPUT"])).ReadAsArray()
    assert (classes == scene.truth).mean() > 0.7
    assert gdal.Open(str(paths["CONFIDENCE"])).ReadAsArray().max() <= 100
    assert "<html" in paths["REPORT"].read_text(encoding="utf-8").lower()

    again = tmp_path / "again.tif"
    mapped = qgis_process.run("croptransfer:classify", MODEL=paths["MODEL"], TARGET=scene.target, OUTPUT=again)
    assert mapped.returncode == 0, sentence(mapped)
    assert (gdal.Open(str(again)).ReadAsArray() == classes).all()


def test_takes_several_files_and_returns_json(qgis_process, scene, inputs, tmp_path, fake_engine):
    """One file a date; the results carry figures to chain."""
    qgis_process.engine = fake_engine("map")
    stack = gdal.Open(str(scene.target))
    files = []
    for number in range(1, stack.RasterCount, 2):
        date = stack.GetRasterBand(number).GetDescription()[-10:]
        files.append(str(tmp_path / f"{date}.tif"))
        single = gdal.Translate(files[-1], stack, bandList=[number, number + 1])
        for band, name in ((1, "RED"), (2, "NIR")):
            single.GetRasterBand(band).SetDescription(name)
        del single
    inputs.pop("TARGET")
    arguments = [f"{name}={value}" for name, value in inputs.items()] + [f"TARGET={file}" for file in files]
    results = qgis_process.run_json("croptransfer:transfer", *arguments, f"OUTPUT={tmp_path / 'map.tif'}")
    assert results["OUTPUT"] == str(tmp_path / "map.tif")
    assert (results["CLASSES"], results["MAPPED_SHARE"]) == (3, 0.75)


def bad_inputs(scene, inputs, folder):
    """Each kind of bad input, with what its sentence names."""
    unreadable = folder / "broken.tif"
    unreadable.write_text("no raster")
    dateless = folder / "plain.tif"
    single = gdal.Translate(str(dateless), str(scene.target), bandList=[1])
    single.GetRasterBand(1).SetDescription("")
    del single
    elsewhere = folder / "elsewhere.tif"
    shutil.copy(scene.source, elsewhere)
    moved = gdal.Open(str(elsewhere), gdal.GA_Update)
    moved.SetGeoTransform((700000, 10, 0, 4000000, 0, -10))
    del moved
    return {
        "missing field": ({**inputs, "CLASS_FIELD": "cropp"}, ["fields.gpkg", "'cropp'"]),
        "missing raster": ({**inputs, "TARGET": folder / "gone.tif"}, ["gone.tif"]),
        "unreadable raster": ({**inputs, "TARGET": unreadable}, ["broken.tif"]),
        "no dates": ({**inputs, "TARGET": dateless}, ["plain.tif"]),
        "no overlap": ({**inputs, "SOURCE": elsewhere}, ["elsewhere.tif"]),
        "no source": ({"TARGET": scene.target}, []),
        "unknown method": ({**inputs, "METHOD": "magic"}, ["'magic'", *METHODS]),
    }


@pytest.mark.parametrize(
    "kind",
    ["missing field", "missing raster", "unreadable raster", "no dates", "no overlap", "no source", "unknown method"],
)
def test_bad_input_gets_a_sentence_and_writes_nothing(qgis_process, scene, inputs, tmp_path, kind, fake_engine):
    qgis_process.engine = fake_engine("map")
    parameters, expected = bad_inputs(scene, inputs, tmp_path)[kind]
    out = tmp_path / "out"
    out.mkdir()
    done = qgis_process.run("croptransfer:transfer", **{"METHOD": "ghca", **parameters}, OUTPUT=out / "map.tif")
    assert done.returncode != 0
    assert not lacking(sentence(done), *expected) and "Traceback" not in sentence(done)
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ("no-torch", "torch"),
        ("broken-torch", "module 'sympy' has no attribute 'printing'"),
        ("crash", "RuntimeError: the tensor has no elephants"),
    ],
)
def test_an_engine_that_is_absent_or_dies_is_explained(
    qgis_process, inputs, tmp_path, fake_engine, behaviour, expected
):
    qgis_process.engine = fake_engine(behaviour)
    out = tmp_path / "out"
    out.mkdir()
    done = qgis_process.run("croptransfer:transfer", **inputs, METHOD="ghca", OUTPUT=out / "map.tif")
    assert done.returncode != 0
    assert expected in sentence(done)
    assert list(out.iterdir()) == []
