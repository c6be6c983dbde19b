"""A STAC API and the GeoTIFF files of its items on localhost: landing page, collections, search by pages, ranges."""

from __future__ import annotations

import datetime
import json
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from osgeo import gdal, osr

CONFORMS = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/item-search",
    "https://api.stacspec.org/v1.0.0/item-search#query",
]
UTM_33, UTM_34 = 32633, 32634


@dataclass
class Request:
    """What the server was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any = None


@dataclass
class StacServer:
    """A running server; change the fields to change its answers."""

    folder: Path
    """Its ``/files`` are the files in there."""
    items: list[dict[str, Any]] = field(default_factory=list)
    page: int = 2
    """Items a page."""
    fault: str = ""
    """How the search fails: an HTTP code, ``garbage``, ``html``, ``slow``; empty when it does not."""
    token: str = ""
    """``Authorization`` that the files ask for; empty for none."""
    signature: str = ""
    """Query that the files ask for, and that ``/v1/token/COLLECTION`` gives out; empty for none."""
    gone: set[str] = field(default_factory=set)
    """Names of files that answer 404."""
    requests: list[Request] = field(default_factory=list)
    url: str = ""

    def file(self, name: str) -> str:
        """Address of a file."""
        return f"{self.url.removesuffix('/v1')}/files/{urllib.parse.quote(name)}"

    def start(self) -> StacServer:
        """Serve on a free port."""
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        """End."""
        self._http.shutdown()
        self._http.server_close()

    def searched(self) -> list[dict[str, Any]]:
        """The bodies of all searches."""
        return [request.body for request in self.requests if request.path.startswith("/v1/search")]

    def found(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        """The items that fit, as a catalogue answers."""
        start, end = str(asked.get("datetime", "../..")).split("/")
        west, south, east, north = asked.get("bbox", (-180, -90, 180, 90))
        most = ((asked.get("query") or {}).get("eo:cloud_cover") or {}).get("lte", 100)
        fitting = []
        for item in self.items:
            box, properties = item["bbox"], item["properties"]
            moment = properties.get("datetime") or properties.get("start_datetime") or ""
            apart = box[0] > east or box[2] < west or box[1] > north or box[3] < south
            if asked.get("collections") and item["collection"] not in asked["collections"]:
                continue
            if not apart and start <= moment <= end and properties.get("eo:cloud_cover", 0) <= most:
                fitting.append(item)
        return fitting


def _handler(server: StacServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: object) -> None:
            """Keep the tests' output clean."""

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            self._answer(json.loads(self.rfile.read(size) or b"{}"))

        def do_GET(self) -> None:
            self._answer(None)

        def _answer(self, body: Any) -> None:
            path = self.path
            server.requests.append(Request(self.command, path, dict(self.headers), body))
            if path.startswith("/files/"):
                name, _, signature = path[len("/files/") :].partition("?")
                self._file(urllib.parse.unquote(name), signature)
            elif path.startswith("/v1/token/"):
                self._json({"msft:expiry": "2099-01-01T00:00:00Z", "token": server.signature})
            elif path.rstrip("/") == "/v1":
                self._json(self._landing())
            elif path.startswith("/v1/conformance"):
                self._json({"conformsTo": CONFORMS})
            elif path.startswith("/v1/collections"):
                names = sorted({item["collection"] for item in server.items})
                self._json({"collections": [{"type": "Collection", "id": name} for name in names], "links": []})
            elif path.startswith("/v1/search"):
                self._search(body or {})
            else:
                self._send(404, b"nothing here", "text/plain")

        def _landing(self) -> dict[str, Any]:
            link = {"rel": "search", "type": "application/geo+json", "href": f"{server.url}/search", "method": "POST"}
            links = [{"rel": "self", "href": server.url}, {"rel": "root", "href": server.url}, link]
            return {
                "type": "Catalog",
                "id": "test",
                "stac_version": "1.0.0",
                "description": "test",
                "conformsTo": CONFORMS,
                "links": links,
            }

        def _search(self, asked: dict[str, Any]) -> None:
            if server.fault == "garbage":
                return self._send(200, b'{"type": "FeatureCollection", "features": [', "application/json")
            if server.fault == "html":
                return self._send(200, b"<html>Please sign in</html>", "text/html")
            if server.fault == "slow":
                time.sleep(3)
            elif server.fault:
                return self._send(int(server.fault), b"the database is on fire", "text/plain")
            found, first = server.found(asked), int(asked.get("token") or 0)
            links = []
            if first + server.page < len(found):
                body = {**asked, "token": str(first + server.page)}
                links = [{"rel": "next", "href": f"{server.url}/search", "method": "POST", "body": body}]
            page = {"type": "FeatureCollection", "features": found[first : first + server.page], "links": links}
            self._json({**page, "numberMatched": len(found)})

        def _file(self, name: str, signature: str) -> None:
            file = server.folder / name
            if signature != server.signature:
                return self._send(403, b"not signed", "text/plain")
            if server.token and self.headers.get("Authorization") != server.token:
                return self._send(403, b"no", "text/plain")
            if name in server.gone or not file.is_file():
                return self._send(404, b"no", "text/plain")
            data, wanted = file.read_bytes(), self.headers.get("Range")
            if not wanted:
                return self._send(200, data, "image/tiff")
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            begin, end = int(first), min(int(last or len(data)), len(data) - 1)
            self._send(206, data[begin : end + 1], "image/tiff", f"bytes {begin}-{end}/{len(data)}")

        def _json(self, value: Any) -> None:
            self._send(200, json.dumps(value).encode(), "application/json")

        def _send(self, code: int, body: bytes, kind: str, content_range: str = "") -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(body)))
            if content_range:
                self.send_header("Content-Range", content_range)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    return Handler


