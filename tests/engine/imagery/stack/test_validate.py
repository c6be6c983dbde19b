"""Everything wrong with a stack or a place to write to is told in one clear sentence."""

import os

import numpy as np
import pytest

from engine.errors import InputError
from engine.imagery import Stack, StackBand, describe, stack_problems, writable_problems
from tests.helpers.facts import lacking, naming
from tests.helpers.rasters import UTM, write_raster


@pytest.fixture
def band(tmp_path):
    """A function that gives a band of a good raster with any date and name."""
    path = write_raster(tmp_path / "a file.tif", np.full((3, 4, 5), 0.3, np.float32))
    return lambda index, date, name: StackBand(path, index, date, name)


def codes(problems):
    return [problem.code for problem in problems]


def test_a_good_stack_has_no_problem(band):
    assert stack_problems([band(1, "2021-05-01", "B04"), band(2, "2021-05-01", "B08")], "source") == []


def test_an_empty_stack(band):
    problems = stack_problems([], "target")
    assert codes(problems) == ["no-stack"] and "target" in problems[0].message


def test_a_band_without_a_date_is_named(band):
    problems = stack_problems([band(1, "2021-05-01", "B04"), band(2, None, "B08")], "source")
    assert codes(problems) == ["no-date"]
    assert not lacking(problems[0].message, 2, "a file.tif", "source") and lacking(problems[0].message, 1)


def test_bands_without_a_name_are_listed(band):
    problems = stack_problems([band(1, "2021-05-01", None), band(2, "2021-05-01", None)], "target")
    assert codes(problems) == ["no-band"]
    assert not lacking(problems[0].message, 1, 2, "a file.tif", "target")


def test_one_band_and_date_given_twice(band):
    problems = stack_problems([band(1, "2021-05-01", "B04"), band(2, "2021-05-01", "B04")], "source")
    assert codes(problems) == ["duplicate-band"]
    assert not lacking(problems[0].message, "B04", "2021-05-01", 1, 2, "a file.tif")


def test_a_date_that_is_none(band):
    problems = stack_problems([band(1, "2021-02-30", "B04")], "source")
    assert codes(problems) == ["no-date"] and "2021-02-30" in problems[0].message


def test_most_dates_lack_a_band(band):
    bands = [band(1, "2021-05-01", "B04"), band(2, "2021-06-01", "B04"), band(3, "2021-06-01", "B08")]
    assert stack_problems(bands, "source") == [], "half of them may be left out"
    problems = stack_problems([band(1, "2021-05-01", "B04"), band(2, "2021-06-01", "B08")], "source")
    assert codes(problems) == ["date-incomplete"] and not lacking(problems[0].message, 2, "2021-05-01", "B08")


def test_a_file_that_is_gone_or_damaged(tmp_path, band):
    (tmp_path / "broken.tif").write_bytes(b"II*\0 nothing")
    gone, broken = str(tmp_path / "gone.tif"), str(tmp_path / "broken.tif")
    bands = [StackBand(gone, 1, "2021-05-01", "B04"), StackBand(broken, 1, "2021-06-01", "B04")]
    problems = stack_problems(bands, "source")
    assert codes(problems) == ["raster-unreadable", "raster-unreadable"]
    assert "gone.tif" in problems[0].message and "broken.tif" in problems[1].message
    for path in (gone, broken):
        with pytest.raises(InputError) as error:
            describe([path])
        assert error.value.code == "raster-unreadable" and os.path.basename(path) in error.value.message


def test_a_band_the_file_does_not_have(band):
    problems = stack_problems([band(9, "2021-05-01", "B04")], "source")
    assert codes(problems) == ["no-such-band"] and not lacking(problems[0].message, "a file.tif", 3, 9)


def test_a_raster_without_a_place_on_the_map(tmp_path):
    from osgeo import gdal

    path = str(tmp_path / "NDVI_20210501.png")
    source = gdal.GetDriverByName("MEM").Create("", 5, 4, 1)
    gdal.GetDriverByName("PNG").CreateCopy(path, source)
    problems = stack_problems(describe([path]), "source")
    assert codes(problems) == ["no-georeference"] and "NDVI_20210501.png" in problems[0].message


def test_all_problems_are_told_at_once(tmp_path, band):
    bands = [
        band(1, None, "B04"),
        band(2, "2021-05-01", None),
        StackBand(str(tmp_path / "x.tif"), 1, "2021-05-01", "B04"),
    ]
    assert codes(stack_problems(bands, "source")) == ["no-date", "no-band", "raster-unreadable"]


def test_a_stack_with_a_problem_cannot_be_opened(band):
    with pytest.raises(InputError) as error:
        Stack([band(1, None, "B04")], "source")
    assert error.value.code == "no-date" and not lacking(error.value.message, 1, "a file.tif")


def test_where_a_file_can_be_written(tmp_path):
    assert writable_problems(str(tmp_path / "map.tif")) == []
    assert list(tmp_path.iterdir()) == [], "asking leaves nothing behind"
    for path in (tmp_path / "none" / "map.tif", tmp_path):
        problems = writable_problems(str(path))
        assert codes(problems) == ["output-folder"] and str(tmp_path) in problems[0].message


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder in which nobody can write: /proc")
def test_a_file_that_another_program_holds_is_told_before_the_job_runs(tmp_path, monkeypatch):
    (tmp_path / "map.tif").write_text("earlier")
    assert writable_problems(str(tmp_path / "map.tif")) == []
    assert (tmp_path / "map.tif").read_text() == "earlier"

    def held(source, place):
        raise PermissionError(32, "The process cannot access the file")

    monkeypatch.setattr("os.rename", held)
    problems = writable_problems(str(tmp_path / "map.tif"))
    assert [p.code for p in problems] == ["output-in-use"] and "map.tif" in problems[0].message


def test_a_folder_that_cannot_be_written_to_even_by_an_administrator():
    problems = writable_problems("/proc/map.tif")
    assert codes(problems) == ["output-folder"] and not lacking(problems[0].message, "/proc")


def test_a_stack_of_two_years_is_warned_of(tmp_path):
    plane = np.full((1, 4, 5), 0.3, np.float32)
    paths = [write_raster(tmp_path / f"NDVI_{year}0501.tif", plane, transform=UTM) for year in (2020, 2022)]
    with Stack(describe(paths), "target") as stack:
        assert len(naming(stack.warnings, "target", 730)) == 1
