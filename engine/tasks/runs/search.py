"""A search in a catalogue of imagery, and the stack that is made of its scenes, as the command and QGIS describe it."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import InputError
from ..imagery.stac import Scene, find_scenes
from ..imagery.stac_catalogues import CATALOGUES, NO_ACCESS, Access, catalogue_of
from ..imagery.stac_dates import Day, days_of, harmonised
from ..imagery.stac_folder import StackFolder
from ..imagery.stac_query import LON_LAT, Query, lon_lat_extent, query_problems
from ..imagery.stac_rasters import common_grid, hosts_of, read_headers
from ..progress import Progress
from .job import Kind, checked
from .parts import part_path
from .runner import Result, writing
from .terminal import show

VERSION = 1
KIND = "search"
ASK, LOOK, WRITE, FETCH = "Asking the catalogue", "Looking at the rasters", "Writing the stack", "Fetching the rasters"
TABLE = "search.json"
"""File of the folder that says what was searched for and found; its presence marks the folder as one of a search."""
KINDS: dict[str, Kind] = {
    **dict.fromkeys(("catalogue", "start", "end", "crs", "output", "id"), (str, "a text")),
    **dict.fromkeys(("collections", "bands"), (list, "a list of names")),
    "scenes": ((list, type(None)), "a list of ids"),
    "bbox": (list, "west, south, east and north"),
    "cloud": ((int, float), "a percentage"),
    "most": (int, "a whole number"),
}


@dataclass(frozen=True)
class Search:
    """Find scenes over an extent and a season; with an ``output``, make a stack of them."""

    catalogue: str
    """Address of the STAC API."""
    collections: tuple[str, ...]
    """Ids of its collections."""
    bbox: tuple[float, float, float, float]
    """West, south, east, north, in units of ``crs``."""
    start: str
    """First day of the season, ``YYYY-MM-DD``."""
    end: str
    """Its last day."""
    output: str = ""
    """Folder of the stack, one file a date; it must be new, empty or of an earlier search. Empty: only search."""
    crs: str = LON_LAT
    """Reference system of ``bbox``: ``EPSG:...`` or WKT."""
    cloud: float = 40.0
    """Greatest cloud cover of a scene in percent."""
    most: int = 500
    """Scenes taken at most."""
    bands: tuple[str, ...] = ()
    """Names of the bands wanted; empty for those of the product. Its quality band always comes along."""
    scenes: tuple[str, ...] | None = None
    """Ids of the scenes to take of those found; None for all."""
    fetch: bool = False
    """Copy the pixels of the extent, so that neither connection nor credentials are needed afterwards."""
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    """Marks the unfinished folder, so that it can be found and removed."""
    access: Access = field(default=NO_ACCESS, repr=False, compare=False)
    """Credentials of this run; no JSON of a search has them but that of :meth:`to_worker`."""

    def outputs(self) -> dict[str, str]:
        """The folder, by its role."""
        return {"stack": str(Path(self.output).absolute())} if self.output else {}

    def query(self) -> Query:
        """What the catalogue is asked for."""
        return Query(
            self.catalogue.strip().rstrip("/"),
            self.collections,
            self.bbox,
            self.start,
            self.end,
            self.crs,
            self.cloud,
            self.most,
            self.bands,
        )

    def to_json(self, indent: int | None = None) -> str:
        """The search as JSON text without its credentials, in one line unless ``indent`` is given."""
        values = asdict(replace(self, access=NO_ACCESS))
        del values["access"]
        return json.dumps({"kind": KIND, "version": VERSION, **values}, ensure_ascii=False, indent=indent)

    def to_worker(self) -> str:
        """The search in one line with its credentials, for the stdin of the worker and for nothing else."""
        access = {"headers": dict(self.access.headers), "hosts": list(self.access.hosts)}
        return json.dumps({**json.loads(self.to_json()), "access": access}, ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> Search:
        """The search of a JSON text; raises InputError (``job``) where it is not one."""
        try:
            values = json.loads(text)
            # Taken out first: a message about what is wrong must not show them.
            access = values.pop("access", None) if isinstance(values, dict) else None
            values = checked(values, KINDS, "The search")
            if values.pop("kind", KIND) != KIND or values.pop("version", VERSION) != VERSION:
                raise ValueError("it is none, or one of another version of Crop Transfer")
            if not isinstance(values.get("fetch", False), bool):
                raise TypeError(f"'fetch' is {values['fetch']!r}, not true or false")
            for key in ("collections", "bands", "scenes"):
                if values.get(key) is not None:
                    values[key] = _texts(key, values[key])
            box = values.get("bbox", ())
            if len(box) != 4 or not all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in box):
                raise TypeError("'bbox' must be west, south, east and north as numbers")
            values["bbox"] = tuple(float(number) for number in box)
            if not values.get("id", "0").isalnum():
                raise ValueError("its id is part of file names and must be letters and digits")
            return Search(**values, access=_access(access))
        except (ValueError, TypeError) as fault:
            hint = "See docs/stac.md for its form."
            raise InputError("job", f"The search is not valid: {fault}.", hint) from fault


def _texts(key: str, values: list[Any]) -> tuple[str, ...]:
    if not all(isinstance(value, str) for value in values):
        raise TypeError(f"'{key}' must be a list of texts")
    return tuple(values)


def _access(values: Any) -> Access:
    if values is None:
        return NO_ACCESS
    try:
        headers = {str(name): str(value) for name, value in values["headers"].items()}
        return Access(headers, tuple(str(host) for host in values["hosts"]))
    except (TypeError, KeyError, AttributeError):
        raise TypeError("its credentials have another form") from None


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


def run_search(search: Search, progress: Progress) -> Result:
    """Do the search, and make the stack.

    ``summary`` of the result: ``scenes`` (a row each: id, collection, date, cloud in percent, tile, share of the
    extent from 0 to 1, used), ``dates`` and ``files`` (paths, one a date), ``bands`` (names), ``hosts``,
    ``warnings``.

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
    progress.plan({ASK: 20.0, LOOK: 70.0, WRITE: 10.0, **last} if search.output else {ASK: 1.0})
    progress.stage(ASK)
    query = search.query()
    # How many pages there are is not known before the last one.
    scenes = find_scenes(
        query, search.access, progress.warning, lambda count: progress.update(count / (count + query.most / 10))
    )
    scenes = _chosen(scenes, search)
    days = days_of(harmonised(scenes, progress.warning), lon_lat_extent(query), progress.warning)
    _tell_access(search, days, progress.warning)
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
        raise InputError("no-scene", "No scene was chosen of those found.", "Choose at least one.")
    return [scene for scene in scenes if scene.id in search.scenes]


