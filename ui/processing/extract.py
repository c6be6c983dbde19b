"""``croptransfer:extract``: store the series of labelled pixels, joined with other regions and years, in one file."""

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
    QgsProcessingParameterField,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterMapLayer,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)

from ...engine.errors import InputError
from ...engine.imagery.labels.class_table import read_class_table
from ...engine.imagery.labels.label_raster import is_label_raster
from ...engine.imagery.labels.table import is_table
from ...engine.tasks import Extraction, LabelLayer, Result, check_extraction
from ...engine.tasks.specs.limits import SAMPLES_PER_CLASS
from ...engine.tasks.specs.quality_text import read_quality
from ..common.inputs import VectorInput
from ..common.qt import tr
from .base import BANDS_FROM_HELP, KEEP_SPELLINGS_HELP, QUALITY_HELP, EngineAlgorithm, encoding_help
from .values import Values, listed, stack_bands


class ExtractAlgorithm(EngineAlgorithm):
    """An extraction of labelled series as a Processing algorithm."""

    ID = "extract"
    TITLE = "Extract labelled series"
    GROUP = "Labels"
    GROUP_ID = "labels"
    TAGS = "crop,samples,training,ground truth,cropland data layer,join,regions,years,npz"
    SUMMARY = "Stores the time series of labelled pixels, of several regions and years, in one file."
    ABOUT = (
        "Extracts the time series of labelled pixels from a stack and stores them in a series file (.npz), from which "
        "'Map crops by transfer' and 'Compare methods of transfer' learn.\n\n"
        "Labels are points, polygons, a table with coordinates (CSV), or a raster such as a national crop map.\n"
        "Series files of other regions, years and dates can be joined into one source: their seasons are aligned, "
        "dates at most four days apart become one, classes are matched by name, and only bands that all files have "
        "are kept. Leave labels and stack empty to join files only.\n\n"
        "Class table: pairs 'name=wanted', separated by semicolons. The same wanted name for several classes merges "
        "them, an empty one leaves a class out, and * covers all classes that are not listed: "
        "'Corn=maize; Sweet Corn=maize; Fallow=; *=other'. Or the path of a CSV file with these two columns."
    )
    HELP = {
        "LABELS": (
            "Points, polygons or a table with the crop that grew there, or a raster of crop classes. Any CRS. A filter "
            "of the layer is respected."
        ),
        "CLASS_FIELD": (
            "Field that holds the crop, as text or as a whole number. For a raster, the column of its attribute table "
            "that holds the names; empty: found automatically."
        ),
        "SOURCE": "Rasters that cover the labels over one season.",
        "JOIN": "Labelled series (.npz) of other regions or years to add to the file.",
        "INNER_BUFFER": (
            "Leave out pixels this close to the border of a polygon (in any CRS) or of a class in a raster: they mix "
            "several crops."
        ),
        "PER_POLYGON": "Pixels of one field are similar, so a few of each are enough. 0: no limit.",
        "PER_CLASS": "Sampled from all parts of the labelled area.",
        "CLASS_TABLE": "Rename, merge or leave out classes: 'name=wanted; name=', or the path of a CSV file.",
        "QUALITY": QUALITY_HELP,
        **encoding_help("", "rasters"),
        "BANDS_FROM": BANDS_FROM_HELP,
        "KEEP_SPELLINGS": KEEP_SPELLINGS_HELP,
        "SEED": "Same seed, same pixels.",
        "OUTPUT": "Series, dates, bands, classes, locations and spatial blocks.",
    }

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        kinds = QgsProcessing.SourceType
        labels = [kinds.TypeVector, kinds.TypeVectorPoint, kinds.TypeVectorPolygon, kinds.TypeRaster]
        several = QgsProcessingParameterMultipleLayers
        text, real = QgsProcessingParameterString, QgsProcessingParameterNumber.Type.Double
        self.add(QgsProcessingParameterMapLayer, "LABELS", "Labels", optional=True, types=labels)
        self.add(
            QgsProcessingParameterField, "CLASS_FIELD", "Crop field", parentLayerParameterName="LABELS", optional=True
        )
        self.add(several, "SOURCE", "Source stack", layerType=kinds.TypeRaster, optional=True)
        self.add(several, "JOIN", "Series files to join", layerType=kinds.TypeFile, optional=True)
        buffer: dict[str, Any] = {"type": real, "defaultValue": 0, "minValue": 0}
        self.add(QgsProcessingParameterNumber, "INNER_BUFFER", "Inner buffer (metres)", **buffer)
        self.add_integer("PER_POLYGON", "Maximum pixels per polygon", 0, minValue=0)
        self.add_integer("PER_CLASS", "Maximum pixels per class", SAMPLES_PER_CLASS, minValue=1)
        self.add(text, "CLASS_TABLE", "Class table", optional=True)
        self.add_keep_spellings()
        self.add(text, "QUALITY", "Hidden by quality bands", optional=True, advanced=True)
        self.add_encoding()
        self.add_bands_from()
        self.add_seed()
        series = tr("Series of pixels (*.npz)")
        self.add(QgsProcessingParameterFileDestination, "OUTPUT", "Series file", fileFilter=series)
        self.add_numbers(SAMPLES="Number of series", CLASSES="Number of classes")

    # --- the run

    def gather(self, parameters: Values, context: QgsProcessingContext) -> None:
        """Resolve the layers and everything else."""
        super().gather(parameters, context)
        given = listed(parameters.get("LABELS"), context)
        if given and isinstance(given[0], str) and is_table(given[0]) and Path(given[0]).is_file():
            # QGIS would read such a file as a table without points.
            self._plain["labels"] = given[0]

    def task(self, parameters: Values, context: QgsProcessingContext, folder: str, feedback: QgsFeedback) -> Extraction:
        """The extraction; a layer that differs from its file is written to ``folder``."""
        fields = {name: self._plain[name] for name in ("join", "per_class", "seed", "keep_spellings", "output")}
        fields["quality"] = read_quality([self._plain["quality"]])
        fields["encoding"] = self.encoding()
        return Extraction(
            labels=self._labels(folder, feedback),
            source=stack_bands(self._plain["source"], self._plain["bands_from"]),
            **fields,
        )

    def _labels(self, folder: str, feedback: QgsFeedback) -> LabelLayer | None:
        source, field = self._plain["labels"], self._plain["class_field"]
        if source is None:
            return None
        labels = source.labels(field, folder, feedback) if isinstance(source, VectorInput) else None
        labels = labels or LabelLayer(str(source), "", field)
        if not field and not is_label_raster(labels):
            hint = tr("Name the field of the labels that holds the crop.")
            raise InputError("class-field", tr("Crop field: a value is required."), hint)
        table = self._plain["class_table"]
        settings = {name: self._plain[name] for name in ("inner_buffer", "per_polygon", "keep_spellings")}
        return replace(labels, classes=read_class_table([table] if table else []), **settings)

    def problems(self, task: Extraction) -> Sequence[InputError]:
        """All that is wrong with the extraction."""
        return check_extraction(task)

    def results(self, task: Extraction, outcome: Result, feedback: QgsProcessingFeedback) -> dict[str, Any]:
        """The file and its figures."""
        summary = outcome.summary
        for crop in summary["classes"]:
            feedback.pushInfo(tr("{name}: {samples} series").format(name=crop["name"], samples=crop["samples"]))
        return {"OUTPUT": task.output, "SAMPLES": summary["samples"], "CLASSES": len(summary["classes"])}
