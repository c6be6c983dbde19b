"""Remote files: their address, and why one cannot be fetched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from osgeo import gdal

from .gdal_errors import call_gdal, gdal_options

NO_LISTING = "GDAL_DISABLE_READDIR_ON_OPEN"
"""GDAL's option against reading the folder of a file that is opened."""

HTTP_ERRORS = {"401": "(not authorised)", "403": "(forbidden)", "404": "(not found)", "410": "(gone)"}
"""What the commonest error codes of a server mean."""


@contextmanager
def no_listing(path: str) -> Iterator[None]:
    """Open a remote file without requesting the list of files beside it: it is slow and mostly in vain.

    Parameters
    ----------
    path : str
        Any name GDAL opens; nothing changes for a local one.
    """
    if "/vsicurl" not in path:
        yield
        return
    with gdal_options({NO_LISTING: "EMPTY_DIR"}):
        yield


def address_of(path: str) -> str:
    """The address of a remote file, without its signature; a local path as it is.

    Parameters
    ----------
    path : str
        Any name GDAL opens.
    """
    return re.sub(r"^.*?/vsicurl/", "", path).split("?")[0]


def remote_fault(path: str) -> str:
    """Why a remote file cannot be fetched.

    Parameters
    ----------
    path : str
        Any name GDAL opens.

    Returns
    -------
    str
        Part of a sentence; empty where the file can be fetched, or is local.
    """
    remote = re.search(r"/vsicurl/.*?(?:\.(?:zip|tar|tgz)(?=/|$)|$)", path)
    if remote is None:
        return ""
    address = remote.group()
    # GDAL remembers a failure without its reason, so it has to try again.
    gdal.VSICurlPartialClearCache(address)
    gdal.VSIErrorReset()
    with no_listing(address):
        file, _ = call_gdal(lambda: gdal.VSIFOpenExL(address, "rb", True))
    if file is not None:
        gdal.VSIFCloseL(file)
        return ""
    fault = gdal.VSIGetLastErrorMsg()
    code = re.search(r"response code: (\d{3})", fault)
    if code:
        return f"the server answers {code.group(1)} {HTTP_ERRORS.get(code.group(1), '')}".strip()
    return re.sub(r"^CURL error: ", "", fault).strip(" .\n") or "it does not exist, or the server cannot be reached"