def _tell_access(search: Search, days: list[Day], warn: Callable[[str], None]) -> None:
    if search.access.headers and search.output and not search.fetch:
        warn(
            f"The rasters stay at {', '.join(hosts_of(days))} and may ask for the credentials whenever they are "
            "read, but those are used for this search only: have the rasters fetched."
        )
    note = catalogue_of(search.catalogue).note
    if note and search.output and not search.access.headers:
        warn(note)


def _make(search: Search, query: Query, days: list[Day], progress: Progress) -> tuple[list[Day], list[str], list[str]]:
    """Write the folder; returns the days that could be read, the files' paths and the bands' names."""
    place = Path(search.output).absolute()
    part = part_path(place, search.id)
    progress.stage(LOOK)
    days, headers = read_headers(days, search.access, progress.warning, progress.update)
    grid = common_grid(query, days, headers, progress.warning)
    try:
        with writing(search.output):
            part.mkdir()
            folder = StackFolder(part, grid, headers, search.access)
            progress.stage(WRITE)
            files, bands = [], []
            for number, day in enumerate(days, 1):
                file, own = folder.write(day)
                files.append(file)
                bands += own
                progress.update(number / len(days))
            if search.fetch:
                progress.stage(FETCH)
                for number, day in enumerate(days):
                    files[number] = folder.fetch(day, files[number], _part_of(progress, number, len(days)))
                shutil.rmtree(part / "warped", ignore_errors=True)
            by_date = dict(zip((day.date for day in days), files))
            table = {
                **json.loads(search.to_json()),
                "found": [scene.row() for day in days for scene in day.scenes],
                "stack": [{**asdict(band), "path": by_date[str(band.date)]} for band in bands],
                "files": sorted(one.name for one in part.iterdir()),
            }
            (part / TABLE).write_text(json.dumps(table, ensure_ascii=False, indent=1), "utf-8")
            _publish(part, place, search.id)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    names = list(dict.fromkeys(str(band.band) for band in bands))
    return days, [str(place / file) for file in files], names


