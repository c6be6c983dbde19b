"""The query to a catalogue, and its problems before any request is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from osgeo import ogr, osr

from ...errors import InputError, problems_of
from ...series.dates import season_date
from ..geo.crs import transformation
from ..geo.gdal_errors import call_gdal
from .catalogs import catalogue_of

STEPS = 20
"""Points on every edge of an extent that is transformed into another CRS."""
LON_LAT = "OGC:CRS84"


@dataclass(frozen=True)
class Query:
    """Which scenes of a catalogue are wanted."""

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
    """CRS of ``bbox``, as text that GDAL understands: ``EPSG:32633``, WKT."""
    cloud: float = 100.0
    """Greatest cloud cover of a scene in percent; scenes without a value are taken."""
    max_scenes: int = 500
    """Scenes taken at most."""
    bands: tuple[str, ...] = ()
    """Names of the wanted bands; empty for those of the product."""


def query_problems(query: Query) -> list[InputError]:
    """The problems of a query, found without a request.

    Parameters
    ----------
    query : Query

    Returns
    -------
    list of InputError
        ``catalogue``, ``collection``, ``season``, ``cloud``, ``most`` or ``extent``.
    """
    problems = []
    if not query.url.lower().startswith(("http://", "https://")):
        hint = "Give the address of a STAC API, such as https://earth-search.aws.element84.com/v1."
        problems.append(InputError("catalogue", f"'{query.url}' is not the address of a catalogue.", hint))
    if not query.collections:
        known = catalogue_of(query.url).collections
        hint = f"Choose from: {', '.join(known)}." if known else "Name a collection of the catalogue."
        problems.append(InputError("collection", "No collection is chosen.", hint))
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
        problems.append(InputError("most", f"The greatest number of scenes is {query.max_scenes}.", "Give at least 1."))
    return problems + problems_of(lon_lat_extent, query)


def lon_lat_extent(query: Query) -> Any:
    """The extent of a query in longitude and latitude.

    Parameters
    ----------
    query : Query

    Returns
    -------
    ogr.Geometry
        Polygon.

    Raises
    ------
    InputError
        ``extent``.
    """
    west, south, east, north = query.bbox
    if not (west < east and south < north):
        values = ", ".join(f"{value:g}" for value in query.bbox)
        raise InputError("extent", f"The extent {values} is empty.", "Give west, south, east and north, in this order.")
    polygon = rectangle(query.bbox)
    change = transformation(reference(query.crs), reference(LON_LAT))
    if change is not None:
        done, fault = call_gdal(lambda: polygon.Transform(change) == ogr.OGRERR_NONE or None)
        if done is None:
            message = f"Cannot transform the extent to longitude and latitude: {fault}."
            raise InputError("extent", message, "Choose a smaller extent.")
    left, right, bottom, top = polygon.GetEnvelope()
    if not (-180 <= left <= right <= 180 and -90 <= bottom <= top <= 90) or right - left > 180:
        values = f"longitude {left:g} to {right:g}, latitude {bottom:g} to {top:g}"
        hint = "Check its CRS; split an extent that crosses the 180th meridian."
        raise InputError("extent", f"The extent is not on the Earth, or too wide: {values}.", hint)
    return polygon


def rectangle(bbox: Sequence[float]) -> Any:
    """A polygon with enough points on its edges to be transformed into another CRS.

    Parameters
    ----------
    bbox : sequence of 4 float
        West, south, east, north.

    Returns
    -------
    ogr.Geometry
    """
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
    """The spatial reference of a text, x before y.

    Parameters
    ----------
    text : str
        As GDAL understands it: ``EPSG:32633``, WKT.

    Returns
    -------
    osr.SpatialReference

    Raises
    ------
    InputError
        ``extent``.
    """
    crs = osr.SpatialReference()
    done, fault = call_gdal(lambda: crs.SetFromUserInput(text) == ogr.OGRERR_NONE or None)
    if done is None:
        message = f"'{text[:60]}' is not a CRS."
        raise InputError("extent", message, "Give one such as EPSG:4326 or EPSG:32633.")
    crs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return crs
