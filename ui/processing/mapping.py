"""What the algorithms that map a target share: its parameters, the outputs, the styled layers."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsFeedback,
    QgsMapLayer,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterMapLayer,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterString,
    QgsProcessingParameterVectorDestination,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.PyQt import sip

from ...engine.errors import InputError
from ...engine.imagery.parcels.layer import MEDIAN, SET
from ...engine.tasks import Job, Result, check
from ...engine.tasks.specs.quality_text import read_quality
from ..common.inputs import VectorInput
from ..common.layers import style_confidence, style_crops
from ..common.qt import tr
from .base import BANDS_FROM_HELP, QUALITY_HELP, EngineAlgorithm, encoding_help
from .values import Values, stack_bands

RASTER, POLYGONS = QgsProcessing.SourceType.TypeRaster, QgsProcessing.SourceType.TypeVectorPolygon
PARCEL_CHOICES = {
    MEDIAN: "The median of the parcel's pixels by date and band is classified.",
    SET: "Some of the parcel's pixels are classified, and their probabilities averaged.",
}
BOTH_STARTS = (
    "The target's days are shifted so that both seasons start together. Give both or neither: without them, only a "
    "target in the other hemisphere is shifted, by half a year."
)


class MappingAlgorithm(EngineAlgorithm):
    """An algorithm that maps a target stack through one Job."""

    GROUP = "Crop mapping"
    GROUP_ID = "cropmapping"
    HELP = {
        "TARGET": (
            "Rasters of the region or year to map, over one season: one file with a band for every date and spectral "
            "band, one file per date, or one file per date and band. Dates and bands are recognised from band "
            "descriptions, file names and metadata. No labels are needed here."
        ),
        "MASK": (
            "Map only this part of the target: pixels of a raster that are not 0 or nodata, or the inside of polygons. "
            "Empty: map everything."
        ),
        "PARCELS": (
            "Polygons of fields, each classified once from its own pixels; nothing is mapped outside them. Any CRS. "
            "Empty: every pixel is classified by itself."
        ),
        "PARCEL_READING": "How a parcel is classified.",
        "QUALITY": QUALITY_HELP,
        **encoding_help("TARGET_", "target"),
        "TARGET_BANDS_FROM": BANDS_FROM_HELP,
        "SOURCE_SEASON_START": f"Month and day (MM-DD) at which the season of the source starts. {BOTH_STARTS}",
        "TARGET_SEASON_START": f"Month and day (MM-DD) at which the season of the target starts. {BOTH_STARTS}",
        "EXACT": (
            "Large maps use a faster distilled model; uncertain pixels use the full model. That is many times as fast, "
            "with the same class on about 98 of 100 pixels. Tick to use the full model everywhere."
        ),
        "MEMORY": "Approximate limit for mapping, at any raster size. 0: a quarter of the machine's memory.",
        "RESUME": (
            "After a crash or a power cut: continue from the finished tiles beside the map if the same algorithm was "
            "interrupted with the same parameters. Otherwise the run starts from the beginning."
        ),
        "OUTPUT": (
            "The classified map: a byte GeoTIFF with 0 for nodata and classes from 1 in the order of the model. It has "
            "colours, names and an attribute table, and a style file beside it."
        ),
        "CONFIDENCE": "Probability of the mapped class in percent, for every pixel.",
        "PARCEL_LAYER": (
            "With parcels: a GeoPackage of the parcels with their attributes, crop, confidence, second crop, and the "
            "share of their pixels that agrees. Empty: it is written beside the map."
        ),
    }

    def __init__(self) -> None:
        super().__init__()
        self._loaded: dict[str, str] = {}

    def own_fields(self, context: QgsProcessingContext, folder: str, feedback: QgsFeedback) -> dict[str, Any]:
        """The fields of the Job that only this algorithm fills; ``folder`` takes temporary files."""
        raise NotImplementedError

    # --- parameters

    def add_target(self) -> None:
        """Add the target stack."""
        self.add(QgsProcessingParameterMultipleLayers, "TARGET", "Target stack", layerType=RASTER)

    def add_area(self) -> None:
        """Add the optional mask and parcels, and how each parcel is classified."""
        self.add(QgsProcessingParameterMapLayer, "MASK", "Mask", optional=True, types=[RASTER, POLYGONS])
        self.add(QgsProcessingParameterFeatureSource, "PARCELS", "Parcels", types=[POLYGONS], optional=True)
        self.add_choice("PARCEL_READING", "Classify a parcel by", PARCEL_CHOICES, advanced=True)

    def add_text(self, name: str, label: str) -> None:
        """Add an optional text among the advanced parameters."""
        self.add(QgsProcessingParameterString, name, label, optional=True, advanced=True)

    def add_mapping(self) -> None:
        """Add how the stacks are read and mapped, the map and its confidence, and the figures worth chaining."""
        self.add_text("QUALITY", "Hidden by quality bands")
        self.add_encoding("TARGET_", " of the target")
        self.add_bands_from("TARGET_", " of the target")
        self.add_text("SOURCE_SEASON_START", "Start of the source's season")
        self.add_text("TARGET_SEASON_START", "Start of the target's season")
        off: dict[str, Any] = {"defaultValue": False, "advanced": True}
        self.add(QgsProcessingParameterBoolean, "EXACT", "Use the full model for every pixel", **off)
        self.add_integer("MEMORY", "Memory for mapping (MB)", 0, minValue=0, advanced=True)
        self.add(QgsProcessingParameterBoolean, "RESUME", "Resume an interrupted run", **off)
        absent: dict[str, Any] = {"optional": True, "createByDefault": False}
        self.add(QgsProcessingParameterRasterDestination, "OUTPUT", "Crop map")
        self.add(QgsProcessingParameterRasterDestination, "CONFIDENCE", "Confidence", **absent)
        parcels = "Parcels with their crops"
        self.add(QgsProcessingParameterVectorDestination, "PARCEL_LAYER", parcels, type=POLYGONS, **absent)
        self.add_numbers(
            CLASSES="Number of mapped classes",
            MAPPED_PIXELS="Number of mapped pixels",
            MAPPED_SHARE="Share of mapped pixels",
        )
        self.addOutput(QgsProcessingOutputString("MODEL_ID", tr("Id of the model")))

    # --- the run

    def task(self, parameters: Values, context: QgsProcessingContext, folder: str, feedback: QgsFeedback) -> Job:
        """The job."""
        plain = self._plain
        mask, parcels = plain["mask"], plain["parcels"]
        same = ("parcel_reading", "source_season_start", "target_season_start", "exact", "memory", "resume")
        return Job(
            # In a thread QGIS loads the layers named in this context and forgets those of the preparing one.
            output=self.parameterAsOutputLayer(parameters, "OUTPUT", context),
            confidence=self.parameterAsOutputLayer(parameters, "CONFIDENCE", context) or None,
            target=stack_bands(plain["target"], plain["target_bands_from"]),
            mask=mask.mask(folder, feedback) if isinstance(mask, VectorInput) else mask,
            parcels=parcels.parcels(folder, feedback) if parcels else None,
            parcel_layer=self.parameterAsOutputLayer(parameters, "PARCEL_LAYER", context) or None,
            quality=read_quality([plain["quality"]]),
            target_encoding=self.encoding("target_"),
            **{name: plain[name] for name in same},
            **self.own_fields(context, folder, feedback),
        )

    def problems(self, task: Job) -> list[InputError]:
        """All that is wrong with the job."""
        return check(task)

    def results(self, task: Job, outcome: Result, feedback: QgsProcessingFeedback) -> dict[str, Any]:
        """The files and the figures worth chaining."""
        summary = outcome.summary
        mapped = int(summary.get("mapped_pixels", 0))
        total = mapped + int(summary.get("unobserved_pixels", 0))
        present = [c for c in summary.get("classes", []) if c.get("pixels")]
        for entry in present:
            feedback.pushInfo(f"{entry['name']}: {100 * float(entry['share']):.1f} %, {entry['pixels']} pixels")
        results: dict[str, Any] = {
            "OUTPUT": task.output,
            "CLASSES": len(present),
            "MAPPED_PIXELS": mapped,
            "MAPPED_SHARE": mapped / total if total else 0.0,
            "MODEL_ID": str(summary.get("model_id", "")),
        }
        if task.confidence:
            results["CONFIDENCE"] = task.confidence
        self._loaded = {task.output: "map"}
        if task.confidence:
            self._loaded[task.confidence] = "confidence"
        if task.parcels:
            results["PARCEL_LAYER"] = task.outputs()["parcels"]
            self._loaded[results["PARCEL_LAYER"]] = "parcels"
            parcels = tr("{classified} of {count} parcels have a crop").format(**summary["parcels"])
            feedback.pushInfo(parcels)
        return results

    def postProcessAlgorithm(self, context: QgsProcessingContext, feedback: QgsProcessingFeedback) -> dict[str, Any]:
        """Style the loaded layers; post-processors must be made on the main thread."""
        for path, role in self._loaded.items():
            if context.willLoadLayerOnCompletion(path):
                context.layerToLoadOnCompletionDetails(path).setPostProcessor(_Styler.of(role))
        return {}


class _Styler(QgsProcessingLayerPostProcessorInterface):
    """Styles one loaded layer."""

    _kept: list[_Styler] = []

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    @classmethod
    def of(cls, role: str) -> _Styler:
        """A styler for one layer, kept until QGIS has deleted it together with the run's context.

        Without a reference here Python would delete it before it is used; a second use would find it deleted.
        """
        cls._kept = [styler for styler in cls._kept if not sip.isdeleted(styler)]
        cls._kept.append(cls(role))
        return cls._kept[-1]

    def postProcessLayer(
        self, layer: QgsMapLayer, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Give the layer its style; the confidence is unticked, as it may be above the map."""
        if not isinstance(layer, (QgsRasterLayer, QgsVectorLayer)):
            return
        if self._role != "confidence":
            style_crops(layer)
            return
        style_confidence(layer)
        node = context.project().layerTreeRoot().findLayer(layer.id()) if context.project() else None
        if node is not None:
            node.setItemVisibilityChecked(False)
            node.setExpanded(False)
