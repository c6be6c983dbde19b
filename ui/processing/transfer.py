"""``croptransfer:transfer``: learn from a labelled source, adapt to the target, map it."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsFeedback,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
)

from ...engine.imagery.sensors.spectral_indices import INDICES
from ...engine.methods import METHODS
from ...engine.tasks import Job
from ..engine_process.worker import Outcome
from .mapping import MappingAlgorithm
from .methods import MethodParameter, method_lines
from .values import names, raster_paths, vector_input


class TransferAlgorithm(MappingAlgorithm):
    """The main job as a Processing algorithm."""

    LABELS = "LABELS"
    CLASS_FIELD = "CLASS_FIELD"
    SOURCE = "SOURCE"
    SERIES = "SERIES"
    BANDS = "BANDS"
    INDICES = "INDICES"
    METHOD = "METHOD"
    SEED = "SEED"
    MODEL = "MODEL"
    REPORT = "REPORT"

    def name(self) -> str:
        """Id of the algorithm."""
        return "transfer"

    def displayName(self) -> str:
        """Name in the toolbox."""
        return self.tr("Map crops by transfer")

    def tags(self) -> list[str]:
        """Words that find it."""
        words = "crop,classification,land cover,agriculture,time series,sentinel-2"
        return [*words.split(","), "domain adaptation", "transfer learning", "ghca"]

    def shortDescription(self) -> str:
        """One line for the toolbox."""
        return self.tr("Maps crops where there are no field labels, learning from a labelled region or year.")

    def shortHelpString(self) -> str:
        """Help beside the parameters."""
        return self.tr(
            "Maps the crops of a region or year without field labels (the target). A model learns from a labelled "
            "region or year (the source), adapts itself to the unlabelled target, and classifies every pixel of it.\n\n"
            "Source: a point or polygon layer with the crop in a field, and the rasters that cover it; or a series "
            "file (.npz) instead of both.\n"
            "Target: rasters of one season with the same spectral bands, under any sensor's names; an index of the "
            "source is computed where the target does not hold it. The dates need not be the same, and the seasons "
            "may be weeks or, in the other hemisphere, half a year apart.\n\n"
            "Clouds and other gaps must be nodata, or marked by a quality band among the rasters. Pixels that were "
            "never observed stay nodata in the map.\n\n"
            "Methods:\n{methods}"
        ).format(methods=method_lines())

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        self.add(
            QgsProcessingParameterFeatureSource(
                self.LABELS,
                self.tr("Labels of the source"),
                [QgsProcessing.SourceType.TypeVectorPoint, QgsProcessing.SourceType.TypeVectorPolygon],
                optional=True,
            ),
            self.tr("Points or polygons with the crop that grew there, within the source stack. Any CRS."),
        )
        self.add(
            QgsProcessingParameterField(
                self.CLASS_FIELD, self.tr("Crop field"), parentLayerParameterName=self.LABELS, optional=True
            ),
            self.tr("Field of the labels that holds the crop, as text or as a whole number."),
        )
        self.add(
            QgsProcessingParameterMultipleLayers(
                self.SOURCE, self.tr("Source stack"), QgsProcessing.SourceType.TypeRaster, optional=True
            ),
            self.tr(
                "Rasters that cover the labels over one season, in the spectral bands of the target: one file "
                "with a band for every date and spectral band, one file a date, or one file a date and band."
            ),
        )
        self.add(
            QgsProcessingParameterFile(
                self.SERIES, self.tr("Series file, instead of labels and source stack"), extension="npz", optional=True
            ),
            self.tr("Labelled time series of pixels (.npz), instead of labels, crop field and source stack."),
        )
        self.add_target()
        self.add(
            MethodParameter(self.METHOD, self.tr("Method"), list(METHODS), defaultValue="ghca", usesStaticStrings=True),
            self.tr("How the model adapts to the target; 'ghca' is the recommended way.") + f"\n{method_lines()}",
        )
        self.add(
            QgsProcessingParameterNumber(
                self.SEED,
                self.tr("Random seed"),
                QgsProcessingParameterNumber.Type.Integer,
                defaultValue=0,
                minValue=0,
                maxValue=2**31 - 1,
            ),
            self.tr("Same seed, same map. Other seeds show how much of the result is chance."),
            advanced=True,
        )
        self.add_mask()
        self.add_parcels()
        self.add_text(
            self.BANDS,
            self.tr("Bands of the source"),
            self.tr("Learn from these bands of the source alone, such as 'B04, B08'. Empty: all of them."),
        )
        self.add_text(
            self.INDICES,
            self.tr("Indices"),
            self.tr(
                "Learn from these besides, such as 'NDVI, NDWI', computed on both sides where they are not stored. "
                "There are {indices}."
            ).format(indices=", ".join(INDICES)),
        )
        self.add_reading_options()
        self.add_mapping_options()
        self.add_map_outputs()
        self.add(
            QgsProcessingParameterFileDestination(
                self.MODEL,
                self.tr("Model"),
                self.tr("Crop Transfer model (*.safetensors)"),
                optional=True,
                createByDefault=False,
            ),
            self.tr("The trained model, to map more rasters of the same target with 'Map crops with a trained model'."),
        )
        self.add(
            QgsProcessingParameterFileDestination(
                self.REPORT, self.tr("Report"), self.tr("HTML files (*.html)"), optional=True, createByDefault=False
            ),
            self.tr("A page with the map, class areas, confidence and how the model came about."),
        )

    def gather(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Resolve source, target, method and the further outputs."""
        super().gather(parameters, context)
        self._plain |= {
            "labels": vector_input(parameters.get(self.LABELS), self.tr("Labels of the source"), context),
            "class_field": self.parameterAsString(parameters, self.CLASS_FIELD, context),
            "source": raster_paths(parameters.get(self.SOURCE), context),
            "series": self.parameterAsString(parameters, self.SERIES, context) or None,
            "bands": names(self.parameterAsString(parameters, self.BANDS, context), context),
            "indices": names(self.parameterAsString(parameters, self.INDICES, context), context),
            "method": self.parameterAsEnumString(parameters, self.METHOD, context),
            "seed": self.parameterAsInt(parameters, self.SEED, context),
            "model": self.parameterAsFileOutput(parameters, self.MODEL, context) or None,
            "report": self.parameterAsFileOutput(parameters, self.REPORT, context) or None,
        }

    def own_fields(self, folder: str, feedback: QgsFeedback) -> dict[str, Any]:
        """Source, method, seed, model and report."""
        labels = self._plain["labels"]
        fields = {key: self._plain[key] for key in ("series", "bands", "indices", "method", "seed", "model", "report")}
        fields["source"] = self.describe(self._plain["source"])
        fields["labels"] = labels.labels(self._plain["class_field"], folder, feedback) if labels else None
        return fields

    def results(self, task: Job, outcome: Outcome, feedback: QgsProcessingFeedback) -> dict[str, Any]:
        """The map, its figures, and what was written beside it."""
        results = super().results(task, outcome, feedback)
        written = {self.MODEL: task.model, self.REPORT: task.report}
        return results | {name: path for name, path in written.items() if path}
