"""The rasters in a folder, an archive, a product's scene or at an address, found without opening one of them.

A scene of Sentinel-2, Landsat (Collection 2) or HLS is known by the names of its files, wherever they are: in the
folder as it was downloaded, deeper inside it, in a zip or a tar, or among others. Of such scenes the bands of the
surface and the quality band are taken, each at its finest resolution; date and band are read from the name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from osgeo import gdal

from ...errors import InputError
from ..geo.gdal_errors import UNKNOWN_ERROR, call_gdal
from ..geo.gdal_io import file_name
from ..geo.remote import address_of, no_listing, remote_fault
from ..sensors.band_names import parse_band, parse_date, sensor_band_name, sensor_of

RASTERS = frozenset("tif tiff gtiff jp2 vrt img nc nc4 hdf h4 hdf4 h5 hdf5 he5 zarr".split())
"""Suffixes of the files that are taken from a folder."""
WITH_HEADER = frozenset("dat bil bsq bip".split())
"""Suffixes that are taken where a header (``.hdr``) is beside the file."""
ARCHIVES = {"zip": "/vsizip/", "tar": "/vsitar/", "tgz": "/vsitar/", "tar.gz": "/vsitar/"}
"""Suffixes of archives and GDAL's prefix to read them."""
AUXILIARY_FOLDERS = frozenset(("QI_DATA", "AUX_DATA"))
"""Folders of a Sentinel-2 product with masks and weather."""
ZARR_FILES = frozenset((".zgroup", ".zarray", ".zmetadata", "zarr.json"))
MAX_FILES = 50_000
"""Files of the folder of one stack, at most."""
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
"""Files whose choice means the whole product."""

COMPRESSED = re.compile(r"/vsitar/(.*?\.(?:tar\.gz|tgz))(?=/|$)", re.IGNORECASE)
"""Paths into an archive that is compressed as a whole."""


@dataclass(frozen=True)
class Source:
    """A raster behind a path."""

    path: str
    """The file, or any name GDAL opens."""
    date: str | None = None
    """Its ISO date where the product's name has one."""
    band: str | None = None
    """Name of its only band where the file's name has one."""
    chosen: bool = False
    """Whether a person chose this very file; others come with their folder or archive."""


@dataclass(frozen=True)
class Expansion:
    """The rasters behind a path."""

    sources: list[Source]
    """The rasters, in the order of their paths."""
    notes: list[str] = field(default_factory=list)
    """Sentences about what was left out."""


def expand(path: str) -> Expansion:
    """The rasters behind a path; of a single raster itself.

    Parameters
    ----------
    path : str
        File, folder, archive, address (``https://...``) or any name GDAL opens.

    Returns
    -------
    Expansion

    Raises
    ------
    InputError
        ``no-raster`` for a folder or archive without a raster, ``folder-too-large``, ``raster-unreadable``
        for an archive that cannot be read.
    """
    if re.match(r"(?:https?|ftp)://", path, re.IGNORECASE):
        path = "/vsicurl/" + path
    product = METADATA_FILES.search(file_name(path)) if "://" not in path and os.path.isfile(path) else None
    if product:
        return _expand_tree(os.path.dirname(path), product.group("scene") or "")
    if _archive_prefix(path) or (_is_folder(path) and not _is_zarr(path)):
        return _expand_tree(path)
    return Expansion([Source("/vsigzip/" + path if path.lower().endswith(".tif.gz") else path, chosen=True)])


def _archive_prefix(path: str) -> str:
    """GDAL's prefix to read an archive; empty for every other path."""
    name = path.lower().split("?")[0]
    return next((prefix for ending, prefix in ARCHIVES.items() if name.endswith("." + ending)), "")


def _is_zarr(path: str) -> bool:
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
        what = "archive" if _archive_prefix(path) else "folder"
        raise InputError(
            "no-raster",
            f"The {what} {path} holds no raster.",
            "Choose GeoTIFF, JPEG 2000, VRT, netCDF, HDF or Zarr files, or the folder of a scene.",
        )
    sources: list[Source] = []
    left_out, duplicates = set(), set()
    finest: dict[tuple[str, str, str], Scene] = {}
    for file in files:
        scene = scene_of(file)
        if scene is None:
            sources.append(Source(file))
        elif scene.band not in SURFACE:
            left_out.add(scene.band)
        else:
            first = finest.setdefault((scene.product, scene.name, scene.band), scene)
            if first is not scene and first.metres == scene.metres:
                duplicates.add(scene.name)
            if scene.metres < first.metres:
                finest[scene.product, scene.name, scene.band] = scene
    sources += [Source(scene.path, scene.date, scene.band) for scene in finest.values()]
    sources, repeated = _without_collections(sorted(sources, key=lambda source: source.path))
    compressed = sorted(file_name(m.group(1)) for m in map(COMPRESSED.match, files) if m)
    name = file_name(path.rstrip("/\\"))
    notes = {
        f"{name}: {', '.join(sorted(left_out))} left out, as they do not show the surface.": left_out,
        f"{name}: {', '.join(sorted(duplicates))} is there twice and used once.": duplicates,
        f"{''.join(compressed[:1])} is compressed as a whole, which makes reading slow: unpack it.": compressed,
        f"{name}: {', '.join(repeated)} left out, as the files in it are there themselves.": repeated,
    }
    return Expansion(sources, [note for note, applies in notes.items() if applies])


