"""``croptransfer:search``: find scenes of a catalogue over an extent and a season, and make a stack of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qgis.core import (
    QgsFeedback,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputMultipleLayers,
    QgsProcessingOutputNumber,
    QgsProcessingParameterAuthConfig,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDateTime,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)
from qgis.PyQt.QtCore import Qt

from ...engine.errors import InputError
from ...engine.imagery.stac.catalogs import CATALOGUES, catalogue_of
from ...engine.tasks.checks.search import check_search
from ...engine.tasks.cli.search import scene_line
from ...engine.tasks.specs.search import Search
from ..engine_process.worker import Outcome
from ..search.search_task import SearchTask, with_credentials
from .base import EngineAlgorithm
from .values import names


class SearchAlgorithm(EngineAlgorithm):
    """The search in a catalogue as a Processing algorithm."""

    EXTENT = "EXTENT"
    START = "START"
    END = "END"
    CATALOGUE = "CATALOGUE"
    COLLECTION = "COLLECTION"
    CLOUD = "CLOUD"
    MOST = "MOST"
    BANDS = "BANDS"
    FETCH = "FETCH"
    AUTH = "AUTH"
    OUTPUT = "OUTPUT"
    RASTERS = "RASTERS"
    DATES = "DATES"
    SCENES = "SCENES"

    def name(self) -> str:
        """Id of the algorithm."""
        return "search"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Find imagery")

    def group(self) -> str:
        """Group in the toolbox."""
        return self.tr("Imagery")

    def groupId(self) -> str:
        """Id of the group."""
        return "imagery"

    def tags(self) -> list[str]:
        """Words that find it."""
        return "stac,sentinel,landsat,hls,download,catalogue,cloud,scenes,satellite".split(",")

    def shortDescription(self) -> str:
        """One line for the toolbox."""
        return self.tr("Finds scenes of a STAC catalogue and makes a stack of them, one raster a date.")

    def shortHelpString(self) -> str:
        """Help beside the parameters."""
        return self.tr(
            "Finds scenes of Sentinel-2, HLS or Landsat in a catalogue (STAC API) over an extent and a season, and "
            "makes a stack of them: a folder with one virtual raster a date, cut to the extent, whose bands have "
            "their names, date, scale, offset and nodata. Tiles of one date are joined. The pixels stay where they "
            "are and are read when they are needed, unless they are fetched.\n"
            "Known catalogues:\n{catalogues}"
        ).format(catalogues="\n".join(f"{one.title}: {one.url} ({', '.join(one.collections)})" for one in CATALOGUES))

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        self.add(QgsProcessingParameterExtent(self.EXTENT, self.tr("Extent")), self.tr("What is to be mapped."))
        day = QgsProcessingParameterDateTime.Type.Date
        self.add(
            QgsProcessingParameterDateTime(self.START, self.tr("First day of the season"), day),
            self.tr("As 2021-03-01."),
        )
        self.add(
            QgsProcessingParameterDateTime(self.END, self.tr("Last day of the season"), day), self.tr("As 2021-10-31.")
        )
        self.add(
            QgsProcessingParameterString(self.CATALOGUE, self.tr("Catalogue"), CATALOGUES[0].url),
            self.tr("Address of a STAC API."),
        )
        self.add(
            QgsProcessingParameterString(self.COLLECTION, self.tr("Collections"), optional=True),
            self.tr("Ids, separated by commas; empty: the first of a known catalogue."),
        )
        self.add(
            QgsProcessingParameterNumber(
                self.CLOUD, self.tr("Greatest cloud cover (%)"), defaultValue=40, minValue=0, maxValue=100
            ),
            self.tr("Of a whole scene. Clouds in what is left are hidden by the quality band."),
        )
        self.add(
            QgsProcessingParameterNumber(self.MOST, self.tr("Scenes at most"), defaultValue=500, minValue=1),
            self.tr("It is told when there are more."),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterString(self.BANDS, self.tr("Bands"), optional=True),
            self.tr("Names such as B04 or red, separated by commas; empty: those of the product."),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterBoolean(self.FETCH, self.tr("Fetch the pixels"), defaultValue=False),
            self.tr("Copy the pixels of the extent: neither connection nor credentials are needed afterwards."),
        )
        self.add(
            QgsProcessingParameterAuthConfig(self.AUTH, self.tr("Credentials"), optional=True),
            self.tr("Kept by QGIS; they are sent to the catalogue and to the hosts of its rasters only."),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterFolderDestination(self.OUTPUT, self.tr("Folder of the stack")),
            self.tr("New, empty, or that of an earlier search."),
        )
        self.addOutput(QgsProcessingOutputMultipleLayers(self.RASTERS, self.tr("Rasters of the stack")))
        self.addOutput(QgsProcessingOutputNumber(self.DATES, self.tr("Number of dates")))
        self.addOutput(QgsProcessingOutputNumber(self.SCENES, self.tr("Number of scenes")))

    def gather(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Resolve everything, the credentials too: QGIS may have to ask for its master password."""
        extent = self.parameterAsExtent(parameters, self.EXTENT, context)
        crs = self.parameterAsExtentCrs(parameters, self.EXTENT, context)
        catalogue = self.parameterAsString(parameters, self.CATALOGUE, context).strip()
        collections = names(self.parameterAsString(parameters, self.COLLECTION, context), context)
        search = Search(
            catalogue=catalogue,
            collections=collections or catalogue_of(catalogue).collections[:1],
            bbox=(extent.xMinimum(), extent.yMinimum(), extent.xMaximum(), extent.yMaximum()),
            crs=crs.authid() or crs.toWkt() or "EPSG:4326",
            start=self._day(parameters, self.START, context),
            end=self._day(parameters, self.END, context),
            cloud=self.parameterAsDouble(parameters, self.CLOUD, context),
            most=self.parameterAsInt(parameters, self.MOST, context),
            bands=names(self.parameterAsString(parameters, self.BANDS, context), context),
            fetch=self.parameterAsBoolean(parameters, self.FETCH, context),
            output=self.parameterAsString(parameters, self.OUTPUT, context),
        )
        self._plain["search"] = with_credentials(search, self.parameterAsString(parameters, self.AUTH, context))

    def _day(self, parameters: dict[str, Any], name: str, context: QgsProcessingContext) -> str:
        return self.parameterAsDateTime(parameters, name, context).date().toString(Qt.DateFormat.ISODate)

    def task(
        self, parameters: dict[str, Any], context: QgsProcessingContext, folder: str, feedback: QgsFeedback
    ) -> SearchTask:
        """The search."""
        return SearchTask(self._plain["search"])

    def problems(self, task: SearchTask) -> Sequence[InputError]:
        """All that is wrong with it before the catalogue is asked."""
        return check_search(task.search)

    def results(self, task: SearchTask, outcome: Outcome, feedback: QgsProcessingFeedback) -> dict[str, Any]:
        """The folder, its rasters and how many there are."""
        for scene in outcome.summary["scenes"]:
            feedback.pushInfo(scene_line(scene))
        return {
            self.OUTPUT: outcome.outputs["stack"],
            self.RASTERS: outcome.summary["files"],
            self.DATES: len(outcome.summary["dates"]),
            self.SCENES: sum(scene["used"] for scene in outcome.summary["scenes"]),
        }
