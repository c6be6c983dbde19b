"""``croptransfer:extract``: the series of labelled pixels, joined with other regions and years, as one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsFeedback,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterField,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterMapLayer,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)

from ...engine import imagery
from ...engine.errors import InputError
from ...engine.imagery.labels.class_table import read_class_table
from ...engine.imagery.labels.label_raster import is_label_raster
from ...engine.imagery.labels.text_table import is_text_table
from ...engine.tasks import Extraction, LabelLayer, check_extraction
from ...engine.tasks.specs.limits import SAMPLES_PER_CLASS
from ...engine.tasks.specs.quality_text import read_quality
from ..common.inputs import VectorInput
from ..engine_process.worker import Outcome
from .base import EngineAlgorithm
from .values import listed, mask_input, raster_paths


class ExtractAlgorithm(EngineAlgorithm):
    """An extraction of labelled series as a Processing algorithm."""

    LABELS = "LABELS"
    CLASS_FIELD = "CLASS_FIELD"
    SOURCE = "SOURCE"
    JOIN = "JOIN"
    INNER_BUFFER = "INNER_BUFFER"
    PER_POLYGON = "PER_POLYGON"
    PER_CLASS = "PER_CLASS"
    CLASS_TABLE = "CLASS_TABLE"
    QUALITY = "QUALITY"
    SEED = "SEED"
    OUTPUT = "OUTPUT"
    SAMPLES = "SAMPLES"
    CLASSES = "CLASSES"

    def name(self) -> str:
        """Id of the algorithm."""
        return "extract"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Extract labelled series")

    def group(self) -> str:
        """Group in the toolbox."""
        return self.tr("Labels")

    def groupId(self) -> str:
        """Id of the group."""
        return "labels"

    def tags(self) -> list[str]:
        """Words that find it."""
        return "crop,samples,training,ground truth,cropland data layer,join,regions,years,npz".split(",")

    def shortDescription(self) -> str:
        """One line for the toolbox."""
        return self.tr("Keeps the series of labelled pixels in a file to learn from, of several regions and years.")

    def shortHelpString(self) -> str:
        """Help beside the parameters."""
        return self.tr(
            "Draws the time series of labelled pixels from a stack and keeps them in a series file (.npz), from which "
            "'Map crops by transfer' and 'Compare methods of transfer' learn.\n\n"
            "Labels are points, polygons, a table with coordinates (CSV), or a raster such as a national crop map.\n"
            "Series files of other regions, years and dates can be joined with them into one source: their seasons are "
            "laid over each other, dates at most four days apart become one, classes meet by name, and bands are those "
            "that all have. Labels and stack may be left empty to join files alone.\n\n"
            "Class table: pairs 'name=wanted' with semicolons between. The same wanted name for several classes merges "
            "them, an empty one leaves a class out, and * stands for all that are not listed: "
            "'Corn=maize; Sweet Corn=maize; Fallow=; *=other'. Or the path of a CSV file with these two columns."
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        kinds = QgsProcessing.SourceType
        self.add(
            QgsProcessingParameterMapLayer(
                self.LABELS,
                self.tr("Labels"),
                optional=True,
                types=[kinds.TypeVector, kinds.TypeVectorPoint, kinds.TypeVectorPolygon, kinds.TypeRaster],
            ),
            self.tr(
                "Points, polygons or a table with the crop that grew there, or a raster of crop classes. Any CRS; a "
                "filter of the layer counts."
            ),
        )
        self.add(
            QgsProcessingParameterField(
                self.CLASS_FIELD, self.tr("Crop field"), parentLayerParameterName=self.LABELS, optional=True
            ),
            self.tr(
                "Field that holds the crop, as text or as a whole number. Of a raster, the column of its attribute "
                "table that holds the names; empty for the one that is found."
            ),
        )
        self.add(
            QgsProcessingParameterMultipleLayers(self.SOURCE, self.tr("Source stack"), kinds.TypeRaster, optional=True),
            self.tr("Rasters that cover the labels over one season."),
        )
        self.add(
            QgsProcessingParameterMultipleLayers(
                self.JOIN, self.tr("Series files to join"), kinds.TypeFile, optional=True
            ),
            self.tr("Labelled series (.npz) of other regions or years that go into the same file."),
        )
        self._add_sampling()
        self.add(
            QgsProcessingParameterFileDestination(
                self.OUTPUT, self.tr("Series file"), self.tr("Series of pixels (*.npz)")
            ),
            self.tr("Series, dates, bands, classes, places and spatial blocks."),
        )
        self.addOutput(QgsProcessingOutputNumber(self.SAMPLES, self.tr("Number of series")))
        self.addOutput(QgsProcessingOutputNumber(self.CLASSES, self.tr("Number of classes")))

    def _add_sampling(self) -> None:
        integer, real = QgsProcessingParameterNumber.Type.Integer, QgsProcessingParameterNumber.Type.Double
        self.add(
            QgsProcessingParameterNumber(
                self.INNER_BUFFER, self.tr("Inner buffer (metres)"), real, defaultValue=0, minValue=0
            ),
            self.tr(
                "No pixel is taken so near the border of a polygon, whatever the CRS, or of a class in a raster: "
                "pixels there show several crops."
            ),
        )
        self.add(
            QgsProcessingParameterNumber(
                self.PER_POLYGON, self.tr("Most pixels of a polygon"), integer, defaultValue=0, minValue=0
            ),
            self.tr("Pixels of one field are alike: fewer of each teach as much. 0: no cap."),
        )
        self.add(
            QgsProcessingParameterNumber(
                self.PER_CLASS, self.tr("Most pixels of a class"), integer, defaultValue=SAMPLES_PER_CLASS, minValue=1
            ),
            self.tr("Drawn from all parts of the labelled area."),
        )
        self.add(
            QgsProcessingParameterString(self.CLASS_TABLE, self.tr("Class table"), optional=True),
            self.tr("Rename, merge or leave out classes: 'name=wanted; name=', or the path of a CSV file."),
        )
        self.add(
            QgsProcessingParameterString(self.QUALITY, self.tr("Hidden by quality bands"), optional=True),
            self.tr(
                "What a quality band of the stack hides, instead of its defaults (clouds, their shadows, snow), such "
                "as 'SCL: 3 8 9; QA_PIXEL: cloud, cloud shadow'. 'none' hides nothing."
            ),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterNumber(
                self.SEED, self.tr("Random seed"), integer, defaultValue=0, minValue=0, maxValue=2**31 - 1
            ),
            self.tr("Same seed, same pixels."),
            advanced=True,
        )

    # --- the run

    def gather(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Resolve the layers and everything else."""
        labels = parameters.get(self.LABELS)
        given = listed(labels, context)
        if given and isinstance(given[0], str) and is_text_table(given[0]) and Path(given[0]).is_file():
            # QGIS would read such a file as a table without points.
            source: VectorInput | str | None = given[0]
        else:
            source = mask_input(labels, context)
        self._plain |= {
            "labels": source,
            "class_field": self.parameterAsString(parameters, self.CLASS_FIELD, context) or "",
            "source": raster_paths(parameters.get(self.SOURCE), context),
            "join": tuple(map(str, listed(parameters.get(self.JOIN), context))),
            "inner_buffer": self.parameterAsDouble(parameters, self.INNER_BUFFER, context),
            "per_polygon": self.parameterAsInt(parameters, self.PER_POLYGON, context),
            "per_class": self.parameterAsInt(parameters, self.PER_CLASS, context),
            "class_table": self.parameterAsString(parameters, self.CLASS_TABLE, context).strip(),
            "quality": self.parameterAsString(parameters, self.QUALITY, context).strip(),
            "seed": self.parameterAsInt(parameters, self.SEED, context),
            "output": self.parameterAsFileOutput(parameters, self.OUTPUT, context),
        }

    def task(
        self, parameters: dict[str, Any], context: QgsProcessingContext, folder: str, feedback: QgsFeedback
    ) -> Extraction:
        """The extraction; a layer that no file says the same as is written to ``folder``."""
        fields = {name: self._plain[name] for name in ("join", "per_class", "seed", "output")}
        fields["quality"] = read_quality([self._plain["quality"]])
        source = imagery.describe(self._plain["source"]) if self._plain["source"] else ()
        return Extraction(labels=self._labels(folder, feedback), source=source, **fields)

    def _labels(self, folder: str, feedback: QgsFeedback) -> LabelLayer | None:
        source, field = self._plain["labels"], self._plain["class_field"]
        if source is None:
            return None
        labels = source.labels(field, folder, feedback) if isinstance(source, VectorInput) else None
        labels = labels or LabelLayer(str(source), "", field)
        if not field and not is_label_raster(labels):
            hint = self.tr("Name the field of the labels that holds the crop.")
            raise InputError("class-field", self.tr("Crop field: nothing was given."), hint)
        table = self._plain["class_table"]
        settings = {name: self._plain[name] for name in ("inner_buffer", "per_polygon")}
        return replace(labels, classes=read_class_table([table] if table else []), **settings)

    def problems(self, task: Extraction) -> Sequence[InputError]:
        """All that is wrong with the extraction."""
        return check_extraction(task)

    def results(self, task: Extraction, outcome: Outcome, feedback: QgsProcessingFeedback) -> dict[str, Any]:
        """The file and its figures."""
        summary = outcome.summary
        for crop in summary["classes"]:
            line = self.tr("{name}: {samples} series")
            feedback.pushInfo(line.format(name=crop["name"], samples=crop["samples"]))
        return {
            self.OUTPUT: task.output,
            self.SAMPLES: summary["samples"],
            self.CLASSES: len(summary["classes"]),
        }