@dataclass(frozen=True)
class Scene:
    """What the name of a scene's file says."""

    path: str
    """Of the file."""
    product: str
    """Name of the product's own folder, which also holds the processing baseline; may be empty."""
    name: str
    band: str
    """Name of the band in every sensor where it has one, else as in the name."""
    metres: int
    """Pixel size; 0 where the name does not say."""
    date: str | None


def scene_of(path: str) -> Scene | None:
    """What the path of a scene's file says.

    Parameters
    ----------
    path : str

    Returns
    -------
    Scene or None
        None for other files.
    """
    parts = re.split(r"[\\/]", path)
    match = next((m for m in (re.fullmatch(p, parts[-1], re.IGNORECASE) for p in SCENES) if m), None)
    if match is None:
        return None
    safe = next((part for part in parts if part.upper().endswith(".SAFE")), "")
    date = (parse_date(safe[:-5])[0] if safe else None) or parse_date(match.group("scene"))[0]
    written = match.group("band").upper()
    band = sensor_band_name(parse_band(written, free=False), sensor_of(parts[-1])) or written
    return Scene(path, safe, match.group("scene"), band, int(match.groupdict().get("metres") or 0), date)


def _rasters_below(path: str) -> list[str]:
    """Paths of the rasters in a folder or archive and in the archives in it, in order."""
    found = []
    for file in _files_below(path):
        if _archive_prefix(file) and not _archive_prefix(path) and not file.lower().endswith(".zarr.zip"):
            found += [inner for inner in _files_below(file) if _is_raster(inner)]
        elif _is_raster(file):
            found.append(file)
    return sorted(found)


def _is_raster(path: str) -> bool:
    if AUXILIARY_FOLDERS.intersection(path.split("/")):
        return False
    ending = path.rsplit("/", 1)[-1].rsplit(".", 1)[-1].lower()
    if ending in WITH_HEADER:
        stem = path.rsplit(".", 1)[0]
        return any(os.path.exists(header) for header in (stem + ".hdr", path + ".hdr", stem + ".HDR"))
    return ending in RASTERS or _is_zarr(path)


def _files_below(path: str) -> Iterator[str]:
    """Files below a folder or in an archive, hidden ones left out; a Zarr cube counts as one file."""
    prefix = _archive_prefix(path)
    if prefix or path.startswith("/vsi"):
        yield from _files_in_archive(path, prefix + path)
        return
    count = 0
    for folder, folders, names in os.walk(path):
        folder = Path(folder).as_posix()
        cubes = [name for name in folders if _is_zarr(f"{folder}/{name}")]
        folders[:] = sorted(name for name in folders if not _hidden(name) and name not in cubes)
        count += len(names) + len(folders)
        if count > MAX_FILES:
            raise InputError(
                "folder-too-large",
                f"The folder {path} holds more than {MAX_FILES} files.",
                "Choose the folder of the stack itself.",
            )
        yield from (f"{folder}/{name}" for name in (*cubes, *names) if not _hidden(name))


def _files_in_archive(path: str, root: str) -> list[str]:
    """Files in an archive, those of a Zarr cube replaced by the cube's path."""
    with no_listing(path):
        names, fault = call_gdal(lambda: gdal.ReadDirRecursive(root))
    if names is None:
        message, hint = f"{address_of(path)} does not exist.", "Check the path."
        if path.startswith("/vsi") or os.path.exists(path):
            reason = remote_fault(path) or fault.replace(UNKNOWN_ERROR, "it is not an archive")
            message, hint = f"{address_of(path)} cannot be read: {reason}.", "It may be damaged: fetch it again."
        raise InputError("raster-unreadable", f"The archive {message}", hint)
    files = (f"{root}/{name}" for name in names if not name.endswith("/") and not _hidden(name))
    return list(dict.fromkeys(re.sub(r"(\.zarr)/.*", r"\1", file, flags=re.IGNORECASE) for file in files))


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) and part not in ZARR_FILES for part in name.split("/"))


def _without_collections(sources: list[Source]) -> tuple[list[Source], list[str]]:
    """The sources without VRT files that only show others of them, and the names of those: bands would be repeated."""
    paths = {os.path.normcase(os.path.abspath(s.path)) for s in sources}
    collections = []
    for source in (s for s in sources if s.path.lower().endswith(".vrt")):
        dataset, _ = call_gdal(partial(gdal.OpenEx, source.path, gdal.OF_RASTER))
        files = (dataset.GetFileList() or []) if dataset is not None else []
        others = {os.path.normcase(os.path.abspath(f)) for f in files[1:]}
        if others and others <= paths:
            collections.append(source)
    if len(collections) == len(sources):
        return sources, []
    return [s for s in sources if s not in collections], [file_name(s.path) for s in collections]
