"""Where the rows of a table are: columns of coordinates as people and programs name and write them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from osgeo import ogr

from ...errors import InputError
from ..geo.crs import crs_of, epsg
from ..geo.gdal_errors import call_gdal
from ..geo.gdal_io import file_name

WORDS = {
    "longitude": "longitude lon long lng longitud lange laenge lambda долгота 经度",
    "latitude": "latitude lat latitud breite phi широта 纬度",
    "x": "x easting east rechtswert este est coordx xcoord xcoordinate",
    "y": "y northing north hochwert norte nord coordy ycoord ycoordinate",
    "pair": "gps geolocation location coordinates coordinate coords coord geopoint latlon latlong latlng lonlat point "
    "position koordinaten coordenadas coordonnees geo xy geotag",
    "shape": "wkt geom geometry shape geojson wkb ewkt ewkb geo geometrie geometria",
}
"""Words in the names of columns; GBIF, KoBo, ODK, Earth Engine and spreadsheets put others before and behind them."""
DEGREES, PROJECTED = ("longitude", "latitude"), ("x", "y")
EXACT = {
    "longitude": ("longitude", "lon", "long", "lng"),
    "latitude": ("latitude", "lat"),
    "x": ("x", "easting", "east", "point_x", "coord_x", "x_coord", "xcoord"),
    "y": ("y", "northing", "north", "point_y", "coord_y", "y_coord", "ycoord"),
    "shape": ("wkt", "geom", "geometry", "the_geom", "wkt_geom", "shape", ".geo"),
}
"""Names that go before those which only hold one of the words."""
NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
ANGLE = re.compile(
    r"([NSEW])?\s*([+-]?\d+(?:[.,]\d+)?)\s*[\u00b0\u00bad:\s]?\s*(?:(\d+(?:[.,]\d+)?)\s*['\u2032\u2019m:\s]?\s*"
    r"(?:(\d+(?:[.,]\d+)?)\s*(?:\"|''|\u2033|\u201d|s)?)?)?\s*([NSEW])?",
    re.IGNORECASE,
)
"""Degrees, minutes and seconds with the letter of the hemisphere."""
PAIR = re.compile(r"[(\[\s]*([+-]?\d+(?:\.\d+)?)\s*[,;\s]\s*([+-]?\d+(?:\.\d+)?)(?:[,;\s]+[+-]?\d[^)\]]*)?[)\]\s]*")
SHAPE_TEXT = re.compile(r"\s*(?:(?:SRID=\d+;)?\s*(?:MULTI)?(?:POINT|POLYGON|SURFACE|CURVEPOLYGON)\b|\{)", re.IGNORECASE)
ACCEPTED = "lon and lat, longitude and latitude, x and y, easting and northing, or wkt"


def number_of(text: str) -> float:
    """A number with a decimal point or comma; NaN for other texts.

    Parameters
    ----------
    text : str
    """
    return float(text.replace(",", ".")) if NUMBER.fullmatch(text) else float("nan")


def degrees_of(text: str) -> float:
    """Degrees from a number, or from degrees, minutes and seconds; NaN for other texts.

    Parameters
    ----------
    text : str
        Such as ``3.05``, ``3°03'00"W`` or ``N 50 30.5``.
    """
    if NUMBER.fullmatch(text):
        return number_of(text)
    found = ANGLE.fullmatch(text.strip())
    if not found or (found.group(1) and found.group(5)):
        return float("nan")
    whole, minutes, seconds = (float((part or "0").replace(",", ".")) for part in found.group(2, 3, 4))
    if minutes >= 60 or seconds >= 60:
        return float("nan")
    letter = (found.group(1) or found.group(5) or "").upper()
    negative = found.group(2).startswith("-") != (letter in ("S", "W") and letter != "")
    return (abs(whole) + minutes / 60 + seconds / 3600) * (-1 if negative else 1)


class TableCoordinates:
    """Finds the columns of coordinates of a table and reads its geometries.

    Parameters
    ----------
    header : sequence of str
    rows : sequence of sequence of str
        As long as the header.
    path : str
        Of the table; a ``.prj`` file beside it has its CRS.

    Attributes
    ----------
    warnings : list of str
        Sentences about what was decided for the user.
    """

    def __init__(self, header: Sequence[str], rows: Sequence[Sequence[str]], path: str) -> None:
        self.warnings: list[str] = []
        self._header, self._rows, self._name = header, rows, file_name(path)
        self._crs = _sidecar_crs(path) or self._crs_column()

    def geometries(self) -> tuple[list[Any], Any]:
        """The geometry of each row (None where it has none) and the CRS, None when unknown.

        Raises
        ------
        InputError
            ``labels-geometry`` where no column holds coordinates, or those found hold none.
        """
        empty: list[str] = []
        for kinds in (DEGREES, PROJECTED):
            pair = self._two_columns(*kinds)
            if pair is None:
                continue
            read = degrees_of if kinds == DEGREES else number_of
            x, y = ([read(row[column]) for row in self._rows] for column in pair)
            named = f"{self._header[pair[0]]} and {self._header[pair[1]]}"
            if self._rows and not np.isfinite(np.array(x) + np.array(y)).any():
                first = next((row[pair[0]] for row in self._rows if row[pair[0]]), "")
                empty.append(f"{named} hold no number or degrees, as in '{first}'")
                continue
            return self._points(x, y, named, tell=kinds == PROJECTED)
        for read_column in (self._shapes, self._pairs):
            found = read_column()
            if found is not None:
                return found
        if empty:
            message = f"The columns {'; '.join(empty)}, in the table {self._name}."
            raise InputError("labels-geometry", message, "Write decimal degrees such as 3.7051, or metres of a CRS.")
        hint = f"Name them {ACCEPTED}; it has {', '.join(self._header[:20])}."
        raise InputError("labels-geometry", f"The table {self._name} has no columns with coordinates.", hint)

    def _points(self, x: Sequence[float], y: Sequence[float], named: str, tell: bool) -> tuple[list[Any], Any]:
        shapes = [_point(a, b) if np.isfinite(a) and np.isfinite(b) else None for a, b in zip(x, y)]
        return shapes, self._crs_of(shapes, f"The columns {named}", tell)

    def _crs_of(self, shapes: Sequence[Any], what: str, tell: bool) -> Any:
        """The CRS that the table names, else WGS 84 where all coordinates are degrees."""
        if self._crs is not None:
            return self._crs
        boxes = np.array([shape.GetEnvelope() for shape in shapes if shape is not None]).reshape(-1, 4)
        if (np.abs(boxes[:, :2]) > 180).any() or (np.abs(boxes[:, 2:]) > 90).any():
            return None
        if tell and len(boxes):
            self.warnings.append(f"{what} of the table {self._name} hold degrees without a CRS: WGS 84 is used.")
        return epsg(4326)

    def _crs_column(self) -> Any:
        lower = [column.strip().lower() for column in self._header]
        column = next((lower.index(name) for name in ("epsg", "srid", "crs", "epsg_code") if name in lower), None)
        values = set() if column is None else {row[column] for row in self._rows if row[column]}
        code = re.fullmatch(r"(?:EPSG:)?(\d{4,6})", values.pop(), re.IGNORECASE) if len(values) == 1 else None
        return epsg(int(code.group(1))) if code else None

    def _two_columns(self, x: str, y: str) -> tuple[int, int] | None:
        """The columns of two kinds of coordinates: by their usual names, else those of one origin."""
        usual = [self._exact(kind) for kind in (x, y)]
        if usual[0] is not None and usual[1] is not None:
            return usual[0], usual[1]
        pairs = [
            (i, j)
            for i, first in enumerate(self._header)
            for j, second in enumerate(self._header)
            if (rest := _rest(first, x)) is not None and rest == _rest(second, y)
        ]
        if len(pairs) > 1:
            used = " and ".join(self._header[i] for i in pairs[0])
            others = ", ".join(self._header[i] for pair in pairs[1:] for i in pair)
            self.warnings.append(f"The table {self._name} has several places: {used} are used, not {others}.")
        return pairs[0] if pairs else None

    def _exact(self, kind: str) -> int | None:
        lower = [column.lower() for column in self._header]
        found = [lower.index(one) for one in EXACT[kind] if one in lower]
        if len(found) > 1:
            columns = ", ".join(self._header[i] for i in found)
            used = self._header[found[0]]
            self.warnings.append(f"The table {self._name} has the columns {columns}: '{used}' is used.")
        return found[0] if found else None

    def _shapes(self) -> tuple[list[Any], Any] | None:
        """The geometries of a column of WKT, WKB or GeoJSON."""
        column = self._exact("shape")
        if column is None:
            first = [next((row[i] for row in self._rows if row[i]), "") for i in range(len(self._header))]
            column = next((i for i, text in enumerate(first) if SHAPE_TEXT.match(text)), None)
        if column is None:
            return None
        if any(PAIR.fullmatch(row[column]) for row in self._rows):
            return None
        shapes, broken = [], []
        of_column = f"column '{self._header[column]}' of the table {self._name}"
        for number, row in enumerate(self._rows, 2):
            shape = self._shape_of(row[column]) if row[column] else None
            if row[column] and shape is None:
                broken.append(number)
            shapes.append(shape)
        if broken and len(broken) == sum(1 for row in self._rows if row[column]):
            message = f"C{of_column[1:]} holds no geometry (WKT), as in row {broken[0]}."
            raise InputError(
                "labels-geometry", message, "Write it like POINT(3.7 51.0), or give columns of coordinates."
            )
        if broken:
            rows = "1 row" if len(broken) == 1 else f"{len(broken):,} rows"
            sentence = f"Left out of {of_column}: {rows} without a readable geometry (WKT), first row {broken[0]}."
            self.warnings.append(sentence)
        return shapes, self._crs_of(shapes, f"The geometries in '{self._header[column]}'", tell=True)

    def _shape_of(self, text: str) -> Any:
        code = re.match(r"SRID=(\d+);", text, re.IGNORECASE)
        make: Callable[[], Any]
        if code:
            self._crs = self._crs or epsg(int(code.group(1)))
            text = text[code.end() :]
        if text.lstrip().startswith("{"):
            make = lambda: ogr.CreateGeometryFromJson(text)  # noqa: E731
        elif re.fullmatch(r"(?:[0-9A-Fa-f]{2}){9,}", text):
            make = lambda: ogr.CreateGeometryFromWkb(bytes.fromhex(text))  # noqa: E731
        else:
            make = lambda: ogr.CreateGeometryFromWkt(text)  # noqa: E731
        return call_gdal(make)[0]

    def _pairs(self) -> tuple[list[Any], Any] | None:
        """The points of a column that holds both coordinates, as ``latitude longitude altitude accuracy``."""
        for column, title in enumerate(self._header):
            words = column_words(title)
            known = words & set(WORDS["pair"].split()) or (words & _of("latitude") and words & _of("longitude"))
            found = [PAIR.fullmatch(row[column]) for row in self._rows]
            if not known or not any(found):
                continue
            pairs = np.array([[float(one.group(1)), float(one.group(2))] if one else [np.nan] * 2 for one in found])
            text = "".join(title.lower().split())
            x_first = re.search(r"lon.*lat|^x\W*y", text) is not None or bool((np.abs(pairs[:, 0]) > 90).any())
            order = ("longitude", "latitude") if x_first else ("latitude", "longitude")
            named = f"Column '{title}' of the table {self._name}"
            self.warnings.append(f"{named} is read as {order[0]} and {order[1]}.")
            x, y = (pairs if x_first else pairs[:, ::-1]).T
            return self._points(x.tolist(), y.tolist(), title, tell=False)
        return None


def column_words(title: str) -> set[str]:
    """The words in the name of a column, in small letters without accents.

    Parameters
    ----------
    title : str
    """
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", title)
    text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).lower()
    return set(re.split(r"[^\w]+|_+", text)) - {""}


def _of(kind: str) -> set[str]:
    return set(WORDS[kind].split())


def _rest(title: str, kind: str) -> frozenset[str] | None:
    """The words of a name beside the one of a kind; None where it does not have just one."""
    words = column_words(title)
    return frozenset(words - _of(kind)) if len(words & _of(kind)) == 1 else None


def _point(x: float, y: float) -> Any:
    point = ogr.Geometry(ogr.wkbPoint)
    point.AddPoint_2D(float(x), float(y))
    return point


def _sidecar_crs(path: str) -> Any:
    """The CRS of a ``.prj`` file beside the table, as GDAL and QGIS write it; None without one."""
    prj = Path(path).with_suffix(".prj")
    try:
        return crs_of(prj.read_text("utf-8", errors="replace")) if prj.is_file() else None
    except OSError:
        return None
