"""``croptransfer:search``: find scenes in a catalogue over an extent and a season, and make a stack of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qgis.core import (
    QgsFeedback,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputMultipleLayers,
    QgsProcessingParameterAuthConfig,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDateTime,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterString,
)

from ...engine.errors import InputError
from ...engine.imagery.stac.catalogs import CATALOGUES, catalogue_of
from ...engine.tasks import Result
from ...engine.tasks.checks.search import check_search
from ...engine.tasks.cli.search import scene_line
from ...engine.tasks.specs.search import Search
from ..common.qt import tr
from ..search.search_task import SearchTask, with_credentials
from .base import EngineAlgorithm
from .values import Values, names


class SearchAlgorithm(EngineAlgorithm):
    """The search in a catalogue as a Processing algorithm."""

    ID = "search"
    TITLE = "Find imagery"
    GROUP = "Imagery"
    GROUP_ID = "imagery"
    TAGS = "stac,sentinel,landsat,hls,download,catalogue,cloud,scenes,satellite"
    SUMMARY = "Finds scenes in a STAC catalogue and makes a stack of them, one raster per date."
    ABOUT = (
        "Finds scenes of Sentinel-2, HLS or Landsat in a catalogue (STAC API) over an extent and a season, and makes a "
        "stack of them: a folder with one virtual raster per date, cut to the extent, whose bands have their names, "
        "date, scale, offset and nodata. Tiles of one date are joined. The pixels stay in the catalogue and are read "
        "when needed, unless you fetch them.\n"
        "Known catalogues:\n{catalogues}"
    )
    WORDS = {"catalogues": "\n".join(f"{one.title}: {one.url} ({', '.join(one.collections)})" for one in CATALOGUES)}
    HELP = {
        "EXTENT": "The area to map.",
        "START": "As 2021-03-01.",
        "END": "As 2021-10-31.",
        "CATALOGUE": "Address of a STAC API.",
        "COLLECTION": "Ids, separated by commas. Empty: the first one of a known catalogue.",
        "CLOUD": "Of a whole scene. Remaining clouds are hidden by the quality band.",
        "MOST": "A warning reports if there are more.",
        "BANDS": "Names such as B04 or red, separated by commas. Empty: those of the product.",
        "FETCH": "Copy the pixels of the extent: no connection or credentials are needed afterwards.",
        "AUTH": "Stored by QGIS; sent only to the catalogue and the hosts of its rasters.",
        "OUTPUT": "A new or empty folder, or that of an earlier search.",
    }

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        text, day = QgsProcessingParameterString, QgsProcessingParameterDateTime.Type.Date
        self.add(QgsProcessingParameterExtent, "EXTENT", "Extent")
        self.add(QgsProcessingParameterDateTime, "START", "First day of the season", type=day)
        self.add(QgsProcessingParameterDateTime, "END", "Last day of the season", type=day)
        self.add(text, "CATALOGUE", "Catalogue", defaultValue=CATALOGUES[0].url)
        self.add(text, "COLLECTION", "Collections", optional=True)
        self.add_integer("CLOUD", "Maximum cloud cover (%)", 40, minValue=0, maxValue=100)
        self.add_integer("MOST", "Maximum number of scenes", 500, minValue=1, advanced=True)
        self.add(text, "BANDS", "Bands", optional=True, advanced=True)
        self.add(QgsProcessingParameterBoolean, "FETCH", "Fetch the pixels", defaultValue=False)
        self.add(QgsProcessingParameterAuthConfig, "AUTH", "Credentials", optional=True, advanced=True)
        self.add(QgsProcessingParameterFolderDestination, "OUTPUT", "Folder of the stack")
        self.addOutput(QgsProcessingOutputMultipleLayers("RASTERS", tr("Rasters of the stack")))
        self.add_numbers(DATES="Number of dates", SCENES="Number of scenes")

    # --- the run

    def gather(self, parameters: Values, context: QgsProcessingContext) -> None:
        """Resolve everything, the credentials too: QGIS may have to request its master password."""
        super().gather(parameters, context)
        plain = self._plain
        extent = self.parameterAsExtent(parameters, "EXTENT", context)
        crs = self.parameterAsExtentCrs(parameters, "EXTENT", context)
        same = ("catalogue", "start", "end", "most", "fetch", "output")
        search = Search(
            collections=names(plain["collection"], context) or catalogue_of(plain["catalogue"]).collections[:1],
            bbox=(extent.xMinimum(), extent.yMinimum(), extent.xMaximum(), extent.yMaximum()),
            crs=crs.authid() or crs.toWkt() or "EPSG:4326",
            cloud=self.parameterAsDouble(parameters, "CLOUD", context),
            bands=names(plain["bands"], context),
            **{name: plain[name] for name in same},
        )
        plain["search"] = with_credentials(search, plain["auth"])

    def task(self, parameters: Values, context: QgsProcessingContext, folder: str, feedback: QgsFeedback) -> SearchTask:
        """The search."""
        return SearchTask(self._plain["search"])

    def problems(self, task: SearchTask) -> Sequence[InputError]:
        """All that is wrong with the search before it is sent."""
        return check_search(task.search)

    def results(self, task: SearchTask, outcome: Result, feedback: QgsProcessingFeedback) -> dict[str, Any]:
        """The folder, its rasters, and their number."""
        for scene in outcome.summary["scenes"]:
            feedback.pushInfo(scene_line(scene))
        return {
            "OUTPUT": outcome.outputs["stack"],
            "RASTERS": outcome.summary["files"],
            "DATES": len(outcome.summary["dates"]),
            "SCENES": sum(scene["used"] for scene in outcome.summary["scenes"]),
        }
