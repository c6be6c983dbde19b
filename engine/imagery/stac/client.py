"""Scenes of a STAC catalogue (SpatioTemporal Asset Catalog) that cover an extent during a season.

The requests are sent by ``pystac-client``, which only the engine's environment has: it is imported when a search
runs. Every failure of a catalogue becomes one sentence that names it.
"""

from __future__ import annotations

import datetime
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from osgeo import ogr

from ...errors import InputError
from ..geo.gdal_errors import call_gdal
from ..sensors.band_names import parse_date
from .assets import Asset, baseline_of, choose_assets, offset_in_doubt, product_of
from .catalogs import NO_ACCESS, Access, Catalogue, catalogue_of
from .query import Query, lon_lat_extent, query_problems, rectangle

TIMEOUT = (10.0, 60.0)
"""Seconds until a catalogue must have accepted the connection, and sent its answer."""
PAGE = 100
"""Items per request."""
SHOWN = 200
"""Characters of a catalogue's own message in ours."""


@dataclass(frozen=True)
class Scene:
    """One item of a catalogue that shows a part of the extent."""

    id: str
    collection: str
    date: str
    """ISO date (UTC); of an interval its middle."""
    moment: str
    """When it was taken, as the catalogue writes it."""
    cloud: float | None
    """Cloud cover in percent; None where unknown."""
    tile: str
    """Tile or path and row; empty when unknown."""
    share: float
    """Part of the extent inside its outline, 0 to 1."""
    outline: str
    """Its outline in longitude and latitude, as WKT."""
    baseline: float
    """Processing baseline; 0 when unknown."""
    assets: tuple[Asset, ...] = field(default=(), repr=False)
    """Its rasters, data bands first."""

    def row(self) -> dict[str, Any]:
        """Its row in a table for people, JSON-ready."""
        columns = ("id", "collection", "date", "cloud", "tile")
        return {**{name: getattr(self, name) for name in columns}, "share": round(self.share, 4)}


def find_scenes(
    query: Query,
    access: Access = NO_ACCESS,
    warn: Callable[[str], None] = lambda sentence: None,
    found: Callable[[int], None] = lambda count: None,
) -> list[Scene]:
    """All scenes of a catalogue that fit a query, by date.

    Parameters
    ----------
    query : Query
    access : Access, optional
        Credentials for the catalogue; they go to its own host only.
    warn : callable, optional
        Receives sentences about what is left out.
    found : callable, optional
        Receives the number of items read so far; an exception of it stops the search.

    Returns
    -------
    list of Scene

    Raises
    ------
    InputError
        The first of :func:`query_problems`; ``catalogue-missing`` where ``pystac-client`` is not installed;
        ``catalogue`` where the catalogue fails; ``no-scene`` where nothing matches.
    """
    for problem in query_problems(query):
        raise problem
    extent = lon_lat_extent(query)
    items: list[dict[str, Any]] = []
    for item in _translate_errors(query.url, lambda: islice(_items(query, extent, access), query.max_scenes + 1)):
        items.append(item)
        found(len(items))
    if len(items) > query.max_scenes:
        items = items[: query.max_scenes]
        warn(
            f"The catalogue has more than {query.max_scenes} matching scenes; the first {query.max_scenes} are used. "
            "Choose a smaller extent, a shorter season or fewer clouds, or allow more scenes."
        )
    if not items:
        raise _no_scenes_error(query, "has no scene")
    scenes = [
        scene
        for scene in _valid_scenes(items, extent, query, warn)
        if (scene.cloud is None or scene.cloud <= query.cloud) and scene.share > 0
    ]
    usable = [scene for scene in scenes if scene.assets]
    if len(usable) < len(scenes):
        warn(f"{len(scenes) - len(usable)} of the {len(items)} scenes have none of the bands and were skipped.")
    doubtful = sum(offset_in_doubt(item) for item in items)
    if doubtful:
        warn(
            f"{doubtful} scenes of {', '.join(query.collections)} state that ESA's offset of -1000 is still to be "
            "applied, which is not always right in this catalogue: compare their dates with others, or choose "
            "sentinel-2-c1-l2a."
        )
    if not usable:
        raise _no_scenes_error(query, f"has no usable scene among {len(items)}")
    return sorted(usable, key=lambda scene: (scene.date, scene.collection, scene.tile, scene.id))


