"""The rasters that a folder, an archive, a product's scene or an address stands for, without opening one of them.

A scene of Sentinel-2, Landsat (Collection 2) or HLS is known by the names of its files, wherever they lie: in the
folder as it was downloaded, deeper inside it, in a zip or a tar, or among others. Of such scenes the bands of the
surface and the quality band are taken, each at its finest resolution; date and band stand in the name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from osgeo import gdal

from ...errors import InputError
from ..geo.gdal_errors import call_gdal
from ..geo.gdal_io import file_name
from ..geo.remote import address_of, no_listing, remote_fault
from ..sensors.band_names import parse_band, parse_date, sensor_band_name, sensor_of

RASTERS = frozenset("tif tiff gtiff jp2 vrt img nc nc4 hdf h4 hdf4 h5 hdf5 he5 zarr".split())
"""Endings of the files that are taken from a folder."""
WITH_HEADER = frozenset("dat bil bsq bip".split())
"""Endings that are taken where a header (``.hdr``) lies beside."""
ARCHIVES = {"zip": "/vsizip/", "tar": "/vsitar/", "tgz": "/vsitar/", "tar.gz": "/vsitar/"}
"""Endings of archives and GDAL's prefix to look into them."""
BESIDE_IMAGES = frozenset(("QI_DATA", "AUX_DATA"))
"""Folders of a Sentinel-2 product with masks and weather."""
ZARR_FILES = frozenset((".zgroup", ".zarray", ".zmetadata", "zarr.json"))
MAX_FILES = 50_000
"""Files of a folder beyond which it is no folder of one stack."""
SURFACE = frozenset(
    """
    COASTAL BLUE GREEN RED NIR08 SWIR16 SWIR22
    B02 B03 B04 B05 B06 B07 B08 B8A B11 B12
    SCL QA_PIXEL FMASK
    """.split()
)
"""Bands taken of a scene; those of the atmosphere (aerosol, water vapour, cirrus) and of heat are not."""

LANDSAT = r"L[COTE]0\d_L{level}_\d{{6}}_\d{{8}}_\d{{8}}_\d{{2}}_\w{{2}}"
SCENES = (
    r"(?:L2A_)?(?P<scene>T\d{2}[A-Z]{3}_\d{8}T\d{6})_(?P<band>[A-Z0-9]{3})(?:_(?P<metres>\d{2})m)?\.jp2",
    r"(?P<scene>S2[A-D]_OPER_MSI_L1C_TL_\w+_T\d{2}[A-Z]{3})_(?P<band>[A-Z0-9]{3})\.jp2",
    rf"(?P<scene>{LANDSAT.format(level='2S[PR]')})_(?P<band>\w+)\.tif",
    rf"(?P<scene>{LANDSAT.format(level='1[A-Z]{2}')})_(?P<band>\w+)\.tif",
    r"(?P<scene>HLS\.[LS]30\.T\w{5}\.\d{7}T\d{6}\.v\d\.\d)\.(?P<band>\w+)\.tif",
)
"""File names of Sentinel-2 (since and before December 2016), Landsat Level 2 and 1, and HLS; in any case."""
METADATA_FILES = re.compile(r"(?:MTD_MSIL(?:1C|2A)\.xml|manifest\.safe)$|(?P<scene>L\w+)_MTL\.(?:txt|xml|json)$", re.I)
"""Files that stand for the product they lie in."""


@dataclass(frozen=True)
class Source:
    """A raster that a path stands for."""

    path: str
    """The file, or any name GDAL opens."""
    date: str | None = None
    """Its ISO date where the product's name tells it."""
    band: str | None = None
    """Name of its only band where the product's name tells it."""
    chosen: bool = False
    """Whether a person chose this very file; others come with their folder or archive."""


@dataclass
class Expansion:
    """What a path stands for."""

    sources: list[Source] = field(default_factory=list)
    """The rasters, in the order of their paths."""
    notes: list[str] = field(default_factory=list)
    """Sentences about what was left out."""


