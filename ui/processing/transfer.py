"""``croptransfer:transfer``: learn from a labelled source, adapt to the target, map it."""

from __future__ import annotations

from dataclasses import replace
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
)

from ...engine.imagery.sensors.spectral_indices import INDICES
from ...engine.tasks import Job, Result
from ..common.qt import tr
from .base import BANDS_FROM_HELP, KEEP_SPELLINGS_HELP, encoding_help
from .choices import METHOD_CHOICES, choice_lines
from .mapping import POLYGONS, RASTER, MappingAlgorithm
from .values import names, stack_bands


class TransferAlgorithm(MappingAlgorithm):
    """The main job as a Processing algorithm."""

    ID = "transfer"
    TITLE = "Map crops by transfer"
    TAGS = "crop,classification,land cover,agriculture,time series,sentinel-2,domain adaptation,transfer learning,ghca"
    SUMMARY = "Maps crops where there are no field labels, learning from a labelled region or year."
    ABOUT = (
        "Maps the crops of a region or year without field labels (the target). A model learns from a labelled region "
        "or year (the source), adapts to the unlabelled target, and classifies every pixel of it.\n\n"
        "Source: a point or polygon layer with the crop in a field, and the rasters that cover it; or a series file "
        "(.npz) instead of both.\n"
        "Target: rasters of one season with the same spectral bands, from any sensor; an index of the source is "
        "computed if the target lacks it. The dates may differ, and the seasons may be weeks or, in the other "
        "hemisphere, half a year apart.\n\n"
        "Clouds and other gaps must be nodata, or marked by a quality band among the rasters. Pixels without an "
        "observation stay nodata in the map.\n\n"
        "Methods:\n{methods}"
    )
    WORDS = {"methods": choice_lines(METHOD_CHOICES), "indices": ", ".join(INDICES)}
    HELP = {
        **MappingAlgorithm.HELP,
        "LABELS": "Points or polygons with the crop that grew there, within the source stack. Any CRS.",
        "CLASS_FIELD": "Field of the labels that holds the crop, as text or as a whole number.",
        "SOURCE": (
            "Rasters that cover the labels over one season, with the spectral bands of the target: one file with a "
            "band for every date and spectral band, one file per date, or one file per date and band."
        ),
        "SERIES": "Labelled time series of pixels (.npz), instead of labels, crop field and source stack.",
        **encoding_help("SOURCE_", "source"),
        "SOURCE_BANDS_FROM": BANDS_FROM_HELP,
        "KEEP_SPELLINGS": KEEP_SPELLINGS_HELP,
        "METHOD": "How the model adapts to the target; 'ghca' is recommended.",
        "SEED": "Same seed, same map. Other seeds show how much of the result is chance.",
        "BANDS": "Learn only from these bands of the source, such as 'B04, B08'. Empty: all bands.",
        "INDICES": (
            "Learn from these in addition to the bands, such as 'NDVI, NDWI'; computed on both sides where they are "
            "not stored. Known indices: {indices}."
        ),
        "MODEL": ("The trained model, to map more rasters of the same target with 'Map crops with a trained model'."),
        "REPORT": "A page with the map, class areas, confidence and details of the training.",
    }

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:
        """Declare parameters and outputs."""
        vector = [QgsProcessing.SourceType.TypeVectorPoint, POLYGONS]
        self.add(QgsProcessingParameterFeatureSource, "LABELS", "Labels of the source", types=vector, optional=True)
        self.add(
            QgsProcessingParameterField, "CLASS_FIELD", "Crop field", parentLayerParameterName="LABELS", optional=True
        )
        self.add(QgsProcessingParameterMultipleLayers, "SOURCE", "Source stack", layerType=RASTER, optional=True)
        series = "Series file, instead of labels and source stack"
        self.add(QgsProcessingParameterFile, "SERIES", series, extension="npz", optional=True)
        self.add_target()
        self.add_choice("METHOD", "Method", METHOD_CHOICES)
        self.add_seed()
        self.add_area()
        self.add_keep_spellings()
        self.add_text("BANDS", "Bands of the source")
        self.add_text("INDICES", "Indices")
        self.add_encoding("SOURCE_", " of the source")
        self.add_bands_from("SOURCE_", " of the source")
        self.add_mapping()
        model, page = tr("Crop Transfer model (*.safetensors)"), tr("HTML files (*.html)")
        absent: dict[str, Any] = {"optional": True, "createByDefault": False}
        self.add(QgsProcessingParameterFileDestination, "MODEL", "Model", fileFilter=model, **absent)
        self.add(QgsProcessingParameterFileDestination, "REPORT", "Report", fileFilter=page, **absent)

    def own_fields(self, context: QgsProcessingContext, folder: str, feedback: QgsFeedback) -> dict[str, Any]:
        """Source, method, seed, model and report."""
        plain = self._plain
        fields = {key: plain[key] for key in ("series", "method", "seed", "model", "report")}
        fields |= {key: names(plain[key], context) for key in ("bands", "indices")}
        fields["source"] = stack_bands(plain["source"], plain["source_bands_from"])
        fields["source_encoding"] = self.encoding("source_")
        labels = plain["labels"]
        found = labels.labels(plain["class_field"], folder, feedback) if labels else None
        fields["labels"] = replace(found, keep_spellings=plain["keep_spellings"]) if found else None
        return fields

    def results(self, task: Job, outcome: Result, feedback: QgsProcessingFeedback) -> dict[str, Any]:
        """The map, its figures, and the files beside it."""
        results = super().results(task, outcome, feedback)
        written = {"MODEL": task.model, "REPORT": task.report}
        return results | {name: path for name, path in written.items() if path}
