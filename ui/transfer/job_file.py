"""A filled-in form as a job file, for the command line or a cluster, and back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from qgis.PyQt.QtWidgets import QFileDialog, QMenu, QMessageBox, QPushButton

from ...engine.errors import InputError
from ...engine.imagery.geo.layer_source import split_layer
from ...engine.tasks import Job
from ...engine.text_files import read_text_file
from ..common import settings

FILTER = "Jobs of Crop Transfer (*.json)"
FOLDER_PREFIX = "croptransfer-"
"""Prefix of the dialogs' own folders."""


class JobButton(QPushButton):
    """Opens a menu to save the form as a job file, and to fill the form from one.

    Parameters
    ----------
    current_job : returns the job of the form; None while the form is incomplete.
    show_job : fills in the form from a job.
    """

    def __init__(self, current_job: Callable[[], Job | None], show_job: Callable[[Job], None]) -> None:
        super().__init__()
        self.setText(self.tr("Job file"))
        self.setToolTip(self.tr("Save the form as a job, to run it with the command croptransfer or to open it again"))
        self._current_job, self._show_job = current_job, show_job
        menu = QMenu(self)
        self.save_action = menu.addAction(self.tr("Save as…"))
        self.save_action.triggered.connect(self._save)
        self.open_action = menu.addAction(self.tr("Open…"))
        self.open_action.triggered.connect(self._open)
        menu.aboutToShow.connect(lambda: self.save_action.setEnabled(current_job() is not None))
        self.setMenu(menu)

    def _save(self) -> None:
        folder = str(settings.get("output_folder", ""))
        path, _ = QFileDialog.getSaveFileName(self, self.tr("Save the job"), folder, FILTER)
        job = self._current_job()
        if path and job is not None:
            self._try(lambda: save_job(job, path if path.endswith(".json") else f"{path}.json"))

    def _open(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, self.tr("Open a job"), str(settings.get("output_folder", "")), FILTER
        )
        if path:
            self._try(lambda: self._show_job(read_job(path)))

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except (InputError, OSError) as problem:
            QMessageBox.warning(self, self.tr("Crop Transfer"), str(problem))


def save_job(job: Job, path: str) -> None:
    """Write a job file, and copies of labels, mask and parcels beside it if they are temporary; raises OSError."""
    job_path = Path(path)
    changes: dict[str, Any] = {}
    if job.labels is not None:
        changes["labels"] = replace(job.labels, path=_kept(job.labels.path, job_path, "labels"))
    for role in ("mask", "parcels"):
        if value := getattr(job, role):
            source, layer = split_layer(value)
            changes[role] = _kept(source, job_path, role) + (f"|layername={layer}" if layer else "")
    part = job_path.with_name(job_path.name + ".part")
    part.write_text(replace(job, **changes).to_json(indent=1), encoding="utf-8")
    part.replace(job_path)


def _kept(path: str, job_file: Path, role: str) -> str:
    """The path, or that of a copy beside the job file if it is in the dialog's own folder, which is temporary."""
    if not Path(path).parent.parent.name.startswith(FOLDER_PREFIX):
        return path
    kept = job_file.with_name(f"{job_file.stem}_{role}{Path(path).suffix}")
    shutil.copyfile(path, kept)
    return str(kept)


def read_job(path: str) -> Job:
    """The job of a file that the form can show; raises InputError (``job``) or OSError."""
    try:
        job = Job.from_json(read_text_file(path))
    except ValueError as fault:
        message = f"The job file {Path(path).name} cannot be read: {fault}."
        raise InputError("job", message, "Save it in UTF-8.") from fault
    elsewhere = job.parcel_layer and job.parcel_layer != replace(job, parcel_layer=None).outputs().get("parcels")
    if job.use_model or job.series_part or job.options or elsewhere:
        message = f"The job {Path(path).name} has settings that the dialog does not have."
        raise InputError("job", message, f"Run it with: croptransfer map --job {path}")
    return job
