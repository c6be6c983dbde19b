"""Description of a search for scenes in a STAC catalog."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...errors import InputError
from ...imagery.stac.catalogs import NO_ACCESS, Access, catalogue_of
from ...imagery.stac.query import LON_LAT, Query
from .schema import Kind, checked

VERSION = 1

KIND = "search"

KINDS: dict[str, Kind] = {
    **dict.fromkeys(("catalogue", "start", "end", "crs", "output", "id"), (str, "a text")),
    **dict.fromkeys(("collections", "bands"), (list, "a list of names")),
    "scenes": ((list, type(None)), "a list of ids"),
    "bbox": (list, "west, south, east and north"),
    "cloud": ((int, float), "a percentage"),
    "most": (int, "a whole number"),
}


@dataclass(frozen=True)
class Search:
    """Find scenes over an extent and a season; with an ``output``, make a stack of them."""

    catalogue: str
    """Address of the STAC API."""
    collections: tuple[str, ...]
    """Ids of its collections."""
    bbox: tuple[float, float, float, float]
    """West, south, east, north, in units of ``crs``."""
    start: str
    """First day of the season, ``YYYY-MM-DD``."""
    end: str
    """Its last day."""
    output: str = ""
    """Folder of the stack, one file a date; it must be new, empty or of an earlier search. Empty: only search."""
    crs: str = LON_LAT
    """Reference system of ``bbox``: ``EPSG:...`` or WKT."""
    cloud: float = 40.0
    """Greatest cloud cover of a scene in percent."""
    most: int = 500
    """Scenes taken at most."""
    bands: tuple[str, ...] = ()
    """Names of the bands wanted; empty for those of the product. Its quality band always comes along."""
    scenes: tuple[str, ...] | None = None
    """Ids of the scenes to take of those found; None for all."""
    fetch: bool = False
    """Copy the pixels of the extent, so that neither connection nor credentials are needed afterwards."""
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    """Marks the unfinished folder, so that it can be found and removed."""
    access: Access = field(default=NO_ACCESS, repr=False, compare=False)
    """Credentials of this run; no JSON of a search has them but that of :meth:`to_worker`."""

    def outputs(self) -> dict[str, str]:
        """The folder, by its role."""
        return {"stack": str(Path(self.output).absolute())} if self.output else {}

    def query(self) -> Query:
        """What the catalogue is asked for."""
        return Query(
            self.catalogue.strip().rstrip("/"),
            self.collections,
            self.bbox,
            self.start,
            self.end,
            self.crs,
            self.cloud,
            self.most,
            self.bands,
        )

    def to_json(self, indent: int | None = None) -> str:
        """The search as JSON text without its credentials, in one line unless ``indent`` is given."""
        values = asdict(replace(self, access=NO_ACCESS))
        del values["access"]
        return json.dumps({"kind": KIND, "version": VERSION, **values}, ensure_ascii=False, indent=indent)

    def to_worker(self) -> str:
        """The search in one line with its credentials, for the stdin of the worker and for nothing else."""
        access = {"headers": dict(self.access.headers), "hosts": list(self.access.hosts)}
        return json.dumps({**json.loads(self.to_json()), "access": access}, ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> Search:
        """The search of a JSON text; raises InputError (``job``) where it is not one."""
        try:
            values = json.loads(text)
            # Taken out first: a message about what is wrong must not show them.
            access = values.pop("access", None) if isinstance(values, dict) else None
            values = checked(values, KINDS, "The search")
            if values.pop("kind", KIND) != KIND or values.pop("version", VERSION) != VERSION:
                raise ValueError("it is none, or one of another version of Crop Transfer")
            if not isinstance(values.get("fetch", False), bool):
                raise TypeError(f"'fetch' is {values['fetch']!r}, not true or false")
            for key in ("collections", "bands", "scenes"):
                if values.get(key) is not None:
                    values[key] = _texts(key, values[key])
            box = values.get("bbox", ())
            if len(box) != 4 or not all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in box):
                raise TypeError("'bbox' must be west, south, east and north as numbers")
            values["bbox"] = tuple(float(number) for number in box)
            if not values.get("id", "0").isalnum():
                raise ValueError("its id is part of file names and must be letters and digits")
            return Search(**values, access=_access(access))
        except (ValueError, TypeError) as fault:
            hint = "See docs/stac.md for its form."
            raise InputError("job", f"The search is not valid: {fault}.", hint) from fault


def _texts(key: str, values: list[Any]) -> tuple[str, ...]:
    if not all(isinstance(value, str) for value in values):
        raise TypeError(f"'{key}' must be a list of texts")
    return tuple(values)


def _access(values: Any) -> Access:
    if values is None:
        return NO_ACCESS
    try:
        headers = {str(name): str(value) for name, value in values["headers"].items()}
        return Access(headers, tuple(str(host) for host in values["hosts"]))
    except (TypeError, KeyError, AttributeError):
        raise TypeError("its credentials have another form") from None


def access_to(url: str, headers: Mapping[str, str]) -> Access:
    """Credentials for the catalogue at an address and for the hosts that are known to hold its rasters."""
    return Access(dict(headers), (urlsplit(url).hostname or "", *catalogue_of(url).hosts))
