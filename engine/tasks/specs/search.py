"""Description of a search for scenes in a STAC catalogue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...imagery.stac.catalogs import NO_ACCESS, Access, catalogue_of
from ...imagery.stac.query import LON_LAT, Query
from .schema import Task, new_id


@dataclass(frozen=True)
class Search(Task):
    """Find scenes over an extent and a season; with an ``output``, make a stack of them."""

    KIND = "search"
    DOCUMENT = "docs/stac.md"

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
    """Ids of the scenes to take; None for all that are found."""
    fetch: bool = False
    """Copy the pixels of the extent, so that neither connection nor credentials are needed afterwards."""
    id: str = field(default_factory=new_id)
    """Marks the unfinished folder, so that it can be found and removed."""
    access: Access = field(default=NO_ACCESS, repr=False, compare=False, metadata={"json": False})
    """Credentials of this run; no JSON of a search has them but that of :meth:`to_worker`."""

    def outputs(self) -> dict[str, str]:
        """The folder, by its role."""
        return {"stack": str(Path(self.output).absolute())} if self.output else {}

    def query(self) -> Query:
        """The query to the catalogue."""
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

    def to_worker(self) -> str:
        """The search in one line with its credentials, for the stdin of the worker and for nothing else."""
        access = {"headers": dict(self.access.headers), "hosts": list(self.access.hosts)}
        return json.dumps({**json.loads(self.to_json()), "access": access}, ensure_ascii=False)

    @classmethod
    def _from_values(cls, values: Any) -> Search:
        # Taken out first: a message about what is wrong must not show them.
        access = values.pop("access", None) if isinstance(values, dict) else None
        return replace(super()._from_values(values), access=_access(access))


def _access(values: Any) -> Access:
    if values is None:
        return NO_ACCESS
    try:
        headers = {str(name): str(value) for name, value in values["headers"].items()}
        return Access(headers, tuple(str(host) for host in values["hosts"]))
    except (TypeError, KeyError, AttributeError):
        raise TypeError("its credentials have another form") from None


def access_to(url: str, headers: Mapping[str, str]) -> Access:
    """Credentials for a catalogue and for the hosts that are known to hold its rasters.

    Parameters
    ----------
    url : str
        Address of the catalogue.
    headers : Mapping
        HTTP headers.

    Returns
    -------
    Access
    """
    return Access(dict(headers), (urlsplit(url).hostname or "", *catalogue_of(url).hosts))
