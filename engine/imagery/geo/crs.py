"""Coordinate reference systems: from WKT or a layer, compared, and transformed."""

from __future__ import annotations

from typing import Any

from osgeo import osr

from ...errors import InputError
from .gdal_errors import call_gdal

SAME_CRS = (
    "CRITERION=EQUIVALENT_EXCEPT_AXIS_ORDER_GEOGCRS",
    "IGNORE_DATA_AXIS_TO_SRS_AXIS_MAPPING=YES",
    "IGNORE_COORDINATE_EPOCH=YES",
)


def crs_of(wkt: str) -> Any:
    """The spatial reference of a WKT text with x before y, or None when the text is empty or wrong."""
    if not wkt:
        return None
    crs = osr.SpatialReference()
    done, fault = call_gdal(lambda: crs.ImportFromWkt(wkt))
    if fault or done:
        return None
    crs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return crs


def crs_of_layer(layer: Any) -> Any:
    """The spatial reference of an OGR layer with x before y, or None where it has none."""
    found = layer.GetSpatialRef()
    if found is None:
        return None
    crs = found.Clone()
    crs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return crs


def same_crs(first: str, second: str) -> bool:
    """Whether two WKT texts mean the same system; unknown on either side counts as the same."""
    if first == second:
        return True
    one, other = crs_of(first), crs_of(second)
    if one is None or other is None:
        return True
    return bool(one.IsSame(other, list(SAME_CRS)))


def transformation(source: Any, target: Any) -> Any:
    """Coordinate transformation between two spatial references (x before y), or None when not needed.

    Raises
    ------
    InputError
        ``crs-unrelated`` where there is none, as from a local system without a place on the Earth.
    """
    if source is None or target is None or source.IsSame(target, list(SAME_CRS)):
        return None
    change, _ = call_gdal(lambda: osr.CoordinateTransformation(source, target))
    # Without exceptions GDAL hands out an empty shell.
    if change is None or getattr(change, "this", None) is None:
        raise InputError(
            "crs-unrelated",
            f"Nothing leads from the coordinate reference system {source.GetName()} to {target.GetName()}.",
            "Give every layer and raster a system that is tied to the Earth.",
        )
    return change
