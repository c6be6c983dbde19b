"""A search in a catalogue of imagery, and the stack that is made of its scenes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...errors import InputError, writing
from ...imagery.stac.catalogs import catalogue_of
from ...imagery.stac.client import Scene, find_scenes
from ...imagery.stac.group_by_date import Day, group_by_day, harmonize_bands
from ...imagery.stac.headers import common_grid, hosts_of, read_headers
from ...imagery.stac.query import Query, lon_lat_extent
from ...imagery.stac.vrt_folder import StackFolder
from ...progress import Progress
from ..checks.outputs import SEARCH_TABLE
from ..checks.search import check_search
from ..specs.search import Search
from ..storage.partial_outputs import part_path, publish_parts, remove_parts
from .result import Result

QUERY, HEADERS = "Querying the catalogue", "Reading the headers of the rasters"
WRITE, FETCH = "Writing the stack", "Fetching the rasters"


def run_search(search: Search, progress: Progress) -> Result:
    """Search a catalogue, and make a stack of the scenes where the search has an output.

    ``progress`` as of :func:`run_extraction`.

    Parameters
    ----------
    search : Search

    Returns
    -------
    Result
        Its ``summary``: ``scenes`` (a row each: id, collection, date, cloud in percent, tile, share of the extent from
        0 to 1, used), ``dates`` and ``files`` (paths, one a date), ``bands`` (names), ``hosts``, ``warnings``.

    Raises
    ------
    InputError
        The first problem of :func:`check_search`; the catalogue, its scenes or their rasters cannot be read.
    Cancelled
        The user cancelled; nothing is left.
    """
    for problem in check_search(search):
        raise problem
    last = {FETCH: 90.0} if search.fetch else {}
    progress.plan({QUERY: 20.0, HEADERS: 70.0, WRITE: 10.0, **last} if search.output else {QUERY: 1.0})
    progress.stage(QUERY)
    query = search.query()
    # How many pages there are is not known before the last one.
    scenes = find_scenes(
        query, search.access, progress.warning, lambda count: progress.update(count / (count + query.max_scenes / 10))
    )
    scenes = _chosen(scenes, search)
    days = group_by_day(harmonize_bands(scenes, progress.warning), lon_lat_extent(query), progress.warning)
    _warn_of_access(search, days, progress.warning)
    summary: dict[str, Any] = {"files": [], "bands": [], "hosts": hosts_of(days)}
    if search.output:
        days, summary["files"], summary["bands"] = _make(search, query, days, progress)
    used = {scene.id for day in days for scene in day.scenes}
    progress.finish()
    summary["scenes"] = [{**scene.row(), "used": scene.id in used} for scene in scenes]
    summary["dates"] = [day.date for day in days]
    summary["shares"] = [round(day.share, 4) for day in days]
    summary["warnings"] = list(progress.warnings)
    return Result(search.outputs(), summary)


def _chosen(scenes: list[Scene], search: Search) -> list[Scene]:
    if search.scenes is None:
        return scenes
    gone = sorted(set(search.scenes) - {scene.id for scene in scenes})
    if gone:
        message = f"The catalogue {search.catalogue} no longer has the scene {gone[0]} for this search."
        raise InputError("no-scene", message, "Search again.")
    if not search.scenes:
        raise InputError("no-scene", "None of the found scenes is chosen.", "Choose at least one.")
    return [scene for scene in scenes if scene.id in search.scenes]


def _warn_of_access(search: Search, days: list[Day], warn: Callable[[str], None]) -> None:
    if search.access.headers and search.output and not search.fetch:
        warn(
            f"The rasters stay at {', '.join(hosts_of(days))}, which may require credentials at every read. "
            "Crop Transfer uses them for this search only: fetch the rasters."
        )
    note = catalogue_of(search.catalogue).note
    if note and search.output and not search.access.headers:
        warn(note)


def _make(search: Search, query: Query, days: list[Day], progress: Progress) -> tuple[list[Day], list[str], list[str]]:
    """Write the folder; returns the days that could be read, the files' paths and the bands' names."""
    folder = Path(search.output).absolute()
    part = part_path(folder, search.id)
    progress.stage(HEADERS)
    days, headers = read_headers(days, search.access, progress.warning, progress.update)
    grid = common_grid(query, days, headers, progress.warning)
    try:
        with writing(search.output):
            part.mkdir()
            stack = StackFolder(part, grid, headers, search.access)
            progress.stage(WRITE)
            files, bands = [], []
            for number, day in enumerate(days, 1):
                file, own = stack.write(day)
                files.append(file)
                bands += own
                progress.update(number / len(days))
            if search.fetch:
                progress.stage(FETCH)
                for number, day in enumerate(days):
                    files[number] = stack.fetch(day, files[number], _part_of(progress, number, len(days)))
                shutil.rmtree(part / "warped", ignore_errors=True)
            by_date = dict(zip((day.date for day in days), files))
            table = {
                **json.loads(search.to_json()),
                "found": [scene.row() for day in days for scene in day.scenes],
                "stack": [{**asdict(band), "path": by_date[str(band.date)]} for band in bands],
                "files": sorted(one.name for one in part.iterdir()),
            }
            (part / SEARCH_TABLE).write_text(json.dumps(table, ensure_ascii=False, indent=1), "utf-8")
        publish_parts(search, ["stack"])
    finally:
        remove_parts(search)
    names = list(dict.fromkeys(str(band.band) for band in bands))
    return days, [str(folder / file) for file in files], names


def _part_of(progress: Progress, number: int, count: int) -> Callable[[float], None]:
    return lambda share: progress.update((number + share) / count)