def _part_of(progress: Progress, number: int, count: int) -> Callable[[float], None]:
    return lambda share: progress.update((number + share) / count)


def _publish(part: Path, place: Path, search_id: str) -> None:
    """Put the finished folder in its place; an earlier one comes back when that fails."""
    before = place.with_name(f".{place.name}.{search_id}.part.before")
    try:
        if place.is_dir():
            os.replace(place, before)
        os.replace(part, place)
    except OSError as fault:
        if before.exists() and not place.exists():
            os.replace(before, place)
        hint = "Close the program that holds its files, or choose another folder."
        raise InputError("output-in-use", f"{place} cannot be replaced: {fault.strerror}.", hint) from fault
    shutil.rmtree(before, ignore_errors=True)


# --- the command


def add_command(commands: Any) -> None:
    """Add ``croptransfer search``."""
    known = "; ".join(f"{one.url} ({', '.join(one.collections)})" for one in CATALOGUES)
    command = commands.add_parser(
        "search", help="find scenes of a catalogue and make a stack of them", epilog=f"Known catalogues: {known}"
    )
    command.set_defaults(run=_search)
    command.add_argument(
        "--catalogue", default=CATALOGUES[0].url, metavar="URL", help="STAC API (default: %(default)s)"
    )
    command.add_argument("--collection", nargs="+", metavar="ID", help="collections (default: the catalogue's first)")
    command.add_argument(
        "--bbox", nargs=4, type=float, required=True, metavar=("W", "S", "E", "N"), help="extent, in units of --crs"
    )
    command.add_argument("--crs", default=LON_LAT, help="reference system of the extent (default: longitude, latitude)")
    command.add_argument("--start", required=True, metavar="DATE", help="first day of the season (2021-03-01)")
    command.add_argument("--end", required=True, metavar="DATE", help="last day of the season")
    command.add_argument("--cloud", type=float, default=40.0, help="greatest cloud cover in percent (default: 40)")
    command.add_argument("--most", type=int, default=500, help="scenes taken at most (default: 500)")
    command.add_argument("--bands", nargs="+", metavar="BAND", help="bands wanted (default: those of the product)")
    command.add_argument("--output", default="", metavar="FOLDER", help="folder of the stack (default: only list)")
    command.add_argument("--fetch", action="store_true", help="copy the pixels instead of reading them when needed")
    command.add_argument(
        "--token-variable", metavar="NAME", help="environment variable that holds a bearer token for the rasters"
    )


def _search(options: argparse.Namespace, cancelled: Callable[[], bool]) -> None:
    catalogue = catalogue_of(options.catalogue)
    search = Search(
        catalogue=options.catalogue,
        collections=tuple(options.collection or catalogue.collections[:1]),
        bbox=tuple(options.bbox),
        start=options.start,
        end=options.end,
        output=options.output,
        crs=options.crs,
        cloud=options.cloud,
        most=options.most,
        bands=tuple(options.bands or ()),
        fetch=options.fetch,
        access=_token(options.token_variable, options.catalogue),
    )
    result = run_search(search, Progress(show, cancelled))
    for scene in result.summary["scenes"]:
        print(scene_line(scene))
    dates = result.summary["dates"]
    print(f"{len(result.summary['scenes'])} scenes, {len(dates)} dates, {dates[0]} to {dates[-1]}")
    for path in result.outputs.values():
        print(f"stack: {path}")


def scene_line(scene: Mapping[str, Any]) -> str:
    """A scene in one line."""
    cloud = "   ?" if scene["cloud"] is None else f"{scene['cloud']:4.0f}"
    left_out = "" if scene["used"] else "  left out"
    return f"{scene['date']} {cloud} % clouds, {scene['share']:4.0%} of the extent  {scene['id']}{left_out}"


def _token(variable: str | None, url: str) -> Access:
    if not variable:
        return NO_ACCESS
    token = os.environ.get(variable, "")
    if not token:
        hint = "Set it, or leave --token-variable out."
        raise InputError("credentials", f"The environment variable {variable} is not set.", hint)
    return access_to(url, {"Authorization": f"Bearer {token}"})


def access_to(url: str, headers: Mapping[str, str]) -> Access:
    """Credentials for the catalogue at an address and for the hosts that are known to hold its rasters."""
    return Access(dict(headers), (urlsplit(url).hostname or "", *catalogue_of(url).hosts))
