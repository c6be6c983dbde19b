"""Cubes in netCDF and Zarr open by themselves, with the dates of their time axis and the names of their bands."""

import json
import shutil

import numpy as np
import pytest
from osgeo import gdal
from scipy.io import netcdf_file

from engine.errors import InputError
from engine.imagery import Stack, describe, stack_problems
from engine.imagery.discovery.describe import describe_with_notes
from engine.imagery.discovery.time_axis import dates_since
from tests.helpers.facts import lacking
from tests.helpers.rasters import crs_wkt, write_raster

DATES = ["2021-05-01", "2021-05-11", "2021-05-21"]
DAYS = np.array([18748, 18758, 18768])
"""Days since 1970-01-01 of DATES."""
X = 500005.0 + 10 * np.arange(5)
Y = 5199995.0 - 10 * np.arange(4)
VALUES = (np.arange(3 * 2 * 4 * 5, dtype=np.float32).reshape(3, 2, 4, 5) + 1) / 1000
"""Reflectance by time, band, row and column."""

needs_zarr = pytest.mark.skipif(gdal.GetDriverByName("Zarr") is None, reason="this GDAL reads no Zarr")


def write_netcdf(path, variables, *, time="t", units="days since 1970-01-01", steps=DAYS, calendar="standard", y=Y):
    """A netCDF-3 file by the conventions, written by SciPy: variables are (dimensions, values, attributes)."""
    with netcdf_file(str(path), "w") as file:
        axes = {time: steps, "y": y, "x": X}
        for name, values in axes.items():
            file.createDimension(name, len(values))
            axis = file.createVariable(name, "f8", (name,))
            axis[:] = values
        file.variables[time].units, file.variables[time].standard_name = units, "time"
        if calendar:
            file.variables[time].calendar = calendar
        for name in ("x", "y"):
            file.variables[name].units, file.variables[name].standard_name = "m", f"projection_{name}_coordinate"
        crs = file.createVariable("crs", "i4", ())
        crs.crs_wkt = crs.spatial_ref = crs_wkt(32631)
        for name, (dimensions, values, attributes) in variables.items():
            values = np.asarray(values)
            for dimension, size in zip(dimensions, values.shape):
                if dimension not in file.dimensions:
                    file.createDimension(dimension, size)
            kind = "c" if values.dtype.kind == "S" else values.dtype.str[1:]
            variable = file.createVariable(name, kind, dimensions)
            variable[:] = values
            variable.grid_mapping = "crs"
            for key, value in attributes.items():
                setattr(variable, key, value)
    return str(path)


def write_zarr(root, variables, *, steps=DAYS, units="days since 1970-01-01 00:00:00", mapping=True):
    """A Zarr store (version 2) as xarray lays it out, written by hand, without compression."""

    def put(name, values, dimensions, **attributes):
        values = np.asarray(values)
        (root / name).mkdir(parents=True)
        head = {"zarr_format": 2, "shape": values.shape, "chunks": values.shape, "dtype": values.dtype.str}
        head |= {"compressor": None, "fill_value": None, "order": "C", "filters": None}
        (root / name / ".zarray").write_text(json.dumps(head))
        (root / name / ".zattrs").write_text(json.dumps({"_ARRAY_DIMENSIONS": dimensions, **attributes}))
        (root / name / (".".join("0" * values.ndim) or "0")).write_bytes(values.tobytes())

    root.mkdir()
    (root / ".zgroup").write_text('{"zarr_format": 2}')
    put("time", steps.astype("<i8"), ["time"], units=units, calendar="proleptic_gregorian")
    put("x", X, ["x"])
    put("y", Y, ["y"])
    put("spatial_ref", np.array(0, "<i8"), [], crs_wkt=crs_wkt(32631))
    for name, (dimensions, values) in variables.items():
        put(name, values, list(dimensions), **({"grid_mapping": "spatial_ref"} if mapping else {}))
    return str(root)


def read_all(bands):
    """(h, w, t, c) values of a stack, its dates and its bands."""
    with Stack(bands, "target") as stack:
        return stack.read(stack.windows()[0]), stack.dates, stack.bands, stack.grid


