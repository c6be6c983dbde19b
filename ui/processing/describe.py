"""``croptransfer:describe``: what is recognised of every raster band of a stack, as a table to correct."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterMultipleLayers,
)

from ...engine.errors import InputError
from ...engine.imagery.discovery.describe import describe_with_notes
from ...engine.imagery.stack.band_report import report_bands
from ...engine.tasks.specs.band_table import write_band_table
from ..common.qt import tr
from .base import EngineAlgorithm
from .values import Values


class DescribeAlgorithm(EngineAlgorithm):
    """The band table of a stack as a Processing algorithm; it reads a few small windows and needs no worker."""

    ID = "describe"
    TITLE = "Describe a stack"
    GROUP = "Imagery"
    GROUP_ID = "imagery"
    TAGS = "bands,dates,nodata,scale,offset,unit,metadata,time series,csv"
    SUMMARY = "Lists the date, band, unit, scale and nodata of every raster band, as a table to correct."
    ABOUT = (
        "Lists what is recognised of every raster band of a stack: file, number, date, band, unit, scale, offset, "
        "nodata, the share of observed pixels, and what is uncertain. Correct the table in a spreadsheet, remove the "
        "rows of bands that are not to be read, and give it to 'Map crops by transfer', 'Map crops with a trained "
        "model' or 'Extract labelled series' as their band table."
    )
    HELP = {
        "STACK": "Rasters of one area over one season. Dates and names of bands may be missing.",
        "OUTPUT": "The table as CSV, in UTF-8; it opens in every spreadsheet.",
    }

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        raster = QgsProcessing.SourceType.TypeRaster
        self.add(QgsProcessingParameterMultipleLayers, "STACK", "Stack", layerType=raster)
        self.add(QgsProcessingParameterFileDestination, "OUTPUT", "Band table", fileFilter=tr("Tables (*.csv)"))
        self.add_numbers(BANDS="Number of raster bands", UNCERTAIN="Number of raster bands with a note")

    def processAlgorithm(
        self, parameters: Values, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Read the bands and write the table."""
        path = self.parameterAsFileOutput(parameters, "OUTPUT", context)
        try:
            bands, notes = describe_with_notes(self._plain["stack"])
            rows, warnings = report_bands(bands)
            write_band_table(rows, path)
        except InputError as problem:
            raise QgsProcessingException(str(problem)) from problem
        for sentence in (*notes, *warnings):
            feedback.pushWarning(sentence)
        return {"OUTPUT": path, "BANDS": len(rows), "UNCERTAIN": sum(1 for row in rows if row.note)}
