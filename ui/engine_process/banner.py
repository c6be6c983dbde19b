"""The banner that reports a missing engine and installs it."""

from __future__ import annotations

import sys
from pathlib import Path

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QFileDialog, QFrame, QMessageBox, QProgressBar, QWidget

from ...engine.errors import InputError
from ..common import settings
from ..common.background import Background
from ..common.qt import make_button, make_column, make_row, wrapped_label
from . import choice, environment
from .environment import Check, Interpreter
from .installer import InstallTask


class EngineBanner(QFrame):
    """Hidden while the engine works; otherwise shows the problem and two ways to solve it."""

    changed = pyqtSignal()
    """The test of the engine has ended."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.interpreter: Interpreter | None = None
        """The Python that runs the engine; None without one."""
        self.detail = ""
        """Versions of the engine, or its problem."""
        self._task: InstallTask | None = None
        self._background = Background(self)
        self._background.done.connect(self._show)
        self._background.failed.connect(self._show_fault)
        self._build()
        self.check_engine()

    def check_engine(self, python: str | None = None) -> None:
        """Find the engine and test it on a thread; ``python`` is remembered if it works, None is the remembered one."""
        chosen, packages = str(settings.get("python", "")) if python is None else python, choice.packages()

        def find() -> tuple[Interpreter, Check, str | None]:
            interpreter = environment.find(chosen, packages)
            return interpreter, environment.check(interpreter), python

        self._background.submit(find)

    def is_checking(self) -> bool:
        """Whether the test is still running."""
        return self._background.busy

    def shut_down(self) -> None:
        """End the thread and a running install."""
        self._background.stop()
        if self._task is not None:
            self._task.cancel()

    def _build(self) -> None:
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setObjectName("engineBanner")
        self.setStyleSheet("#engineBanner { background: rgba(243, 156, 18, 50); }")
        self.text = wrapped_label()
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        install_tip = self.tr("Download PyTorch and other packages into a private folder of your profile")
        self.install_button = make_button(self.tr("Install the engine…"), install_tip, self._confirm_install)
        choose_tip = self.tr("Use a Python that has torch and GDAL, for example from conda")
        self.choose_button = make_button(self.tr("Choose a Python…"), choose_tip, self._choose)
        self.cancel_button = make_button(self.tr("Cancel"), "", lambda: self._task and self._task.cancel())
        self.cancel_button.hide()
        height = self.fontMetrics().height() // 2
        self.progress = QProgressBar(minimum=0, maximum=0, textVisible=False, maximumHeight=height)
        self.progress.hide()
        buttons = (self.install_button, self.choose_button, self.cancel_button)
        make_column(make_row((self.text, 1), *buttons), self.progress, owner=self)
        self.hide()

    def _show(self, answer: tuple[Interpreter, Check, str | None]) -> None:
        interpreter, state, tried = answer
        if state.works and tried is not None:
            settings.put("python", tried)
        self.interpreter = interpreter if state.works else None
        self.detail = state.detail
        if not state.works:
            self.text.setText(
                self.tr("The engine does not work with {origin}: {detail}.").format(
                    origin=interpreter.origin, detail=state.detail
                )
            )
        self.setVisible(not state.works)
        self.changed.emit()

    def _show_fault(self, fault: Exception) -> None:
        self.interpreter, self.detail = None, str(fault)
        message = fault.message if isinstance(fault, InputError) else str(fault)
        self.text.setText(self.tr("{message} Training and mapping need it.").format(message=message))
        self.show()
        self.changed.emit()

    def _choose(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, self.tr("Choose a Python that has torch"), str(Path.home()))
        if path:
            self.use_python(path)

    def use_python(self, path: str) -> None:
        """Run the engine with this Python if it works; empty for QGIS's own."""
        self.text.setText(self.tr("Testing {path}…").format(path=path))
        self.check_engine(path)

    def _confirm_install(self) -> None:
        question = QMessageBox(self)
        question.setIcon(QMessageBox.Icon.Question)
        question.setWindowTitle(self.tr("Install the engine"))
        question.setText(self.tr("Download PyTorch and the other packages that the engine needs?"))
        question.setInformativeText(
            self.tr(
                "pip downloads them, with its current configuration, into\n{folder}\n"
                "{size}\n"
                "Nothing is added to QGIS's own Python. To uninstall, delete that folder."
            ).format(folder=choice.packages(), size=self._size())
        )
        question.setStandardButtons(QMessageBox.StandardButton.Ok | QMessageBox.StandardButton.Cancel)
        question.button(QMessageBox.StandardButton.Ok).setText(self.tr("Install"))
        if question.exec() == QMessageBox.StandardButton.Ok:
            self.install()

    def install(self) -> None:
        """Install the engine in a task."""
        self._task = InstallTask(choice.packages())
        self._task.output_line.connect(lambda line: self.text.setText(line[:200]))
        self._task.ended.connect(self._installed)
        self._installing(True)
        QgsApplication.taskManager().addTask(self._task)

    def _size(self) -> str:
        if sys.platform == "linux":
            return self.tr("On Linux, PyTorch may include its graphics card libraries: up to 3 GB.")
        return self.tr("About 200 MB.")

    def _installing(self, on: bool) -> None:
        self.progress.setVisible(on)
        self.cancel_button.setVisible(on)
        self.install_button.setVisible(not on)
        self.choose_button.setVisible(not on)

    def _installed(self) -> None:
        task, self._task = self._task, None
        self._installing(False)
        if task is None:
            return
        if task.detail:
            # A new installation replaces an earlier choice.
            settings.put("python", "")
            self.check_engine()
        else:
            self.text.setText(task.problem or self.tr("The installation was cancelled; nothing was changed."))
