"""From scenes to dates: scenes of one day are joined; those that cannot be joined are left out with a warning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from osgeo import ogr

from ...errors import listed
from ..sensors.quality_flags import is_quality
from ..sensors.wavelengths import common_name
from .assets import Asset
from .client import Scene, naming_of

Warn = Callable[[str], None]


@dataclass(frozen=True)
class Day:
    """The scenes that make up one date of a stack."""

    date: str
    """ISO date."""
    scenes: tuple[Scene, ...]
    """They show different tiles or strips; where two overlap, the later one is on top."""
    share: float
    """Part of the extent that they cover together, 0 to 1."""

    def values(self, name: str) -> Asset:
        """How a band of this date is stored, which is the same in all its scenes.

        Parameters
        ----------
        name : str
            Of the band.
        """
        return next(asset for asset in self.scenes[0].assets if asset.name == name)


def harmonize_bands(scenes: Sequence[Scene], warn: Warn) -> list[Scene]:
    """The scenes with the same data bands under the same names.

    Where products of different sensors are searched together, their bands are named by wavelength (``RED``), and
    only those that all of them have are kept.

    Parameters
    ----------
    scenes : sequence of Scene
    warn : callable
        Receives a sentence about bands that are left out.

    Returns
    -------
    list of Scene
    """
    if len({naming_of(scene) for scene in scenes}) == 1:
        return list(scenes)
    renamed = [replace(scene, assets=tuple(_by_wavelength(scene.assets))) for scene in scenes]
    of_product: dict[str, set[str]] = {}
    for scene in renamed:
        names = {asset.name for asset in scene.assets if not is_quality(asset.name)}
        of_product.setdefault(naming_of(scene), set()).update(names)
    shared = set.intersection(*of_product.values())
    if not shared:
        return list(scenes)
    left_out = sorted(set.union(*of_product.values()) - shared)
    if left_out:
        warn(f"Only bands that all products have are used ({', '.join(of_product)}): {listed(left_out)} are left out.")
    return [replace(s, assets=tuple(a for a in s.assets if a.name in shared or is_quality(a.name))) for s in renamed]


def _by_wavelength(assets: Iterable[Asset]) -> list[Asset]:
    """Assets under their common names in capitals; those without one keep theirs."""
    return [
        asset if is_quality(asset.name) else replace(asset, name=(common_name(asset.name) or asset.name).upper())
        for asset in assets
    ]


def group_by_day(scenes: Sequence[Scene], extent: ogr.Geometry, warn: Warn) -> list[Day]:
    """The scenes by date.

    Tiles and strips of one date that store their values in the same way are joined. Where a date has scenes that do not
    (other product, other offset), those that cover the most of the extent are kept, of equal ones the newest
    processing. A scene that lacks a band of the others of its date is left out.

    Parameters
    ----------
    scenes : sequence of Scene
    extent : ogr.Geometry
        Polygon in longitude and latitude.
    warn : callable
        Receives a sentence about scenes that are left out.

    Returns
    -------
    list of Day
        By date.
    """
    by_date: dict[str, dict[tuple[object, ...], list[Scene]]] = {}
    for scene in _newest(scenes, warn):
        stored = tuple((asset.name, asset.scaling, asset.nodata) for asset in scene.assets)
        by_date.setdefault(scene.date, {}).setdefault((naming_of(scene), stored), []).append(scene)
    days, dropped = [], 0
    for date, groups in sorted(by_date.items()):
        choices = [Day(date, tuple(sorted(group, key=_rank)), coverage(group, extent)) for group in groups.values()]
        best = max(choices, key=lambda day: (round(day.share, 2), day.scenes[-1].baseline, len(day.scenes)))
        dropped += sum(len(day.scenes) for day in choices) - len(best.scenes)
        days.append(best)
    if dropped:
        warn(
            f"{dropped} scenes are left out: others of the same date, stored in another way, cover more of the extent."
        )
    return days


def _newest(scenes: Sequence[Scene], warn: Warn) -> list[Scene]:
    """Of several versions of one scene (same moment, tile and outline) the newest processing."""
    newest: dict[tuple[str, ...], Scene] = {}
    for scene in scenes:
        key = (naming_of(scene), scene.moment[:19], scene.tile, "" if scene.tile else scene.outline)
        other = newest.get(key)
        if other is None or (scene.baseline, scene.id) > (other.baseline, other.id):
            newest[key] = scene
    if len(newest) < len(scenes):
        warn(f"{len(scenes) - len(newest)} scenes are older versions of others; they are left out.")
    return list(newest.values())


def _rank(scene: Scene) -> tuple[float, float, str]:
    return scene.baseline, scene.share, scene.id


def coverage(scenes: Iterable[Scene], extent: ogr.Geometry) -> float:
    """Part of an extent inside any of the outlines.

    Parameters
    ----------
    scenes : iterable of Scene
    extent : ogr.Geometry
        Polygon in longitude and latitude.

    Returns
    -------
    float
        0 to 1.
    """
    together = ogr.Geometry(ogr.wkbMultiPolygon)
    for scene in scenes:
        joined = together.Union(ogr.CreateGeometryFromWkt(scene.outline))
        together = joined if joined is not None else together
    common = together.Intersection(extent)
    return min(1.0, common.GetArea() / extent.GetArea()) if common is not None else 0.0