def expand(path: str) -> Expansion:
    """The rasters that a path stands for; a single raster stands for itself.

    Parameters
    ----------
    path : file, folder, archive, address (``https://...``) or any name GDAL opens.

    Raises
    ------
    InputError
        ``no-raster`` for a folder or archive without a raster, ``folder-too-large``, ``raster-unreadable``
        for an archive that cannot be read.
    """
    if re.match(r"(?:https?|ftp)://", path, re.IGNORECASE):
        path = "/vsicurl/" + path
    told = METADATA_FILES.search(file_name(path)) if "://" not in path and os.path.isfile(path) else None
    if told:
        return _expand_tree(os.path.dirname(path), told.group("scene") or "")
    if archive_prefix(path):
        return _expand_tree(path)
    if is_zarr(path) or not _is_folder(path):
        opened = path if not path.lower().endswith(".tif.gz") else "/vsigzip/" + path
        return Expansion([Source(opened, chosen=True)])
    return _expand_tree(path)


def archive_prefix(path: str) -> str:
    """GDAL's prefix to look into the archive ``path`` is; empty for every other path."""
    name = path.lower().split("?")[0]
    return next((prefix for ending, prefix in ARCHIVES.items() if name.endswith("." + ending)), "")


def is_zarr(path: str) -> bool:
    """Whether a path is the folder of a Zarr cube."""
    if path.lower().rstrip("/\\").endswith(".zarr"):
        return True
    return os.path.isdir(path) and any(os.path.exists(os.path.join(path, name)) for name in ZARR_FILES)


def _is_folder(path: str) -> bool:
    if path.startswith("/vsi") and not path.startswith("/vsicurl"):
        status, _ = call_gdal(lambda: gdal.VSIStatL(path))
        return status is not None and bool(status.IsDirectory())
    return os.path.isdir(path)


def _expand_tree(path: str, prefix: str = "") -> Expansion:
    """The rasters of a folder or archive whose file names begin with ``prefix``."""
    files = [f for f in _rasters_below(path) if f.rsplit("/", 1)[-1].startswith(prefix)]
    if not files:
        what = "archive" if archive_prefix(path) else "folder"
        raise InputError(
            "no-raster",
            f"The {what} {path} holds no raster.",
            "Choose GeoTIFF, JPEG 2000, VRT, netCDF, HDF or Zarr files, or the folder of a scene.",
        )
    taken = Expansion()
    bands: dict[tuple[str, str, str], tuple[int, str, str | None]] = {}
    left_out: set[str] = set()
    twice: set[str] = set()
    for file in files:
        scene = scene_of(file)
        if scene is None:
            taken.sources.append(Source(file))
            continue
        if scene.band not in SURFACE:
            left_out.add(scene.band)
            continue
        key = (scene.product, scene.name, scene.band)
        first = bands.get(key)
        if first is not None and first[0] == scene.metres:
            twice.add(scene.name)
        if first is None or scene.metres < first[0]:
            bands[key] = (scene.metres, file, scene.date)
    taken.sources += [Source(file, date, key[2]) for key, (_, file, date) in bands.items()]
    taken.sources.sort(key=lambda source: source.path)
    name = file_name(path.rstrip("/\\"))
    if left_out:
        taken.notes.append(f"{name}: {', '.join(sorted(left_out))} left out, as they do not show the surface.")
    if twice:
        taken.notes.append(f"{name}: {', '.join(sorted(twice))} is there twice and taken once.")
    packed = sorted({file_name(a) for a in _archives_of(files) if a.lower().endswith("gz")})
    if packed:
        taken.notes.append(f"{packed[0]} is compressed as a whole, which makes reading slow: better unpack it.")
    _leave_out_collections(taken, name)
    return taken


@dataclass(frozen=True)
class Scene:
    """What the name of a scene's file tells."""

    product: str
    """Name of the product's own folder, which also holds the processing baseline; may be empty."""
    name: str
    band: str
    """Name of the band in every sensor where it has one, else as it stands there."""
    metres: int
    """Pixel size, where the name tells it."""
    date: str | None


def scene_of(path: str) -> Scene | None:
    """What the path of a scene's file tells, or None for other files."""
    parts = re.split(r"[\\/]", path)
    match = next((m for m in (re.fullmatch(p, parts[-1], re.IGNORECASE) for p in SCENES) if m), None)
    if match is None:
        return None
    safe = next((part for part in parts if part.upper().endswith(".SAFE")), "")
    date = (parse_date(safe[:-5])[0] if safe else None) or parse_date(match.group("scene"))[0]
    written = match.group("band").upper()
    band = sensor_band_name(parse_band(written, free=False), sensor_of(parts[-1])) or written
    return Scene(safe, match.group("scene"), band, int(match.groupdict().get("metres") or 0), date)


