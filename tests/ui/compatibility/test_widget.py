"""How source and target fit, as it is shown and chosen: bands, dates, seasons, clouds, indices."""

from __future__ import annotations

import datetime

import numpy as np
import pytest
from osgeo import gdal
from qgis.core import QgsProject, QgsVectorLayer
from qgis.PyQt.QtCore import QDate, Qt

from croptransfer.engine.imagery import describe
from croptransfer.engine.tasks import Job
from croptransfer.ui.compatibility.model import compare_sides
from croptransfer.ui.compatibility.quality_table import QualityTable
from tests.helpers.facts import lacking
from tests.helpers.scenes import srs_of, write_fields

WAIT = 20_000
DAYS = range(0, 180, 30)


def write(path, epsg, north, value=2000):
    data = gdal.GetDriverByName("GTiff").Create(str(path), 24, 24, 1, gdal.GDT_UInt16)
    data.SetGeoTransform((500000, 10, 0, north, 0, -10))
    data.SetProjection(srs_of(epsg).ExportToWkt())
    data.GetRasterBand(1).WriteRaster(0, 0, 24, 24, np.full((24, 24), value, "uint16").tobytes())
    data.FlushCache()


def write_season(folder, bands, first, epsg, north):
    folder.mkdir()
    for day in DAYS:
        date = datetime.date.fromisoformat(first) + datetime.timedelta(day)
        for band in bands.split():
            write(folder / f"{band}_{date}.tif", epsg, north, 4 if band == "SCL" else 2000)
    return folder


@pytest.fixture(scope="module")
def sentinel(tmp_path_factory):
    """Sentinel-2 at 47 degrees north, with labels."""
    folder = tmp_path_factory.mktemp("north")
    write_fields(folder / "fields.gpkg", (np.arange(16) % 3).reshape(4, 4), 6, 32633)
    return write_season(folder / "s2", "B04 B05 B08 B11 SCL", "2021-03-20", 32633, 5200000)


@pytest.fixture(scope="module")
def landsat(tmp_path_factory):
    """Landsat at 33 degrees south, half a year earlier."""
    folder = tmp_path_factory.mktemp("south")
    return write_season(folder / "l8", "COASTAL RED NIR08 SWIR16 QA_PIXEL", "2020-09-20", 32733, 6300000)


@pytest.fixture()
def dialog(open_dialog, fake_engine, sentinel, landsat, tmp_path, qtbot):
    """The dialog with both, when all was looked at."""
    fake_engine("map")
    layer = QgsVectorLayer(str(sentinel.parent / "fields.gpkg"), "fields", "ogr")
    QgsProject.instance().addMapLayer(layer)
    dialog = open_dialog()
    dialog.source.labels.layer_combo.setLayer(layer)
    dialog.source.stack.add_paths([str(sentinel)])
    dialog.target.stack.add_paths([str(landsat)])
    dialog.output.set_map_path(str(tmp_path / "map.tif"))
    qtbot.waitUntil(lambda: (dialog.panel.problems.count(), len(rows(dialog))) == (1, 5), timeout=WAIT)
    return dialog


def rows(dialog):
    tree = dialog.compatibility.tree
    items = [tree.topLevelItem(row) for row in range(tree.topLevelItemCount())]
    return {item.text(0) or item.text(1): tuple(item.text(column) for column in (1, 2)) for item in items}


def tick(dialog, name, on):
    (item,) = dialog.compatibility.tree.findItems(name, Qt.MatchFlag.MatchExactly)
    item.setCheckState(0, Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)


def ready(qtbot, dialog):
    qtbot.waitUntil(dialog.run_button.isEnabled, timeout=WAIT)
    return dialog._job


def test_every_band_shows_what_serves_for_it_and_a_missing_one_can_be_left_out(dialog, qtbot):
    shown = rows(dialog)
    matched = {name: by for name, (by, _) in shown.items() if name != "B05"}
    assert matched == {"B04": "RED", "B08": "NIR08", "B11": "SWIR16", "COASTAL": "COASTAL"}
    assert "B05" in shown and shown["B05"][0] not in matched.values()
    # The same wavelength twice, one near by, one that is missing and one that is not used.
    assert shown["B04"][1] == shown["B11"][1] and len({note for _, note in shown.values()}) == 4
    assert not dialog.form.tabIcon(2).isNull()
    assert not lacking(dialog.panel.problems.item(0).text(), "B05")
    tick(dialog, "B05", False)
    job = ready(qtbot, dialog)
    assert set(job.bands) == {"B04", "B08", "B11"}
    assert rows(dialog)["B05"][0] == shown["B05"][0] and rows(dialog)["B05"][1] != shown["B05"][1]
    assert dialog.form.tabIcon(2).isNull()
    for name in ("B04", "B08", "B11"):
        tick(dialog, name, False)
    qtbot.waitUntil(lambda: dialog.panel.problems.count() == 1, timeout=WAIT)
    assert not dialog.run_button.isEnabled() and lacking(dialog.panel.problems.item(0).text(), "B05")


