"""The classified map and its confidence as virtual rasters (VRT) over the tiles that they are made of."""

from __future__ import annotations

import html
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..geo.types import Window
from .geotiff import MapWriter
from .tile_file import tile_name


class MapMosaic(MapWriter):
    """A :class:`MapWriter` that writes no pixels: legend, names, table and tags, over the tiles of the map.

    It is given the windows of all tiles in their order, as they were numbered, and the pixels in them for its counts.
    Overviews are left to whoever wants them: they would be as large as those of one file.

    Parameters
    ----------
    tiles : str
        Folder of the tiles, each with the class in its first band and the confidence in its second; it need not exist
        yet.
    *arguments
        As of :class:`MapWriter`.
    """

    def __init__(self, tiles: str, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._tiles = tiles
        self._windows: list[Window] = []
        self._heads: list[str] = []

    def write(self, window: Window, classes: np.ndarray, confidence: np.ndarray | None = None) -> None:
        """Count the pixels of the next tile.

        Parameters
        ----------
        window, classes, confidence
            As of :meth:`MapWriter.write`.
        """
        super().write(window, classes, confidence)
        self._windows.append(window)

    def finish(self) -> tuple[str, ...]:
        """Write both; returns no sidecars, since a VRT holds all of it."""
        sidecars = super().finish()
        self._heads = [Path(path).read_text("utf-8") for path in self._paths]
        self.link_tiles(self._tiles)
        return sidecars

    def link_tiles(self, tiles: str) -> None:
        """Write both again, for tiles that will be in another folder.

        Parameters
        ----------
        tiles : str
            The folder.

        Raises
        ------
        OSError
        """
        for band, (path, head) in enumerate(zip(self._paths, self._heads), 1):
            inside, folder = _relative(tiles, path)
            sources = [
                _source(f"{folder}/{tile_name(number)}", inside, band, window)
                for number, window in enumerate(self._windows)
            ]
            end = "  </VRTRasterBand>"
            Path(path).write_text(head.replace(end, "".join(sources) + end), "utf-8")

    def _create(self, path: str, nodata: int) -> Any:
        return self._create_plane("VRT", path, nodata)

    def _write_plane(self, dataset: Any, number: int, window: Window, values: np.ndarray) -> None:
        """The pixels are in the tile."""

    def _overviews(self, dataset: Any, number: int, resampling: str) -> None:
        """None."""


def _relative(tiles: str, path: str) -> tuple[int, str]:
    """1 and the folder of the tiles relative to the file at ``path``, so that both can be moved together."""
    try:
        return 1, Path(os.path.relpath(tiles, Path(path).parent)).as_posix()
    except ValueError:  # another drive of Windows
        return 0, Path(tiles).absolute().as_posix()


def _source(file: str, inside: int, band: int, window: Window) -> str:
    size = f'xSize="{window.width}" ySize="{window.height}"'
    # With the properties of the file in it, opening a map of ten thousand tiles opens none of them.
    return (
        "    <SimpleSource>\n"
        f'      <SourceFilename relativeToVRT="{inside}">{html.escape(file, quote=False)}</SourceFilename>\n'
        f"      <SourceBand>{band}</SourceBand>\n"
        f'      <SourceProperties RasterXSize="{window.width}" RasterYSize="{window.height}" DataType="Byte" '
        f'BlockXSize="{window.width}" BlockYSize="{window.height}"/>\n'
        f'      <SrcRect xOff="0" yOff="0" {size}/>\n'
        f'      <DstRect xOff="{window.column}" yOff="{window.row}" {size}/>\n'
        "    </SimpleSource>\n"
    )
