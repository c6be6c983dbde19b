"""What all algorithms share: their description, parameters, checks, and the run in the worker process."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from qgis.core import (
    QgsFeedback,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFile,
    QgsProcessingParameterMapLayer,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
    QgsProcessingUtils,
)
from qgis.PyQt.QtGui import QIcon

from ...engine.errors import Cancelled, InputError
from ...engine.imagery.geo.types import Encoding
from ...engine.tasks import Result
from ..common.help import help_url
from ..common.icons import icon
from ..common.qt import tr
from ..engine_process import choice, environment
from ..engine_process.worker import Task, Worker, WorkerFault
from .choices import ChoiceParameter, choice_lines
from .values import Values, plain_value, takes_files, unreadable

QUALITY_HELP = (
    "Classes or flags that a quality band hides, instead of its defaults (clouds, their shadows, snow), such as "
    "'SCL: 3 8 9; QA_PIXEL: cloud, cloud shadow'. 'none' hides nothing."
)
"""Help of the parameter ``QUALITY``, which several algorithms have."""


KEEP_SPELLINGS_HELP = (
    "Names that differ only in case, blanks, hyphens, accents or a plural ending become one class, with a warning. "
    "Tick to keep them as classes of their own."
)
"""Help of the parameter ``KEEP_SPELLINGS``, which the algorithms with labels have."""
BANDS_FROM_HELP = (
    "Band table (CSV) of 'Describe a stack', corrected: its dates, names, scale, offset and nodata are taken for the "
    "rasters, and bands whose row was removed are not read."
)
"""Help of the parameters that name a band table."""
ENCODING_HELP = {
    "NODATA": (
        "Stored number of the {rasters} that means no observation, or 'none' if every number is one. Empty: as the "
        "files say, and what is found to be fill."
    ),
    "SCALE": "Value = stored number × scale + offset, for the {rasters}. Empty: as the files or their product say.",
    "OFFSET": "Offset of the {rasters}, in the unit of the value. Empty: as the files say, or 0 with a scale.",
}
"""Help of the parameters that say what the numbers of a stack mean."""


def encoding_help(side: str, rasters: str) -> dict[str, str]:
    """Help of the parameters of :meth:`EngineAlgorithm.add_encoding`."""
    return {f"{side}{name}": text.format(rasters=rasters) for name, text in ENCODING_HELP.items()}


class EngineAlgorithm(QgsProcessingAlgorithm):
    """An algorithm whose work is done by the worker process; each fills the attributes below."""

    ID: ClassVar[str]
    TITLE: ClassVar[str]
    """Name in the toolbox."""
    GROUP: ClassVar[str]
    GROUP_ID: ClassVar[str]
    TAGS: ClassVar[str]
    """Search words, separated by commas."""
    SUMMARY: ClassVar[str]
    """One line for the toolbox."""
    ABOUT: ClassVar[str]
    """Help beside the parameters."""
    HELP: ClassVar[Mapping[str, str]]
    """Help of each parameter, by its id."""
    WORDS: ClassVar[Mapping[str, str]] = {}
    """Values of the ``{names}`` in ``ABOUT`` and ``HELP``."""

    def __init__(self) -> None:
        super().__init__()
        self._plain: dict[str, Any] = {}
        """Values of the parameters without layers, by the id in lower case."""

    def createInstance(self) -> EngineAlgorithm:
        """A fresh instance; QGIS makes one for each run."""
        return type(self)()

    def name(self) -> str:
        """Id of the algorithm."""
        return self.ID

    def displayName(self) -> str:
        """Name in the toolbox."""
        return tr(self.TITLE)

    def group(self) -> str:
        """Group in the toolbox."""
        return tr(self.GROUP)

    def groupId(self) -> str:
        """Id of the group."""
        return self.GROUP_ID

    def tags(self) -> list[str]:
        """Search words."""
        return self.TAGS.split(",")

    def shortDescription(self) -> str:
        """One line for the toolbox."""
        return tr(self.SUMMARY)

    def shortHelpString(self) -> str:
        """Help beside the parameters."""
        return tr(self.ABOUT).format(**self.WORDS)

    def icon(self) -> QIcon:
        """Icon in the toolbox."""
        return icon("croptransfer")

    def helpUrl(self) -> str:
        """Page that the Help button of the model designer opens."""
        return help_url().toString()

    # --- parameters

    def add(
        self,
        kind: type[QgsProcessingParameterDefinition],
        name: str,
        label: str,
        *,
        advanced: bool = False,
        choices: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """Add a parameter with its help; the help of ``choices`` (key and meaning) has one line for each."""
        help_text = tr(self.HELP[name]).format(**self.WORDS)
        if choices is not None:
            options = {"options": list(choices), "defaultValue": next(iter(choices)), **options}
            options["usesStaticStrings"] = True
            help_text += f"\n{choice_lines(choices)}"
        parameter = kind(name, tr(label), **options)
        parameter.setHelp(help_text)
        if metadata is not None:
            parameter.setMetadata(metadata)
        if advanced:
            parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.Flag.FlagAdvanced)
        self.addParameter(parameter)

    def add_choice(self, name: str, label: str, choices: Mapping[str, str], **options: Any) -> None:
        """Add a choice of one or several keys; the first is the default."""
        self.add(ChoiceParameter, name, label, choices=choices, **options)

    def add_integer(self, name: str, label: str, default: int, **options: Any) -> None:
        """Add a whole number."""
        integer = QgsProcessingParameterNumber.Type.Integer
        self.add(QgsProcessingParameterNumber, name, label, type=integer, defaultValue=default, **options)

    def add_seed(self) -> None:
        """Add the random seed."""
        self.add_integer("SEED", "Random seed", 0, minValue=0, maxValue=2**31 - 1, advanced=True)

    def add_bands_from(self, side: str = "", of: str = "") -> None:
        """Add the band table of a stack; ``side`` is the prefix of the id, ``of`` the end of the label."""
        self.add(QgsProcessingParameterFile, f"{side}BANDS_FROM", f"Band table{of}", optional=True, advanced=True)

    def add_keep_spellings(self) -> None:
        """Add whether spellings of one class stay apart."""
        off: dict[str, Any] = {"defaultValue": False, "advanced": True}
        self.add(QgsProcessingParameterBoolean, "KEEP_SPELLINGS", "Keep spellings of one class apart", **off)

    def add_encoding(self, side: str = "", of: str = "") -> None:
        """Add what the numbers of a stack mean; ``side`` is the prefix of the ids, ``of`` the end of the labels."""
        hidden: dict[str, Any] = {"optional": True, "advanced": True}
        self.add(QgsProcessingParameterString, f"{side}NODATA", f"Nodata value{of}", **hidden)
        for name, label in (("SCALE", "Scale"), ("OFFSET", "Offset")):
            real = QgsProcessingParameterNumber.Type.Double
            self.add(QgsProcessingParameterNumber, f"{side}{name}", f"{label}{of}", type=real, **hidden)

    def encoding(self, side: str = "") -> Encoding | None:
        """What a person says of the numbers of a stack; None for nothing."""
        nodata, scale, offset = (self._plain[f"{side}{name}"] for name in ("nodata", "scale", "offset"))
        found = Encoding(nodata or None, scale, offset)
        return None if found == Encoding() else found

    def add_numbers(self, **labels: str) -> None:
        """Add numbers as outputs, by their id."""
        for name, label in labels.items():
            self.addOutput(QgsProcessingOutputNumber(name, tr(label)))

    def checkParameterValues(self, parameters: Values, context: QgsProcessingContext) -> tuple[bool, str]:
        """Name the file that cannot be read, where the base class would name the parameter only."""
        for definition in self.parameterDefinitions():
            value = parameters.get(definition.name())
            layers = isinstance(definition, (QgsProcessingParameterMultipleLayers, QgsProcessingParameterMapLayer))
            if layers and not takes_files(definition):
                path = unreadable(value, context)
                if path:
                    message = tr("{label}: {path} does not exist or cannot be read.")
                    return False, message.format(label=definition.description(), path=path)
            elif not definition.checkValueIsAcceptable(value, context):
                return False, _unacceptable(definition, value)
        return super().checkParameterValues(parameters, context)

    # --- the run

    def gather(self, parameters: Values, context: QgsProcessingContext) -> None:
        """Resolve the parameters to plain values in ``self._plain``, while layers may be touched."""
        for definition in self.parameterDefinitions():
            self._plain[definition.name().lower()] = plain_value(self, definition, parameters, context)

    def task(self, parameters: Values, context: QgsProcessingContext, folder: str, feedback: QgsFeedback) -> Task:
        """The work as a plain value; ``folder`` takes temporary files."""
        raise NotImplementedError

    def problems(self, task: Any) -> Sequence[InputError]:
        """All that is wrong with the task."""
        raise NotImplementedError

    def results(self, task: Any, outcome: Result, feedback: QgsProcessingFeedback) -> dict[str, Any]:
        """The values of the outputs."""
        raise NotImplementedError

    def cancel_message(self) -> str:
        """The last line of the log after a cancel."""
        return tr("Cancelled; nothing was written.")

    def stage_line(self, name: str) -> str:
        """The line of the log about a stage that starts."""
        return name

    def metric_line(self, name: str, value: Any) -> str:
        """The line of the log about a metric that the engine reports; empty for none."""
        return ""

    def prepareAlgorithm(
        self, parameters: Values, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> bool:
        """Resolve layers to plain values, while they may be touched."""
        try:
            self.gather(parameters, context)
        except InputError as problem:
            raise QgsProcessingException(str(problem)) from problem
        return True

    def processAlgorithm(
        self, parameters: Values, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Have the worker process do the work."""
        with tempfile.TemporaryDirectory(prefix="croptransfer-", dir=QgsProcessingUtils.tempFolder()) as folder:
            try:
                task = self.task(parameters, context, folder, feedback)
                feedback.setProgressText(tr("Checking the inputs"))
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

    def _run(self, task: Task, feedback: QgsProcessingFeedback) -> Result:
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
            # A broken engine looks like a fault of the job; the optimiser step distinguishes them.
            state = environment.check(interpreter)
            if not state.works:
                raise environment.broken(interpreter, state, choice.packages()) from fault
            raise QgsProcessingException(str(fault)) from fault


def _unacceptable(definition: QgsProcessingParameterDefinition, value: Any) -> str:
    """Why a value is not acceptable."""
    words: dict[str, Any] = {"label": definition.description(), "value": value}
    if value is None or value == "" or value == []:
        message = tr("{label}: a value is required.")
    elif isinstance(definition, QgsProcessingParameterEnum):
        known = definition.options()
        given = value if isinstance(value, (list, tuple)) else str(value).split(",")
        words["value"] = next((one for one in given if str(one) not in known), value)
        words["options"] = ", ".join(known)
        message = tr("{label}: '{value}' is not valid. Choose one of: {options}.")
    elif isinstance(definition, QgsProcessingParameterFile):
        words["extension"] = definition.extension()
        message = tr("{label}: {value} is not a .{extension} file.")
    else:
        message = tr("{label}: '{value}' is not valid.")
    return message.format(**words)
