"""Remote files: their address, and why one cannot be fetched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from osgeo import gdal

from .gdal_errors import call_gdal

NO_LISTING = "GDAL_DISABLE_READDIR_ON_OPEN"
"""GDAL's option against reading the folder of a file that is opened."""

ANSWERS = {"401": "(not authorised)", "403": "(forbidden)", "404": "(not found)", "410": "(gone)"}
"""What a server's answers mean."""


@contextmanager
def no_listing(path: str) -> Iterator[None]:
    """Open a remote file without asking its server for the files beside it: it is slow and mostly in vain."""
    if "/vsicurl" not in path:
        yield
        return
    before = gdal.GetThreadLocalConfigOption(NO_LISTING)
    gdal.SetThreadLocalConfigOption(NO_LISTING, "EMPTY_DIR")
    try:
        yield
    finally:
        gdal.SetThreadLocalConfigOption(NO_LISTING, before)


def address_of(path: str) -> str:
    """The address of a remote file, without what signs it; the path itself of another."""
    return re.sub(r"^.*?/vsicurl/", "", path).split("?")[0]


def remote_fault(path: str) -> str:
    """Why the remote file of ``path`` cannot be fetched; empty where it can, or where it is a local one."""
    remote = re.search(r"/vsicurl/.*?(?:\.(?:zip|tar|tgz)(?=/|$)|$)", path)
    if remote is None:
        return ""
    address = remote.group()
    # A failure is remembered without its reason, so it is asked for afresh.
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
        return f"the server answers {code.group(1)} {ANSWERS.get(code.group(1), '')}".strip()
    return re.sub(r"^CURL error: ", "", fault).strip(" .\n") or "it is not there, or the server cannot be reached"