def _valid_scenes(
    items: Sequence[Mapping[str, Any]], extent: Any, query: Query, warn: Callable[[str], None]
) -> list[Scene]:
    """The items as scenes; whatever is wrong with one item, the others may be valid."""
    scenes, catalogue = [], catalogue_of(query.url)
    for item in items:
        with suppress(TypeError, ValueError, AttributeError, KeyError):
            scenes.append(_scene(item, extent, catalogue, query))
    invalid = len(items) - len(scenes)
    if invalid:
        warn(f"{invalid} of the {len(items)} items of the catalogue are invalid STAC items and were skipped.")
    return scenes


def _no_scenes_error(query: Query, what: str) -> InputError:
    clouds = f" with at most {query.cloud:g} % of clouds" if query.cloud < 100 else ""
    return InputError(
        "no-scene",
        f"The catalogue {query.url} {what} of {', '.join(query.collections)} in this extent from {query.start} "
        f"to {query.end}{clouds}.",
        "Choose another extent, a longer season, more clouds or another collection.",
    )


def _items(query: Query, extent: Any, access: Access) -> Iterator[dict[str, Any]]:
    """The items of all pages, as JSON."""
    from pystac_client import Client
    from pystac_client.stac_api_io import StacApiIO
    from urllib3.util.retry import Retry

    def add_headers(request: Any) -> Any:
        # Each request by itself: the next page may be on another host, which must not get the credentials.
        request.headers = {**(request.headers or {}), **access.for_url(request.url)}
        return request

    # Its log of requests would contain the headers.
    logging.getLogger("pystac_client").setLevel(logging.WARNING)
    retries = Retry(
        2, connect=1, read=0, status=1, status_forcelist=[429, 502, 503, 504], backoff_factor=0.5, allowed_methods=None
    )
    reading = StacApiIO(max_retries=retries)
    client = Client.open(query.url, stac_io=reading, request_modifier=add_headers, timeout=TIMEOUT)
    left, right, bottom, top = extent.GetEnvelope()
    # A catalogue that does not support ``query`` sends all scenes; the clouds are compared here as well.
    filters = query.cloud < 100 and any("item-search#query" in uri for uri in client.get_conforms_to())
    search = client.search(
        collections=list(query.collections),
        bbox=[left, bottom, right, top],
        datetime=f"{query.start}T00:00:00Z/{query.end}T23:59:59Z",
        query={"eo:cloud_cover": {"lte": query.cloud}} if filters else None,
        limit=min(PAGE, query.max_scenes + 1),
        method="POST" if _can_post(client) else "GET",
    )
    yield from search.items_as_dicts()


def _can_post(client: Any) -> bool:
    methods = {str(link.extra_fields.get("method", "")).upper() for link in client.get_links("search")}
    return "POST" in methods or methods <= {""}


