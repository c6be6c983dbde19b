"""What all algorithms share that hand something to the worker process: gathering, check, run, cancel."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from qgis.core import (
    QgsFeedback,
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFile,
    QgsProcessingParameterMapLayer,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingUtils,
)
from qgis.PyQt.QtCore import QCoreApplication
from qgis.PyQt.QtGui import QIcon

from ...engine.errors import Cancelled, InputError
from ..common.help import help_url
from ..common.icons import icon
from ..engine_process import choice, environment
from ..engine_process.worker import Outcome, Task, Worker, WorkerFault
from .values import unreadable


class EngineAlgorithm(QgsProcessingAlgorithm):
    """An algorithm whose work, a job or a comparison, is done by the worker process."""

    def __init__(self) -> None:
        super().__init__()
        self._plain: dict[str, Any] = {}

    def tr(self, text: str) -> str:
        """The text in the user's language."""
        return QCoreApplication.translate("CropTransfer", text)

    def createInstance(self) -> EngineAlgorithm:
        """A fresh instance; QGIS makes one for each run."""
        return type(self)()

    def icon(self) -> QIcon:
        """Icon in the toolbox."""
        return icon("croptransfer")

    def helpUrl(self) -> str:
        """What the Help button of the model designer opens."""
        return help_url().toString()

    # --- to be given by each algorithm

    def gather(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Resolve the parameters to plain values in ``self._plain``, while layers may be touched."""
        raise NotImplementedError

    def task(
        self, parameters: dict[str, Any], context: QgsProcessingContext, folder: str, feedback: QgsFeedback
    ) -> Task:
        """The work as a plain value; ``folder`` takes temporary files."""
        raise NotImplementedError

    def problems(self, task: Any) -> Sequence[InputError]:
        """All that is wrong with it."""
        raise NotImplementedError

    def results(self, task: Any, outcome: Outcome, feedback: QgsProcessingFeedback) -> dict[str, Any]:
        """The values of the outputs."""
        raise NotImplementedError

    def cancel_message(self) -> str:
        """What is said after a cancel."""
        return self.tr("Cancelled; nothing was written.")

    def stage_line(self, name: str) -> str:
        """The line of the log about a stage that begins."""
        return name

    def metric_line(self, name: str, value: Any) -> str:
        """The line of the log about a figure that the engine reports on its way; empty for none."""
        return ""

    # --- parameters

    def add(self, parameter: QgsProcessingParameterDefinition, help_text: str, advanced: bool = False) -> None:
        """Add a parameter with its help."""
        parameter.setHelp(help_text)
        if advanced:
            parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.Flag.FlagAdvanced)
        self.addParameter(parameter)

    def checkParameterValues(self, parameters: dict[str, Any], context: QgsProcessingContext) -> tuple[bool, str]:
        """Name the file that cannot be read, where the base class would name the parameter only."""
        for definition in self.parameterDefinitions():
            layers = isinstance(definition, (QgsProcessingParameterMultipleLayers, QgsProcessingParameterMapLayer))
            if layers and not _takes_files(definition):
                path = unreadable(parameters.get(definition.name()), context)
                if path:
                    message = self.tr("{label}: {path} does not exist or cannot be read.")
                    return False, message.format(label=definition.description(), path=path)
            elif not definition.checkValueIsAcceptable(parameters.get(definition.name()), context):
                return False, self._unacceptable(definition, parameters.get(definition.name()))
        return super().checkParameterValues(parameters, context)

    def _unacceptable(self, definition: QgsProcessingParameterDefinition, value: Any) -> str:
        label = definition.description()
        if value is None or value == "" or value == []:
            return self.tr("{label}: nothing was given.").format(label=label)
        if isinstance(definition, QgsProcessingParameterEnum):
            known = definition.options()
            given = value if isinstance(value, (list, tuple)) else str(value).split(",")
            value = next((one for one in given if str(one) not in known), value)
            message = self.tr("{label}: there is no '{value}'. Choose one of: {options}.")
            return message.format(label=label, value=value, options=", ".join(known))
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
            self.gather(parameters, context)
        except InputError as problem:
            raise QgsProcessingException(str(problem)) from problem
        return True

    def processAlgorithm(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Have the worker process do the work."""
        with tempfile.TemporaryDirectory(prefix="croptransfer-", dir=QgsProcessingUtils.tempFolder()) as folder:
            try:
                task = self.task(parameters, context, folder, feedback)
                feedback.setProgressText(self.tr("Checking the inputs"))
                problems = self.problems(task)
                if problems:
                    raise QgsProcessingException("\n".join(dict.fromkeys(map(str, problems))))
                outcome = self._run(task, feedback)
            except InputError as problem:
                raise QgsProcessingException(str(problem)) from problem
            except Cancelled:
                feedback.pushInfo(self.cancel_message())
                return {}
        return self.results(task, outcome, feedback)

    def _run(self, task: Task, feedback: QgsProcessingFeedback) -> Outcome:
        interpreter = choice.interpreter()

        def follow(event: Mapping[str, Any]) -> None:
            kind = event["event"]
            if kind == "stage":
                feedback.setProgressText(self.stage_line(str(event["name"])))
            elif kind == "progress":
                feedback.setProgress(100.0 * float(event["fraction"]))
            elif kind == "warning":
                feedback.pushWarning(str(event["message"]))
            elif kind == "metric":
                line = self.metric_line(str(event["name"]), event["value"])
                if line:
                    feedback.pushInfo(line)
            elif kind == "log":
                feedback.pushDebugInfo(str(event["message"]))

        try:
            return Worker(task, interpreter, follow).run(feedback.isCanceled)
        except WorkerFault as fault:
            # A broken engine looks like a fault of the job; the optimiser step tells them apart.
            state = environment.check(interpreter)
            if not state.works:
                raise environment.broken(interpreter, state, choice.packages()) from fault
            raise QgsProcessingException(str(fault)) from fault


def _takes_files(definition: QgsProcessingParameterDefinition) -> bool:
    """Whether a parameter of several inputs takes files of any kind rather than layers."""
    several = isinstance(definition, QgsProcessingParameterMultipleLayers)
    return several and definition.layerType() == QgsProcessing.SourceType.TypeFile
