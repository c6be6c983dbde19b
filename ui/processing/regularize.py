"""``croptransfer:regularize``: one value of every pixel, band and period of a season, written as one raster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qgis.core import (
    QgsFeedback,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingParameterDateTime,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterString,
)

from ...engine.errors import InputError
from ...engine.imagery.stack.writer import DATA_TYPES
from ...engine.series.composites import METHODS
from ...engine.series.periods import MONTH
from ...engine.series.regular import ENDS, FILLS
from ...engine.tasks import Regularization, Result, check_regularization
from ...engine.tasks.specs.quality_text import read_quality
from ...engine.tasks.specs.regularization import AUTO
from ..common.qt import tr
from .base import BANDS_FROM_HELP, QUALITY_HELP, EngineAlgorithm, encoding_help
from .choices import choice_lines
from .values import Values, names, stack_bands


class RegularizeAlgorithm(EngineAlgorithm):
    """The writing of a regular stack as a Processing algorithm."""

    ID = "regularize"
    TITLE = "Make a stack regular"
    GROUP = "Imagery"
    GROUP_ID = "imagery"
    TAGS = "composite,median,mosaic,monthly,gap filling,whittaker,smooth,time series,cog,cloud optimized"
    SUMMARY = "Makes one clear image of every ten days or month of a season, with gaps filled if you choose so."
    ABOUT = (
        "Makes one image for each period of a season from a stack of any dates, and writes them as one Cloud Optimized "
        "GeoTIFF whose bands are named by band and date: a stack that every algorithm here and other programs can "
        "read. Learning and mapping do not need it: they read a stack as it is.\n"
        "A period without an observation is a gap. Gaps between the first and the last observation of a pixel can be "
        "filled; before and after them only if you choose to repeat the ends.\n"
        "Composite:\n{methods}\nGaps:\n{fills}"
    )
    WORDS = {"methods": choice_lines(METHODS), "fills": choice_lines(FILLS)}
    HELP = {
        "STACK": (
            "Rasters of one area over one season, with their quality bands if there are any. Dates and bands are "
            "recognised from band descriptions, file names and metadata."
        ),
        "PERIOD": "A number of days, 1 to 366, or 'month' for calendar months.",
        "METHOD": "How the observations of a period are combined.",
        "FILL": "How periods without an observation are filled.",
        "SMOOTHNESS": (
            "Lambda of the Whittaker smoother, for steps of one period: the greater, the smoother. Empty: keeps "
            "variations of two months, which is 1 for periods of 10 days."
        ),
        "START": (
            "As 2021-03-01; periods of days are counted from it. Empty: from the first date, counted from 1 January so "
            "that all years have the same periods."
        ),
        "END": "As 2021-10-31. Empty: to the last date.",
        "ENDS": "Values before the first and after the last observation of a pixel, if gaps are filled.",
        "BY": "Band or index whose maximum the composite 'max' takes. Empty: NDVI, or the only band.",
        "BANDS": "Names of the bands to write, separated by commas. Empty: all.",
        "INDICES": "Names of indices to write in addition, such as 'NDVI,NDMI'.",
        "QUALITY": QUALITY_HELP,
        **encoding_help("", "rasters"),
        "BANDS_FROM": BANDS_FROM_HELP,
        "DATA_TYPE": "How values are stored.",
        "OUTPUT": "One GeoTIFF with all dates and bands; a band name holds the middle of its period: B08_2021-05-05.",
    }

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        raster, real = QgsProcessing.SourceType.TypeRaster, QgsProcessingParameterNumber.Type.Double
        text = QgsProcessingParameterString
        smoothness: dict[str, Any] = {"type": real, "optional": True, "minValue": 1e-6, "maxValue": 1e9}
        day: dict[str, Any] = {"type": QgsProcessingParameterDateTime.Type.Date, "optional": True}
        hidden: dict[str, Any] = {"optional": True, "advanced": True}
        self.add(QgsProcessingParameterMultipleLayers, "STACK", "Stack", layerType=raster)
        self.add(text, "PERIOD", "Period (days, or month)", defaultValue="10")
        self.add_choice("METHOD", "Composite", METHODS)
        self.add_choice("FILL", "Gaps", FILLS)
        self.add(QgsProcessingParameterNumber, "SMOOTHNESS", "Smoothness", **smoothness)
        self.add(QgsProcessingParameterDateTime, "START", "First day of the season", **day)
        self.add(QgsProcessingParameterDateTime, "END", "Last day of the season", **day)
        self.add_choice("ENDS", "Before the first and after the last observation", ENDS, advanced=True)
        self.add(text, "BY", "Maximum of", **hidden)
        self.add(text, "BANDS", "Bands", **hidden)
        self.add(text, "INDICES", "Indices", **hidden)
        self.add(text, "QUALITY", "Hidden by quality bands", **hidden)
        self.add_encoding()
        self.add_bands_from()
        kinds = {AUTO: tr("int16, unless values do not fit."), **DATA_TYPES}
        self.add_choice("DATA_TYPE", "Data type", kinds, advanced=True)
        self.add(QgsProcessingParameterRasterDestination, "OUTPUT", "Regular stack")
        self.add_numbers(DATES="Number of periods", OBSERVED="Observed share (0 to 1)", GAPS="Share of gaps (0 to 1)")

    # --- the run

    def gather(self, parameters: Values, context: QgsProcessingContext) -> None:
        """Resolve the layers and everything else."""
        super().gather(parameters, context)
        plain = self._plain
        plain |= {name: names(plain[name], context) for name in ("bands", "indices")}
        if plain["period"].lower() == MONTH:
            plain["period"] = MONTH

    def task(
        self, parameters: Values, context: QgsProcessingContext, folder: str, feedback: QgsFeedback
    ) -> Regularization:
        """The regularization."""
        fields = {
            name: value
            for name, value in self._plain.items()
            if name not in ("nodata", "scale", "offset", "bands_from")
        }
        fields["encoding"] = self.encoding()
        # In a thread QGIS loads the layers named in this context and forgets those of the preparing one.
        fields["output"] = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        fields["stack"] = stack_bands(fields["stack"], self._plain["bands_from"])
        fields["quality"] = read_quality([fields["quality"]]) if fields["quality"] else None
        return Regularization(**fields)

    def problems(self, task: Regularization) -> Sequence[InputError]:
        """All that is wrong with the regularization."""
        return check_regularization(task)

    def results(self, task: Regularization, outcome: Result, feedback: QgsProcessingFeedback) -> dict[str, Any]:
        """The raster and the figures worth chaining."""
        summary = outcome.summary
        line = tr("{count} dates of {bands}: {observed:.1%} observed, {filled:.1%} filled, {gaps:.1%} gaps")
        shares = {name: float(summary[name]) for name in ("observed", "filled", "gaps")}
        feedback.pushInfo(line.format(count=len(summary["dates"]), bands=", ".join(summary["bands"]), **shares))
        return {
            "OUTPUT": task.output,
            "DATES": len(summary["dates"]),
            "OBSERVED": shares["observed"],
            "GAPS": shares["gaps"],
        }
