"""Cubes in netCDF (and HDF5 like it) and Zarr: which band of which variable shows which date and band.

The structure (dimensions, time axis, names of bands) is read by GDAL's multidimensional interface, which sees text
coordinates and calendars; the result has the classic names that every GDAL opens as a plain raster, as
``NETCDF:"cube.nc":B04`` with a raster band for every date, or ``ZARR:"cube.zarr":/B04:3`` for one slice.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from osgeo import gdal

from ...errors import InputError
from ..geo.gdal_errors import call_gdal
from ..geo.gdal_io import file_name
from ..geo.remote import no_listing
from ..geo.types import StackBand
from ..sensors.band_names import date_choices, parse_band, parse_date
from .time_axis import dates_since, is_time_unit

CUBES = frozenset("nc nc4 cdf h5 hdf5 he5 zarr".split())
"""Suffixes of files that may hold cubes."""
VARIABLE_NAME = re.compile(
    r'(?:NETCDF|ZARR):"?(?P<path>.*?)"?:/{0,2}(?P<variable>[^:"]+)(?P<slice>(?::\d+)*)$', re.IGNORECASE
)
"""GDAL's name of one variable of a cube, or of a slice of it."""
TIMES = frozenset("t time date datetime times valid_time".split())
BANDS = frozenset("band bands spectral wavelength variable channel".split())
COLUMNS = frozenset("x lon longitude easting xc xdim".split())
ROWS = frozenset("y lat latitude northing yc ydim".split())
"""Names of dimensions, in small letters."""
UNNAMED = frozenset("__xarray_dataarray_variable__ var data cube array variable values".split())
"""Names of variables that say nothing."""
AUXILIARY = frozenset("lat lon latitude longitude crs spatial_ref transverse_mercator".split())
"""Names of variables that are no images."""


@dataclass(frozen=True)
class Variable:
    """A variable of a cube that holds images."""

    name: str
    """Its full name, groups before it."""
    array: Any
    """The GDAL array."""
    extra: tuple[Any, ...]
    """Its dimensions before the rows and columns."""


def is_cube(path: str) -> bool:
    """Whether a path looks like a cube, or like one variable of it.

    Parameters
    ----------
    path : str
    """
    return bool(VARIABLE_NAME.match(path)) or path.lower().rstrip("/\\").rsplit(".", 1)[-1] in CUBES


def describe_cube(path: str) -> tuple[list[StackBand], list[str]] | None:
    """The bands of a cube.

    Parameters
    ----------
    path : str
        Of the file, or GDAL's name of one of its variables or of a slice of it.

    Returns
    -------
    (list of StackBand, list of str) or None
        The bands, and sentences about what is left out; None where the file has no variables with images.

    Raises
    ------
    InputError
        ``cube-dimensions`` for a dimension beside time, bands, rows and columns, or rows and columns that
        do not come last; ``cube-calendar`` for a calendar whose days are not those of the civil one.
    """
    named = VARIABLE_NAME.match(path)
    file, only = (named.group("path"), named.group("variable")) if named else (path, "")
    dataset, kind = _opened(file)
    if dataset is None:
        return None
    arrays = dict(sorted(_arrays(dataset.GetRootGroup())))
    if only:
        arrays = {name: array for name, array in arrays.items() if name.strip("/") == only.strip("/")}
    variables = [v for v in (_variable(name, array, file) for name, array in arrays.items()) if v]
    timed = [v for v in variables if any(_is_time(d) for d in v.extra)]
    bands = [band for variable in timed or variables for band in _bands_of(variable, file, kind)]
    if named and named.group("slice"):
        bands = [band for band in bands if band.path.endswith(named.group("variable") + named.group("slice"))]
    left_out = sorted(v.name for v in variables if timed and v not in timed)
    note = f"{file_name(file)}: {', '.join(left_out)} left out, as only the others have a time axis."
    return (bands, [note] if left_out else []) if bands else None


def _opened(file: str) -> tuple[Any, str]:
    """The cube as a multidimensional dataset, and the prefix of its variables' names."""
    # The prefix makes the netCDF driver read HDF5 under any ending: it knows the conventions, the plain one does not.
    for driver, name in (("netCDF", f'NETCDF:"{file}"'), ("Zarr", file)):
        with no_listing(file):
            dataset, _ = call_gdal(partial(gdal.OpenEx, name, gdal.OF_MULTIDIM_RASTER, allowed_drivers=[driver]))
        if dataset is not None:
            return dataset, driver.upper()
    return None, ""


