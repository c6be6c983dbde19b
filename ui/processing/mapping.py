"""What the algorithms share that map a target: its parameters, the map's outputs, the styled layers."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsFeedback,
    QgsMapLayer,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterMapLayer,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterString,
    QgsProcessingParameterVectorDestination,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.PyQt import sip

from ...engine import imagery
from ...engine.errors import InputError
from ...engine.imagery.geo.types import StackBand
from ...engine.imagery.parcels.layer import MEDIAN, PARCEL_METHODS
from ...engine.tasks import Job, check
from ...engine.tasks.specs.quality_text import read_quality
from ..common.inputs import VectorInput
from ..common.layers import style_confidence, style_crops
from ..engine_process.worker import Outcome
from .base import EngineAlgorithm
from .values import mask_input, raster_paths, vector_input


class MappingAlgorithm(EngineAlgorithm):
    """An algorithm that maps a target stack through one Job."""

    TARGET = "TARGET"
    MASK = "MASK"
    PARCELS = "PARCELS"
    PARCEL_READING = "PARCEL_READING"
    PARCEL_LAYER = "PARCEL_LAYER"
    QUALITY = "QUALITY"
    SOURCE_SEASON_START = "SOURCE_SEASON_START"
    TARGET_SEASON_START = "TARGET_SEASON_START"
    EXACT = "EXACT"
    MEMORY = "MEMORY"
    RESUME = "RESUME"
    OUTPUT = "OUTPUT"
    CONFIDENCE = "CONFIDENCE"
    CLASSES = "CLASSES"
    MAPPED_PIXELS = "MAPPED_PIXELS"
    MAPPED_SHARE = "MAPPED_SHARE"
    MODEL_ID = "MODEL_ID"

    def __init__(self) -> None:
        super().__init__()
        self._loaded: dict[str, str] = {}

    def group(self) -> str:
        """Group in the toolbox."""
        return self.tr("Crop mapping")

    def groupId(self) -> str:
        """Id of the group."""
        return "cropmapping"

    # --- to be given by each algorithm

    def own_fields(self, folder: str, feedback: QgsFeedback) -> dict[str, Any]:
        """The fields of the Job that only this algorithm fills; ``folder`` takes temporary files."""
        raise NotImplementedError

    # --- parameters

    def add_target(self) -> None:
        """Add the target stack."""
        self.add(
            QgsProcessingParameterMultipleLayers(
                self.TARGET, self.tr("Target stack"), QgsProcessing.SourceType.TypeRaster
            ),
            self.tr(
                "Rasters of the region or year to be mapped, over one season: one file with a band for every date "
                "and spectral band, one file a date, or one file a date and band. Dates and bands are recognised "
                "from band descriptions, file names and metadata. No labels are needed here."
            ),
        )

    def add_mask(self) -> None:
        """Add the optional mask."""
        self.add(
            QgsProcessingParameterMapLayer(
                self.MASK,
                self.tr("Mask"),
                optional=True,
                types=[QgsProcessing.SourceType.TypeRaster, QgsProcessing.SourceType.TypeVectorPolygon],
            ),
            self.tr(
                "Only this part of the target is mapped: pixels of a raster that are not 0 or nodata, or the inside "
                "of polygons. Empty: everything is mapped."
            ),
        )

    def add_parcels(self) -> None:
        """Add the optional parcels and how each is read."""
        self.add(
            QgsProcessingParameterFeatureSource(
                self.PARCELS, self.tr("Parcels"), [QgsProcessing.SourceType.TypeVectorPolygon], optional=True
            ),
            self.tr(
                "Polygons of fields, each of which is classified once from its own pixels; nothing is mapped outside "
                "them. Any CRS. Empty: every pixel is classified by itself."
            ),
        )
        self.add(
            QgsProcessingParameterEnum(
                self.PARCEL_READING,
                self.tr("Reading of a parcel"),
                list(PARCEL_METHODS),
                defaultValue=MEDIAN,
                usesStaticStrings=True,
            ),
            self.tr(
                "'median': the median of the parcel's pixels by date and band is classified. 'set': some of its "
                "pixels are classified, and their probabilities averaged."
            ),
            advanced=True,
        )

    def add_reading_options(self) -> None:
        """Add how the stacks are read: what hides a pixel, and when the seasons start."""
        self.add_text(
            self.QUALITY,
            self.tr("Hidden by quality bands"),
            self.tr(
                "What a quality band of the stacks hides, instead of its defaults (clouds, their shadows, snow), such "
                "as 'SCL: 3 8 9; QA_PIXEL: cloud, cloud shadow'. 'none' hides nothing."
            ),
        )
        both = self.tr(
            "The target's days are moved so that the two starts coincide. Give both or neither: without them, only a "
            "target in the other hemisphere is moved, by half a year."
        )
        self.add_text(
            self.SOURCE_SEASON_START,
            self.tr("Start of the source's season"),
            self.tr("Month and day (MM-DD) at which the season of the source starts.") + " " + both,
        )
        self.add_text(
            self.TARGET_SEASON_START,
            self.tr("Start of the target's season"),
            self.tr("Month and day (MM-DD) at which the season of the target starts.") + " " + both,
        )

    def add_mapping_options(self) -> None:
        """Add how a large target is mapped."""
        self.add(
            QgsProcessingParameterBoolean(
                self.EXACT, self.tr("Classify every pixel by the network itself"), defaultValue=False
            ),
            self.tr(
                "A large map is otherwise left to a fast network that learns from it on the target's own pixels, and "
                "is asked for what that one is unsure of: many times as fast, the same class on about 98 of 100 pixels."
            ),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterNumber(
                self.MEMORY,
                self.tr("Memory for mapping (MB)"),
                QgsProcessingParameterNumber.Type.Integer,
                defaultValue=0,
                minValue=0,
            ),
            self.tr("About what mapping may use, however large the raster is. 0: a quarter of the machine's."),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterBoolean(self.RESUME, self.tr("Go on with an interrupted run"), defaultValue=False),
            self.tr(
                "After a crash or a power cut: goes on from the finished tiles beside the map, where the same "
                "algorithm with the same parameters was interrupted; where nothing was interrupted it starts anew."
            ),
            advanced=True,
        )

    def add_text(self, name: str, label: str, help_text: str) -> None:
        """Add an optional text among the advanced parameters."""
        self.add(QgsProcessingParameterString(name, label, optional=True), help_text, advanced=True)

    def add_map_outputs(self) -> None:
        """Add the map and its confidence, and the figures worth chaining."""
        self.add(
            QgsProcessingParameterRasterDestination(self.OUTPUT, self.tr("Crop map")),
            self.tr(
                "The classified map: a GeoTIFF of bytes, 0 for nodata, classes from 1 in the order of the model, "
                "with colours, names, attribute table and a style file beside it."
            ),
        )
        self.add(
            QgsProcessingParameterRasterDestination(
                self.CONFIDENCE, self.tr("Confidence"), optional=True, createByDefault=False
            ),
            self.tr("Probability of the mapped class in percent, for every pixel."),
        )
        self.add(
            QgsProcessingParameterVectorDestination(
                self.PARCEL_LAYER,
                self.tr("Parcels with their crops"),
                QgsProcessing.SourceType.TypeVectorPolygon,
                optional=True,
                createByDefault=False,
            ),
            self.tr(
                "With parcels: a GeoPackage of them with their attributes, crop, confidence, second crop, and the "
                "share of their pixels that agrees. Empty: it is written beside the map."
            ),
        )
        self.addOutput(QgsProcessingOutputNumber(self.CLASSES, self.tr("Number of mapped classes")))
        self.addOutput(QgsProcessingOutputNumber(self.MAPPED_PIXELS, self.tr("Number of mapped pixels")))
        self.addOutput(QgsProcessingOutputNumber(self.MAPPED_SHARE, self.tr("Share of mapped pixels")))
        self.addOutput(QgsProcessingOutputString(self.MODEL_ID, self.tr("Id of the model")))

    # --- the run

    def gather(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Resolve the target, the mask and how the stacks are read."""
        self._plain["target"] = raster_paths(parameters.get(self.TARGET), context)
        self._plain["mask"] = mask_input(parameters.get(self.MASK), context)
        self._plain["parcels"] = vector_input(parameters.get(self.PARCELS), self.tr("Parcels"), context)
        self._plain["parcel_reading"] = self.parameterAsEnumString(parameters, self.PARCEL_READING, context)
        for name in (self.QUALITY, self.SOURCE_SEASON_START, self.TARGET_SEASON_START):
            self._plain[name.lower()] = self.parameterAsString(parameters, name, context).strip()
        for name in (self.EXACT, self.RESUME):
            self._plain[name.lower()] = self.parameterAsBoolean(parameters, name, context)
        self._plain[self.MEMORY.lower()] = self.parameterAsInt(parameters, self.MEMORY, context)

    def task(
        self, parameters: dict[str, Any], context: QgsProcessingContext, folder: str, feedback: QgsFeedback
    ) -> Job:
        """The job."""
        mask, parcels = self._plain["mask"], self._plain["parcels"]
        return Job(
            # In a thread QGIS loads what this context names and forgets what the preparing one did.
            output=self.parameterAsOutputLayer(parameters, self.OUTPUT, context),
            confidence=self.parameterAsOutputLayer(parameters, self.CONFIDENCE, context) or None,
            target=self.describe(self._plain["target"]),
            mask=mask.mask(folder, feedback) if isinstance(mask, VectorInput) else mask,
            parcels=parcels.parcels(folder, feedback) if parcels else None,
            parcel_layer=self.parameterAsOutputLayer(parameters, self.PARCEL_LAYER, context) or None,
            parcel_reading=self._plain["parcel_reading"],
            quality=read_quality([self._plain["quality"]]),
            source_season_start=self._plain["source_season_start"],
            target_season_start=self._plain["target_season_start"],
            **{name.lower(): self._plain[name.lower()] for name in (self.EXACT, self.MEMORY, self.RESUME)},
            **self.own_fields(folder, feedback),
        )

    def problems(self, task: Job) -> list[InputError]:
        """All that is wrong with the job."""
        return check(task)

    @staticmethod
    def describe(paths: list[str]) -> tuple[StackBand, ...]:
        """The bands of the rasters as the engine recognises them."""
        return imagery.describe(paths) if paths else ()

    def results(self, task: Job, outcome: Outcome, feedback: QgsProcessingFeedback) -> dict[str, Any]:
        """The files and the figures worth chaining."""
        summary = outcome.summary
        mapped = int(summary.get("mapped_pixels", 0))
        whole = mapped + int(summary.get("unobserved_pixels", 0))
        present = [c for c in summary.get("classes", []) if c.get("pixels")]
        for entry in present:
            feedback.pushInfo(f"{entry['name']}: {100 * float(entry['share']):.1f} %, {entry['pixels']} pixels")
        results: dict[str, Any] = {
            self.OUTPUT: task.output,
            self.CLASSES: len(present),
            self.MAPPED_PIXELS: mapped,
            self.MAPPED_SHARE: mapped / whole if whole else 0.0,
            self.MODEL_ID: str(summary.get("model_id", "")),
        }
        if task.confidence:
            results[self.CONFIDENCE] = task.confidence
        self._loaded = {task.output: "map"}
        if task.confidence:
            self._loaded[task.confidence] = "confidence"
        if task.parcels:
            results[self.PARCEL_LAYER] = task.outputs()["parcels"]
            self._loaded[results[self.PARCEL_LAYER]] = "parcels"
            parcels = self.tr("{classified} of {count} parcels have a crop").format(**summary["parcels"])
            feedback.pushInfo(parcels)
        return results

    def postProcessAlgorithm(self, context: QgsProcessingContext, feedback: QgsProcessingFeedback) -> dict[str, Any]:
        """Have the loaded layers styled; on the main thread, for post-processors must be made there."""
        for path, role in self._loaded.items():
            if context.willLoadLayerOnCompletion(path):
                styler = _Styler.of(role)
                context.layerToLoadOnCompletionDetails(path).setPostProcessor(styler)
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
        """Give the layer its style; the confidence is unticked, as it may lie above the map."""
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