@pytest.mark.parametrize(
    ("units", "steps", "calendar"),
    [
        ("days since 1970-01-01", DAYS, "standard"),
        ("days since 2021-05-01 00:00:00", np.array([0.4, 10.4, 20.4]), "proleptic_gregorian"),
        ("hours since 2021-05-01T00:00:00", np.array([0, 240, 480]), "gregorian"),
        ("seconds since 1970-01-01", DAYS * 86400 + 37000, ""),
        ("minutes since 2021-04-30 12:00", 720 + np.array([0, 14400, 28800]), "standard"),
        ("nanoseconds since 1970-01-01", DAYS * 86400e9, "proleptic_gregorian"),
    ],
)
def test_a_netcdf_cube_with_a_variable_for_each_band(tmp_path, units, steps, calendar):
    bands = {name: (("t", "y", "x"), VALUES[:, i], {}) for i, name in enumerate(("B04", "B08"))}
    path = write_netcdf(tmp_path / "openEO.nc", bands, units=units, steps=steps, calendar=calendar)
    described, notes = describe_with_notes([path])
    assert [(b.date, b.band) for b in described] == [(d, n) for n in ("B04", "B08") for d in DATES] and notes == ()
    values, dates, names, grid = read_all(described)
    assert (list(dates), names) == (DATES, ("B04", "B08"))
    assert np.allclose(values, VALUES.transpose(2, 3, 0, 1)) and grid.transform[0] == 500000 and "31N" in grid.crs


@pytest.mark.parametrize("name", ["var", "__xarray_dataarray_variable__"])
def test_a_netcdf_cube_with_a_dimension_of_bands(tmp_path, name):
    cube = {
        "bands": (("bands", "string3"), np.array([list("B04"), list("B08")], "S1"), {}),
        name: (("t", "bands", "y", "x"), VALUES, {}),
    }
    described, _ = describe_with_notes([write_netcdf(tmp_path / "cube.nc", cube)])
    assert [(b.date, b.band) for b in described] == [(d, n) for d in DATES for n in ("B04", "B08")]
    values, dates, names, _ = read_all(described)
    assert np.allclose(values, VALUES.transpose(2, 3, 0, 1)) and list(dates) == DATES


def test_a_cube_of_one_variable_and_rows_from_south(tmp_path):
    cube = {"NDVI": (("time", "y", "x"), VALUES[:, 0, ::-1], {})}
    path = write_netcdf(tmp_path / "ndvi.nc", cube, time="time", y=Y[::-1])
    values, dates, names, grid = read_all(describe([path]))
    assert list(dates) == DATES and names == ("NDVI",)
    assert np.allclose(
        values[..., 0] if grid.transform[5] < 0 else values[::-1, :, :, 0], VALUES[:, 0].transpose(1, 2, 0)
    )


def test_one_variable_chosen_and_a_quality_band(tmp_path):
    cube = {
        "B04": (("t", "y", "x"), VALUES[:, 0], {}),
        "SCL": (("t", "y", "x"), np.full((3, 4, 5), 4, np.int16), {}),
        "dem": (("y", "x"), VALUES[0, 0], {}),
    }
    path = write_netcdf(tmp_path / "cube.nc", cube)
    described, notes = describe_with_notes([path])
    assert [b.band for b in described] == ["B04"] * 3 + ["SCL"] * 3
    assert len(notes) == 1 and not lacking(notes[0], "cube.nc", "dem") and lacking(notes[0], "B04", "SCL")
    assert [(b.date, b.band) for b in describe([f'NETCDF:"{path}":SCL'])] == [(d, "SCL") for d in DATES]


def test_a_date_in_the_variables_of_a_cube_without_time(tmp_path):
    cube = {f"B04_{date}": (("y", "x"), VALUES[i, 0], {}) for i, date in enumerate(DATES)}
    assert [(b.date, b.band) for b in describe([write_netcdf(tmp_path / "f.nc", cube)])] == [(d, "B04") for d in DATES]


def test_a_netcdf_that_gdal_wrote_has_no_names(tmp_path):
    source = gdal.Open(write_raster(tmp_path / "one.tif", VALUES[0], ["B04", "B08"]))
    gdal.GetDriverByName("netCDF").CreateCopy(str(tmp_path / "export_20210501.nc"), source).FlushCache()
    described = describe([str(tmp_path / "export_20210501.nc")])
    assert [(b.date, b.band) for b in described] == [("2021-05-01", None)] * 2
    assert [problem.code for problem in stack_problems(described, "target")] == ["no-band"]


