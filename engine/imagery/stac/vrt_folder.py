"""A folder that is a stack: one virtual raster (VRT) a date over the rasters of a catalogue, or their pixels copied.

Every date is on the same grid and has scale, offset and nodata of its own bands, which differ between scenes and are
not always in the rasters. Rasters of another zone are warped by a VRT of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from html import escape
from pathlib import Path
from typing import Any

from osgeo import gdal

from ...errors import InputError
from ..geo.crs import same_crs
from ..geo.gdal_errors import call_gdal
from ..geo.types import Grid, StackBand
from ..sensors.quality_flags import is_quality
from .assets import Asset
from .catalogs import NO_ACCESS, Access
from .client import Scene
from .group_by_date import Day
from .headers import TOLERANCE, Header, remote_reading

WARPED = "warped"
"""Folder of the rasters of other zones, inside the stack's."""
FLOATS = (gdal.GDT_Float32, gdal.GDT_Float64)


@dataclass(frozen=True)
class _Source:
    """One raster inside a band of a VRT."""

    path: str
    """Name by which GDAL opens it, or a path inside the folder."""
    index: int
    header: Header


class StackFolder:
    """Writes a stack into a folder, date by date.

    Parameters
    ----------
    folder : Path
        Exists and is empty.
    grid : Grid
        Of all dates.
    headers : mapping of str to Header
        By path, of all rasters.
    access : Access, optional
        Credentials for copying pixels.
    """

    def __init__(self, folder: Path, grid: Grid, headers: Mapping[str, Header], access: Access = NO_ACCESS) -> None:
        self._folder, self._grid, self._headers, self._access = folder, grid, headers, access

    def write(self, day: Day) -> tuple[str, list[StackBand]]:
        """Write a date as a VRT.

        Parameters
        ----------
        day : Day

        Returns
        -------
        file : str
            Its name in the folder.
        bands : list of StackBand
            With that name as path.

        Raises
        ------
        InputError
            ``raster-unreadable`` where a raster of another zone cannot be resampled.
        """
        names = [asset.name for asset in day.scenes[0].assets]
        scenes = ", ".join(scene.id for scene in day.scenes)
        transform = ", ".join(repr(float(number)) for number in self._grid.transform)
        lines = [
            f'<VRTDataset rasterXSize="{self._grid.width}" rasterYSize="{self._grid.height}">',
            f'  <SRS dataAxisToSRSAxisMapping="1,2">{escape(self._grid.crs)}</SRS>',
            f"  <GeoTransform>{transform}</GeoTransform>",
            "  <Metadata>",
            f'    <MDI key="ACQUISITION_DATE">{day.date}</MDI>',
            f'    <MDI key="SCENES">{escape(scenes)}</MDI>',
            "  </Metadata>",
        ]
        for number, name in enumerate(names, 1):
            lines += self._band(number, name, day)
        file = f"{day.date}.vrt"
        (self._folder / file).write_text("\n".join([*lines, "</VRTDataset>", ""]), "utf-8")
        return file, [StackBand(file, number, day.date, name) for number, name in enumerate(names, 1)]

    def fetch(self, day: Day, file: str, done: Callable[[float], None]) -> str:
        """Copy the pixels of a written date into a GeoTIFF that replaces its VRT.

        Parameters
        ----------
        day : Day
        file : str
            As :meth:`write` returns it.
        done : callable
            Receives the finished fraction; an exception of it stops the copy.

        Returns
        -------
        str
            The new file name.

        Raises
        ------
        InputError
            ``raster-unreadable``.
        """
        target = Path(file).with_suffix(".tif").name
        source, copy = str(self._folder / file), str(self._folder / target)
        raised: list[BaseException] = []

        def follow(fraction: float, message: str, data: Any) -> int:
            try:
                done(fraction)
            except BaseException as stop:  # a cancel must pass through GDAL's C code
                raised.append(stop)
                return 0
            return 1

        kind = self._common_type(day)
        options = ["TILED=YES", "COMPRESS=DEFLATE", "BIGTIFF=IF_SAFER", f"PREDICTOR={3 if kind in FLOATS else 2}"]
        with remote_reading(self._access, [asset.href for scene in day.scenes for asset in scene.assets]):
            written, fault = call_gdal(
                lambda: gdal.Translate(
                    copy, source, format="GTiff", outputType=kind, creationOptions=options, callback=follow
                )
            )
        if raised:
            raise raised[0]
        if written is None:
            hint = "Try again later, or with fewer scenes."
            raise InputError("raster-unreadable", f"The scenes of {day.date} cannot be fetched: {fault}.", hint)
        # GDAL completes the file when the dataset is released.
        written = None
        (self._folder / file).unlink()
        return target

    def _common_type(self, day: Day) -> int:
        kinds = (self._headers[asset.path].data_type for scene in day.scenes for asset in scene.assets)
        return reduce(gdal.DataTypeUnion, kinds)

    def _band(self, number: int, name: str, day: Day) -> list[str]:
        assets = [next(asset for asset in scene.assets if asset.name == name) for scene in day.scenes]
        header, first = self._headers[assets[0].path], assets[0]
        nodata = header.nodata if first.nodata is None else first.nodata
        scaling = header.scaling if first.scaling is None and not is_quality(name) else first.scaling
        kind = gdal.GetDataTypeName(header.data_type)
        lines = [f'  <VRTRasterBand dataType="{kind}" band="{number}">']
        lines.append(f"    <Description>{escape(name)}_{day.date}</Description>")
        if nodata is not None:
            lines.append(f"    <NoDataValue>{nodata:.17g}</NoDataValue>")
        if scaling is not None:
            lines += [f"    <Offset>{scaling[1]:.17g}</Offset>", f"    <Scale>{scaling[0]:.17g}</Scale>"]
        for scene, asset in zip(day.scenes, assets):
            source = _Source(asset.path, asset.index, self._headers[asset.path])
            if not self._fits(source.header.grid):
                source = self._warp(scene, asset, nodata)
            lines += self._part(source, nodata, smooth=not is_quality(name))
        return [*lines, "  </VRTRasterBand>"]

    def _fits(self, grid: Grid) -> bool:
        """Whether a raster is in the stack's system, north up."""
        return same_crs(grid.crs, self._grid.crs) and not (grid.transform[2] or grid.transform[4])

    def _part(self, source: _Source, nodata: float | None, smooth: bool) -> list[str]:
        """A raster's entry in a band; nothing where it does not touch the grid."""
        across = _span(self._grid, source.header.grid, 0)
        down = _span(self._grid, source.header.grid, 3)
        if across is None or down is None:
            return []
        aligned = all(span[1] == span[3] and span[0] % 1 == span[2] % 1 == 0 for span in (across, down))
        method = ' resampling="bilinear"' if smooth and not aligned else ""
        own, block = source.header.grid, source.header.block
        inside = int(source.path.startswith(f"{WARPED}/"))
        lines = [
            f"    <ComplexSource{method}>",
            f'      <SourceFilename relativeToVRT="{inside}">{escape(source.path)}</SourceFilename>',
            f"      <SourceBand>{source.index}</SourceBand>",
            f'      <SourceProperties RasterXSize="{own.width}" RasterYSize="{own.height}" '
            f'DataType="{gdal.GetDataTypeName(source.header.data_type)}" '
            f'BlockXSize="{block[0]}" BlockYSize="{block[1]}"/>',
        ]
        for element, at in (("SrcRect", 0), ("DstRect", 2)):
            lines.append(
                f'      <{element} xOff="{across[at]:.10g}" yOff="{down[at]:.10g}" '
                f'xSize="{across[at + 1]:.10g}" ySize="{down[at + 1]:.10g}"/>'
            )
        if nodata is not None:
            lines.append(f"      <NODATA>{nodata:.17g}</NODATA>")
        return [*lines, "    </ComplexSource>"]

    def _warp(self, scene: Scene, asset: Asset, nodata: float | None) -> _Source:
        """A VRT that resamples one band of a raster to the stack's grid."""
        (self._folder / WARPED).mkdir(exist_ok=True)
        safe = "".join(letter if letter.isalnum() else "_" for letter in scene.id)
        path = f"{WARPED}/{safe}_{asset.name}.vrt"
        grid, own = self._grid, self._headers[asset.path]
        x, width, _, y, _, height = grid.transform
        options = {
            "format": "VRT",
            "dstSRS": grid.crs,
            "outputBounds": (x, y + height * grid.height, x + width * grid.width, y),
            "width": grid.width,
            "height": grid.height,
            "resampleAlg": "near" if is_quality(asset.name) else "bilinear",
            "srcNodata": nodata,
            "dstNodata": nodata,
        }

        def warp() -> Any:
            source = gdal.OpenEx(asset.path, gdal.OF_RASTER | gdal.OF_VERBOSE_ERROR)
            if source is not None and source.RasterCount > 1:
                # The warper uses all bands of its input.
                source = gdal.Translate(
                    str(self._folder / f"{path[:-4]}_alone.vrt"), source, format="VRT", bandList=[asset.index]
                )
            return source and gdal.Warp(str(self._folder / path), source, **options)

        with remote_reading(self._access, [asset.href]):
            written, fault = call_gdal(warp)
        if written is None:
            raise InputError("raster-unreadable", f"{asset.href} cannot be resampled to the grid: {fault}.")
        block = tuple(written.GetRasterBand(1).GetBlockSize())
        return _Source(path, 1, Header(grid, own.data_type, block, nodata, None))


def _span(grid: Grid, own: Grid, at: int) -> tuple[float, float, float, float] | None:
    """Start and length, in pixels of a raster and of the grid, of what they share along one axis (0 or 3)."""
    step, size, own_size = (1, grid.width, own.width) if at == 0 else (5, grid.height, own.height)
    ratio = own.transform[step] / grid.transform[step]
    start = (own.transform[at] - grid.transform[at]) / grid.transform[step]
    first, last = max(0.0, _snapped(start)), min(float(size), _snapped(start + own_size * ratio))
    if last - first < TOLERANCE:
        return None
    return _snapped((first - start) / ratio), _snapped((last - first) / ratio), first, last - first


def _snapped(value: float) -> float:
    """The nearest whole number where the value is within the tolerance of it."""
    near = round(value)
    return float(near) if abs(value - near) < TOLERANCE else value
