"""Coordinate reference systems (CRS): from WKT, a code or a layer, compared, and transformed. x is before y in all."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from osgeo import osr

from ...errors import InputError
from .gdal_errors import call_gdal

SAME_CRS = (
    "CRITERION=EQUIVALENT_EXCEPT_AXIS_ORDER_GEOGCRS",
    "IGNORE_DATA_AXIS_TO_SRS_AXIS_MAPPING=YES",
    "IGNORE_COORDINATE_EPOCH=YES",
)
"""Options of ``IsSame``: what differs only in the order of axes or in the epoch is the same system."""
UNDEFINED = re.compile(r"undefined|unknown|unnamed|arbitrary|not specified|no crs|none\b|local$", re.IGNORECASE)
"""Names under which files store that they have no CRS, such as ``srs_id`` 0 and -1 of a GeoPackage."""


def _x_first(crs: Any) -> Any:
    crs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return crs


def crs_of(wkt: str) -> Any:
    """The spatial reference of a WKT text.

    Parameters
    ----------
    wkt : str
        Well-known text of a CRS.

    Returns
    -------
    osr.SpatialReference or None
        None where the text is empty or wrong.
    """
    crs = osr.SpatialReference()
    done, fault = call_gdal(lambda: crs.ImportFromWkt(wkt)) if wkt else (None, "")
    return None if done is None or done or fault or _is_undefined(crs) else _x_first(crs)


def _is_undefined(crs: Any) -> bool:
    known = crs.IsProjected() or (crs.IsGeographic() and crs.GetAuthorityCode(None))
    return not known and bool(UNDEFINED.match(crs.GetName() or ""))


@lru_cache(maxsize=64)
def in_degrees(wkt: str) -> bool:
    """Whether the coordinates of a CRS are longitude and latitude.

    Parameters
    ----------
    wkt : str
        Well-known text; empty when unknown.
    """
    crs = crs_of(wkt)
    return crs is not None and bool(crs.IsGeographic())


def crs_of_layer(layer: Any) -> Any:
    """The spatial reference of a layer.

    Parameters
    ----------
    layer : ogr.Layer

    Returns
    -------
    osr.SpatialReference or None
        A copy; None where the layer has none.
    """
    found = layer.GetSpatialRef()
    return None if found is None or _is_undefined(found) else _x_first(found.Clone())


def epsg(code: int) -> Any:
    """The spatial reference of an EPSG code.

    Parameters
    ----------
    code : int
        Such as 4326: longitude and latitude in degrees.
    """
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(code)
    return _x_first(crs)


def same_crs(first: str, second: str) -> bool:
    """Whether two WKT texts mean the same system; unknown on either side counts as the same.

    Parameters
    ----------
    first, second : str
        Well-known text; empty when unknown.
    """
    if first == second:
        return True
    one, other = crs_of(first), crs_of(second)
    return one is None or other is None or bool(one.IsSame(other, list(SAME_CRS)))


def transformation(source: Any, target: Any) -> Any:
    """Coordinate transformation between two spatial references.

    Parameters
    ----------
    source, target : osr.SpatialReference or None

    Returns
    -------
    osr.CoordinateTransformation or None
        None when not needed: same system, or one of them unknown.

    Raises
    ------
    InputError
        ``crs-unrelated`` where there is none, as from a local system without a position on the Earth.
    """
    if source is None or target is None or source.IsSame(target, list(SAME_CRS)):
        return None
    change, _ = call_gdal(lambda: osr.CoordinateTransformation(source, target))
    # Without exceptions GDAL returns an empty shell.
    if change is None or getattr(change, "this", None) is None:
        raise InputError(
            "crs-unrelated",
            f"Cannot transform coordinates from {source.GetName()} to {target.GetName()}.",
            "Set the CRS of every layer and raster to one that is tied to the Earth.",
        )
    return change
