"""What a catalogue is asked for, and what is wrong with it before anybody is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from osgeo import ogr, osr

from ...errors import InputError
from ...series.dates import season_date
from ..geo.crs import transformation
from ..geo.gdal_errors import call_gdal
from .catalogs import catalogue_of

STEPS = 20
"""Points on every edge of an extent that is brought into another system."""
LON_LAT = "OGC:CRS84"


@dataclass(frozen=True)
class Query:
    """What is looked for."""

    url: str
    """Address of the catalogue."""
    collections: tuple[str, ...]
    """Ids of its collections."""
    bbox: tuple[float, float, float, float]
    """West, south, east, north, in units of ``crs``."""
    start: str
    """First day, ``YYYY-MM-DD`` ..."""
    end: str
    """... and last day of the season; both belong to it."""
    crs: str = LON_LAT
    """Reference system of ``bbox``, as text that GDAL understands: ``EPSG:32633``, WKT."""
    cloud: float = 100.0
    """Greatest cloud cover of a scene in percent; scenes that do not say theirs are taken."""
    max_scenes: int = 500
    """Scenes taken at most."""
    bands: tuple[str, ...] = ()
    """Names of the bands wanted; empty for those of the product."""


def query_problems(query: Query) -> list[InputError]:
    """What is wrong with a query before the catalogue is asked."""
    problems = []
    if not query.url.lower().startswith(("http://", "https://")):
        hint = "Give the address of a STAC API, such as https://earth-search.aws.element84.com/v1."
        problems.append(InputError("catalogue", f"'{query.url}' is no address of a catalogue.", hint))
    if not query.collections:
        known = catalogue_of(query.url).collections
        hint = f"Choose from: {', '.join(known)}." if known else "Name a collection of the catalogue."
        problems.append(InputError("collection", "There is no collection to search in.", hint))
    days = []
    for name, text in (("start", query.start), ("end", query.end)):
        try:
            days.append(season_date(text, name))
        except InputError as problem:
            problems.append(problem)
    if len(days) == 2 and days[0] > days[1]:
        problems.append(InputError("season", f"The season starts on {query.start}, after its end on {query.end}."))
    if not 0 <= query.cloud <= 100:
        problems.append(InputError("cloud", f"The greatest cloud cover is {query.cloud:g} %.", "Give 0 to 100."))
    if query.max_scenes < 1:
        problems.append(InputError("most", f"At most {query.max_scenes} scenes are asked for.", "Give at least 1."))
    try:
        lon_lat_extent(query)
    except InputError as problem:
        problems.append(problem)
    return problems


def lon_lat_extent(query: Query) -> Any:
    """The extent as an OGR polygon in longitude and latitude; raises InputError (``extent``)."""
    west, south, east, north = query.bbox
    if not (west < east and south < north):
        told = ", ".join(f"{value:g}" for value in query.bbox)
        raise InputError("extent", f"The extent {told} is empty.", "Give west, south, east and north, in this order.")
    polygon = rectangle(query.bbox)
    change = transformation(reference(query.crs), reference(LON_LAT))
    if change is not None:
        done, fault = call_gdal(lambda: polygon.Transform(change) == ogr.OGRERR_NONE or None)
        if done is None:
            message = f"The extent cannot be brought to longitude and latitude: {fault}."
            raise InputError("extent", message, "Choose a smaller extent.")
    left, right, bottom, top = polygon.GetEnvelope()
    if not (-180 <= left <= right <= 180 and -90 <= bottom <= top <= 90) or right - left > 180:
        told = f"longitude {left:g} to {right:g}, latitude {bottom:g} to {top:g}"
        hint = "Check its reference system; split an extent that crosses the 180th meridian."
        raise InputError("extent", f"The extent cannot be searched in: {told}.", hint)
    return polygon


def rectangle(bbox: Sequence[float]) -> Any:
    """A polygon of west, south, east, north with enough points to be bent by another reference system."""
    west, south, east, north = bbox
    corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    ring = ogr.Geometry(ogr.wkbLinearRing)
    for (x, y), (to_x, to_y) in zip(corners, corners[1:]):
        for step in range(STEPS):
            ring.AddPoint_2D(x + (to_x - x) * step / STEPS, y + (to_y - y) * step / STEPS)
    ring.CloseRings()
    polygon = ogr.Geometry(ogr.wkbPolygon)
    polygon.AddGeometry(ring)
    return polygon


def reference(text: str) -> Any:
    """The spatial reference of a text, x before y; raises InputError (``extent``)."""
    crs = osr.SpatialReference()
    done, fault = call_gdal(lambda: crs.SetFromUserInput(text) == ogr.OGRERR_NONE or None)
    if done is None:
        message = f"'{text[:60]}' is no reference system of an extent."
        raise InputError("extent", message, "Give one such as EPSG:4326 or EPSG:32633.")
    crs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return crs
