"""The dialog of the main job: source, target, outputs; what is missing; the run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from qgis.core import Qgis, QgsApplication, QgsRasterLayer, QgsVectorLayer
from qgis.PyQt.QtCore import QSize, QTimer
from qgis.PyQt.QtGui import QCloseEvent, QGuiApplication, QIcon
from qgis.PyQt.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QStyle,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from ...engine.errors import InputError
from ...engine.methods import METHODS
from ...engine.tasks import Job, LabelLayer, check
from ...engine.tasks.storage.checkpoint import unfinished_folders
from ..common import settings
from ..common.background import Background
from ..common.help import open_help
from ..common.icons import icon
from ..common.inputs import VectorInput, raster_path
from ..common.layers import add_result
from ..common.messages import follow, links, push
from ..compatibility.model import SeriesFacts, format_problem
from ..compatibility.widget import CompatibilityWidget
from ..engine_process import choice
from ..engine_process.banner import EngineBanner
from ..engine_process.task import JobTask
from ..engine_process.worker import Outcome
from .job_file import FOLDER_PREFIX, JobButton
from .output import OutputWidget, free_name
from .run_panel import RunPanel, readable
from .source import SourceWidget
from .target import TargetWidget

CHECK_DELAY = 300
"""Milliseconds without a change after which the form is checked."""
COMPATIBILITY_TAB = 2
"""Where it is shown how source and target fit."""


class TransferDialog(QDialog):
    """Gathers a job, shows what is wrong with it, and hands it to a task.

    Parameters
    ----------
    iface : ``QgisInterface`` or None
        For its message bar; None in tests.
    """

    def __init__(self, iface: Any = None) -> None:
        super().__init__(iface.mainWindow() if iface is not None else None)
        self._iface = iface
        self._job: Job | None = None
        self._task: JobTask | None = None
        self._labels_copy: tuple[tuple, LabelLayer] | None = None
        self._copies = 0
        self._folder = tempfile.TemporaryDirectory(prefix=FOLDER_PREFIX)
        self._checker = Background(self)
        self._checker.done.connect(self._checked)
        self._checker.failed.connect(lambda fault: self._checked((None, None, [str(fault)])))
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(CHECK_DELAY)
        self._timer.timeout.connect(self._check)
        self._build()
        self._restore()
        self._changed()

    # --- the form

    def _build(self) -> None:
        self.setWindowTitle(self.tr("Crop Transfer"))
        self.setWindowIcon(icon("croptransfer"))
        self.banner = EngineBanner()
        self.source = SourceWidget()
        self.target = TargetWidget()
        self.compatibility = CompatibilityWidget()
        self.compatibility.set_sides(self._sides)
        self.output = OutputWidget()
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setMaximumBlockCount(5000)
        self.tabs = QTabWidget()
        self.tabs.addTab(_scrolled(self.source), self.tr("1  Source (labelled)"))
        self.tabs.addTab(_scrolled(self.target), self.tr("2  Target (to be mapped)"))
        self.tabs.addTab(_scrolled(self.compatibility), self.tr("3  Compatibility"))
        self.tabs.addTab(_scrolled(self.output), self.tr("4  Method and outputs"))
        self.tabs.addTab(self.log, self.tr("Log"))
        self.panel = RunPanel()
        self.panel.link_clicked.connect(partial(follow, self._iface))

        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close | QDialogButtonBox.StandardButton.Help)
        self.run_button = QPushButton(self.tr("Run"))
        self.run_button.setToolTip(self.tr("Make the map; enabled when nothing is listed above"))
        self.cancel_button = QPushButton(self.tr("Cancel"))
        self.cancel_button.setToolTip(self.tr("Stop the running job; nothing is written"))
        self.buttons.addButton(
            JobButton(self.job, lambda job: show_job(self, job)), QDialogButtonBox.ButtonRole.ResetRole
        )
        self.resume_button = QPushButton(self.tr("Go on"))
        self.resume_button.setToolTip(self.tr("Go on with the interrupted map: what is finished is not done again"))
        self.resume_button.hide()
        self.buttons.addButton(self.run_button, QDialogButtonBox.ButtonRole.ActionRole)
        self.buttons.addButton(self.resume_button, QDialogButtonBox.ButtonRole.ActionRole)
        self.buttons.addButton(self.cancel_button, QDialogButtonBox.ButtonRole.ActionRole)
        # The Enter key ends the input of a path or a number: it must not close the window or start minutes of work.
        for button in self.buttons.buttons():
            button.setAutoDefault(False)
            button.setDefault(False)
        self.cancel_button.setEnabled(False)
        self.run_button.setEnabled(False)
        self.buttons.rejected.connect(self.close)
        self.buttons.helpRequested.connect(open_help)
        self.run_button.clicked.connect(self.run)
        self.resume_button.clicked.connect(self.resume)
        self.cancel_button.clicked.connect(self.cancel)

        layout = QVBoxLayout(self)
        layout.addWidget(self.banner)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.panel)
        layout.addWidget(self.buttons)
        for part in (self.source, self.target, self.compatibility, self.output, self.banner):
            part.changed.connect(self._changed)
        letter = self.fontMetrics().horizontalAdvance("0")
        # On a small or much enlarged screen the buttons at the foot must stay within reach.
        most = QGuiApplication.primaryScreen().availableSize() * 0.9
        self.resize(QSize(105 * letter, 42 * self.fontMetrics().height()).boundedTo(most))

    def _restore(self) -> None:
        self.output.seed_box.setValue(int(settings.get("seed", 0)))
        for name in ("confidence", "model", "report"):
            box = getattr(self.output, f"{name}_box")
            box.setChecked(str(settings.get(f"write_{name}", box.isChecked())).lower() == "true")

    def _remember(self) -> None:
        # Not the method: who once tried another would map with it for ever, and see that on the last tab only.
        settings.put("seed", self.output.seed())
        if Path(self.output.map_path()).is_absolute():
            settings.put("output_folder", str(Path(self.output.map_path()).parent))
        for name in ("confidence", "model", "report"):
            settings.put(f"write_{name}", getattr(self.output, f"{name}_box").isChecked())

    # --- the check

    def _changed(self) -> None:
        """Something in the form is another: what was found out about it no longer counts."""
        # An answer on its way would enable Run for the form as it was before.
        self._checker.forget()
        self._job = None
        self.run_button.setEnabled(False)
        self.resume_button.setEnabled(False)
        if self._task is None:
            self.panel.show_checking()
        self._timer.start()

    def _check(self) -> None:
        """Ask the engine, on a thread, what is wrong with the form."""
        if self.source.stack.is_reading() or self.target.stack.is_reading():
            # Their end is a change, which asks again.
            return
        self.compatibility.refresh()
        if self.compatibility.is_busy():
            return
        warning = self.style().standardIcon(QStyle.StandardPixmap.SP_MessageBoxWarning)
        self.tabs.setTabIcon(COMPATIBILITY_TAB, warning if self.compatibility.missing() else QIcon())
        try:
            self._checker.submit(self._prepare_check())
        except InputError as problem:
            self._checked((None, None, [str(problem)]))

    def _sides(self) -> tuple[Job, SeriesFacts | None]:
        """Source and target as they stand, as far as their fit is concerned."""
        facts = self.source.series_facts() if self.source.uses_series() else None
        series = self.source.series() if facts is not None else None
        source = () if self.source.uses_series() else self.source.stack.bands()
        return Job(output="", target=self.target.stack.bands(), source=source, series=series, id="fit"), facts

    def _prepare_check(self) -> Callable[[], tuple[Job | None, tuple | None, list[str]]]:
        """All that the form says, taken down here; the work on it is in the function given back."""
        faults = (self.source.stack.fault(), self.target.stack.fault(), self.compatibility.problem())
        problems = [text for text in faults if text]
        if not self.output.map_path():
            problems.append(self.tr("The crop map has no file name. Choose one under 'Method and outputs'."))
        elif not Path(self.output.map_path()).is_absolute():
            # It would be written into whatever folder QGIS was started from.
            message = self.tr("The crop map {path} has no folder. Choose its place under 'Method and outputs'.")
            problems.append(message.format(path=self.output.map_path()))
        fields: dict[str, Any] = {
            "output": self.output.map_path(),
            "target": self.target.stack.bands(),
            "method": self.output.method(),
            "seed": self.output.seed(),
            **self.output.extra_paths(),
            **self.output.mapping_fields(),
            **self.compatibility.fields(),
        }
        labels, state = None, self.source.labels.state()
        field_name = self.source.labels.field()
        if self.source.uses_series():
            fields["series"] = self.source.series() or None
        else:
            fields["source"] = self.source.stack.bands()
            labels = self.source.labels.given()
            if isinstance(labels, VectorInput) and not field_name:
                problems.append(self.tr("The crop field is not chosen. Choose the field that holds the crop."))
        with_settings = self.source.labels.with_settings()
        mask, parcels = self._mask(), self.target.parcels()
        parcels = VectorInput.of(parcels) if parcels is not None else None
        fields["parcel_reading"] = self.target.parcel_reading()
        known = self._labels_copy[1] if self._labels_copy and self._labels_copy[0] == state else None
        folder = self._copy_folder(known)
        engine_problem = self._engine_problem()

        def check_form() -> tuple[Job | None, tuple | None, list[str]]:
            copy = None
            if isinstance(labels, LabelLayer):
                fields["labels"] = with_settings(labels)
            elif labels is not None and field_name:
                layer = known or labels.labels(field_name, folder)
                fields["labels"], copy = with_settings(layer), (state, layer)
            if isinstance(mask, VectorInput):
                fields["mask"] = mask.mask(folder)
            else:
                fields["mask"] = mask
            if parcels is not None:
                fields["parcels"] = parcels.parcels(folder)
            job = Job(**fields)
            found = list(problems)
            if not problems:
                found += [format_problem(problem) for problem in check(job)]
            return job, copy, list(dict.fromkeys(found + engine_problem))

        return check_form

    def _copy_folder(self, known: LabelLayer | None) -> Path:
        """A new folder for copies of layers; those of former checks go, unless a job may still read them."""
        root = Path(self._folder.name)
        if self._task is None and not self._checker.busy:
            for old in root.iterdir():
                if known is None or not Path(known.path).is_relative_to(old):
                    shutil.rmtree(old, ignore_errors=True)
        self._copies += 1
        folder = root / str(self._copies)
        folder.mkdir()
        return folder

    def _mask(self) -> VectorInput | str | None:
        layer = self.target.mask()
        if isinstance(layer, QgsVectorLayer):
            return VectorInput.of(layer)
        return raster_path(layer) if isinstance(layer, QgsRasterLayer) else None

    def _engine_problem(self) -> list[str]:
        if self.banner.interpreter is not None or self.banner.is_checking():
            return []
        return [self.tr("The engine is not installed: see the top of this window.")]

    def _checked(self, answer: tuple[Job | None, tuple | None, list[str]]) -> None:
        job, copy, problems = answer
        if copy is not None:
            self._labels_copy = copy
        # The end of the engine's test is a change, which asks again.
        testing = self.banner.interpreter is None and self.banner.is_checking()
        self._job = job if not problems and not testing else None
        interrupted = self._job is not None and bool(unfinished_folders(self._job.output))
        if self._task is None:
            waiting = self.tr("The engine is being tested…") if testing else ""
            if interrupted:
                waiting = self.tr("An interrupted run of this map is there: 'Go on' takes it up where it stopped.")
            self.panel.show_problems(problems, waiting)
            self.run_button.setText(self.tr("Run anew") if interrupted else self.tr("Run"))
            self.resume_button.setVisible(interrupted)
        self.run_button.setEnabled(self._job is not None and self._task is None)
        self.resume_button.setEnabled(interrupted and self._task is None)

    # --- the run

    def resume(self) -> None:
        """Hand the checked job to a task that goes on with its interrupted run."""
        if self._job is not None:
            self._job = replace(self._job, resume=True)
            self.run()

    def run(self) -> None:
        """Hand the checked job to a task."""
        if self._job is None or self._task is not None or self.banner.interpreter is None:
            return
        self._remember()
        name = Path(self._job.output).stem
        title = self.tr("Crop Transfer: {name}").format(name=name)
        task = JobTask(self._job, self.banner.interpreter, title, choice.packages())
        task.progressed.connect(self._follow)
        task.ended.connect(self._ended)
        self._task = task
        self.log.clear()
        self.log.appendPlainText(self.tr("Engine: {detail}").format(detail=self.banner.detail))
        self.log.appendPlainText(self.tr("Method: {title}").format(title=METHODS[self._job.method].title))
        self.run_button.setEnabled(False)
        self.resume_button.hide()
        self.cancel_button.setEnabled(True)
        self.panel.show_running(self.tr("Starting the engine"))
        self.panel.show_progress(0.0, None)
        QgsApplication.taskManager().addTask(task)

    def cancel(self) -> None:
        """Cancel the running job."""
        if self._task is not None:
            self.cancel_button.setEnabled(False)
            self.panel.show_running(self.tr("Cancelling…"))
            self._task.cancel()

    def job(self) -> Job | None:
        """The job as the form says it; None while it is being checked or something is wrong with it."""
        return self._job

    def is_running(self) -> bool:
        """Whether a job runs."""
        return self._task is not None

    def _follow(self, event: Mapping[str, Any]) -> None:
        if self._task is None or self._task.isCanceled():
            return
        kind = event["event"]
        if kind == "stage":
            self.panel.show_running(str(event["name"]))
            self.log.appendPlainText(str(event["name"]))
        elif kind == "progress":
            self.panel.show_progress(float(event["fraction"]), event.get("seconds_left"))
        elif kind == "warning":
            self.log.appendPlainText(self.tr("Note: {message}").format(message=event["message"]))
        elif kind == "metric":
            text = readable(event["value"])
            if text:
                self.log.appendPlainText(f"  {str(event['name']).replace('_', ' ')}: {text}")
        elif kind == "log":
            self.log.appendPlainText(f"  {event['message']}")

    def _ended(self) -> None:
        task, self._task = self._task, None
        self.cancel_button.setEnabled(False)
        if task is not None and task.outcome is not None:
            self._show_result(task.outcome)
        elif task is not None and task.problem is not None:
            self._show_failure(task.problem)
        else:
            self.panel.show_end(self.tr("Cancelled; nothing was written."))
            self.log.appendPlainText(self.tr("Cancelled; nothing was written."))
            push(self._iface, self.tr("The job was cancelled; nothing was written."), Qgis.MessageLevel.Info, {})
        self._checker.submit(self._prepare_check())

    def _show_result(self, outcome: Outcome) -> None:
        outputs, summary = outcome.outputs, outcome.summary
        name = Path(outputs["map"]).stem
        layers = add_result(outputs, name).findLayerIds()
        if "parcels" in summary:
            parcels = self.tr("{classified} of {count} parcels have a crop").format(**summary["parcels"])
            self.log.appendPlainText(parcels)
        for entry in summary.get("classes", []):
            self.log.appendPlainText(
                self.tr("{name}: {share:.1f} % of the mapped area").format(
                    name=entry["name"], share=100 * float(entry["share"])
                )
            )
        for path in outputs.values():
            self.log.appendPlainText(path)
        text = self.tr("The crop map '{name}' is ready.").format(name=name)
        ways = links(outputs, layers if self._iface is not None else [])
        self.panel.show_end(text, ways)
        buttons = {label: partial(follow, self._iface, link) for label, link in ways.items()}
        push(self._iface, text, Qgis.MessageLevel.Success, buttons)
        # A second run must not overwrite the map that has just been loaded.
        self.output.set_map_path(free_name(self.output.map_path()))

    def _show_failure(self, problem: Exception) -> None:
        short = problem.message if hasattr(problem, "message") else str(problem)
        hint = getattr(problem, "hint", "")
        kept = ""
        if unfinished_folders(self.output.map_path()):
            kept = self.tr("Finished tiles are kept: 'Go on' takes the map up from there.")
        self.panel.show_end(" ".join(part for part in (short, hint, kept) if part))
        self.log.appendPlainText(str(problem))
        push(self._iface, short, Qgis.MessageLevel.Critical, {self.tr("Show the log"): self._show_log})

    def _show_log(self) -> None:
        self.tabs.setCurrentWidget(self.log)
        self.show()
        self.raise_()

    # --- the end

    def closeEvent(self, event: QCloseEvent) -> None:
        """Hide; a running job goes on in the task manager."""
        self._remember()
        super().closeEvent(event)

    def shut_down(self) -> None:
        """End all threads and a running job; the dialog is of no use afterwards."""
        self._timer.stop()
        if self._task is not None:
            self._task.keep = True
            self._task.cancel()
            self._task.waitForFinished(3000)
        for part in (self.source, self.target, self.compatibility, self.banner):
            part.shut_down()
        self._checker.stop()
        self._folder.cleanup()


def _scrolled(widget: QWidget) -> QScrollArea:
    """The widget in a frame that scrolls where the screen is small."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    area.setWidget(widget)
    return area


def show_job(dialog: TransferDialog, job: Job) -> None:
    """Fill the form with a job."""
    source, output = dialog.source, dialog.output
    source.series_button.setChecked(bool(job.series))
    source.layer_button.setChecked(not job.series)
    if job.series:
        source.series_file.setFilePath(job.series)
    source.stack.set_bands(job.source)
    dialog.target.stack.set_bands(job.target)
    if job.labels is not None:
        source.labels.show_labels(job.labels)
    dialog.target.set_mask(job.mask)
    dialog.target.set_parcels(job.parcels, job.parcel_reading)
    dialog.compatibility.show_fields(job)
    output.set_map_path(job.output)
    output.set_method(job.method)
    output.seed_box.setValue(job.seed)
    output.exact_box.setChecked(job.exact)
    output.memory_box.setValue(job.memory)
    for name in ("confidence", "model", "report"):
        getattr(output, f"{name}_box").setChecked(getattr(job, name) is not None)