@pytest.mark.parametrize("south", [False, True])
@pytest.mark.parametrize("attributes", [{}, {"units": "m"}])
def test_axes_that_say_little_still_place_a_cube(tmp_path, south, attributes):
    """Bare x and y, as xarray may write them: GDAL's classic interface then sees no place, and turns the rows."""
    with netcdf_file(str(tmp_path / "plain.nc"), "w") as file:
        for name, values in (("time", DAYS), ("y", Y[::-1] if south else Y), ("x", X)):
            file.createDimension(name, len(values))
            axis = file.createVariable(name, "f8", (name,))
            axis[:] = values
            for key, value in attributes.items():
                setattr(axis, key, value)
        file.variables["time"].units = "days since 1970-01-01"
        file.createVariable("B04", "f4", ("time", "y", "x"))[:] = VALUES[:, 0]
    values, dates, _, grid = read_all(describe([str(tmp_path / "plain.nc")]))
    assert list(dates) == DATES and abs(grid.transform[5]) == 10 and grid.transform[0] == 500000
    north_up = values[::-1] if grid.transform[5] > 0 else values
    assert np.allclose(north_up[..., 0], VALUES[:, 0, :: -1 if south else 1].transpose(1, 2, 0))


@pytest.mark.parametrize(
    ("extra", "facts"), [(("t", "level", "y", "x"), ("level", 2)), (("y", "x", "t", "bands"), ("y, x, t, bands",))]
)
def test_dimensions_of_no_stack_are_one_sentence(tmp_path, extra, facts):
    sizes = {"t": 3, "level": 2, "bands": 2, "y": 4, "x": 5}
    cube = {"B04": (extra, np.zeros([sizes[name] for name in extra], np.float32), {})}
    with pytest.raises(InputError) as error:
        describe([write_netcdf(tmp_path / "cube.nc", cube)])
    assert error.value.code == "cube-dimensions" and not lacking(error.value.message, "B04", "cube.nc", *facts)


def test_a_dimension_of_one_is_no_hindrance(tmp_path):
    cube = {"B04": (("t", "level", "y", "x"), VALUES[:, :1], {})}
    assert [b.date for b in describe([write_netcdf(tmp_path / "cube.nc", cube)])] == DATES


def test_an_unknown_calendar_is_refused(tmp_path):
    path = write_netcdf(tmp_path / "model.nc", {"B04": (("t", "y", "x"), VALUES[:, 0], {})}, calendar="lunar")
    with pytest.raises(InputError) as error:
        describe([path])
    assert error.value.code == "cube-calendar" and not lacking(error.value.message, "model.nc", "'lunar'")


STEPS = [59.0, 60.0, 364.0]


@pytest.mark.parametrize(
    ("units", "steps", "calendar", "dates"),
    [
        ("Days Since 2021-1-1 00:00:0.0", STEPS, "standard", ["2021-03-01", "2021-03-02", "2021-12-31"]),
        ("HOURS since 1900-01-01T00:00:00Z", [24.0, 1e6], "", ["1900-01-02", "2014-01-29"]),
        ("weeks since 2021-01-01", [1.0, 2.0], "", ["2021-01-08", "2021-01-15"]),
        ("d since 01-01-1970", [18687.0], "", ["2021-03-01"]),
        ("seconds since 2021-01-01 00:00:00 +02:00", [0.0, 7200.0], "", ["2020-12-31", "2021-01-01"]),
        ("day as %Y%m%d.%f", [20210301.0, 20211301.0], "", ["2021-03-01", None]),
        ("months since 2021-01-01", [0.0, 13.0], "", ["2021-01-01", "2022-02-01"]),
        ("months since 2021-01-31", [1.0], "360_day", ["2021-02-28"]),
        ("Years since 2000-01-01", [21.0], "", ["2021-01-01"]),
        # As cftime 1.6.6.1 has them (num2date), but for days that the civil calendar lacks.
        ("days since 2000-01-01", [59.0, 425.0], "noleap", ["2000-03-01", "2001-03-02"]),
        ("days since 2000-01-01", [59.0, 425.0], "all_leap", ["2000-02-29", "2001-02-28"]),
        ("days since 2000-01-01", [59.0, 419.0], "360_day", ["2000-02-29", "2001-02-28"]),
        ("days since 2000-01-01", [59.0, 425.0], "julian", ["2000-02-29", "2001-03-01"]),
        ("days since 1-1-1 00:00:00", [737849.0], "gregorian", ["2021-02-27"]),
        ("days since 1-1-1 00:00:00", [737849.0], "proleptic_gregorian", ["2021-03-01"]),
    ],
)
def test_units_and_calendars(units, steps, calendar, dates):
    assert dates_since(np.array(steps), units, calendar, "f.nc") == dates


@pytest.mark.parametrize("units", ["1", "fortnights since 2021-01-01", "days since when", "days since 2021-13-01"])
def test_units_that_are_no_dates_leave_the_date_open_and_are_named(tmp_path, units):
    assert dates_since(np.array([1.0, np.nan]), units, "standard", "f.nc") == [None, None]
    path = write_netcdf(tmp_path / "odd.nc", {"B04": (("t", "y", "x"), VALUES[:, 0], {})}, units=units)
    problems = [problem for problem in stack_problems(describe([path]), "source") if problem.code == "no-date"]
    assert problems and (units == "1" or f"'{units}'" in problems[0].message)


