"""Whether a file is unchanged: its size and the time of its last change."""

from __future__ import annotations

import os
import re

from osgeo import gdal


def file_state(path: str) -> list[int] | None:
    """Size and time of the last change of a file, a folder, or what GDAL reads behind a prefix.

    Parameters
    ----------
    path : str
        Any name GDAL opens, also of a subdataset such as ``NETCDF:"cube.nc":B04``.

    Returns
    -------
    list of int or None
        Bytes, and nanoseconds (seconds behind a ``/vsi`` prefix); None where unknown, as of a table in a database.
    """
    quoted = re.search(r'"([^"]+)"', path)
    for name in (path, quoted.group(1) if quoted else ""):
        if name and os.path.exists(name):
            status = os.stat(name)
            return [status.st_size, status.st_mtime_ns]
        known = gdal.VSIStatL(name) if name.startswith("/vsi") else None
        if known is not None:
            return [known.size, known.mtime]
    return None
