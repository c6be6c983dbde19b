"""``croptransfer search``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from typing import Any

from ...errors import InputError
from ...imagery.stac.catalogs import CATALOGUES, NO_ACCESS, Access, catalogue_of
from ...imagery.stac.query import LON_LAT
from ...progress import Progress
from ..runs.search import run_search
from ..specs.search import Search, access_to
from .terminal import show, show_outputs

SAME = ("catalogue", "start", "end", "output", "crs", "cloud", "most", "fetch")
"""Options that become fields of a search as they are."""


def add_command(commands: Any) -> None:
    """Add the command to the subcommands of a parser.

    Parameters
    ----------
    commands : argparse subparsers
    """
    known = "; ".join(f"{one.url} ({', '.join(one.collections)})" for one in CATALOGUES)
    text = "find scenes in a catalogue and make a stack of them"
    command = commands.add_parser("search", help=text, epilog=f"Known catalogues: {known}")
    command.set_defaults(run=_search)
    command.add_argument("--catalogue", default=CATALOGUES[0].url, metavar="URL", help="STAC API (%(default)s)")
    command.add_argument("--collection", nargs="+", metavar="ID", help="collections (default: the catalogue's first)")
    box = {"nargs": 4, "type": float, "metavar": ("W", "S", "E", "N")}
    command.add_argument("--bbox", required=True, help="extent, in units of --crs", **box)
    command.add_argument("--crs", default=LON_LAT, help="reference system of the extent (default: longitude, latitude)")
    command.add_argument("--start", required=True, metavar="DATE", help="first day of the season (2021-03-01)")
    command.add_argument("--end", required=True, metavar="DATE", help="last day of the season")
    command.add_argument("--cloud", type=float, default=40.0, help="greatest cloud cover in percent (default: 40)")
    command.add_argument("--most", type=int, default=500, help="scenes taken at most (default: 500)")
    command.add_argument("--bands", nargs="+", metavar="BAND", help="bands wanted (default: those of the product)")
    command.add_argument("--output", default="", metavar="FOLDER", help="folder of the stack (default: only list)")
    command.add_argument("--fetch", action="store_true", help="copy the pixels instead of reading them when needed")
    command.add_argument("--token-variable", metavar="NAME", help="environment variable with a bearer token of rasters")


def _search(options: argparse.Namespace, cancelled: Callable[[], bool]) -> None:
    catalogue = catalogue_of(options.catalogue)
    search = Search(
        collections=tuple(options.collection or catalogue.collections[:1]),
        bbox=tuple(options.bbox),
        bands=tuple(options.bands or ()),
        access=_token(options.token_variable, options.catalogue),
        **{name: getattr(options, name) for name in SAME},
    )
    result = run_search(search, Progress(show, cancelled))
    for scene in result.summary["scenes"]:
        print(scene_line(scene))
    dates = result.summary["dates"]
    print(f"{len(result.summary['scenes'])} scenes, {len(dates)} dates, {dates[0]} to {dates[-1]}")
    show_outputs(result)


def scene_line(scene: Mapping[str, Any]) -> str:
    """A scene in one line.

    Parameters
    ----------
    scene : Mapping
        A row of ``scenes`` in the summary of a search.

    Returns
    -------
    str
    """
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
