"""What all algorithms that run a Job share: layers to plain values, the run, the loaded layers."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import Any

from qgis.core import (
    QgsFeedback,
    QgsMapLayer,
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFile,
    QgsProcessingParameterMapLayer,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterRasterDestination,
    QgsProcessingUtils,
    QgsRasterLayer,
)
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QCoreApplication
from qgis.PyQt.QtGui import QIcon

from ...engine import imagery
from ...engine.errors import Cancelled, InputError
from ...engine.imagery.stack import StackBand
from ...engine.job import Job, check
from .. import environment, settings
from ..help import help_url
from ..icons import icon
from ..inputs import VectorInput
from ..layers import style_confidence, style_map
from ..worker import Outcome, Worker, WorkerFault
from .values import mask_input, raster_paths, unreadable


class JobAlgorithm(QgsProcessingAlgorithm):
    """An algorithm that maps a target stack through one Job."""

    TARGET = "TARGET"
    MASK = "MASK"
    OUTPUT = "OUTPUT"
    CONFIDENCE = "CONFIDENCE"
    CLASSES = "CLASSES"
    MAPPED_PIXELS = "MAPPED_PIXELS"
    MAPPED_SHARE = "MAPPED_SHARE"
    MODEL_ID = "MODEL_ID"

    def __init__(self) -> None:
        super().__init__()
        self._plain: dict[str, Any] = {}
        self._loaded: dict[str, str] = {}

    def tr(self, text: str) -> str:
        """The text in the user's language."""
        return QCoreApplication.translate("CropTransfer", text)

    def createInstance(self) -> JobAlgorithm:
        """A fresh instance; QGIS makes one for each run."""
        return type(self)()

    def icon(self) -> QIcon:
        """Icon in the toolbox."""
        return icon("croptransfer")

    def group(self) -> str:
        """Group in the toolbox."""
        return self.tr("Crop mapping")

    def groupId(self) -> str:
        """Id of the group."""
        return "cropmapping"

    def helpUrl(self) -> str:
        """What the Help button of the model designer opens."""
        return help_url().toString()

    # --- to be given by each algorithm

    def gather(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Resolve the algorithm's own parameters to plain values in ``self._plain``."""
        raise NotImplementedError

    def own_fields(self, folder: str, feedback: QgsFeedback) -> dict[str, Any]:
        """The fields of the Job that only this algorithm fills; ``folder`` takes temporary files."""
        raise NotImplementedError

    # --- parameters

    def add(self, parameter: QgsProcessingParameterDefinition, help_text: str, advanced: bool = False) -> None:
        """Add a parameter with its help."""
        parameter.setHelp(help_text)
        if advanced:
            parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.Flag.FlagAdvanced)
        self.addParameter(parameter)

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
        self.addOutput(QgsProcessingOutputNumber(self.CLASSES, self.tr("Number of mapped classes")))
        self.addOutput(QgsProcessingOutputNumber(self.MAPPED_PIXELS, self.tr("Number of mapped pixels")))
        self.addOutput(QgsProcessingOutputNumber(self.MAPPED_SHARE, self.tr("Share of mapped pixels")))
        self.addOutput(QgsProcessingOutputString(self.MODEL_ID, self.tr("Id of the model")))

    def checkParameterValues(self, parameters: dict[str, Any], context: QgsProcessingContext) -> tuple[bool, str]:
        """Name the file that cannot be read, where the base class would name the parameter only."""
        for definition in self.parameterDefinitions():
            if isinstance(definition, (QgsProcessingParameterMultipleLayers, QgsProcessingParameterMapLayer)):
                path = unreadable(parameters.get(definition.name()), context)
                if path:
                    message = self.tr("{label}: {path} does not exist or cannot be read.")
                    return False, message.format(label=definition.description(), path=path)
            elif not definition.checkValueIsAcceptable(parameters.get(definition.name()), context):
                return False, self._unacceptable(definition, parameters.get(definition.name()))
        return super().checkParameterValues(parameters, context)

    def _unacceptable(self, definition: QgsProcessingParameterDefinition, value: Any) -> str:
        label = definition.description()
        if value is None or value == "":
            return self.tr("{label}: nothing was given.").format(label=label)
        if isinstance(definition, QgsProcessingParameterEnum):
            message = self.tr("{label}: there is no '{value}'. Choose one of: {options}.")
            return message.format(label=label, value=value, options=", ".join(definition.options()))
        if isinstance(definition, QgsProcessingParameterFile):
            message = self.tr("{label}: {value} is not a file whose name ends in .{extension}.")
            return message.format(label=label, value=value, extension=definition.extension())
        return self.tr("{label}: '{value}' cannot be used.").format(label=label, value=value)

    # --- the run

    def prepareAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Resolve layers to plain values, while they may be touched."""
        try:
            self._plain["target"] = raster_paths(parameters.get(self.TARGET), context)
            self._plain["mask"] = mask_input(parameters.get(self.MASK), context)
            self.gather(parameters, context)
        except InputError as problem:
            raise QgsProcessingException(str(problem)) from problem
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Run the job in the worker process."""
        with tempfile.TemporaryDirectory(prefix="croptransfer-", dir=QgsProcessingUtils.tempFolder()) as folder:
            try:
                # In a thread QGIS loads what this context names and forgets what the preparing one did.
                self._plain["output"] = self.parameterAsOutputLayer(parameters, self.OUTPUT, context)
                self._plain["confidence"] = self.parameterAsOutputLayer(parameters, self.CONFIDENCE, context) or None
                job = self._job(folder, feedback)
                feedback.setProgressText(self.tr("Checking the inputs"))
                problems = check(job)
                if problems:
                    raise QgsProcessingException("\n".join(dict.fromkeys(map(str, problems))))
                outcome = self._run(job, feedback)
            except InputError as problem:
                raise QgsProcessingException(str(problem)) from problem
            except Cancelled:
                feedback.pushInfo(self.tr("Cancelled; nothing was written."))
                return {}
        return self._results(job, outcome, feedback)

    def _job(self, folder: str, feedback: QgsFeedback) -> Job:
        mask = self._plain["mask"]
        return Job(
            output=self._plain["output"],
            target=self.describe(self._plain["target"]),
            confidence=self._plain["confidence"],
            mask=mask.mask(folder, feedback) if isinstance(mask, VectorInput) else mask,
            **self.own_fields(folder, feedback),
        )

    @staticmethod
    def describe(paths: list[str]) -> tuple[StackBand, ...]:
        """The bands of the rasters as the engine recognises them."""
        return imagery.describe(paths) if paths else ()

    def _run(self, job: Job, feedback: QgsProcessingFeedback) -> Outcome:
        interpreter = settings.interpreter()

        def follow(event: Mapping[str, Any]) -> None:
            kind = event["event"]
            if kind == "stage":
                feedback.setProgressText(str(event["name"]))
            elif kind == "progress":
                feedback.setProgress(100.0 * float(event["fraction"]))
            elif kind == "warning":
                feedback.pushWarning(str(event["message"]))
            elif kind == "log":
                feedback.pushDebugInfo(str(event["message"]))

        try:
            return Worker(job, interpreter, follow).run(feedback.isCanceled)
        except WorkerFault as fault:
            # A broken engine looks like a fault of the job; the optimiser step tells them apart.
            state = environment.check(interpreter)
            if not state.works:
                raise environment.broken(interpreter, state, settings.packages()) from fault
            raise QgsProcessingException(str(fault)) from fault

    def _results(self, job: Job, outcome: Outcome, feedback: QgsProcessingFeedback) -> dict[str, Any]:
        summary = outcome.summary
        mapped = int(summary.get("mapped_pixels", 0))
        whole = mapped + int(summary.get("unobserved_pixels", 0))
        present = [c for c in summary.get("classes", []) if c.get("pixels")]
        for entry in present:
            feedback.pushInfo(f"{entry['name']}: {100 * float(entry['share']):.1f} %, {entry['pixels']} pixels")
        results: dict[str, Any] = {
            self.OUTPUT: job.output,
            self.CLASSES: len(present),
            self.MAPPED_PIXELS: mapped,
            self.MAPPED_SHARE: mapped / whole if whole else 0.0,
            self.MODEL_ID: str(summary.get("model_id", "")),
        }
        if job.confidence:
            results[self.CONFIDENCE] = job.confidence
        self._loaded = {job.output: "map"}
        if job.confidence:
            self._loaded[job.confidence] = "confidence"
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
        if not isinstance(layer, QgsRasterLayer):
            return
        if self._role == "map":
            style_map(layer)
            return
        style_confidence(layer)
        node = context.project().layerTreeRoot().findLayer(layer.id()) if context.project() else None
        if node is not None:
            node.setItemVisibilityChecked(False)
            node.setExpanded(False)