def _arrays(group: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    for name in group.GetMDArrayNames() or ():
        array, _ = call_gdal(partial(group.OpenMDArray, name))
        if array is not None:
            yield above + name, array
    for name in group.GetGroupNames() or ():
        inner, _ = call_gdal(partial(group.OpenGroup, name))
        if inner is not None:
            yield from _arrays(inner, f"{above}{name}/")


def _variable(name: str, array: Any, file: str) -> Variable | None:
    """The variable if it holds images."""
    dimensions = array.GetDimensions()
    last = name.rsplit("/", 1)[-1].lower()
    if len(dimensions) < 2 or array.GetDataType().GetClass() != gdal.GEDTC_NUMERIC or last in AUXILIARY:
        return None
    names = [d.GetName().lower() for d in dimensions]
    columns = next((i for i, n in enumerate(names) if n in COLUMNS), None)
    rows = next((i for i, n in enumerate(names) if n in ROWS), None)
    if (columns is None) != (rows is None) or last.endswith(("_bnds", "_bounds")):
        return None
    if columns is not None and (rows, columns) != (len(names) - 2, len(names) - 1):
        raise InputError(
            "cube-dimensions",
            f"Variable {name} of {file_name(file)} has the order {', '.join(names)}; rows and columns must be last.",
            f"Write the cube again with the order time, {names[rows or 0]}, {names[columns]}.",
        )
    if columns is None and any(n in TIMES | BANDS for n in names[-2:]):
        return None
    extra = tuple(dimensions[:-2])
    odd = [d for d in extra if d.GetSize() > 1 and not _is_time(d) and not _is_bands(d)]
    if odd or sum(map(_is_time, extra)) > 1 or sum(map(_is_bands, extra)) > 1:
        odd = odd or list(extra[-1:])
        raise InputError(
            "cube-dimensions",
            f"Variable {name} of {file_name(file)} has the dimension {odd[0].GetName()} ({odd[0].GetSize()}) "
            "beside time, bands, rows and columns.",
            f"Select one of its {odd[0].GetSize()} values and write the cube again.",
        )
    return Variable(name, array, extra)


def _is_time(dimension: Any) -> bool:
    if dimension.GetName().lower() in TIMES or dimension.GetType() == gdal.DIM_TYPE_TEMPORAL:
        return True
    axis = _axis(dimension)
    return axis is not None and is_time_unit(axis.GetUnit() or "")


def _is_bands(dimension: Any) -> bool:
    if dimension.GetName().lower() in BANDS:
        return True
    return _is_text(_axis(dimension)) and not _is_time(dimension)


def _is_text(axis: Any) -> bool:
    return axis is not None and axis.GetDataType().GetClass() == gdal.GEDTC_STRING


def _axis(dimension: Any) -> Any:
    """The variable that holds the coordinates of a dimension, or None."""
    axis, _ = call_gdal(dimension.GetIndexingVariable)
    return axis


def _bands_of(variable: Variable, file: str, kind: str) -> list[StackBand]:
    """The raster bands of a variable, in the order in which GDAL's classic interface counts them."""
    attributes = _attributes(variable.array)
    date, named = _named(variable, attributes)
    date = date or parse_date(re.sub(r"\.\w+$", "", file_name(file)))[0]
    axes: list[list[dict[str, str | None]]] = []
    for dimension in variable.extra:
        if _is_time(dimension):
            axes.append([{"date": own} for own in _dates(dimension, file)])
        elif _is_bands(dimension):
            axes.append([{"band": own} for own in _band_names(dimension, attributes, named)])
        else:
            axes.append([{}] * dimension.GetSize())
    slices = list(itertools.product(*map(enumerate, axes)))
    path = f'{kind}:"{file}":{"/" if kind == "ZARR" or "/" in variable.name else ""}{variable.name}'
    by_slice = kind == "ZARR" and variable.extra and not _opens_whole(path, len(slices))
    bands = []
    for number, steps in enumerate(slices, 1):
        fields = {"date": date, "band": named}
        for _, own in steps:
            fields |= own
        position = "".join(f":{step}" for step, _ in steps) if by_slice else ""
        bands.append(StackBand(path + position, 1 if by_slice else number, fields["date"], fields["band"]))
    return bands


def _opens_whole(path: str, bands: int) -> bool:
    """Whether this GDAL opens a Zarr array of more than two dimensions as a raster of many bands (3.8 and later)."""
    dataset, _ = call_gdal(lambda: gdal.OpenEx(path, gdal.OF_RASTER))
    return dataset is not None and dataset.RasterCount == bands


def _named(variable: Variable, attributes: dict[str, Any]) -> tuple[str | None, str | None]:
    """Date and band of a variable by its name, else by what its attributes call it."""
    last = variable.name.rsplit("/", 1)[-1]
    texts = [] if last.lower() in UNNAMED else [last]
    texts += [attributes[key] for key in ("long_name", "standard_name") if isinstance(attributes.get(key), str)]
    found = [(date, parse_band(rest, free=True)) for date, rest in map(parse_date, texts)]
    date = next((date for date, _ in found if date), None)
    return date, next((name for _, name in found if name), None)


def _band_names(dimension: Any, attributes: dict[str, Any], named: str | None) -> list[str | None]:
    """Names along a dimension of bands: its text coordinates, or a list in the variable's attributes."""
    axis, size = _axis(dimension), dimension.GetSize()
    texts = call_gdal(axis.Read)[0] if _is_text(axis) else None
    texts = texts or attributes.get("long_name")
    if isinstance(texts, (list, tuple)) and len(texts) == size:
        return [parse_band(str(text), free=True) for text in texts]
    return [named] if size == 1 else [None] * size


def _dates(dimension: Any, file: str) -> list[str | None]:
    """ISO date of every step of a time axis; None where the file does not say."""
    axis, size = _axis(dimension), dimension.GetSize()
    if axis is None:
        return [None] * size
    if _is_text(axis):
        texts, _ = call_gdal(axis.Read)
        return [None if date_choices(str(text)) else parse_date(str(text))[0] for text in texts or [""] * size]
    attributes = _attributes(axis)
    units = axis.GetUnit() or str(attributes.get("units", ""))
    calendar = str(attributes.get("calendar", "")).lower()
    numbers, _ = call_gdal(lambda: axis.Read(buffer_datatype=gdal.ExtendedDataType.Create(gdal.GDT_Float64)))
    if numbers is None:
        return [None] * size
    return dates_since(np.frombuffer(numbers, np.float64), units, calendar, file)


def _attributes(array: Any) -> dict[str, Any]:
    return {attribute.GetName(): attribute.Read() for attribute in array.GetAttributes() or ()}
