"""Checks of a search."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from ...errors import InputError
from ...imagery.stac.query import query_problems
from ..specs.search import Search

TABLE = "search.json"
"""File of the folder that says what was searched for and found; its presence marks the folder as one of a search."""


def check_search(search: Search) -> list[InputError]:
    """All problems of the search, the ones to mend first in front; empty when it can run. Asks no catalogue."""
    return [*query_problems(search.query()), *_folder_problems(search.output)]


def _folder_problems(output: str) -> list[InputError]:
    if not output:
        return []
    folder = Path(output).absolute()
    if folder.is_dir():
        if any(folder.iterdir()) and _foreign(folder):
            message = f"The folder {folder} has other files in it, such as {_foreign(folder)[0]}."
            return [InputError("output-folder", message, "Choose a new or empty folder.")]
    elif folder.exists():
        return [InputError("output-folder", f"{folder} is a file, not a folder.", "Choose a new folder.")]
    if not folder.parent.is_dir():
        hint = "Create it or choose another."
        return [InputError("output-folder", f"The folder {folder.parent} does not exist.", hint)]
    if not os.access(folder.parent, os.W_OK):
        return [InputError("output-folder", f"The folder {folder.parent} cannot be written to.", "Choose another.")]
    return []


def _foreign(folder: Path) -> list[str]:
    """Names in a folder that no earlier search has written."""
    own = {TABLE}
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        own |= set(json.loads((folder / TABLE).read_text("utf-8"))["files"])
    # QGIS and GDAL put statistics beside a raster that was looked at.
    return sorted(one.name for one in folder.iterdir() if one.name not in own and not one.name.endswith(".aux.xml"))