def write_asset(path: Path, values: np.ndarray, corner: tuple[float, float], pixel: float, epsg: int = UTM_33) -> None:
    """A tiled GeoTIFF of one band, without scale, offset and nodata: those are the catalogue's to tell."""
    height, width = values.shape
    kind = {"uint16": gdal.GDT_UInt16, "int16": gdal.GDT_Int16, "uint8": gdal.GDT_Byte}[values.dtype.name]
    options = ["TILED=YES", "BLOCKXSIZE=16", "BLOCKYSIZE=16", "COMPRESS=DEFLATE"]
    file = gdal.GetDriverByName("GTiff").Create(str(path), width, height, 1, kind, options)
    file.SetGeoTransform((corner[0], pixel, 0, corner[1], 0, -pixel))
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(epsg)
    file.SetProjection(crs.ExportToWkt())
    file.GetRasterBand(1).WriteRaster(0, 0, width, height, np.ascontiguousarray(values).tobytes())
    file.FlushCache()


def outline_of(corner: tuple[float, float], width: float, height: float, epsg: int = UTM_33) -> list[list[float]]:
    """Ring in longitude and latitude of a rectangle given by its upper left corner and its size in metres."""
    source, target = osr.SpatialReference(), osr.SpatialReference()
    source.ImportFromEPSG(epsg)
    target.ImportFromEPSG(4326)
    for crs in (source, target):
        crs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    change = osr.CoordinateTransformation(source, target)
    x, y = corner
    ring = [(x, y), (x + width, y), (x + width, y - height), (x, y - height), (x, y)]
    return [list(change.TransformPoint(*point)[:2]) for point in ring]


def make_item(
    name: str,
    date: str,
    assets: dict[str, dict[str, Any]],
    ring: list[list[float]],
    collection: str = "sentinel-2-l2a",
    cloud: float | None = 10.0,
    **properties: Any,
) -> dict[str, Any]:
    """A STAC item; ``date`` may hold a time."""
    moment = date if "T" in date else f"{date}T10:20:30.123Z"
    facts: dict[str, Any] = {"datetime": moment, **properties}
    if cloud is not None:
        facts["eo:cloud_cover"] = cloud
    xs, ys = zip(*ring)
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": collection,
        "bbox": [min(xs), min(ys), max(xs), max(ys)],
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": facts,
        "links": [],
        "assets": assets,
    }


SIDE, CORNER = 60, (500000.0, 5200000.0)
SENTINEL = {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir", "B8A": "nir08", "B11": "swir16"}
FINE = ("B02", "B03", "B04", "B08")


def stored(name: str, date: str, side: int = SIDE) -> np.ndarray:
    """Reflectance times 10000 of a band on a date: a ramp from west to east, higher for later dates and bands."""
    day = datetime.date.fromisoformat(date).timetuple().tm_yday
    base = 400 + 100 * sorted(SENTINEL).index(name) + 2 * day
    return np.tile(base + 10 * np.arange(side), (side, 1)).astype(np.uint16)


def add_sentinel_scene(
    server: StacServer,
    name: str,
    date: str,
    corner: tuple[float, float] = CORNER,
    epsg: int = UTM_33,
    tile: str = "33UUP",
    baseline: str = "03.01",
    shift: int = 0,
    scl: np.ndarray | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Add a scene of six bands and SCL as Earth Search describes them; ``shift`` is added to the stored numbers."""
    assets: dict[str, dict[str, Any]] = {"thumbnail": {"href": server.file("x.jpg"), "roles": ["thumbnail"]}}
    for band, word in SENTINEL.items():
        pixel = 10 if band in FINE else 20
        side = SIDE * 10 // pixel
        values = stored(band, date, side) if pixel == 10 else stored(band, date)[::2, ::2]
        write_asset(server.folder / f"{name}_{band}.tif", (values + shift).astype(np.uint16), corner, pixel, epsg)
        assets[word] = {
            "href": server.file(f"{name}_{band}.tif"),
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "roles": ["data", "reflectance"],
            "eo:bands": [{"name": word, "common_name": word}],
            "raster:bands": [{"nodata": 0, "data_type": "uint16", "scale": 0.0001, "offset": -0.1}],
        }
    scl = np.full((SIDE // 2, SIDE // 2), 4, np.uint8) if scl is None else scl
    write_asset(server.folder / f"{name}_SCL.tif", scl, corner, 20, epsg)
    assets["scl"] = {"href": server.file(f"{name}_SCL.tif"), "roles": ["data"], "raster:bands": [{"nodata": 0}]}
    properties = {"s2:mgrs_tile": tile, "s2:processing_baseline": baseline, **more}
    ring = outline_of(corner, SIDE * 10, SIDE * 10, epsg)
    item = make_item(name, date, assets, ring, **properties)
    server.items.append(item)
    return item
