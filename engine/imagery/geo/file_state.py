"""Whether a file is still the one it was: its size and when it was changed."""

from __future__ import annotations

import os
import re

from osgeo import gdal


def file_state(path: str) -> list[int] | None:
    """Size in bytes and time of the last change of a file, a folder, or what GDAL reads behind a prefix.

    None where neither can be known, as of a table in a database.
    """
    inner = re.search(r'"([^"]+)"', path)  # of a subdataset such as NETCDF:"cube.nc":B04
    for place in (path, inner.group(1) if inner else ""):
        if place and os.path.exists(place):
            found = os.stat(place)
            return [found.st_size, found.st_mtime_ns]
        known = gdal.VSIStatL(place) if place.startswith("/vsi") else None
        if known is not None:
            return [known.size, known.mtime]
    return None
