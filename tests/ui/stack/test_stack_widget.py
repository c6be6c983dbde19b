"""A stack filled as people fill it: folders, zips, layers with a temporal range, cubes; and what is told of them."""

from __future__ import annotations

import re
import zipfile

import numpy as np
import pytest
from osgeo import gdal
from qgis.core import Qgis, QgsDateTimeRange, QgsMimeDataUtils, QgsProject, QgsRasterLayer
from qgis.PyQt.QtCore import QDateTime, QMimeData, QPoint, QPointF, Qt, QUrl
from qgis.PyQt.QtGui import QDragEnterEvent, QDropEvent
from qgis.PyQt.QtWidgets import QApplication

from croptransfer.ui.stack.band_table import BAND, DATE
from croptransfer.ui.stack.stack_inputs import in_orders
from croptransfer.ui.stack.stack_widget import StackWidget
from croptransfer.ui.stack.summary import summary
from tests.helpers.facts import lacking, numbers
from tests.helpers.scenes import srs_of

WAIT = 20_000
COPY, LEFT, NONE = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture()
def stack(qtbot, qgis_new_project, fresh_settings):
    """A stack widget of its own."""
    widget = StackWidget()
    qtbot.addWidget(widget)
    widget.show()
    yield widget
    widget.shut_down()