def _rasters_below(path: str) -> list[str]:
    """Paths of the rasters in a folder or archive and in the archives in it, in order."""
    found = []
    for file in _files_below(path):
        if archive_prefix(file) and not archive_prefix(path) and not file.lower().endswith(".zarr.zip"):
            found += [inner for inner in _files_below(file) if _is_raster(inner)]
        elif _is_raster(file):
            found.append(file)
    return sorted(found)


def _is_raster(path: str) -> bool:
    if BESIDE_IMAGES.intersection(path.split("/")):
        return False
    ending = path.rsplit("/", 1)[-1].rsplit(".", 1)[-1].lower()
    if ending in WITH_HEADER:
        stem = path.rsplit(".", 1)[0]
        return any(os.path.exists(header) for header in (stem + ".hdr", path + ".hdr", stem + ".HDR"))
    return ending in RASTERS or is_zarr(path)


def _files_below(path: str) -> Iterator[str]:
    """Files below a folder or in an archive, hidden ones left out; a Zarr cube counts as one file."""
    prefix = archive_prefix(path)
    if prefix or path.startswith("/vsi"):
        root = prefix + path
        with no_listing(path):
            names, fault = call_gdal(lambda: gdal.ReadDirRecursive(root))
        if names is None:
            told = remote_fault(path) or fault.replace("unknown error", "it is no archive")
            missing = not path.startswith("/vsi") and not os.path.exists(path)
            raise InputError(
                "raster-unreadable",
                f"The archive {address_of(path)} {'does not exist' if missing else f'cannot be read: {told}'}.",
                "Check the path." if missing else "It may be cut off or damaged: fetch it again.",
            )
        yield from _outside_zarr(f"{root}/{name}" for name in names if not name.endswith("/") and not _hidden(name))
        return
    count = 0
    for folder, folders, names in os.walk(path):
        folder = Path(folder).as_posix()
        cubes = [name for name in folders if is_zarr(f"{folder}/{name}")]
        folders[:] = sorted(name for name in folders if not _hidden(name) and name not in cubes)
        count += len(names) + len(folders)
        if count > MAX_FILES:
            raise InputError(
                "folder-too-large",
                f"The folder {path} holds more than {MAX_FILES} files.",
                "Choose the folder of the stack itself.",
            )
        yield from (f"{folder}/{name}" for name in (*cubes, *names) if not _hidden(name))


def _outside_zarr(paths: Iterator[str]) -> Iterator[str]:
    """The paths, those inside a Zarr cube replaced by the cube's."""
    seen = set()
    for path in paths:
        inside = re.match(r"(.*?\.zarr)/", path, re.IGNORECASE)
        if inside is None:
            yield path
        elif inside.group(1) not in seen:
            seen.add(inside.group(1))
            yield inside.group(1)


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) and part not in ZARR_FILES for part in name.split("/"))


def _archives_of(files: list[str]) -> set[str]:
    """The archives that paths lead into."""
    matches = (
        re.match(r"/vsi(?:zip|tar)/(.*?\.(?:zip|tar\.gz|tar|tgz))(?=/|$)", file, re.IGNORECASE) for file in files
    )
    return {match.group(1) for match in matches if match}


def _leave_out_collections(taken: Expansion, name: str) -> None:
    """Leave out VRT files of a folder that only show other files of it: each band would be there twice."""
    paths = {os.path.normcase(os.path.abspath(s.path)) for s in taken.sources}
    shown = []
    for source in taken.sources:
        if not source.path.lower().endswith(".vrt"):
            continue
        dataset, _ = call_gdal(lambda path=source.path: gdal.OpenEx(path, gdal.OF_RASTER))  # type: ignore[misc]
        files = (dataset.GetFileList() or []) if dataset is not None else []
        others = {os.path.normcase(os.path.abspath(f)) for f in files[1:]}
        if others and others <= paths:
            shown.append(source)
    if shown and len(shown) < len(taken.sources):
        taken.sources = [source for source in taken.sources if source not in shown]
        names = ", ".join(file_name(source.path) for source in shown)
        taken.notes.append(f"{name}: {names} left out, as the files that it shows are there themselves.")
