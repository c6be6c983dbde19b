"""Settings of Crop Transfer in the user's QGIS profile."""

from __future__ import annotations

import json
from typing import Any

from qgis.core import QgsSettings

from ...engine.imagery.stac.catalogs import CATALOGUES

PREFIX = "croptransfer/"


def get(key: str, default: Any = "") -> Any:
    """The remembered value of ``key``."""
    return QgsSettings().value(PREFIX + key, default)


def put(key: str, value: Any) -> None:
    """Remember ``value`` under ``key``."""
    QgsSettings().setValue(PREFIX + key, value)


def catalogues() -> dict[str, dict[str, str]]:
    """Title and id of credentials (``authcfg``, empty for none) of imagery catalogues by address, defaults first."""
    found = {one.url: {"title": one.title, "authcfg": ""} for one in CATALOGUES}
    try:
        remembered = json.loads(str(get("catalogues", "{}")))
        for url, values in remembered.items():
            found.setdefault(str(url), {"title": str(url), "authcfg": ""})["authcfg"] = str(values["authcfg"])
    except (ValueError, TypeError, KeyError, AttributeError):
        # A profile edited by hand or by a later version: only the defaults are left.
        return found
    return found


def put_catalogue(url: str, authcfg: str) -> None:
    """Remember a catalogue and the id of its credentials."""
    kept = {known: {"authcfg": values["authcfg"]} for known, values in catalogues().items()}
    put("catalogues", json.dumps({**kept, url.strip().rstrip("/"): {"authcfg": authcfg}}))


def remove_catalogue(url: str) -> None:
    """Forget a catalogue; one that is known by default only loses its credentials."""
    kept = {known: {"authcfg": values["authcfg"]} for known, values in catalogues().items() if known != url}
    put("catalogues", json.dumps(kept))
