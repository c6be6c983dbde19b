"""The dialog of the main job: the form, what is wrong with it, and the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from qgis.core import Qgis, QgsApplication
from qgis.PyQt.QtCore import QSize, QTimer
from qgis.PyQt.QtGui import QCloseEvent, QGuiApplication
from qgis.PyQt.QtWidgets import QDialog, QDialogButtonBox, QPlainTextEdit, QPushButton

from ...engine.errors import InputError
from ...engine.methods import METHODS
from ...engine.tasks import Job, Result
from ...engine.tasks.storage.checkpoint import unfinished_folders
from ..common.background import Background
from ..common.help import open_help
from ..common.icons import icon
from ..common.layers import add_result
from ..common.messages import follow, push, result_links
from ..common.qt import make_column
from ..engine_process import choice
from ..engine_process.banner import EngineBanner
from ..engine_process.task import JobTask
from .form import CheckResult, JobForm
from .job_file import JobButton
from .output import free_name
from .run_panel import RunPanel, format_metric

CHECK_DELAY = 300
"""Milliseconds without a change after which the form is checked."""


class TransferDialog(QDialog):
    """Shows the form and its problems, and hands a checked job to a task.

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
        self._checker = Background(self)
        self._checker.done.connect(self._checked)
        self._checker.failed.connect(lambda fault: self._checked(CheckResult(None, None, [str(fault)])))
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(CHECK_DELAY)
        self._timer.timeout.connect(self._check)
        self._build()
        self.output.restore()
        self._changed()

    # --- the window

    def _build(self) -> None:
        self.setWindowTitle(self.tr("Crop Transfer"))
        self.setWindowIcon(icon("croptransfer"))
        self.banner = EngineBanner()
        self.form = JobForm()
        self.source, self.target = self.form.source, self.form.target
        self.compatibility, self.output = self.form.compatibility, self.form.output
        self.log = QPlainTextEdit(readOnly=True, maximumBlockCount=5000)
        self.form.addTab(self.log, self.tr("Log"))
        self.panel = RunPanel()
        self.panel.link_clicked.connect(partial(follow, self._iface))
        self._build_buttons()
        make_column(self.banner, (self.form, 1), self.panel, self.buttons, owner=self)
        self.form.changed.connect(self._changed)
        self.banner.changed.connect(self._changed)
        letter = self.fontMetrics().horizontalAdvance("0")
        # On a small or much enlarged screen the buttons at the bottom must stay within reach.
        limit = QGuiApplication.primaryScreen().availableSize() * 0.9
        self.resize(QSize(105 * letter, 42 * self.fontMetrics().height()).boundedTo(limit))

    def _build_buttons(self) -> None:
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close | QDialogButtonBox.StandardButton.Help)
        self.buttons.addButton(JobButton(self.job, self.form.show_job), QDialogButtonBox.ButtonRole.ResetRole)
        self.run_button = self._add_button(
            self.tr("Run"), self.tr("Map the crops; enabled when no problem is listed above"), self.run
        )
        self.resume_button = self._add_button(
            self.tr("Resume"), self.tr("Continue the interrupted map from its finished tiles"), self.resume
        )
        self.cancel_button = self._add_button(
            self.tr("Cancel"), self.tr("Stop the running job; no file is written"), self.cancel
        )
        self.resume_button.hide()
        # The Enter key ends the input of a path or a number: it must not close the window or start minutes of work.
        for button in self.buttons.buttons():
            button.setAutoDefault(False)
            button.setDefault(False)
        self.cancel_button.setEnabled(False)
        self.run_button.setEnabled(False)
        self.buttons.rejected.connect(self.close)
        self.buttons.helpRequested.connect(open_help)

    def _add_button(self, text: str, tip: str, action: Callable[[], None]) -> QPushButton:
        button = QPushButton(text, toolTip=tip)
        button.clicked.connect(lambda checked=False: action())
        self.buttons.addButton(button, QDialogButtonBox.ButtonRole.ActionRole)
        return button

    # --- the check

    def _changed(self) -> None:
        """The form changed: the result of its last check no longer counts."""
        # A result on its way would enable Run for the form as it was before.
        self._checker.forget()
        self._job = None
        self.run_button.setEnabled(False)
        self.resume_button.setEnabled(False)
        if self._task is None:
            self.panel.show_checking()
        self._timer.start()

    def _check(self) -> None:
        """Check the form on a thread, once its pages are ready."""
        if not self.form.is_ready():
            return
        try:
            self._checker.submit(self.form.state(keep_copies=self.is_running() or self._checker.busy).check)
        except InputError as problem:
            self._checked(CheckResult(None, None, [str(problem)]))

    def _checked(self, result: CheckResult) -> None:
        self.form.keep_labels_copy(result.labels_copy)
        # The end of the engine's test is a change, which starts another check.
        testing = self.banner.interpreter is None and self.banner.is_checking()
        problems = list(result.problems)
        if self.banner.interpreter is None and not testing:
            problems.append(self.tr("The engine is not installed. Install it at the top of this window."))
        self._job = result.job if not problems and not testing else None
        interrupted = self._job is not None and bool(unfinished_folders(self._job.output))
        if self._task is None:
            waiting = self.tr("Testing the engine…") if testing else ""
            if interrupted:
                waiting = self.tr("An earlier run of this map was interrupted. Click 'Resume' to continue it.")
            self.panel.show_problems(problems, waiting)
            self.run_button.setText(self.tr("Start over") if interrupted else self.tr("Run"))
            self.resume_button.setVisible(interrupted)
        self.run_button.setEnabled(self._job is not None and self._task is None)
        self.resume_button.setEnabled(interrupted and self._task is None)

    # --- the run

    def resume(self) -> None:
        """Hand the checked job to a task that continues its interrupted run."""
        if self._job is not None:
            self._job = replace(self._job, resume=True)
            self.run()

    def run(self) -> None:
        """Hand the checked job to a task."""
        if self._job is None or self._task is not None or self.banner.interpreter is None:
            return
        self.output.remember()
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
        """The job of the form; None while it is checked or has a problem."""
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
            text = format_metric(event["value"])
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
            text = self.tr("Cancelled; nothing was written.")
            self.panel.show_end(text)
            self.log.appendPlainText(text)
            push(self._iface, text, Qgis.MessageLevel.Info, {})
        self._check()

    def _show_result(self, outcome: Result) -> None:
        outputs, summary = outcome.outputs, outcome.summary
        name = Path(outputs["map"]).stem
        layers = add_result(outputs, name).findLayerIds()
        lines = []
        if "parcels" in summary:
            lines.append(self.tr("{classified} of {count} parcels have a crop").format(**summary["parcels"]))
        crop_line = self.tr("{name}: {share:.1f} % of the mapped area")
        for entry in summary.get("classes", []):
            lines.append(crop_line.format(name=entry["name"], share=100 * float(entry["share"])))
        self.log.appendPlainText("\n".join([*lines, *outputs.values()]))
        text = self.tr("The crop map '{name}' is ready.").format(name=name)
        links = result_links(outputs, layers if self._iface is not None else [])
        self.panel.show_end(text, links)
        buttons = {label: partial(follow, self._iface, link) for label, link in links.items()}
        push(self._iface, text, Qgis.MessageLevel.Success, buttons)
        # A second run must not overwrite the map that has just been loaded.
        self.output.set_map_path(free_name(self.output.map_path()))

    def _show_failure(self, problem: Exception) -> None:
        short = problem.message if hasattr(problem, "message") else str(problem)
        hint = getattr(problem, "hint", "")
        kept = ""
        if unfinished_folders(self.output.map_path()):
            kept = self.tr("Finished tiles are kept: click 'Resume' to continue the map.")
        self.panel.show_end(" ".join(part for part in (short, hint, kept) if part))
        self.log.appendPlainText(str(problem))
        push(self._iface, short, Qgis.MessageLevel.Critical, {self.tr("Show the log"): self._show_log})

    def _show_log(self) -> None:
        self.form.setCurrentWidget(self.log)
        self.show()
        self.raise_()

    # --- the end

    def closeEvent(self, event: QCloseEvent) -> None:
        """Hide; a running job continues in the task manager."""
        self.output.remember()
        super().closeEvent(event)

    def shut_down(self) -> None:
        """End all threads and a running job; the dialog cannot be used afterwards."""
        self._timer.stop()
        if self._task is not None:
            self._task.keep = True
            self._task.cancel()
            self._task.waitForFinished(3000)
        self.banner.shut_down()
        self._checker.stop()
        self.form.shut_down()
