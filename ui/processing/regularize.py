"""``croptransfer:regularize``: one value of every pixel, band and period of a season, written as one raster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qgis.core import (
    QgsFeedback,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterDateTime,
    QgsProcessingParameterEnum,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterString,
)
from qgis.PyQt.QtCore import Qt

from ...engine import imagery
from ...engine.errors import InputError
from ...engine.imagery.stack.writer import DATA_TYPES
from ...engine.series.composites import METHODS
from ...engine.series.periods import MONTH
from ...engine.series.regular import ENDS, FILLS
from ...engine.tasks import Regularization, check_regularization
from ...engine.tasks.specs.quality_text import read_quality
from ...engine.tasks.specs.regularization import AUTO
from ..engine_process.worker import Outcome
from .base import EngineAlgorithm
from .values import listed, names, raster_paths


class RegularizeAlgorithm(EngineAlgorithm):
    """The writing of a regular stack as a Processing algorithm."""

    STACK = "STACK"
    PERIOD = "PERIOD"
    METHOD = "METHOD"
    BY = "BY"
    FILL = "FILL"
    SMOOTHNESS = "SMOOTHNESS"
    ENDS = "ENDS"
    START = "START"
    END = "END"
    BANDS = "BANDS"
    INDICES = "INDICES"
    QUALITY = "QUALITY"
    DATA_TYPE = "DATA_TYPE"
    OUTPUT = "OUTPUT"
    DATES = "DATES"
    OBSERVED = "OBSERVED"
    GAPS = "GAPS"

    def name(self) -> str:
        """Id of the algorithm."""
        return "regularize"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Make a stack regular")

    def group(self) -> str:
        """Group in the toolbox."""
        return self.tr("Imagery")

    def groupId(self) -> str:
        """Id of the group."""
        return "imagery"

    def tags(self) -> list[str]:
        """Words that find it."""
        return "composite,median,mosaic,monthly,gap filling,whittaker,smooth,time series,cog,cloud optimized".split(",")

    def shortDescription(self) -> str:
        """One line for the toolbox."""
        return self.tr("Makes one clear image of every ten days or month of a season, gaps filled if wished.")

    def shortHelpString(self) -> str:
        """Help beside the parameters."""
        return self.tr(
            "Makes one image of each period of a season from a stack of any dates, and writes them once as a Cloud "
            "Optimized GeoTIFF whose bands are called by band and date: a stack that every algorithm here reads, and "
            "other programs too. Learning and mapping do not need it: they read a stack as it is.\n"
            "A period without an observation is a gap. Gaps can be filled between the first and the last observation "
            "of a pixel; nothing is made up outside, unless the ends are to repeat them.\n"
            "Composite:\n{methods}\nGaps:\n{fills}"
        ).format(methods=_lines(METHODS), fills=_lines(FILLS))

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        self.add(
            QgsProcessingParameterMultipleLayers(self.STACK, self.tr("Stack"), QgsProcessing.SourceType.TypeRaster),
            self.tr(
                "Rasters of one place over one season, with their quality bands where there are any. Dates and bands "
                "are recognised from band descriptions, file names and metadata."
            ),
        )
        self.add(
            QgsProcessingParameterString(self.PERIOD, self.tr("Period (days, or month)"), "10"),
            self.tr("A number of days, 1 to 366, or 'month' for calendar months."),
        )
        self._add_choice(self.METHOD, self.tr("Composite"), METHODS, self.tr("What a period's observations become."))
        self._add_choice(self.FILL, self.tr("Gaps"), FILLS, self.tr("What is done about periods without one."))
        real = QgsProcessingParameterNumber.Type.Double
        self.add(
            QgsProcessingParameterNumber(
                self.SMOOTHNESS, self.tr("Smoothness"), real, optional=True, minValue=1e-6, maxValue=1e9
            ),
            self.tr(
                "Lambda of Whittaker's smoother, in steps of one period: the greater, the smoother. Empty: what keeps "
                "swings of two months, which is 1 for periods of 10 days."
            ),
        )
        day = QgsProcessingParameterDateTime.Type.Date
        self.add(
            QgsProcessingParameterDateTime(self.START, self.tr("First day of the season"), day, optional=True),
            self.tr(
                "As 2021-03-01; periods of days are counted from it. Empty: from the first date, counted from 1 "
                "January, so that all years have the same periods."
            ),
        )
        self.add(
            QgsProcessingParameterDateTime(self.END, self.tr("Last day of the season"), day, optional=True),
            self.tr("As 2021-10-31. Empty: to the last date."),
        )
        self._add_details()
        self.add(
            QgsProcessingParameterRasterDestination(self.OUTPUT, self.tr("Regular stack")),
            self.tr(
                "One GeoTIFF with all dates and bands; a band is called as B08_2021-05-05, by its period's middle."
            ),
        )
        self.addOutput(QgsProcessingOutputNumber(self.DATES, self.tr("Number of periods")))
        self.addOutput(QgsProcessingOutputNumber(self.OBSERVED, self.tr("Share that was observed (0 to 1)")))
        self.addOutput(QgsProcessingOutputNumber(self.GAPS, self.tr("Share that is a gap (0 to 1)")))

    def _add_details(self) -> None:
        ends = self.tr("What stands before the first and after the last observation of a pixel, where gaps are filled.")
        self._add_choice(self.ENDS, self.tr("Before the first and after the last observation"), ENDS, ends, True)
        for name, label, help_text in (
            (
                self.BY,
                self.tr("Maximum of"),
                self.tr("Band or index whose maximum the composite 'max' takes. Empty: NDVI, or the only band."),
            ),
            (
                self.BANDS,
                self.tr("Bands"),
                self.tr("Names of the bands that are written, separated by commas. Empty: all."),
            ),
            (
                self.INDICES,
                self.tr("Indices"),
                self.tr("Names of indices that are written besides, such as 'NDVI,NDMI'."),
            ),
            (
                self.QUALITY,
                self.tr("Hidden by quality bands"),
                self.tr(
                    "What a quality band of the stack hides, instead of its defaults (clouds, their shadows, snow), "
                    "such as 'SCL: 3 8 9; QA_PIXEL: cloud, cloud shadow'. 'none' hides nothing."
                ),
            ),
        ):
            self.add(QgsProcessingParameterString(name, label, optional=True), help_text, advanced=True)
        kinds = {AUTO: self.tr("int16, unless values do not fit."), **DATA_TYPES}
        self._add_choice(self.DATA_TYPE, self.tr("Data type"), kinds, self.tr("How values are stored."), True)

    def _add_choice(
        self, name: str, label: str, choices: Mapping[str, str], help_text: str, advanced: bool = False
    ) -> None:
        """Add a choice of one of the keys, the first of them by default."""
        parameter = QgsProcessingParameterEnum(
            name, label, list(choices), defaultValue=next(iter(choices)), usesStaticStrings=True
        )
        self.add(parameter, f"{help_text}\n{_lines(choices)}", advanced)

    # --- the run

    def gather(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Resolve the layers and everything else."""
        text = {
            name: self.parameterAsString(parameters, name, context).strip()
            for name in (self.PERIOD, self.BY, self.BANDS, self.INDICES, self.QUALITY)
        }
        smoothness = listed(parameters.get(self.SMOOTHNESS), context)
        self._plain |= {
            "paths": raster_paths(parameters.get(self.STACK), context),
            "period": text[self.PERIOD].lower() if text[self.PERIOD].lower() == MONTH else text[self.PERIOD],
            "method": self.parameterAsEnumString(parameters, self.METHOD, context),
            "by": text[self.BY],
            "fill": self.parameterAsEnumString(parameters, self.FILL, context),
            "smoothness": self.parameterAsDouble(parameters, self.SMOOTHNESS, context) if smoothness else None,
            "ends": self.parameterAsEnumString(parameters, self.ENDS, context),
            "start": self._day(parameters, self.START, context),
            "end": self._day(parameters, self.END, context),
            "bands": names(text[self.BANDS], context),
            "indices": names(text[self.INDICES], context),
            "quality": text[self.QUALITY],
            "data_type": self.parameterAsEnumString(parameters, self.DATA_TYPE, context),
        }

    def _day(self, parameters: dict[str, Any], name: str, context: QgsProcessingContext) -> str:
        return self.parameterAsDateTime(parameters, name, context).date().toString(Qt.DateFormat.ISODate)

    def task(
        self, parameters: dict[str, Any], context: QgsProcessingContext, folder: str, feedback: QgsFeedback
    ) -> Regularization:
        """The regularization."""
        fields = dict(self._plain)
        paths, quality = fields.pop("paths"), fields.pop("quality")
        return Regularization(
            # In a thread QGIS loads what this context names and forgets what the preparing one did.
            output=self.parameterAsOutputLayer(parameters, self.OUTPUT, context),
            stack=imagery.describe(paths) if paths else (),
            quality=read_quality([quality]) if quality else None,
            **fields,
        )

    def problems(self, task: Regularization) -> Sequence[InputError]:
        """All that is wrong with it."""
        return check_regularization(task)

    def results(self, task: Regularization, outcome: Outcome, feedback: QgsProcessingFeedback) -> dict[str, Any]:
        """The raster and the figures worth chaining."""
        summary = outcome.summary
        line = self.tr("{count} dates of {bands}: {observed:.1%} observed, {filled:.1%} filled, {gaps:.1%} gaps")
        shares = {name: float(summary[name]) for name in ("observed", "filled", "gaps")}
        feedback.pushInfo(line.format(count=len(summary["dates"]), bands=", ".join(summary["bands"]), **shares))
        return {
            self.OUTPUT: task.output,
            self.DATES: len(summary["dates"]),
            self.OBSERVED: shares["observed"],
            self.GAPS: shares["gaps"],
        }


def _lines(choices: Mapping[str, str]) -> str:
    return "\n".join(f"{key}: {sentence}" for key, sentence in choices.items())