def write(path, description="", value=1, kind=gdal.GDT_UInt16, bands=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    data = gdal.GetDriverByName("GTiff").Create(str(path), 8, 8, bands, kind)
    data.SetGeoTransform((500000, 10, 0, 5200000, 0, -10))
    data.SetProjection(srs_of(32633).ExportToWkt())
    for number in range(1, bands + 1):
        data.GetRasterBand(number).WriteRaster(0, 0, 8, 8, np.full((8, 8), value, "uint16").tobytes(), buf_type=kind)
        if description:
            data.GetRasterBand(number).SetDescription(description)
    data.FlushCache()
    return path


def read(qtbot, stack):
    qtbot.waitUntil(lambda: not stack.is_reading(), timeout=WAIT)
    return stack.bands()


def drop(widget, mime):
    """Enter and drop as the window system sends it, on the table in the middle of the form."""
    where = widget.table.viewport()
    QApplication.sendEvent(where, QDragEnterEvent(QPoint(5, 5), COPY, mime, LEFT, NONE))
    QApplication.sendEvent(where, QDropEvent(QPointF(5, 5), COPY, mime, LEFT, NONE))


def urls(*paths):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return mime


def test_a_folder_counts_as_one_thing_whose_files_can_be_removed_one_by_one(stack, qtbot, tmp_path):
    for month in (4, 5, 6):
        for band in ("B04", "B08"):
            write(tmp_path / "season" / f"{band}_2021-{month:02}-01.tif")
    drop(stack, urls(tmp_path / "season"))
    assert len(read(qtbot, stack)) == 6
    assert stack.paths() == [str(tmp_path / "season")]
    stack.table.selectRow(0)
    qtbot.mouseClick(stack.remove_button, LEFT)
    assert [b.path.rsplit("/", 1)[1] for b in stack.bands()][0] == "B04_2021-05-01.tif"
    assert len(stack.bands()) == 5 and stack.paths() == [str(tmp_path / "season")]
    assert numbers(stack.summary_label.text())[-1] == "1"
    stack.table.selectAll()
    qtbot.mouseClick(stack.remove_button, LEFT)
    assert stack.paths() == [] and stack.bands() == ()


def test_a_correction_stays_when_more_is_added(stack, qtbot, tmp_path):
    first, second = write(tmp_path / "a" / "x_2021-04-01.tif"), write(tmp_path / "B08_2021-05-01.tif")
    stack.add_paths([str(first.parent)])
    read(qtbot, stack)
    stack.model.setData(stack.model.index(0, BAND), "B08")
    stack.add_paths([str(second)])
    assert [(b.date, b.band) for b in read(qtbot, stack)] == [("2021-04-01", "B08"), ("2021-05-01", "B08")]


def test_a_file_that_comes_by_itself_and_with_its_folder_stands_there_once(stack, qtbot, tmp_path):
    one = write(tmp_path / "s" / "B04_2021-04-01.tif")
    write(tmp_path / "s" / "B04_2021-05-01.tif")
    stack.add_paths([str(one), str(one.parent)])
    assert sorted(b.date for b in read(qtbot, stack)) == ["2021-04-01", "2021-05-01"]


def test_scenes_of_two_sensors_added_one_by_one_are_named_alike(stack, qtbot, tmp_path):
    for scene, bands in (("S30.T31UFS.2021121", "B04 B05 B8A"), ("L30.T31UFS.2021129", "B04 B05")):
        for band in bands.split():
            write(tmp_path / scene / f"HLS.{scene}T103626.v2.0.{band}.tif")
        stack.add_paths([str(tmp_path / scene)])
        read(qtbot, stack)
    assert sorted((b.date, b.band) for b in stack.bands()) == [
        (date, band) for date in ("2021-05-01", "2021-05-09") for band in ("NIR08", "RED")
    ]
    assert any(not lacking(note, "B05") for note in stack.notes())


def test_what_cannot_be_read_is_told_and_the_rest_is_there(stack, qtbot, tmp_path):
    (tmp_path / "notes.txt").write_text("no raster")
    good = write(tmp_path / "B04_2021-04-01.tif")
    drop(stack, urls(tmp_path / "notes.txt", good))
    assert len(read(qtbot, stack)) == 1
    assert "notes.txt" in stack.notes_label.text() and stack.paths() == [str(good)]
    assert stack.fault() == ""


def test_a_zipped_folder(stack, qtbot, tmp_path):
    one = write(tmp_path / "B04_2021-04-01.tif")
    with zipfile.ZipFile(tmp_path / "season.zip", "w") as archive:
        archive.write(one, "season/B04_2021-04-01.tif")
    drop(stack, urls(tmp_path / "season.zip"))
    (band,) = read(qtbot, stack)
    assert (band.date, band.band, band.path.startswith("/vsizip/")) == ("2021-04-01", "B04", True)


def test_quality_bands_are_shown_as_such_and_do_not_count(stack, qtbot, tmp_path):
    for date in ("2021-04-01", "2021-05-01"):
        for band in ("B04", "B08", "SCL"):
            write(tmp_path / "s" / f"{band}_{date}.tif")
    stack.add_paths([str(tmp_path / "s")])
    bands = read(qtbot, stack)
    row = next(row for row, band in enumerate(bands) if band.band == "SCL")
    assert stack.model.data(stack.model.index(row, BAND)).startswith("SCL ")
    assert stack.model.data(stack.model.index(row, BAND), Qt.ItemDataRole.EditRole) == "SCL"
    assert "thin cirrus" in stack.model.data(stack.model.index(row, BAND), Qt.ItemDataRole.ToolTipRole)
    told = stack.summary_label.text()
    assert numbers(told)[:2] == ["2", "2"] and not lacking(told, "B04", "B08", "2021-04-01", "2021-05-01", "SCL")


def test_what_was_left_out_of_a_folder_is_told(stack, qtbot, tmp_path):
    write(tmp_path / "s" / "B04_2021-04-01.tif")
    write(tmp_path / "s" / "landcover_2021.tif", kind=gdal.GDT_Byte)
    stack.add_paths([str(tmp_path / "s")])
    assert [b.band for b in read(qtbot, stack)] == ["B04"]
    assert not lacking(stack.notes_label.text(), "landcover_2021.tif")


def test_dates_that_may_mean_two_things_are_settled_by_one_click(stack, qtbot, tmp_path):
    for day in ("03-04-2021", "05-06-2021"):
        write(tmp_path / "s" / f"B04_{day}.tif")
    stack.add_paths([str(tmp_path / "s")])
    assert [b.date for b in read(qtbot, stack)] == [None, None]
    links = dict(re.findall(r'href="order:(\w+)">[^<]*(\d{4}-\d\d-\d\d)', stack.notes_label.text()))
    assert links == {"dmy": "2021-04-03", "mdy": "2021-03-04"}
    stack.notes_label.linkActivated.emit("order:dmy")
    assert [b.date for b in stack.bands()] == ["2021-04-03", "2021-06-05"]
    assert not stack.notes_label.isVisible()


def test_the_order_of_a_date_is_known_by_its_text():
    assert in_orders("B04_03-04-2021.tif", ["2021-03-04", "2021-04-03"]) == {"mdy": "2021-03-04", "dmy": "2021-04-03"}
    assert in_orders("ndvi 3.4.21.tif", ["2021-04-03"]) == {"dmy": "2021-04-03"}


def layer_with_range(path, first, last):
    layer = QgsRasterLayer(str(path), path.stem)
    temporal = layer.temporalProperties()
    temporal.setIsActive(True)
    temporal.setMode(Qgis.RasterTemporalMode.FixedTemporalRange)
    ends = (QDateTime.fromString(end, Qt.DateFormat.ISODate) for end in (first, last))
    temporal.setFixedTemporalRange(QgsDateTimeRange(*ends))
    QgsProject.instance().addMapLayer(layer)
    return layer


def test_a_layer_without_a_date_of_its_own_has_that_of_its_temporal_range(stack, qtbot, tmp_path):
    composite = layer_with_range(write(tmp_path / "composite_B04.tif"), "2021-04-01T00:00:00", "2021-04-30T23:59:59")
    dated = layer_with_range(write(tmp_path / "B04_2021-07-01.tif"), "2020-01-01T00:00:00", "2020-12-31T00:00:00")
    stack.add_layers([composite, dated])
    assert [b.date for b in read(qtbot, stack)] == ["2021-04-15", "2021-07-01"]
    assert not lacking(stack.notes_label.text(), "composite_B04.tif", "2021-04-15")


def test_a_layer_is_dropped_from_the_layer_panel(stack, qtbot, tmp_path):
    layer = layer_with_range(write(tmp_path / "composite_B04.tif"), "2021-04-01T00:00:00", "2021-04-30T23:59:59")
    drop(stack, QgsMimeDataUtils.encodeUriList([QgsMimeDataUtils.Uri(layer)]))
    assert [(b.date, b.band) for b in read(qtbot, stack)] == [("2021-04-15", "B04")]


def test_a_cube_of_netcdf(stack, qtbot, tmp_path):
    path = str(tmp_path / "cube.nc")
    cube = gdal.GetDriverByName("netCDF")
    if cube is None:
        pytest.skip("GDAL has no netCDF driver")
    source = write(tmp_path / "B04_2021-04-01.tif", "NDVI")
    gdal.Translate(path, str(source), format="netCDF", metadataOptions=["DATETIME=2021-04-01"])
    stack.add_paths([path])
    assert len(read(qtbot, stack)) == 1
    assert stack.paths() == [path]


def test_typing_a_wrong_date_is_marked_and_the_summary_says_so(stack, qtbot, tmp_path):
    stack.add_paths([str(write(tmp_path / "B04_2021-04-01.tif"))])
    read(qtbot, stack)
    stack.model.setData(stack.model.index(0, DATE), "April")
    assert numbers(summary(stack.bands())) == ["1", "1"]


def test_the_table_goes_out_and_comes_back_corrected(qtbot, stack, tmp_path):
    stack.add_paths([str(write(tmp_path / "plain.tif", bands=4))])
    assert [band.date for band in read(qtbot, stack)] == [None] * 4
    table = tmp_path / "t.csv"
    stack.table_buttons.export_table(str(table))
    qtbot.waitUntil(table.exists, timeout=WAIT)
    rows = [line.split(",") for line in table.read_text("utf-8-sig").splitlines()]
    for number, row in enumerate(rows[1:]):
        row[2:4] = f"2021-0{3 + number // 2}-01", ("B04", "B08")[number % 2]
    table.write_text("\n".join(map(",".join, rows[:4])), "utf-8")
    stack.table_buttons.import_table(str(table))
    found = [(band.date, band.band) for band in read(qtbot, stack)]
    assert found == [("2021-03-01", "B04"), ("2021-03-01", "B08"), ("2021-04-01", "B04")]
    table.write_text("file,number,date,band\nplain.tif,1,,B04\n", "utf-8")
    stack.table_buttons.import_table(str(table))
    assert any("t.csv" in note and "2" in note for note in stack.notes()) and len(stack.bands()) == 3
