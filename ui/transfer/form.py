"""The pages of the form: a job is made from them, and a job can be shown in them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from qgis.PyQt.QtCore import pyqtSignal
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import QScrollArea, QStyle, QTabWidget, QWidget

from ...engine.tasks import Job, LabelLayer, check
from ..common.inputs import VectorInput
from ..compatibility.model import SeriesFacts, format_problem
from ..compatibility.widget import CompatibilityWidget
from .job_file import FOLDER_PREFIX
from .output import OutputWidget
from .source import SourceWidget
from .target import TargetWidget

COMPATIBILITY_TAB = 2


class LabelsCopy(NamedTuple):
    """Labels as the engine reads them, written to a file where necessary."""

    state: tuple
    """The state of the labels page at that moment."""
    layer: LabelLayer


class CheckResult(NamedTuple):
    """The outcome of a check."""

    job: Job | None
    """The checked job; None if the check itself failed."""
    labels_copy: LabelsCopy | None
    problems: list[str]


@dataclass(frozen=True)
class FormState:
    """All that the form holds at one moment; the check of it may run on a thread."""

    fields: dict[str, Any]
    problems: list[str]
    """Problems that the pages know themselves."""
    labels: VectorInput | LabelLayer | None
    labels_field: str
    labels_state: tuple
    label_settings: Callable[[LabelLayer], LabelLayer]
    known: LabelLayer | None
    """A copy of the same labels, from an earlier check."""
    mask: VectorInput | str | None
    parcels: VectorInput | None
    folder: Path
    """Takes copies of layers."""

    def check(self) -> CheckResult:
        """Make the job and check it with the engine's rules."""
        fields, copy = dict(self.fields), None
        if isinstance(self.labels, LabelLayer):
            fields["labels"] = self.label_settings(self.labels)
        elif self.labels is not None and self.labels_field:
            layer = self.known or self.labels.labels(self.labels_field, self.folder)
            fields["labels"], copy = self.label_settings(layer), LabelsCopy(self.labels_state, layer)
        fields["mask"] = self.mask.mask(self.folder) if isinstance(self.mask, VectorInput) else self.mask
        fields["parcels"] = self.parcels.parcels(self.folder) if self.parcels is not None else None
        job = Job(**fields)
        problems = self.problems or list(map(format_problem, check(job)))
        return CheckResult(job, copy, list(dict.fromkeys(problems)))


class JobForm(QTabWidget):
    """The pages for source, target, compatibility, method and outputs."""

    changed = pyqtSignal()
    """Any entry of the form changed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._labels_copy: LabelsCopy | None = None
        self._copies = 0
        self._folder = tempfile.TemporaryDirectory(prefix=FOLDER_PREFIX)
        self.source = SourceWidget()
        self.target = TargetWidget()
        self.compatibility = CompatibilityWidget()
        self.compatibility.set_sides(self._sides)
        self.output = OutputWidget()
        for page, title in (
            (self.source, self.tr("1  Source (labelled)")),
            (self.target, self.tr("2  Target (to map)")),
            (self.compatibility, self.tr("3  Compatibility")),
            (self.output, self.tr("4  Method and outputs")),
        ):
            self.addTab(_scrolled(page), title)
            page.changed.connect(self.changed)

    def is_ready(self) -> bool:
        """Compare both sides; False while a page is still reading, which emits ``changed`` at its end."""
        if self.source.stack.is_reading() or self.target.stack.is_reading():
            return False
        self.compatibility.refresh()
        if self.compatibility.is_busy():
            return False
        warning = self.style().standardIcon(QStyle.StandardPixmap.SP_MessageBoxWarning)
        self.setTabIcon(COMPATIBILITY_TAB, warning if self.compatibility.missing() else QIcon())
        return True

    def state(self, keep_copies: bool) -> FormState:
        """All that the form holds; ``keep_copies`` of layers while a job or a check may still read them."""
        source, target, labels = self.source, self.target, self.source.labels
        faults = (source.stack.fault(), target.stack.fault(), self.compatibility.problem(), self.output.problem())
        problems = [text for text in faults if text]
        uses_series = source.uses_series()
        given = None if uses_series else labels.labels_input()
        if isinstance(given, VectorInput) and not labels.field():
            problems.append(self.tr("The crop field is not chosen. Choose the field that holds the crop."))
        state, parcels = labels.state(), target.parcels()
        known = self._labels_copy.layer if self._labels_copy and self._labels_copy.state == state else None
        return FormState(
            fields={
                "target": target.stack.bands(),
                "parcel_reading": target.parcel_reading(),
                "source": () if uses_series else source.stack.bands(),
                "source_encoding": None if uses_series else source.stack.encoding_row.encoding(),
                "target_encoding": target.stack.encoding_row.encoding(),
                "series": (source.series() or None) if uses_series else None,
                **self.output.fields(),
                **self.compatibility.fields(),
            },
            problems=problems,
            labels=given,
            labels_field=labels.field(),
            labels_state=state,
            label_settings=labels.with_settings(),
            known=known,
            mask=target.mask_input(),
            parcels=VectorInput.of(parcels) if parcels is not None else None,
            folder=self._copy_folder(known, keep_copies),
        )

    def keep_labels_copy(self, copy: LabelsCopy | None) -> None:
        """Remember a copy of the labels for the checks to come."""
        self._labels_copy = copy or self._labels_copy

    def show_job(self, job: Job) -> None:
        """Fill in the form from a job."""
        self.source.show_job(job)
        self.target.show_job(job)
        self.compatibility.show_job(job)
        self.output.show_job(job)

    def shut_down(self) -> None:
        """End the threads of the pages and remove the copies of layers."""
        for page in (self.source, self.target, self.compatibility):
            page.shut_down()
        self._folder.cleanup()

    def _sides(self) -> tuple[Job, SeriesFacts | None]:
        """Source and target, as a job to compare them."""
        facts = self.source.series_facts() if self.source.uses_series() else None
        series = self.source.series() if facts is not None else None
        source = () if self.source.uses_series() else self.source.stack.bands()
        return Job(output="", target=self.target.stack.bands(), source=source, series=series, id="fit"), facts

    def _copy_folder(self, known: LabelLayer | None, keep_copies: bool) -> Path:
        """A new folder for copies of layers; the folders of earlier checks are removed, but for that of ``known``."""
        root = Path(self._folder.name)
        if not keep_copies:
            for old in root.iterdir():
                if known is None or not Path(known.path).is_relative_to(old):
                    shutil.rmtree(old, ignore_errors=True)
        self._copies += 1
        folder = root / str(self._copies)
        folder.mkdir()
        return folder


def _scrolled(widget: QWidget) -> QScrollArea:
    """The widget in a frame that scrolls where the screen is small."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    area.setWidget(widget)
    return area
