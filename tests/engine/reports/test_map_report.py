"""The pictures of the report: curves of both seasons on one axis, every class named as it is."""

import datetime
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.dates import date2num
from osgeo import gdal

from engine.mapping import MapStatistics
from engine.reports import map_report as report
from engine.series import SeriesSet

CLASSES = ("Soybeans/Cotton double crop", "_other $x_$", "<wheat> & rye")
DAY = np.arange(60, 300, 20, dtype=np.float32)


@pytest.fixture
def figures(tmp_path, monkeypatch):
    """The text of a report and its figures: curves, map, confidence, shares and shift."""
    drawn = []
    embedded = report.data_address
    monkeypatch.setattr(report, "data_address", lambda figure: drawn.append(figure) or embedded(figure))
    rng = np.random.default_rng(0)
    plane = np.repeat([[1, 2, 3]], 4, axis=0).astype(np.uint8)
    picture = gdal.GetDriverByName("GTiff").Create(str(tmp_path / "map.tif"), 3, 4)
    picture.GetRasterBand(1).WriteRaster(0, 0, 3, 4, plane.tobytes())
    picture = None
    confidence = np.zeros((3, 101), np.int64)
    confidence[:, 80] = 4
    statistics = MapStatistics(confidence, 0, 0, rng.random((3, 12, 2)), np.ones((3, 12, 2)))
    source = SeriesSet(rng.random((30, 12, 2), np.float32), DAY, ("B04", "B08"), np.arange(30) % 3, CLASSES)
    first = datetime.date(2022, 1, 1)
    dates = tuple((first + datetime.timedelta(days=float(day) + 5)).isoformat() for day in DAY)
    stack = SimpleNamespace(dates=dates, day=DAY + 6, bands=("B04", "B08"))
    shift = {"days": -24.0, "gain": {"0": 0.0, "-24": 1.5, "-64": -1.0, "8": -0.5}}
    model = SimpleNamespace(bands=("B04", "B08"), classes=CLASSES, summary={"shift": shift}, shift_days=-24.0)
    crops = [
        {"name": name, "value": i + 1, "pixels": 4, "hectares": 1.0, "share": 1 / 3, "confidence": 80.0}
        for i, name in enumerate(CLASSES)
    ]
    finished = report.FinishedMap(
        str(tmp_path / "map.tif"),
        model,
        source,
        stack,
        statistics,
        [(200, 50, 50), (50, 200, 50), (50, 50, 200)],
        {"warnings": ["A <b>warning</b>."], "classes": crops},
        {"Method": "GHCA"},
    )
    report.write_report(str(tmp_path / "report.html"), "map", finished)
    names = ("curves", "map", "confidence", "shares", "shift")
    return (tmp_path / "report.html").read_text("utf-8"), dict(zip(names, drawn))


def test_the_curves_of_source_and_target_lie_in_one_season(figures):
    for axes in [a for a in figures[1]["curves"].axes if a.get_visible()]:
        target, source = (date2num(line.get_xdata()) for line in axes.lines)
        assert target[0] == date2num(np.datetime64("2022-03-07"))
        np.testing.assert_array_equal(source, target - 6)


def test_every_class_is_named_as_it_is(figures):
    text, drawn = figures
    assert "&lt;wheat&gt; &amp; rye" in text and "A &lt;b&gt;warning&lt;/b&gt;." in text
    shown = [entry.get_text().strip().replace("\\$", "$") for entry in drawn["map"].axes[0].get_legend().get_texts()]
    assert shown == list(CLASSES)


def test_the_gain_of_every_shift_is_drawn_in_order_and_the_one_taken_is_marked(figures):
    axes = figures[1]["shift"].axes[0]
    gain, taken = axes.lines
    np.testing.assert_array_equal(gain.get_xydata(), [(-64, -1), (-24, 1.5), (0, 0), (8, -0.5)])
    assert set(taken.get_xdata()) == {-24} and "-24" in axes.get_legend().get_texts()[0].get_text()