def test_dates_of_both_hemispheres_stand_above_each_other(dialog, qtbot):
    assert not lacking(dialog.compatibility.season_label.text(), 182)
    fit = dialog.compatibility.result
    assert len(fit.source.day) == len(fit.target.day) == 6
    assert np.abs(np.subtract(fit.source.day, fit.target.day)).max() < 4
    dialog.form.setCurrentIndex(2)
    qtbot.waitUntil(lambda: len(dialog.compatibility.timeline.marks()) == 12, timeout=WAIT)
    assert dialog.compatibility.timeline.marks()[0] == "2021-03-20"
    assert dialog.compatibility.timeline.marks()[6] == "2020-09-20"


def test_a_date_counts_when_it_has_the_bands_that_are_learnt_from(sentinel):
    bands = [b for b in describe([str(sentinel)]) if (b.band, b.date) != ("B08", "2021-03-20")]
    whole = compare_sides(Job(output="", target=(), source=tuple(bands)), None)
    assert (len(whole.source.day), len(whole.source.left_out)) == (5, 1)
    without = compare_sides(Job(output="", target=(), source=tuple(bands), bands=("B04", "B11")), None)
    assert (len(without.source.day), without.source.left_out) == (6, ())


def test_season_starts_are_given_together_and_move_the_target(dialog, qtbot):
    tick(dialog, "B05", False)
    dialog.compatibility.season_box.setChecked(True)
    dialog.compatibility.source_start.setDate(QDate(2001, 3, 15))
    dialog.compatibility.target_start.setDate(QDate(2001, 9, 1))
    job = ready(qtbot, dialog)
    assert (job.source_season_start, job.target_season_start) == ("03-15", "09-01")
    qtbot.waitUntil(lambda: "-170" in dialog.compatibility.season_label.text(), timeout=WAIT)
    dialog.compatibility.season_box.setChecked(False)
    job = ready(qtbot, dialog)
    assert (job.source_season_start, job.target_season_start) == ("", "")


def test_indices_that_both_sides_can_give_are_learnt_from_besides(dialog, qtbot):
    tick(dialog, "B05", False)
    combo = dialog.compatibility.indices_combo
    offered = [combo.itemText(row) for row in range(combo.count()) if combo.model().item(row).isEnabled()]
    assert {"NDVI", "NDMI"} <= set(offered) and not {"EVI", "NDRE"} & set(offered)
    combo.setCheckedItems(["NDVI"])
    qtbot.waitUntil(lambda: "NDVI" in rows(dialog), timeout=WAIT)
    by, note = rows(dialog)["NDVI"]
    assert not lacking(by, "NIR08", "RED") and "(nir - red) / (nir + red)" in note
    job = ready(qtbot, dialog)
    assert job.indices == ("NDVI",) and "NDVI" not in job.bands


def test_what_quality_bands_hide_is_chosen_class_by_class_and_bit_by_bit(dialog, qtbot):
    tick(dialog, "B05", False)
    assert ready(qtbot, dialog).quality is None
    tree, table = dialog.compatibility.quality.tree, dialog.compatibility.quality
    assert [tree.topLevelItem(row).text(0).partition(":")[0] for row in range(2)] == ["SCL", "QA_PIXEL"]
    scl, landsat = tree.topLevelItem(0), tree.topLevelItem(1)
    shown = {scl.child(row).text(0): scl.child(row) for row in range(scl.childCount())}
    assert shown["thin cirrus"].checkState(0) == Qt.CheckState.Checked
    assert shown["water"].checkState(0) == Qt.CheckState.Unchecked
    shown["water"].setCheckState(0, Qt.CheckState.Checked)
    shown["snow or ice"].setCheckState(0, Qt.CheckState.Unchecked)
    landsat.setCheckState(0, Qt.CheckState.Unchecked)
    job = ready(qtbot, dialog)
    assert job.quality == {"SCL": [0, 1, 3, 6, 8, 9, 10], "QA_PIXEL": []}
    qtbot.mouseClick(table.reset_button, Qt.MouseButton.LeftButton)
    assert table.choice() is None


def test_without_quality_bands_it_is_said(qtbot):
    table = QualityTable()
    qtbot.addWidget(table)
    table.show()
    assert table.note.isVisible() and not table.tree.isVisible()


def test_a_series_file_takes_the_place_of_the_source(dialog, qtbot, tmp_path):
    path = tmp_path / "series.npz"
    rng = np.random.default_rng(0)
    np.savez(
        path,
        X=rng.random((40, 5, 2)).astype("float32"),
        doy=np.array([80, 110, 140, 170, 200]),
        bands=np.array(["B04", "NDVI"]),
        y=np.arange(40) % 2,
        class_names=np.array(["maize", "wheat"]),
        lat=np.full(40, 45.0),
    )
    dialog.source.series_button.setChecked(True)
    dialog.source.series_file.setFilePath(str(path))
    qtbot.waitUntil(lambda: set(rows(dialog)) == {"B04", "NDVI", "COASTAL", "SWIR16"}, timeout=WAIT)
    assert not lacking(rows(dialog)["NDVI"][0], "NIR08", "RED")
    assert dialog.compatibility.result.source.day == (80, 110, 140, 170, 200)
    assert ready(qtbot, dialog).series == str(path)