def _translate_errors(url: str, items: Callable[[], Iterator[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """The items, and every failure of the catalogue as one sentence."""
    try:
        import requests
        from pystac.errors import STACError, STACTypeError
        from pystac_client.exceptions import APIError
        from pystac_client.warnings import DoesNotConformTo
    except ImportError as fault:
        raise InputError(
            "catalogue-missing",
            f"This Python cannot search catalogues: it lacks {fault.name}.",
            "Install the engine again from the dialog of Crop Transfer, or install pystac-client with pip.",
        ) from fault
    try:
        yield from items()
    except APIError as fault:
        raise _failed(url, *_reason(fault)) from fault
    except requests.RequestException as fault:
        raise _failed(url, f"cannot be reached: {_short(fault)}", "Check the address and the connection.") from fault
    except (NotImplementedError, DoesNotConformTo) as fault:
        raise _failed(url, "offers no search for items", "Give the address of a STAC API.") from fault
    except (json.JSONDecodeError, STACError, STACTypeError, KeyError, TypeError, AttributeError) as fault:
        hint = "Give the address of the landing page of a STAC API."
        raise _failed(url, f"does not answer as a STAC API ({_short(fault) or type(fault).__name__})", hint) from fault


def _failed(url: str, what: str, hint: str) -> InputError:
    return InputError("catalogue", f"The catalogue {url} {what}.", hint)


def _reason(fault: Any) -> tuple[str, str]:
    """What an error of ``pystac-client`` means, and what to do about it."""
    code, text = getattr(fault, "status_code", None), str(fault)
    if code in (401, 403):
        return f"refuses access (HTTP {code})", "Choose credentials for it."
    if code == 404:
        return "does not exist (HTTP 404)", "Check the address and the name of the collection."
    if code is not None and code >= 500:
        return f"has an internal error (HTTP {code})", "Try again later."
    if code is not None:
        return f"refuses the search (HTTP {code}: {_short(fault)})", "Check collection, extent and season."
    if "timed out" in text or "Timeout" in text:
        return f"does not answer within {TIMEOUT[1]:.0f} seconds", "Try again later, or with a smaller search."
    return f"cannot be reached: {_short(fault)}", "Check the address and the connection."


def _short(fault: object) -> str:
    words = " ".join(str(fault).split())
    return (words[:SHOWN] + "…" if len(words) > SHOWN else words).rstrip(".")


def _scene(item: Mapping[str, Any], extent: Any, catalogue: Catalogue, query: Query) -> Scene:
    """An item as a scene; raises TypeError, ValueError, AttributeError or KeyError where it is none."""
    properties = item["properties"]
    outline = _outline(item)
    common = outline.Intersection(extent)
    cloud = properties.get("eo:cloud_cover")
    moment, date = _date(properties)
    return Scene(
        id=str(item["id"]),
        collection=str(item.get("collection") or query.collections[0]),
        date=date,
        moment=moment,
        cloud=None if cloud is None else round(float(cloud), 2),
        tile=_tile(properties),
        share=min(1.0, common.GetArea() / extent.GetArea()) if common is not None else 0.0,
        outline=outline.ExportToWkt(),
        baseline=baseline_of(item) or 0.0,
        assets=tuple(choose_assets(item, catalogue, query.bands)),
    )


def _outline(item: Mapping[str, Any]) -> Any:
    outline, _ = call_gdal(lambda: ogr.CreateGeometryFromJson(json.dumps(item.get("geometry"))))
    if outline is None or outline.IsEmpty():
        box = item["bbox"]
        sides = box if len(box) == 4 else (box[0], box[1], box[3], box[4])  # without heights
        outline = rectangle([float(side) for side in sides])
    if not outline.IsValid():
        outline = outline.MakeValid() or outline
    outline.FlattenTo2D()
    return outline


def _date(properties: Mapping[str, Any]) -> tuple[str, str]:
    """The moment of an item and its date; of a composite the middle between its start and end."""
    start, end = properties.get("start_datetime"), properties.get("end_datetime")
    if start and end and (not properties.get("datetime") or start[:10] != end[:10]):
        first, last = (datetime.date.fromisoformat(text[:10]) for text in (start, end))
        return f"{start}/{end}", (first + (last - first) // 2).isoformat()
    moment = str(properties.get("datetime") or start)
    date = parse_date(moment)[0]
    if date is None:
        raise ValueError(f"no date in {moment}")
    return moment, date


def _tile(properties: Mapping[str, Any]) -> str:
    code = properties.get("s2:mgrs_tile") or properties.get("grid:code")
    if code:
        return str(code).removeprefix("MGRS-")
    if properties.get("mgrs:grid_square"):
        parts = ("mgrs:utm_zone", "mgrs:latitude_band", "mgrs:grid_square")
        return "".join(str(properties.get(part) or "") for part in parts)
    path, row = properties.get("landsat:wrs_path"), properties.get("landsat:wrs_row")
    return f"{path}/{row}" if path and row else ""


def naming_of(scene: Scene) -> str:
    """The product that names the bands of a scene, or its collection.

    Parameters
    ----------
    scene : Scene
    """
    product = product_of(scene.collection)
    return product.title if product else scene.collection