def test_steps_beyond_all_calendars_leave_the_date_open():
    assert dates_since(np.array([1e18, np.nan, 1.0]), "days since 2021-01-01", "", "f.nc") == [None, None, "2021-01-02"]


@needs_zarr
@pytest.mark.parametrize("four", [False, True])
def test_a_zarr_cube(tmp_path, four):
    if four:
        cube = {"bands": (("bands",), np.array(["B04", "B08"])), "cube": (("time", "bands", "y", "x"), VALUES)}
    else:
        cube = {name: (("time", "y", "x"), VALUES[:, i].copy()) for i, name in enumerate(("B04", "B08"))}
    path = write_zarr(tmp_path / "season.zarr", cube)
    described, notes = describe_with_notes([path])
    assert {(b.date, b.band) for b in described} == {(d, n) for n in ("B04", "B08") for d in DATES} and notes == ()
    values, dates, names, grid = read_all(described)
    assert (list(dates), names) == (DATES, ("B04", "B08")) and np.allclose(values, VALUES.transpose(2, 3, 0, 1))
    assert "31N" in grid.crs, "the coordinate system as xarray and rioxarray write it"
    assert describe([described[1].path]) == (described[1],), "one slice is one slice"


@needs_zarr
def test_cubes_in_a_folder(tmp_path):
    write_zarr(tmp_path / "season.zarr", {"B04": (("time", "y", "x"), VALUES[:, 0].copy())})
    shutil.move(
        write_netcdf(tmp_path / "other.nc", {"B08": (("t", "y", "x"), VALUES[:, 1], {})}), tmp_path / "deeper.nc"
    )
    bands = describe([str(tmp_path)])
    assert {(b.date, b.band) for b in bands} == {(d, n) for n in ("B04", "B08") for d in DATES}


@needs_zarr
def test_a_zarr_cube_that_is_cut_off(tmp_path):
    write_zarr(tmp_path / "season.zarr", {"B04": (("time", "y", "x"), VALUES[:, 0].copy())})
    (tmp_path / "season.zarr" / "B04" / ".zarray").write_text("{")
    with pytest.raises(InputError) as error:
        describe([str(tmp_path / "season.zarr")])
    assert error.value.code == "raster-unreadable" and "season.zarr" in error.value.message


def test_a_netcdf_cube_that_is_cut_off(tmp_path):
    path = write_netcdf(tmp_path / "cube.nc", {"B04": (("t", "y", "x"), VALUES[:, 0], {})})
    with open(path, "r+b") as file:
        file.truncate(60)
    with pytest.raises(InputError) as error:
        describe([path])
    assert error.value.code == "raster-unreadable" and "cube.nc" in error.value.message


def test_netcdf_4_with_groups_of_text_and_hdf5(tmp_path):
    """The newer format, written by GDAL: bands as text coordinates."""
    made = gdal.GetDriverByName("netCDF").CreateMultiDimensional(str(tmp_path / "cube.nc"))
    root = made.GetRootGroup()
    number = gdal.ExtendedDataType.Create(gdal.GDT_Float64)
    sizes = {"t": 3, "bands": 2, "y": 4, "x": 5}
    axes = {name: root.CreateDimension(name, "", "", size) for name, size in sizes.items()}
    for name, values in (("t", DAYS.astype(float)), ("y", Y), ("x", X)):
        array = root.CreateMDArray(name, [axes[name]], number)
        array.Write(values.tobytes())
        if name == "t":
            array.SetUnit("days since 1970-01-01")
    words = root.CreateMDArray("bands", [axes["bands"]], gdal.ExtendedDataType.CreateString())
    words.Write(["B04", "B08"])
    cube = root.CreateMDArray("cube", list(axes.values()), gdal.ExtendedDataType.Create(gdal.GDT_Float32))
    cube.Write(VALUES.tobytes())
    del array, words, cube, axes, root, made
    for name in ("cube.nc", "cube.h5"):
        if name != "cube.nc":
            shutil.copy(tmp_path / "cube.nc", tmp_path / name)
        described = describe([str(tmp_path / name)])
        assert [(b.date, b.band) for b in described] == [(d, n) for d in DATES for n in ("B04", "B08")]
        assert np.allclose(read_all(described)[0], VALUES.transpose(2, 3, 0, 1))
